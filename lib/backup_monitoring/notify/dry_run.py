"""Dry runs: a copy of the outbox to work on, and what would be sent."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from backup_monitoring.notify.dispatch import EventResult, Notification
from backup_monitoring.outbox import Draft, make_error, refuse_lost
from backup_monitoring.settings import Settings


@contextmanager
def copy_outbox(file: Path) -> Iterator[Path]:
    """Give a temporary copy of the outbox *file*; before its first use it need not exist.

    Raises:
        OutboxError: the outbox is lost, or cannot be read.
    """
    refuse_lost(file)
    with tempfile.TemporaryDirectory() as folder:
        # The journal may hold the transaction of a process that was killed or is at work.
        for suffix in ("", "-journal"):
            part = file.with_name(file.name + suffix)
            try:
                if part.exists():
                    shutil.copyfile(part, Path(folder) / part.name)
            except OSError as error:
                raise make_error(file, error) from None
        yield Path(folder) / file.name


def format_notifications(
    results: Sequence[EventResult], settings: Settings, now: datetime
) -> Iterator[str]:
    """Yield the lines that explain *results*: rules, recipients, reasons and mails."""
    for result in results:
        yield from result.decision.explanation
        for notification in result.notifications:
            yield from _format_notification(notification, settings, now)


def _format_notification(
    notification: Notification, settings: Settings, now: datetime
) -> Iterator[str]:
    from backup_monitoring.notify.composer import Composer

    recipient, mail = notification
    yield f"to {recipient.address} ({recipient.role.value}): {recipient.reason}"
    if mail is None:
        yield "  a line in the next digest"
        return
    if isinstance(mail, Draft):
        mail = Composer(settings, None, now).compose_mail(mail)
    for line in mail.data.decode("utf-8", "replace").splitlines():
        yield f"  {line}"
