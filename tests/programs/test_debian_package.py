"""The Debian package, on a Debian 12 and 13 of their own: built, installed, upgraded, purged."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from programs.daemons import needed
from programs.installed import NOW, ROOT, copy_clone

_SOURCES = "http://deb.debian.org/debian"
_UNITS = "collect.timer deliver.path deliver.timer objects.timer scan.timer submit.timer"
_PROGRAMS = sorted(path.name for path in (ROOT / "bin").iterdir())
_SETTINGS = "/etc/backup-monitoring/backup-monitoring.toml"


class Debian:
    """A Debian in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run *line* by a shell of its own, as root."""
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
            **{name: value for name, value in os.environ.items() if name.endswith("_proxy")},
        }
        command = ["chroot", str(self.folder), "sh", "-ec", line]
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )

    def must(self, line: str) -> str:
        """Run *line*; return what it printed. It may not fail."""
        done = self.run(line)
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def debian(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Debian]:
    if not request.config.getoption("--debian"):
        pytest.skip("slow: asked for by --debian")
    needed("debootstrap")
    folder = tmp_path_factory.mktemp(request.param)
    command = ["debootstrap", "--variant=minbase", request.param, str(folder), _SOURCES]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    made = Debian(folder)
    folder.chmod(0o755)  # it is the root folder of all users there
    policy = folder / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")  # no package starts its daemon
    policy.chmod(0o755)
    mounts = [["mount", "--bind", "/dev", f"{folder}/dev"]]
    mounts += [["mount", "-t", "proc", "proc", f"{folder}/proc"]]
    try:
        for mount in mounts:
            subprocess.run(mount, check=True)
        made.must("apt-get install -y -qq --no-install-recommends icinga2-bin nagios4-core")
        _build(made)
        yield made
    finally:
        for mount in reversed(mounts):
            subprocess.run(["umount", "--lazy", mount[-1]])
        shutil.rmtree(folder)


def _build(debian: Debian) -> None:
    """Build the package of this clone, and one of a later version, as /later.deb."""
    clone = copy_clone(debian.folder / "src" / "backup-monitoring")
    shutil.copytree(ROOT / "debian", clone / "debian", dirs_exist_ok=True)
    install = "apt-get install -y -qq --no-install-recommends build-essential lintian"
    debian.must(f"{install} && apt-get build-dep -y -qq /src/backup-monitoring")
    build = "cd /src/backup-monitoring && dpkg-buildpackage -us -uc -b"
    later = "sed -i '1s/(.*)/(99.0)/' /src/backup-monitoring/debian/changelog"
    debian.must(f"{build} && {later} && {build}")


def test_it_is_installed_upgraded_removed_and_purged(debian: Debian) -> None:
    install = "apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold"
    first = debian.must("ls /src/*_all.deb | grep -v 99.0").strip()

    debian.must(f"{install} {first}")

    for program in _PROGRAMS:
        assert debian.run(f"{program} --version").stdout.startswith(program)
    for check in (name for name in _PROGRAMS if name.startswith("check_")):
        version = debian.run(f"/usr/lib/nagios/plugins/{check} --version").stdout
        assert version.startswith(check)
    for unit in _UNITS.split():
        state = debian.run(f"systemctl is-enabled backup-monitoring-{unit}").stdout
        assert (unit, state) == (unit, "disabled\n")
    debian.must("systemd-analyze verify /lib/systemd/system/backup-monitoring-*")
    debian.must("ls /usr/share/zsh/vendor-completions/_check_backup_quota")
    debian.must("getent passwd backup-monitoring backup-notify backup-overview")
    debian.must("backup_settings | grep -q example.org")
    left = "grep -rl /opt/backup /usr/share/backup-monitoring /lib/systemd/system /etc"
    assert debian.run(left).stdout == ""

    # the examples' accounts: a collector run, a check, Icinga's and Nagios's command definitions
    debian.must(f"cp /src/backup-monitoring/examples/store.toml {_SETTINGS}")
    debian.must("cp -r /src/backup-monitoring/examples/directory.ldif /etc/backup-monitoring")
    debian.must("cp -r /src/backup-monitoring/examples/storage /etc/backup-monitoring")
    folder = "/var/lib/backup-monitoring"
    debian.must(f"sed -i 's,^folder = .*,folder = \"{folder}\",' {_SETTINGS}; mkdir {folder}")
    debian.run(f"collect_backup_state --now {NOW}")
    checked = debian.run(f"check_backup_quota --now {NOW}")
    assert checked.stdout.startswith("BACKUP QUOTA CRITICAL - 1 critical, 1 warning")
    debian.must("icinga2 daemon -C")
    debian.must("nagios4 -v /etc/nagios4/nagios.cfg")

    debian.must("systemctl enable backup-monitoring-collect.timer")
    debian.must(f"{install} /src/backup-monitoring_99.0_all.deb")

    assert debian.run(f"check_backup_quota --now {NOW}").stdout == checked.stdout
    enabled = "systemctl is-enabled backup-monitoring-collect.timer"
    assert debian.must(enabled) == "enabled\n"

    debian.must("apt-get remove -y -qq backup-monitoring")

    assert debian.run("ls /usr/bin/*backup_*").stdout == ""
    debian.must(f"ls {_SETTINGS} {folder}/state.sqlite")

    debian.must("echo secret > /etc/backup-monitoring/password")
    debian.must("apt-get purge -y -qq backup-monitoring")

    kept = debian.must("ls -A /etc/backup-monitoring").split()
    assert kept == ["directory.ldif", "password", "storage"]
    assert debian.run(f"ls -d {folder} /var/log/backup-monitoring").stdout == ""
    named = "find /etc /usr /var -name '*backup-monitoring*' -o -name '*backup_monitoring*'"
    assert debian.must(named).split() == ["/etc/backup-monitoring"]


def test_lintian_finds_no_error(debian: Debian) -> None:
    found = debian.must("cd /src && lintian --allow-root --fail-on error *99.0*.changes")

    assert [line for line in found.splitlines() if line.startswith("E:")] == []
