"""The folder of the page: each file is replaced as a whole, and only if its contents changed."""

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Self

from backup_monitoring.overview.whole_file import OverviewError

# Its presence says that the folder is ours; in it, what the files contain.
MARK = ".backup-overview"
_NEW = ".new"
_FOLDERS = ("", "lists", "resellers")
_OURS = (".html", ".js", ".css", ".svg")


class PageFolder:
    """The open folder, locked, of which every name is taken relative: nothing else is touched.

    Attributes:
        written, kept, removed: how many files were replaced, left as they were, and deleted.
    """

    def __init__(self, folder: Path, handles: dict[str, int]) -> None:
        self.written = self.kept = self.removed = 0
        self._folder = folder
        self._handles = handles
        self._known = self._read_mark()
        self._is_mark_valid = True
        self._current: dict[str, str] = {}

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator[Self]:
        """Give the *folder*, and take away what was not written when the block ends well.

        Raises:
            OverviewError: it does not exist, holds files of others, or cannot be written.
        """
        handles: dict[str, int] = {}
        try:
            with suppress(FileExistsError):
                folder.mkdir()
            handles[""] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(handles[""], fcntl.LOCK_EX)
            if not is_page_folder(folder):
                _claim(handles[""])
            for name in _FOLDERS[1:]:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=handles[""])
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                handles[name] = os.open(name, flags, dir_fd=handles[""])
            opened = cls(folder, handles)
            for handle in handles.values():
                with suppress(FileNotFoundError):  # of a run that was killed
                    os.unlink(_NEW, dir_fd=handle)
            yield opened
            opened._finish()
        except OSError as error:
            remedy = "create it, let this user write there, and see whether the disk is full"
            problem = f"cannot be written ({error.strerror or error})"
            raise OverviewError(str(folder), problem, remedy) from None
        finally:
            for handle in handles.values():
                os.close(handle)  # which unlocks it, too

    def _read_mark(self) -> dict[str, str]:
        """Return the digests of the files as they were written."""
        try:
            with open(MARK, "rb", opener=self._open_here) as stream:
                known = json.loads(stream.read() or b"{}")
        except ValueError:  # damaged: then all files are written again
            return {}
        return known if isinstance(known, dict) else {}

    def _open_here(self, name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._handles[""])

    def write(self, name: str, text: str) -> None:
        """Write *text* to the file *name*, for example ``lists/clients.html``, if it is new."""
        data = text.encode("utf-8", "backslashreplace")
        digest = blake2b(data, digest_size=12).hexdigest()
        self._current[name] = digest
        # A power cut may leave an empty file.
        if self._known.get(name) == digest and self._find_size(name) == len(data):
            self.kept += 1
            return
        self._replace(name, data)
        self.written += 1

    def _split(self, name: str) -> tuple[int, str]:
        folder, _, base = name.rpartition("/")
        return self._handles[folder], base

    def _find_size(self, name: str) -> int | None:
        """Return the size of the file *name*, None if it does not exist or is a link."""
        handle, base = self._split(name)
        try:
            found = os.stat(base, dir_fd=handle, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def _replace(self, name: str, data: bytes) -> None:
        handle, base = self._split(name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        # The mode follows the umask: the unit decides who may read.
        new = os.open(_NEW, flags, 0o644, dir_fd=handle)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(new, view) :]
        finally:
            os.close(new)
        if self._is_mark_valid:
            self._empty_mark()
        os.rename(_NEW, base, src_dir_fd=handle, dst_dir_fd=handle)

    def _empty_mark(self) -> None:
        """Empty the mark: after a run that is killed the next one writes all files again."""
        os.close(self._open_here(MARK, os.O_WRONLY | os.O_TRUNC))
        self._is_mark_valid = False

    def _finish(self) -> None:
        """Delete the pages of what went away, and note what was written."""
        for folder, handle in self._handles.items():
            for base in os.listdir(handle):  # noqa: PTH208 - by its handle
                name = f"{folder}/{base}" if folder else base
                if base == _NEW or (base.endswith(_OURS) and name not in self._current):
                    os.unlink(base, dir_fd=handle)
                    self.removed += 1
        if self._current != self._known:
            self._replace(MARK, json.dumps(self._current).encode())


def is_page_folder(folder: Path) -> bool:
    """Return whether the page is in *folder*, False if it is empty.

    Raises:
        OverviewError: it holds files of others. OSError: it cannot be read.
    """
    names = [file.name for file in folder.iterdir()]
    if names and MARK not in names:
        raise OverviewError(
            str(folder),
            f"has other files, for example {min(names)}",
            "give the page a folder of its own; files in it may be replaced and deleted",
        )
    return MARK in names


def _claim(handle: int) -> None:
    """Mark an empty folder as ours."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(MARK, flags, 0o644, dir_fd=handle))
