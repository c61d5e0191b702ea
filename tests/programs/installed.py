"""Installs the built wheel into an environment of its own, and runs its programs."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
NOW = "2026-11-24T12:00:00+01:00"


class Ran(NamedTuple):
    """What a program did."""

    code: int
    out: str
    err: str

    @property
    def first(self) -> str:
        return self.out.splitlines()[0] if self.out else ""


class Programs(NamedTuple):
    """Installed programs: *bin* is the folder that would be on PATH."""

    bin: Path
    packages: Path

    def run(self, program: str, *arguments: str, **environment: str) -> Ran:
        """Run *program* with nothing of the caller's environment but *environment*."""
        done = subprocess.run(
            [self.bin / program, *arguments],
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


PARTS = ("bin", "checks", "docs", "examples", "icinga", "lib", "share")
OTHERS = (".ci", "debian", "requirements", "tests", "tools")


def copy_clone(folder: Path, parts: Sequence[str] = PARTS) -> Path:
    """Copy into *folder* what a clone has, of its folders only *parts*."""
    # What Python compiles in the meantime comes and goes.
    made = shutil.ignore_patterns("__pycache__")
    run = shutil.ignore_patterns(".venv", "tree", "store", "mails", "overview")
    for name in parts:
        shutil.copytree(ROOT / name, folder / name, ignore=run if name == "examples" else made)
    for file in [*ROOT.glob("*.*"), ROOT / "LICENSE"]:
        if file.is_file():
            shutil.copy(file, folder)
    return folder


def build_wheel(folder: Path, root: Path | None = None) -> Path:
    """Build the sdist of *root*, and the wheel from it; return the wheel.

    Args:
        root: None: a copy of the clone. Setuptools writes beside what it builds, and other tests
            may install the clone at the same time.
    """
    root = root or copy_clone(folder / "clone", (*PARTS, *OTHERS))
    _call(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(root))
    return next(folder.glob("*.whl"))


def install(wheel: Path, folder: Path) -> Programs:
    """Install *wheel* into a new environment that borrows the tests' own dependencies."""
    _call(sys.executable, "-m", "venv", "--without-pip", str(folder))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    _call(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--no-index", "--prefix", str(folder), "--ignore-installed", str(wheel)),
    )
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for program in (folder / "bin").iterdir():  # pip wrote the tests' interpreter into them
        if not program.is_symlink() and b"python" in program.read_bytes().partition(b"\n")[0]:
            _, _, rest = program.read_text().partition("\n")
            program.write_text(f"#!{folder}/bin/python\n{rest}")
    return Programs(folder / "bin", packages)


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
