"""When did a computer's report files come? What their metadata say, by this server's clock."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from backup_monitoring.model import Receipt
from backup_monitoring.uploads.safe_open import FileContent

_PRIVATE = 0o600
# Each upload is a connection of its own. Files that came closer were handled together.
TOGETHER = timedelta(seconds=0.1)


class ReportFile(NamedTuple):
    """A report's file.

    Args:
        data: its bytes, which may be hostile. where: its path, for messages.
        modified: its modification time, aware UTC.
        by_client: *modified* is by the computer's own clock, which Sepiola carries over.
        received: when it came.
    """

    data: bytes
    where: str
    modified: datetime
    by_client: bool
    received: Receipt


def make_report_file(content: FileContent, where: str, others: Iterable[FileContent]) -> ReportFile:
    """Return the file with *content* at the path *where*.

    The Perl client's files have mode 0600, and as modification time the time of their upload, by
    this server's clock. Sepiola's have that of its own computer, so that only the change time
    counts. The file came by the earlier of these. That moment is not trusted if one of *others*
    has the same: they were copied, restored or chowned together.

    Args:
        others: the computer's other reports.

    Source: docs/rules.md, "Clocks".
    """
    if content.mode == _PRIVATE:
        moment = min(content.modified, content.changed)
        distances = (abs(content.modified - other.modified) for other in others)
    else:
        moment = content.changed
        distances = (abs(content.changed - other.changed) for other in others)
    received = Receipt(moment, all(distance > TOGETHER for distance in distances))
    by_client = content.mode != _PRIVATE
    return ReportFile(content.data, where, content.modified, by_client, received)
