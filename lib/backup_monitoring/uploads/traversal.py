"""Finds the report folders below an account's ``incoming``, within limits."""

import os
import time
from typing import Protocol

from backup_monitoring.settings import Names
from backup_monitoring.uploads.safe_open import list_folder, open_below

MAX_BELOW = 1000
MAX_ENTRIES = 50_000
MAX_FOLDERS = 5000
MAX_COMPUTERS = 256

Parts = tuple[str, ...]


class TraversalVisitor(Protocol):
    """What a traversal calls for each computer that it finds."""

    def visit_reports(self, folder: int, name: str, below: str) -> None:
        """Visit the open report folder *folder*, called *below*, of the computer *name*."""

    def visit_unreadable(self, name: str, problem: str) -> None:
        """Visit the computer *name*, whose folder cannot be read."""


class Traversal:
    """Searches an account's folders level by level, so that a deep one does not hide the others.

    Args:
        incoming: the open folder to start in.
        report_folders: names; the first that exists is used. A folder with a report folder is
            a computer's, and everything else in it is its data.
        depth: greatest number of folders between *incoming* and a report folder.
        visitor: is called for each computer.
        seconds: that the search may take. A customer can make it slow, and a slow home must not
            look like a file system that does not answer.

    Attributes:
        data: whether there is data: something that is not a folder.
        cut_short: the first limit that was reached, None if the search was complete.
    """

    def __init__(
        self,
        incoming: int,
        report_folders: Names,
        depth: int,
        visitor: TraversalVisitor,
        seconds: float,
    ) -> None:
        self.data = False
        self.cut_short: str | None = None
        self._incoming = incoming
        self._report_folders = report_folders
        self._depth = depth
        self._visitor = visitor
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._folders = 0
        self._entries = 0
        self._computers = 0
        self._over = False

    def run(self, *, look_for_data: bool) -> None:
        """Search.

        Args:
            look_for_data: also open folders that cannot contain reports, to determine `data`.

        Raises:
            OSError: ``incoming`` itself cannot be read.
        """
        level: list[Parts] = [()]
        depth = 0
        while level:
            below: list[Parts] = []
            for parts in level:
                below += self._visit(parts, depth, look_for_data)
                if self._over:
                    return
            level = sorted(below)
            depth += 1

    def _visit(self, parts: Parts, depth: int, look_for_data: bool) -> list[Parts]:
        if not self._may_open():
            return []
        if not parts:
            return self._search(self._incoming, parts, depth, look_for_data)
        try:
            folder = open_below(self._incoming, parts)
            try:
                return self._search(folder, parts, depth, look_for_data)
            finally:
                os.close(folder)
        except (FileNotFoundError, NotADirectoryError):
            return []  # removed, or replaced by a link, since it was listed
        except OSError as error:
            self.data |= look_for_data  # one that cannot be read: not nothing
            if self._may_read():
                self._visitor.visit_unreadable("/".join(parts), error.strerror or "cannot be read")
            return []

    def _search(self, folder: int, parts: Parts, depth: int, look_for_data: bool) -> list[Parts]:
        has_reports = self._has_reports(folder, "/".join(parts))
        if has_reports and not parts:
            # A client without a folder of its own must not hide the others.
            self._depth = min(self._depth, 1)
        if depth < self._depth and not (has_reports and parts):
            return self._list_below(folder, parts)
        if look_for_data and not self.data:
            self.data = self._has_data_beside(folder) if has_reports else _has_entries(folder)
        return []

    def _has_reports(self, folder: int, name: str) -> bool:
        for report_folder in self._report_folders:
            try:
                reports = open_below(folder, (report_folder,))
            except FileNotFoundError:
                continue
            except NotADirectoryError:
                if self._may_read():
                    self._visitor.visit_unreadable(
                        name, f"{report_folder} is a link, or not a folder"
                    )
                return True
            try:
                if self._may_read():
                    self._visitor.visit_reports(reports, name, report_folder)
            finally:
                os.close(reports)
            return True
        return False

    def _list_below(self, folder: int, parts: Parts) -> list[Parts]:
        below: list[Parts] = []
        with list_folder(folder) as entries:
            for entry in entries:
                if not self._may_list():
                    break
                if not entry.is_dir(follow_symlinks=False):
                    self.data = True
                elif len(below) == MAX_BELOW:
                    self._cut(f"more than {MAX_BELOW} folders in one")
                    break
                elif entry.name not in self._report_folders:
                    below.append((*parts, entry.name))
        return below

    def _has_data_beside(self, folder: int) -> bool:
        """Return whether there is data beside a report folder: a file, or a folder not empty."""
        names = []
        with list_folder(folder) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    return True
                if entry.name not in self._report_folders:
                    names.append(entry.name)
                if len(names) == MAX_BELOW or not self._may_list():
                    break
        return any(self._has_entries_in(folder, name) for name in sorted(names))

    def _has_entries_in(self, folder: int, name: str) -> bool:
        if not self._may_open():
            return False
        try:
            below = open_below(folder, (name,))
            try:
                return _has_entries(below)
            finally:
                os.close(below)
        except OSError:
            return True  # no longer a folder, or one that cannot be read: not nothing

    def _may_read(self) -> bool:
        self._check_time()
        self._computers += 1
        if self._computers > MAX_COMPUTERS:
            self._cut(f"more than {MAX_COMPUTERS} computers")
            self._over = True
        return not self._over

    def _may_open(self) -> bool:
        self._check_time()
        self._folders += 1
        if self._folders > MAX_FOLDERS:
            self._cut(f"more than {MAX_FOLDERS} folders")
            self._over = True
        return not self._over

    def _may_list(self) -> bool:
        self._check_time()
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            self._cut(f"more than {MAX_ENTRIES} files and folders")
        return self._entries <= MAX_ENTRIES and not self._over

    def _check_time(self) -> None:
        if time.monotonic() > self._end:
            self._cut(f"more than {self._seconds:g} s")
            self._over = True

    def _cut(self, limit: str) -> None:
        self.cut_short = self.cut_short or limit


def _has_entries(folder: int) -> bool:
    with list_folder(folder) as entries:
        return any(True for _ in entries)
