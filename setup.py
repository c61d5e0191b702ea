"""Builds from the clone alone, and leaves it as it is: what a build makes on the way is elsewhere.

The catalogs of the mails' texts are compiled. Two builds of the same files are the same bytes, when
and wherever they are built, and whatever the umask was.
"""

import atexit
import gzip
import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from setuptools import setup
from setuptools.command.build import build
from setuptools.command.build_py import build_py
from setuptools.command.egg_info import egg_info
from setuptools.command.sdist import sdist

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

# The time of all that is packed: https://reproducible-builds.org/specs/source-date-epoch/
EPOCH = int(os.environ.setdefault("SOURCE_DATE_EPOCH", "1767225600"))  # 2026-01-01
os.umask(0o022)
LOCALE = "backup_monitoring/mail/locale"
WORK = tempfile.mkdtemp(prefix="backup-monitoring-build-")
atexit.register(shutil.rmtree, WORK, ignore_errors=True)


class BuildElsewhere(build):
    """setuptools builds in the clone, and installs what an earlier build left there.

    After an installation by root the files there would be root's, and stop the builds of others.
    """

    def initialize_options(self) -> None:
        """Set the default folder."""
        super().initialize_options()
        self.build_base = WORK


class EggInfoElsewhere(egg_info):
    """The same for the list of files, except in a source archive, which contains it."""

    def initialize_options(self) -> None:
        """Set the default folder."""
        super().initialize_options()
        self.egg_base = os.curdir if "sdist" in sys.argv else WORK


class BuildWithCatalogs(build_py):
    """A catalog, ``.po``, is read by translators; the programs read what is compiled, ``.mo``."""

    def run(self) -> None:
        """Build, then compile the catalogs; of an editable installation, those of the clone."""
        super().run()
        target = Path("lib" if self.editable_mode else self.build_lib, LOCALE)
        for source in Path("lib", LOCALE).glob("*/LC_MESSAGES/*.po"):
            compiled = target / source.relative_to(Path("lib", LOCALE)).with_suffix(".mo")
            compiled.parent.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as texts, compiled.open("wb") as file:
                write_mo(file, read_po(texts))


def find_mode(mode: int) -> int:
    """Return the mode of a packed file or folder whose own one is *mode*."""
    return 0o755 if mode & 0o100 else 0o644


class SameWheel(bdist_wheel):
    """A wheel has the modes of its files, which come from the umask of who cloned them."""

    def write_wheelfile(self, *arguments: Any, **more: Any) -> None:
        """Complete the folder that is packed next."""
        super().write_wheelfile(*arguments, **more)
        for path in Path(self.bdist_dir).rglob("*"):
            path.chmod(find_mode(path.stat().st_mode))


class SameSource(sdist):
    """A tar archive has owners and times, and its compression the time of the build."""

    def make_archive(self, base_name: str, format: str, *_: Any, base_dir: str, **__: Any) -> str:
        """Pack the folder *base_dir*; return the name of the archive."""
        if format != "gztar":
            raise ValueError(f"{format}: only gztar is built")
        name = f"{base_name}.tar.gz"
        with (
            Path(name).open("wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=EPOCH) as packed,
            tarfile.open(mode="w", fileobj=packed, format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in sorted([Path(base_dir), *Path(base_dir).rglob("*")]):
                archive.add(path, recursive=False, filter=self._without_origin)
        return name

    @staticmethod
    def _without_origin(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.mode = find_mode(member.mode)
        member.mtime = EPOCH
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member


setup(
    cmdclass={
        "bdist_wheel": SameWheel,
        "build": BuildElsewhere,
        "build_py": BuildWithCatalogs,
        "egg_info": EggInfoElsewhere,
        "sdist": SameSource,
    }
)
