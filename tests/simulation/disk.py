"""A backup server's disk, with the change times that the files would have had.

Nobody can set the change time of a file: `Disk.dated` gives the reader of the reports an `os` that
knows those of this disk's files, and is the operating system's in everything else.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from backup_monitoring.uploads import home_reader, safe_open
from clients import Program
from simulation.computers import END, PLAN, START, Upload

FILES = (START, END, PLAN)


class _DatedOs:
    def __init__(self, changed: dict[int, float]) -> None:
        self._changed = changed

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def stat(self, *arguments: Any, **options: Any) -> os.stat_result:
        return self._date(os.stat(*arguments, **options))

    def fstat(self, opened: int) -> os.stat_result:
        return self._date(os.fstat(opened))

    def _date(self, status: os.stat_result) -> os.stat_result:
        changed = self._changed.get(status.st_ino)
        if changed is None:
            return status
        times = {
            "st_atime": status.st_atime,
            "st_mtime": status.st_mtime,
            "st_ctime": changed,
            "st_mtime_ns": status.st_mtime_ns,
            "st_ctime_ns": int(changed * 10**9),
        }
        return os.stat_result(tuple(status)[:10], times)


class _CallsHere:
    """Reads the homes without another process, which takes most of the time where homes are few."""

    def __init__(
        self, prepare: Callable[..., Callable[[Any], Any]], items: Sequence[Any], *_: object
    ) -> None:
        self._call = prepare(lambda _: None)
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return map(self._call, self._items)

    def close(self) -> None:
        """Do nothing: there is no process."""


class Copy(NamedTuple):
    """A file as a snapshot keeps it: bytes and modification time."""

    data: bytes
    modified: float


class Disk:
    """The report folders below *home*, by account and computer."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._changed: dict[int, float] = {}
        self._snapshots: dict[Path, list[tuple[datetime, dict[str, Copy]]]] = {}

    @contextmanager
    def dated(self) -> Iterator[None]:
        dated, here = _DatedOs(self._changed), _CallsHere
        with patch.object(safe_open, "os", dated), patch.object(home_reader, "BoundedCalls", here):
            yield

    def stat(self, file: Path) -> os.stat_result:
        """Return what the reader of the reports sees of *file*."""
        return _DatedOs(self._changed).stat(file)

    def reports(self, uid: str, computer: str) -> Path:
        return self.home / uid / "incoming" / computer / ".sepiola_backup"

    def upload(self, folder: Path, program: Program, upload: Upload, arrival: datetime) -> None:
        """Write what rsync writes; *arrival* is by the server's clock."""
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder.parent / "backup").mkdir()
        perl = program is Program.PERL
        modified = arrival if perl else upload.written
        copy = Copy(upload.data, modified.timestamp())
        self._write(folder / upload.name, copy, 0o600 if perl else 0o644, arrival)

    def _write(self, file: Path, copy: Copy, mode: int, changed: datetime) -> None:
        partial = file.with_suffix(".partial")
        partial.write_bytes(copy.data)
        partial.chmod(mode)
        os.utime(partial, (copy.modified, copy.modified))
        partial.replace(file)
        self._changed[file.stat().st_ino] = changed.timestamp()

    def chown(self, folder: Path, at: datetime) -> None:
        """Give all files one change time, as `chown -R` does."""
        for number, name in enumerate(FILES):
            if (folder / name).exists():
                inode = (folder / name).stat().st_ino
                self._changed[inode] = at.timestamp() + number / 10_000

    def snapshot(self, folder: Path, at: datetime) -> None:
        kept = {
            name: Copy((folder / name).read_bytes(), (folder / name).stat().st_mtime)
            for name in FILES
            if (folder / name).exists()
        }
        self._snapshots.setdefault(folder, []).append((at, kept))

    def restore(self, folder: Path, at: datetime) -> None:
        """Copy the reports of the last snapshot back, with their modification times."""
        _, kept = self._snapshots[folder][-1]
        for number, (name, copy) in enumerate(kept.items()):
            mode = (folder / name).stat().st_mode & 0o777 if (folder / name).exists() else 0o600
            self._write(folder / name, copy, mode, at)
            self._changed[(folder / name).stat().st_ino] += number / 1000

    def rename(self, folder: Path, new: Path) -> None:
        folder.parent.rename(new.parent)

    def remove(self, folder: Path) -> None:
        shutil.rmtree(folder.parent)
