"""What pip installs from a clone."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

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


def test_an_installation_leaves_the_clone_as_it_was(tmp_path: Path) -> None:
    # made by `sudo pip install .`, these files would be root's and stop the owner's next build
    clone = copy_clone(tmp_path / "clone")
    before = set(clone.rglob("*"))

    subprocess.run([sys.executable, *PIP_WHEEL, "-w", tmp_path, clone], check=True)

    assert set(clone.rglob("*")) == before


@pytest.mark.parametrize("folder", ["systemd", "prometheus"])
def test_what_an_administrator_copies_is_installed(wheel: Path, folder: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        parts = [name.split("/share/backup-monitoring/") for name in archive.namelist()]

    installed = {Path(name[1]) for name in parts if len(name) == 2}
    shipped = {Path(folder, each.name) for each in (EXAMPLES / folder).iterdir()}
    assert shipped
    assert shipped == {each for each in installed if each.parent == Path(folder)}


class Built(NamedTuple):
    """What a build of the files of this clone has made."""

    sdist: Path
    wheel: Path


def list_clone() -> set[str]:
    """Return the names of the files that a clone has."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    command = ("git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z")
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return {name for name in names if name and (ROOT / name).exists()}


def build_clone(folder: Path, *, umask: int, time: int, **environment: str) -> Built:
    """Build a clone in *folder* by someone who has *umask*, and whose files are of *time*."""
    for name in list_clone():
        file = folder / "clone" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, file)
        executable = 0o111 if file.stat().st_mode & 0o100 else 0
        file.chmod((0o666 | executable) & ~umask)
        os.utime(file, (time, time))
    command = (sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "built")
    done = subprocess.run(
        [*command, folder / "clone"],
        env={"PATH": os.environ["PATH"], **environment},
        umask=umask,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,) = (folder / "built").glob("*.tar.gz")
    (wheel,) = (folder / "built").glob("*.whl")
    return Built(sdist, wheel)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_clone(tmp_path_factory.mktemp("one"), umask=0o022, time=1_800_000_000)


def test_two_builds_are_the_same_bytes(built: Built, tmp_path: Path) -> None:
    other = build_clone(
        tmp_path / "elsewhere", umask=0o077, time=1_700_000_000, TZ="Asia/Tokyo", LC_ALL="C"
    )

    assert other.sdist.read_bytes() == built.sdist.read_bytes()
    assert other.wheel.read_bytes() == built.wheel.read_bytes()


def test_the_source_archive_has_what_a_clone_has(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        members = archive.getmembers()
    names = {member.name.partition("/")[2] for member in members if member.isfile()}

    made = {name for name in names if name.startswith("backup_monitoring.egg-info/")}
    assert names - made - {"PKG-INFO"} == list_clone() - {".gitignore"}
    assert {(member.uid, member.gid, member.uname, member.mode & 0o022) for member in members} == {
        (0, 0, "", 0)
    }


def test_the_wheel_has_what_is_installed(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        files = {each.filename: each.external_attr >> 16 & 0o777 for each in archive.infolist()}
    clone = list_clone()
    home = "backup_monitoring-0.1.0.data"
    library = {name for name in clone if name.startswith(("lib/", "checks/"))}
    catalogs = {f"{name[:-2]}mo" for name in library if name.endswith(".po")}

    made = {name for name in files if name.startswith("backup_monitoring-0.1.0.dist-info/")}
    modules = {name.partition("/")[2] for name in library | catalogs}
    scripts = {f"{home}/scripts/{name[4:]}" for name in clone if name.startswith("bin/")}
    data = {name.removeprefix(f"{home}/data/") for name in files if f"{home}/data/" in name}
    assert files.keys() - made - {f"{home}/data/{name}" for name in data} == modules | scripts
    assert {files[name] for name in scripts} == {0o755}
    assert {name for name in data if name.startswith("share/doc/")} == {
        f"share/doc/backup-monitoring/{name}"
        for name in clone
        if name in ("CHANGELOG.md", "README.md") or re.fullmatch(r"docs/[^/]*\.md", name)
    }
    assert {name for name in data if name.startswith(("share/man/", "share/fish/"))} == {
        name for name in clone if name.startswith(("share/man/", "share/fish/"))
    }
