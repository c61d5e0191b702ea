"""What pip installs from a clone."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from programs.installed import EXAMPLES, ROOT, copy_clone

pytestmark = pytest.mark.installed
PIP_WHEEL = ("-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--no-index")


def test_a_clone_that_was_built_before_installs_what_it_has_now(tmp_path: Path) -> None:
    clone = copy_clone(tmp_path / "clone")
    for left in ("backup_monitoring/deleted.py", "check_backup_deleted.py"):
        file = clone / "build" / "lib" / left
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    subprocess.run([sys.executable, *PIP_WHEEL, "-w", tmp_path, clone], check=True)

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        modules = {name for name in archive.namelist() if name.endswith(".py")}
        catalogs = {
            name.split("/")[3]: archive.read(name)
            for name in archive.namelist()
            if name.endswith("/LC_MESSAGES/mails.mo")
        }
    assert modules == {
        str(path.relative_to(clone / folder))
        for folder in ("lib", "checks")
        for path in (clone / folder).rglob("*.py")
    }
    # tests/mail/test_catalogs.py compares these with what was translated
    locale = ROOT / "lib" / "backup_monitoring" / "mail" / "locale"
    assert catalogs == {
        file.parent.parent.name: file.read_bytes() for file in locale.glob("*/LC_MESSAGES/*.mo")
    }
    assert catalogs.keys() == {"de", "en", "fr", "it"}


@pytest.mark.parametrize("folder", ["systemd", "prometheus"])
def test_what_an_administrator_copies_is_installed(wheel: Path, folder: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        parts = [name.split("/share/backup-monitoring/") for name in archive.namelist()]

    installed = {Path(name[1]) for name in parts if len(name) == 2}
    shipped = {Path(folder, each.name) for each in (EXAMPLES / folder).iterdir()}
    assert shipped
    assert shipped == {each for each in installed if each.parent == Path(folder)}
