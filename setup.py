"""Builds from the clone alone: what an earlier build left in build/lib is removed first.

The catalogs of the mails' texts are compiled.
"""

import shutil
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from setuptools import setup
from setuptools.command.build import build
from setuptools.command.build_py import build_py

LOCALE = "backup_monitoring/mail/locale"


class CleanBuild(build):
    """setuptools copies into build/lib and installs all that lies there, deleted modules too."""

    def run(self) -> None:
        """Build into an empty folder."""
        if Path(self.build_lib).is_dir():
            shutil.rmtree(self.build_lib)
        super().run()


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


setup(cmdclass={"build": CleanBuild, "build_py": BuildWithCatalogs})
