"""The notifier's log: a line of JSON per decision about a notification."""

import json
import os
import stat
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.settings import open_regular

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW
_LONGEST = 500  # characters of a text from outside: a line stays one short write


class LogAction(Enum):
    """A decision."""

    QUEUED = "queued"
    SENT = "sent"
    NOT_SENT = "not sent"
    DUPLICATE = "duplicate"
    HELD = "held"
    RELEASED = "released"
    DROPPED = "dropped"
    DEFERRED = "deferred"
    RETRIED = "retried"
    REFUSED = "refused"
    BOUNCED = "bounced"  # refused after it was sent
    COMPLAINT = "complaint"  # about a mail that is sent all the same


class LogLine(NamedTuple):
    """A decision: when, about what, to whom, and why. Never a mail's body, never a secret."""

    time: datetime
    what: LogAction
    account: str = ""
    task: str = ""
    kind: str = ""
    state: str = ""
    address: str = ""
    reason: str = ""

    def format_json(self) -> str:
        """Return the line as JSON in ASCII, without fields that are empty."""
        texts = {key: str(value)[:_LONGEST] for key, value in self._asdict().items() if value}
        return json.dumps(
            {**texts, "time": self.time.isoformat(timespec="seconds"), "what": self.what.value}
        )


class DeliveryLog:
    """A file that lines are appended to.

    A line that cannot be written must not cost a mail: `failure` has the reason, for the program
    to report.

    Args:
        file: created 0640, or 0660 where its folder is writable for the group, since hook and
            delivery may run as different users. None: nothing is written.
    """

    def __init__(self, file: Path | None) -> None:
        self.failure: str | None = None
        self._file = file

    def write(self, lines: Iterable[LogLine]) -> None:
        """Append *lines*, each by one write; raises nothing."""
        texts = [line.format_json() for line in lines]
        if self._file is None or not texts:
            return
        try:
            stream = _open_log(self._file)
            try:
                for text in texts:
                    _write_line(stream, f"{text}\n".encode())
            finally:
                os.close(stream)
        except OSError as error:
            self.failure = f"{self._file}: cannot be written ({error.strerror or error})"


def try_log(file: Path) -> bool:
    """Open the log *file*, and write nothing; return False if it is not there.

    Raises:
        OSError: it cannot be opened for writing.
    """
    try:
        os.close(open_regular(file, _APPEND))
    except FileNotFoundError:
        return False
    return True


def _open_log(file: Path) -> int:
    # Opened again for each batch: logrotate may have moved the old file away.
    flags = _APPEND | os.O_CREAT
    try:
        stream = open_regular(file, flags | os.O_EXCL, 0o640)
    except FileExistsError:
        return open_regular(file, flags)
    shared = file.parent.stat().st_mode & stat.S_IWGRP
    os.fchmod(stream, 0o660 if shared else 0o640)
    return stream


def _write_line(stream: int, line: bytes) -> None:
    if os.write(stream, line) != len(line):
        raise OSError(None, "only a part of a line was written")
