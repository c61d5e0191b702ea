"""Replaces a file as a whole, readable by all: a reader sees the old one or the new one."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.model import MonitoringError
from backup_monitoring.settings import create_new, refuse_irregular


class OverviewError(MonitoringError):
    """A file of the overview cannot be written."""


class WrittenFiles(NamedTuple):
    """What was written: a *line* about it, and a line for each part that could not be read."""

    line: str
    failed: tuple[str, ...]


def replace_file(file: Path, pieces: Iterable[str]) -> None:
    """Write *pieces* into *file*, mode 0644, as a whole or not at all.

    Raises:
        OverviewError: it cannot be written.
    """
    # node_exporter reads all files in this folder whose names end in .prom: this one's does not.
    new = file.with_name(f".{file.name}.new")
    try:
        refuse_irregular(file)
        with create_new(new) as stream:
            stream.writelines(pieces)
            stream.flush()
            os.fsync(stream.fileno())
            new.replace(file)
    except OSError as error:
        remedy = "create its folder, let this user write there, and see whether the disk is full"
        raise OverviewError(str(file), f"cannot be written ({error.strerror})", remedy) from None
