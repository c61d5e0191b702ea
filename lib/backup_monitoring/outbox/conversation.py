"""The conversation about an account and task: what was sent to whom, and what waits."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from backup_monitoring.model import EventKind, Recipient, Role, State
from backup_monitoring.outbox.columns import RECIPIENT, normalize_address
from backup_monitoring.outbox.messages import GUARDED, UNSENT, SentState

_REFUSED = "refused"
_DELIVERABLE = ("waiting", "sending", "sent")  # of a mail whose thread the recipient has or gets
_NOTIFIED = (*_DELIVERABLE, "composed")


class Message(NamedTuple):
    """A mail, or an event of a digest, to one address.

    Args:
        address: normalized. role: in which it is notified.
        kind, state: of the event.
        status: settling, held, waiting, sending; composed: in a digest that waits; sent; refused.
        person: the recipient as stored, '' if not known.
        first_id, last_id: the Message-IDs of its thread; '' for an event of a digest that waits.
    """

    address: str
    role: Role
    kind: EventKind
    state: State
    status: str
    person: str = ""
    first_id: str = ""
    last_id: str = ""

    @property
    def recipient(self) -> Recipient:
        """To whom it is, with its language and its sender."""
        if self.person:
            return RECIPIENT.decode(self.person)
        return Recipient(self.address, "", self.role)


class Conversation(NamedTuple):
    """All messages about one account and task, newest first: those that wait, then the sent ones.

    Of what was sent there is the last one per address and role.
    """

    messages: tuple[Message, ...] = ()

    def find_last(self, address: str, roles: Collection[Role]) -> SentState | None:
        """Return the last message to *address* that arrived or waits, None if there is none."""
        found = [each for each in self._list_to(address, roles) if each.status != _REFUSED]
        if not found:
            return None
        last = found[0]
        ids = (each[6:8] for each in found if each.first_id and each.status in _DELIVERABLE)
        return SentState(last.kind, last.state, last.recipient, *next(ids, ("", "")))

    def is_notified(self, address: str, roles: Collection[Role]) -> bool:
        """Return whether a message about a failure arrived, or certainly will."""
        return any(
            each.kind in GUARDED and each.status in _NOTIFIED
            for each in self._list_to(address, roles)
        )

    def is_refused(self, address: str, roles: Collection[Role]) -> bool:
        """Return whether *address* has refused to hear of a problem."""
        return any(each.status == _REFUSED for each in self._list_to(address, roles))

    def list_notified(self) -> list[SentState]:
        """Return the last message of each whose last one is about a failure; not the operator's."""
        to = dict.fromkeys((each.address, each.role) for each in self.messages)
        last = (
            self.find_last(address, (role,))
            for address, role in sorted(to, key=lambda each: (each[0], each[1].name))
            if role is not Role.OPERATOR
        )
        return [each for each in last if each is not None and each.kind in GUARDED]

    def count_addresses(self) -> int:
        """Return how many addresses of the customer know of a failure, will, or have refused to."""
        addresses = {
            each.address
            for each in self.messages
            if each.role is Role.CUSTOMER and each.kind in GUARDED
        }
        return len(addresses)

    def drop_unsent(self) -> "Conversation":
        """Return what remains if what nobody has seen of a failure is dropped."""
        kept = (
            each
            for each in self.messages
            if each.status not in UNSENT
            or each.kind not in GUARDED
            or each.state is State.UNKNOWN  # which neither begins nor ends a problem
        )
        return Conversation(tuple(kept))

    def _list_to(self, address: str, roles: Collection[Role]) -> Iterator[Message]:
        wanted = normalize_address(address)
        return (each for each in self.messages if each.address == wanted and each.role in roles)
