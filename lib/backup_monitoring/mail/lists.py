"""Composes the mails with a list: none is so long that mail programs show only its beginning."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from backup_monitoring.mail.compose import Mail, compose_shown
from backup_monitoring.mail.content import ListItem, MailList, sort_items
from backup_monitoring.model import Recipient
from backup_monitoring.settings import NotifySettings

MAX_HTML = 100_000  # bytes; Gmail clips at 102 kB
_MAX_ITEMS = 200
_TOO_LARGE = 0.95  # of the items that would fit if all were of the same size


class ListPart(NamedTuple):
    """A *mail* with a part of a list, and the indexes of the items that it shows."""

    mail: Mail
    shown: tuple[int, ...]


def compose_list(
    listing: MailList, recipient: Recipient, policy: NotifySettings, at: datetime, zone: tzinfo
) -> Mail:
    """Compose one mail with a list of events; what does not fit is counted at its end.

    Args and errors: as `compose_shown`.
    """
    items = [listing.items[index] for index in sort_items(listing.items)]
    _, mail = _fit(items, lambda shown: compose_shown(listing, shown, recipient, policy, at, zone))
    return mail


def compose_parts(
    listing: MailList, recipient: Recipient, policy: NotifySettings, at: datetime, zone: tzinfo
) -> tuple[ListPart, ...]:
    """Compose as many mails as it takes to show all items of the list.

    Args and errors: as `compose_shown`.
    """

    def compose(shown: Sequence[ListItem], part: int = 1, parts: int = 1) -> Mail:
        some = listing._replace(items=shown, part=part, parts=parts)
        return compose_shown(some, shown, recipient, policy, at, zone)

    left, chunks, mail = sort_items(listing.items), [], None
    while left or mail is None:
        count, mail = _fit([listing.items[index] for index in left], compose)
        chunks.append(tuple(left[:count]))
        left = left[count:]
    if len(chunks) == 1:
        return (ListPart(mail, chunks[0]),)
    return tuple(
        ListPart(compose([listing.items[index] for index in chunk], part, len(chunks)), chunk)
        for part, chunk in enumerate(chunks, 1)
    )


def _fit(
    items: Sequence[ListItem], compose: Callable[[Sequence[ListItem]], Mail]
) -> tuple[int, Mail]:
    """Return how many of the first *items* fit into a mail, at least one, and the mail."""
    count = min(len(items), _MAX_ITEMS)
    while True:
        mail = compose(items[:count])
        if mail.html_size <= MAX_HTML or count <= 1:
            return count, mail
        fits = int(count * MAX_HTML / mail.html_size * _TOO_LARGE)
        count = max(1, min(count - 1, fits))
