"""pipx and uv, by the documents' commands on a fresh Debian: installed, upgraded, removed."""

import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from programs.daemons import needed
from programs.fresh_debian import FreshDebian, fresh_debian
from programs.installed import EXAMPLES, NOW, ROOT, build_wheel, copy_clone
from programs.test_documented import follow

pytestmark = pytest.mark.installed
README = (ROOT / "README.md").read_text(encoding="utf-8")
UPGRADE = (ROOT / "docs" / "upgrade.md").read_text(encoding="utf-8")
PROGRAMS = sorted(path.name for path in (ROOT / "bin").iterdir())
MEANS = {"pipx": "pipx install", "uv": "uv tool install"}


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[FreshDebian]:
    needed("pipx", "unshare", "nsenter", "ip")
    with fresh_debian(tmp_path) as debian:
        yield debian


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of a later version."""
    clone = copy_clone(tmp_path_factory.mktemp("later") / "clone")
    package = clone / "lib" / "backup_monitoring" / "__init__.py"
    package.write_text(re.sub('(__version__ = )".*"', r'\1"99.0"', package.read_text()))
    return build_wheel(clone.parent, clone)


def documented(text: str, command: str) -> str:
    """Return what *text* shows in code that begins with *command*."""
    (found,) = re.findall(rf"`({command}[^`]*)`", text)
    return " ".join(found.split())


def run_as_nobody(debian: FreshDebian, line: str) -> str:
    """Return what *line* prints for a user who may only read."""
    drop = "setpriv --reuid=nobody --regid=nogroup --clear-groups env -i PATH=/usr/local/bin:/bin"
    ran = debian.run(f"cd / && {drop} {line}")
    assert ran.err == ""
    return ran.out


@pytest.mark.parametrize("tool", MEANS)
def test_it_is_installed_upgraded_and_removed(
    debian: FreshDebian, wheel: Path, later: Path, tool: str
) -> None:
    install = f"{MEANS[tool]} --python /usr/bin/python3 ."
    (lines,) = re.findall(rf"```sh\n(export .*\n{re.escape(install)}\n.*\n)```", README)
    variables = lines.splitlines()[0]
    tests_own = f'PATH="$PATH:{sysconfig.get_path("scripts")}"'  # uv is theirs

    def follow_with_variables(*commands: str) -> None:
        follow(debian, ["\n".join(("set -e", variables, tests_own, *commands))])

    follow_with_variables(*lines.replace(f"{install}\n", f"{install[:-1]}{wheel}\n").splitlines())

    place = "/opt/backup-monitoring"
    for program in PROGRAMS:
        for folder in ("/usr/local/bin", f"{place}/bin"):
            assert run_as_nobody(debian, f"{folder}/{program} --version").startswith(program)
    follow(debian, [f"cp -r {EXAMPLES} /run/examples && cd /run/examples && mv storage tree"])
    check = f"check_backup_quota --config /run/examples/example.toml --now {NOW}"
    checked = run_as_nobody(debian, check)
    assert checked.startswith("BACKUP QUOTA CRITICAL - 1 critical, 1 warning, 1 unknown of 18;")
    # what other documents copy; and who runs the programs need not compile them
    folder = f"{place}/share/backup-monitoring"
    follow(debian, [f"test -s {folder}/backup-monitoring.toml", f"ls {folder}/systemd/*.timer"])
    follow(debian, [f"ls {place}/lib/python3*/site-packages/backup_monitoring/__pycache__/*.pyc"])

    upgrade = documented(UPGRADE, MEANS[tool])
    assert upgrade.endswith(" .")
    follow_with_variables(f"{upgrade[:-1]}{later}")

    assert run_as_nobody(debian, "check_backup_quota --version").split()[1] == "99.0"
    assert run_as_nobody(debian, check) == checked

    uninstall = documented(UPGRADE, f"{MEANS[tool].removesuffix('install')}uninstall")
    follow_with_variables(uninstall, documented(UPGRADE, "rm /opt"))

    assert (
        debian.run("ls -d /opt/backup* /opt/*/backup* /opt/*/venvs/* /usr/local/bin/*backup*").out
        == ""
    )
