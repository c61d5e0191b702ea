"""Shows in a dry run what would be sent."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from backup_monitoring.model import Event, sanitize
from backup_monitoring.notify.dispatch import EventResult, Notification
from backup_monitoring.outbox import Draft
from backup_monitoring.settings import Settings


def format_notifications(
    results: Sequence[EventResult], settings: Settings, now: datetime
) -> Iterator[str]:
    """Yield the lines that explain *results*: events, rules, recipients, reasons and mails."""
    for result in results:
        yield _format_event(result.event)
        yield from result.decision.explanation
        for notification in result.notifications:
            yield from _format_notification(notification, settings, now)


def _format_event(event: Event) -> str:
    about = f"{event.uid} {event.task} {event.kind.value} {event.state.name}"
    computer = "" if event.computer is None else f"{event.computer} "
    return sanitize(f"{about}: {computer}{event.summary}")


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
