"""Builds from the clone alone: what an earlier build left in build/lib is removed first."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build import build


class CleanBuild(build):
    """setuptools copies into build/lib and installs all that lies there, deleted modules too."""

    def run(self) -> None:
        """Build into an empty folder."""
        if Path(self.build_lib).is_dir():
            shutil.rmtree(self.build_lib)
        super().run()


setup(cmdclass={"build": CleanBuild})
