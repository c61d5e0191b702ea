"""How far a delivery is with the mails that it is sending: what a kill leaves to the next one.

A mail's commit waits for the disk, for longer than most mail servers take for the mail. So a batch
of mails has one commit, and the file of the lock a mark for each of them meanwhile: a kill leaves
it as it is. Only after a power cut it may be older; mails of the batch are then sent again.
"""

import os
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path

from backup_monitoring.outbox.outbox_errors import make_error

_LINE = "{:>19} {}\n"  # an id has at most 19 digits
_LENGTH = len(_LINE.format(0, "-"))
_MOST_BYTES = 1 << 20


class Mark(Enum):
    """What is known of a mail of the batch."""

    CLAIMED = "-"  # the server has not seen it
    BEGUN = "?"
    SENT = "+"
    NOT_SENT = "!"  # the server has not accepted it


class Progress:
    """The marks of a batch, in a file.

    Args:
        file: its name, for errors. descriptor: of the file, open for reading and writing.
    """

    def __init__(self, file: Path, descriptor: int) -> None:
        self._file = file
        self._descriptor = descriptor
        self._offsets: dict[int, int] = {}

    def begin(self, batch: str, ids: Sequence[int]) -> None:
        """Begin a batch: its name and a mark per mail, in the place of those before.

        Raises:
            OutboxError: the disk is full: nothing of the batch may be sent.
        """
        lines = [_LINE.format(number, Mark.CLAIMED.value) for number in ids]
        first = len(batch) + 1
        self._offsets = {id: first + (n + 1) * _LENGTH - 2 for n, id in enumerate(ids)}
        content = "".join((batch, "\n", *lines)).encode()
        try:
            os.ftruncate(self._descriptor, 0)
            if os.pwrite(self._descriptor, content, 0) < len(content):
                raise OSError(None, "the disk is full")
        except OSError as error:
            raise make_error(self._file, error) from None

    def mark(self, number: int, mark: Mark) -> None:
        """Set the mark of the mail with the id *number*: its place is on the disk already."""
        try:
            os.pwrite(self._descriptor, mark.value.encode(), self._offsets[number])
        except OSError as error:
            raise make_error(self._file, error) from None

    def read(self, batch: str) -> Mapping[int, Mark]:
        """Return the marks of *batch*, by the mails' ids; none if the file is about another one."""
        try:
            content = os.pread(self._descriptor, _MOST_BYTES, 0).decode("ascii", "replace")
        except OSError as error:
            raise make_error(self._file, error) from None
        name, *lines = content.split("\n")
        if not batch or name != batch:
            return {}
        known = {mark.value: mark for mark in Mark}
        pairs = (line.split() for line in lines)
        return {int(pair[0]): known[pair[1]] for pair in pairs if len(pair) == 2}
