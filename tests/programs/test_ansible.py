"""The Ansible role of the examples, on a fresh Debian: installed, run again, changed."""

import json
import re
import subprocess
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from programs.daemons import needed, until
from programs.fresh_debian import FreshDebian, fresh_debian
from programs.installed import EXAMPLES, Ran, copy_clone
from programs.test_documented import (
    TASKS,
    by_the_checks,
    follow,
    of_icinga,
    of_nagios,
    once,
)

pytestmark = [pytest.mark.installed, pytest.mark.server]
ROLE = EXAMPLES / "ansible"
PROGRAMS = "/opt/backup-monitoring/bin"
ETC = "/etc/backup-monitoring"
SECRETS = {
    "vault_directory_password": "of the \"directory\" \\ $1 {1} 'x'",
    "vault_icinga_password": 'of "Icinga" \\ $1 {1} \N{EURO SIGN}',
    "vault_smtp_password": "of the mail server",
}


@pytest.fixture(scope="session")
def ansible(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ansible and its lint, in an environment of their own."""
    if not request.config.getoption("--ansible"):
        pytest.skip("slow: asked for by --ansible")
    folder = tmp_path_factory.mktemp("ansible")
    venv.create(folder, with_pip=True)
    packages = ("ansible-core", "ansible-lint")
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", *packages], check=True)
    return folder


class Controller:
    """Runs the playbook over one host, which is this Debian itself."""

    def __init__(self, ansible: Path, debian: FreshDebian, folder: Path) -> None:
        self._debian = debian
        self._folder = folder
        # Nothing is left in root's home; and whoever is root needs no sudo.
        self._command = (
            f"ANSIBLE_HOME={folder}/home ANSIBLE_REMOTE_TEMP={folder}/remote ANSIBLE_NOCOLOR=1 "
            f"{ansible}/bin/ansible-playbook -i {folder}/hosts -e @{folder}/variables.json "
            f"-e ansible_python_interpreter=/usr/bin/python3 {ROLE}/playbook.yml -v"
        )
        host = "debian.example.org ansible_connection=local ansible_become=false"
        (folder / "hosts").write_text(f"[backup_servers]\n{host}\n")

    def run(self, options: str = "", /, **variables: object) -> Ran:
        """Run the playbook with *variables* that are not its own."""
        named = {f"backup_monitoring_{name}": value for name, value in variables.items()}
        (self._folder / "variables.json").write_text(json.dumps({**SECRETS, **named}))
        return self._debian.run(f"{self._command} {options}")

    def changed(self, options: str = "", /, **variables: object) -> int:
        """Run it likewise; return how many tasks changed something. None may fail."""
        ran = self.run(options, **variables)
        assert ran.code == 0, ran.out[-5000:] + ran.err
        for secret in SECRETS.values():
            assert json.dumps(secret)[1:-1] not in ran.out
        return int(re.findall(r"changed=(\d+)", ran.out)[-1])


@pytest.fixture
def debian(ansible: Path, tmp_path: Path) -> Iterator[FreshDebian]:
    needed("unshare", "nsenter", "ip", "git")
    modules = ["/usr/bin/python3", "-c", "import apt, packaging, setuptools, venv"]
    if subprocess.run(modules, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("needs Debian's python3-apt, -packaging, -setuptools and -venv")
    with fresh_debian(tmp_path) as debian:
        # the homes of the examples
        tar = f"tar -C {EXAMPLES} --mtime=2026-01-01 -c storage | tar -C {ETC} -x"
        follow(debian, [f"mkdir {ETC} && {tar}"])
        yield debian


@pytest.fixture
def controller(ansible: Path, debian: FreshDebian, tmp_path: Path) -> Controller:
    return Controller(ansible, debian, tmp_path)


def example_settings(name: str) -> dict[str, dict[str, object]]:
    """Return the settings file *name* of the examples as the role wants it."""
    sections: dict[str, dict[str, object]] = {}
    for section, keys in tomllib.loads((EXAMPLES / name).read_text("utf-8")).items():
        for key, value in keys.items():
            if isinstance(value, dict):
                sections[f"{section}.{key}"] = value
            else:
                sections.setdefault(section, {})[key] = value
    return sections


def test_ansible_lint_finds_nothing(ansible: Path) -> None:
    done = subprocess.run(
        [ansible / "bin" / "ansible-lint", "--offline", "--profile=production", "--strict"],
        cwd=ROLE,
        env={"PATH": f"{ansible}/bin:/usr/bin:/bin", "HOME": str(ansible), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_second_run_changes_nothing(
    controller: Controller, debian: FreshDebian, wheel: Path
) -> None:
    needed("icinga2")
    archive = wheel.name
    follow(debian, [f"cp {wheel} {ROLE}"])  # which this Debian alone sees
    timers = "systemctl list-units --plain --no-legend 'backup-monitoring-*.timer'"
    modes = f"cd {ETC} && stat -c '%U %G %a %n' password icinga-password smtp-password"

    # check mode shows what would happen, and does nothing
    assert controller.changed("--check --diff", archive=archive) > 5
    assert debian.run("ls /opt/backup-monitoring").code != 0
    assert debian.run("getent passwd backup-monitoring").code != 0

    # as the example has it
    assert controller.changed(archive=archive) > 15
    assert controller.changed(archive=archive) == 0
    assert controller.changed("--check", archive=archive) == 0
    assert debian.run(modes).out.splitlines() == [
        "root backup-monitoring 640 password",
        "root backup-monitoring 640 icinga-password",
        "backup-notify root 400 smtp-password",
    ]
    assert debian.run(f"cat {ETC}/password").out == SECRETS["vault_directory_password"] + "\n"
    assert [line.split("-")[2].split(".")[0] for line in debian.run(timers).out.splitlines()] == [
        *("collect", "deliver", "objects", "scan", "submit")
    ]

    # settings that are refused replace none
    settings = example_settings("icinga.toml")
    wrong = {**settings, "store": {"folders": "/var/lib/backup-monitoring"}}
    refused = controller.run(archive=archive, settings=wrong)
    assert refused.code != 0
    assert "[store] folders" in refused.out
    assert "ldap.example.org" in debian.run(f"{PROGRAMS}/backup_settings").out

    # the accounts of the examples
    settings["icinga"]["url"] = "https://debian.example.org:5665"
    ours: dict[str, object] = {
        "archive": archive,
        "files": [str(EXAMPLES / "directory.ldif")],
        "settings": settings,
        "icinga_host": "debian",
    }
    hosts = "/etc/icinga2/conf.d/own.conf"
    own = 'object Host "debian" { check_command = "dummy" }'
    follow(debian, [f"echo '{own}' > {hosts}", "rm -f /var/lib/backup-monitoring/*.sqlite"])
    assert controller.changed(**ours, parts=["submit", "objects"]) > 0
    assert "scan.timer" not in debian.run(timers).out
    once(debian, "collect", "objects")
    until(lambda: len(of_icinga(debian)) == len(TASKS) * 18)  # it has reloaded
    once(debian, "submit")
    before, states, after = (each(debian) for each in (by_the_checks, of_icinga, by_the_checks))
    for name, state in states.items():
        assert state in (before[name], after[name]), name  # time passes in between
    assert states["4000102-quota"] == 1
    quota = debian.run(f"runuser -u nagios -- {PROGRAMS}/check_backup_quota -a 4000102")
    assert quota.out.startswith("BACKUP QUOTA WARNING - 4000102: 88.0 % of 10.0 GiB used")
    own_check = "backup-monitoring"
    until(lambda: of_icinga(debian, own_check)[own_check] is not None)

    # from results to checks: Icinga loads the other files
    assert controller.changed(**ours, parts=[]) > 0
    made = debian.run("cd /etc/icinga2/conf.d && ls icinga2-*").out.split()
    assert made == ["icinga2-active.conf", "icinga2-commands.conf", "icinga2-templates.conf"]


def test_from_a_clone_with_nagios(
    controller: Controller, debian: FreshDebian, tmp_path: Path
) -> None:
    needed("nagios4")
    clone = copy_clone(tmp_path / "clone")
    git = f"git -C {clone} -c user.name=nobody -c user.email=nobody@example.org"
    commit = f"{git} add . && {git} commit -qm"
    follow(debian, [f"{git} init -q -b main && {commit} first"])
    variables: dict[str, object] = {
        "archive": "",
        "repository": f"file://{clone}",
        "settings": {},
        "settings_file": str(EXAMPLES / "nagios.toml"),
        "files": [str(EXAMPLES / "directory.ldif")],
        "system": "nagios4",
        "parts": ["submit"],
    }

    assert controller.changed(**variables) > 10
    assert controller.changed(**variables) == 0

    once(debian, "collect")
    objects = "--format nagios --output /etc/nagios4/conf.d/backup-objects.cfg"
    follow(debian, [f"{PROGRAMS}/generate_backup_objects {objects}", "systemctl restart nagios4"])
    # after a restart Nagios has no pipe for a moment; as the timer, try again
    until(lambda: debian.run("systemctl start backup-monitoring-submit").code == 0)
    until(lambda: len(of_nagios(debian)) == len(TASKS) * 18)
    assert of_nagios(debian)["4000102-quota"] == 1

    # a later commit
    version = clone / "lib" / "backup_monitoring" / "__init__.py"
    version.write_text(re.sub('__version__ = "(.*)"', '__version__ = "99.0"', version.read_text()))
    follow(debian, [f"{commit} later"])
    assert controller.changed(**variables) == 3
    assert "99.0" in debian.run(f"{PROGRAMS}/check_backup_quota --version").out
