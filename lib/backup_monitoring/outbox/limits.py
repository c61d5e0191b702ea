"""Limits how many mails an address gets: collects what comes at once, defers what is too much.

What fails and recovers all the time, or many accounts that fail in turn, must neither flood a
mailbox nor let a customer make this server send mail in quantity. Nothing is lost: what is
collected comes in one mail a little later, what is deferred as one list of states the next morning,
and the first problem of each account and task always goes. A message of the provider's staff is
not limited. Only customers and resellers whose addresses change all the time could reach new ones
without end: what is too much for one of these is dropped.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, time, timedelta, tzinfo
from typing import Any, NamedTuple

from backup_monitoring.model import (
    MAX_ADDRESSES,
    EventKind,
    Role,
    format_duration,
    format_time,
)
from backup_monitoring.outbox.columns import RECIPIENT, normalize_address, write_text, write_time
from backup_monitoring.outbox.delivery_log import LogAction
from backup_monitoring.outbox.drafts import read_draft
from backup_monitoring.outbox.messages import GUARDED, STATES
from backup_monitoring.outbox.queue import insert_for_digest
from backup_monitoring.outbox.transaction import Transaction

# No settings: who wants fewer mails has digests, thresholds to warn, and retired computers.
MOST_AT_ONCE = 3  # mails to an address within `digest_delay`; more are collected
MOST_PER_ADDRESS = 10  # mails a day
MOST_PER_CUSTOMER = 100
MOST_OF_RESELLER = 100  # addresses that a reseller may have a day
MORNING = time(7)  # when a day begins, and when what was deferred is sent
_DAY = timedelta(days=1)
_KEEP = timedelta(days=2)
_GUARDED = [kind.name for kind in GUARDED]
_LIMITED = f"role != '{Role.OPERATOR.name}' AND kind != '{EventKind.CUSTOM.name}'"
# What has been tried may have arrived, and so may what a killed process was sending: it stays as it
# is, and what is newer waits behind it.
_MAILS = f"""
SELECT id, recipient, role, account, task, kind, state, reseller, customer FROM mails
WHERE status = 'waiting' AND attempts = 0 AND NOT unanswered AND draft != '' AND account != ''
AND {_LIMITED}
AND NOT EXISTS (SELECT 1 FROM mails AS older WHERE older.account = mails.account
    AND older.task = mails.task AND older.recipient = mails.recipient
    AND older.status IN ('waiting', 'sending') AND (older.attempts > 0 OR older.unanswered))
ORDER BY id
"""  # noqa: S608 - ours
_EVENTS = f"""
SELECT id, recipient, role, account, task, kind, state, reseller, person FROM digests
WHERE status = 'waiting' AND purpose = '' AND {_LIMITED} ORDER BY at, id
"""  # noqa: S608 - ours

_SAME = """its.account = digests.account AND its.task = digests.task AND its.role = digests.role
    AND its.recipient = digests.recipient"""
# What was deferred says how a problem is, not how it was: something newer that is sent says it.
_FORGET_OUTDATED = f"""
DELETE FROM digests WHERE status = 'deferred' AND (
    EXISTS (SELECT 1 FROM mails AS its WHERE {_SAME} AND its.status = 'waiting'
        AND its.kind != '{EventKind.CUSTOM.name}' AND its.created > digests.at)
    OR EXISTS (SELECT 1 FROM digests AS its WHERE {_SAME} AND its.status = 'waiting'
        AND its.kind != '{EventKind.CUSTOM.name}' AND its.id > digests.id))
"""  # noqa: S608 - ours


class LimitPolicy(NamedTuple):
    """For how long mails are collected, and the zone whose morning begins a day."""

    digest_delay: timedelta
    zone: tzinfo


def begin_day(now: datetime, zone: tzinfo) -> datetime:
    """Return the last morning in *zone* that is not later than *now*."""
    local = now.astimezone(zone)
    begin = datetime.combine(local.date(), MORNING, zone)
    if begin > local:
        begin = datetime.combine(local.date() - _DAY, MORNING, zone)
    return begin


def record_problem(transaction: Transaction, address: str, account: str, task: str) -> None:
    """Record that *address* has got a problem of an account and task: it is not its first today."""
    transaction.execute(
        "INSERT OR REPLACE INTO day_problems VALUES (?, ?, ?, ?)",
        (
            normalize_address(address),
            write_text(account),
            write_text(task),
            write_time(transaction.now),
        ),
    )


def apply_limits(transaction: Transaction, policy: LimitPolicy) -> None:
    """Collect or defer what waits and would be too much, and release what was deferred."""
    today = write_time(begin_day(transaction.now, policy.zone))
    transaction.execute(_FORGET_OUTDATED)
    transaction.execute(
        "UPDATE digests SET status = 'waiting' WHERE status = 'deferred' AND at < ?", (today,)
    )
    oldest = write_time(transaction.now - _KEEP)
    transaction.execute("DELETE FROM day_problems WHERE at < ?", (oldest,))
    _collect(transaction, policy.digest_delay)
    limiter = _Limiter(transaction, policy, today)
    limiter.limit_mails()
    limiter.limit_digests()


def _collect(transaction: Transaction, delay: timedelta) -> None:
    """Move the mails to each address that gets more than a few into its next digest."""
    mails = transaction.execute(_MAILS).fetchall()
    if not mails:
        return
    numbers = _count(
        transaction.execute(
            "SELECT recipient || role, count(*) FROM mails WHERE status = 'sent' "
            "AND account != '' AND done > ? GROUP BY 1",
            (write_time(transaction.now - delay),),
        )
    )
    for mail in mails:
        numbers[mail[1] + mail[2]] = numbers.get(mail[1] + mail[2], 0) + 1
    # A digest that waits, or has not arrived, must not be overtaken by a newer mail.
    digests = _count(
        transaction.execute(
            "SELECT recipient || role, count(*) FROM digests "
            "WHERE status IN ('waiting', 'composed') GROUP BY 1"
        )
    )
    for number, recipient, role, account, task, kind, state, *_ in mails:
        if numbers[recipient + role] <= MOST_AT_ONCE and recipient + role not in digests:
            continue
        reason = f"collected: more than {MOST_AT_ONCE} within {format_duration(delay)}"
        if _move_mail(transaction, number, "waiting", reason):
            transaction.log(LogAction.QUEUED, account, task, kind, state, recipient, reason)


class _Limiter:
    """Defers what is beyond the numbers of a day.

    Args:
        today: when the day began, in seconds since 1970.
    """

    def __init__(self, transaction: Transaction, policy: LimitPolicy, today: float) -> None:
        self._transaction = transaction
        self._addresses = self._count_sent("recipient", today)
        self._customers = self._count_sent("customer", today)
        self._known: set[tuple[str, str, str]] = set(
            transaction.execute(
                "SELECT recipient, account, task FROM day_problems WHERE at >= ?", (today,)
            )
        )
        self._addresses_of = Counter((account, task) for _, account, task in self._known)
        self._of_resellers: dict[str, set[str]] = {}
        for reseller, recipient in transaction.execute(
            "SELECT DISTINCT reseller, recipient FROM mails "
            "WHERE status = 'sent' AND done >= ? AND role = ?",
            (today, Role.RESELLER.name),
        ):
            self._of_resellers.setdefault(reseller, set()).add(recipient)
        morning = begin_day(transaction.now, policy.zone) + timedelta(hours=36)
        self._next = format_time(begin_day(morning, policy.zone), policy.zone)

    def _count_sent(self, column: str, today: float) -> dict[str, int]:
        return _count(
            self._transaction.execute(
                f"SELECT {column}, count(*) FROM mails WHERE status = 'sent' AND done >= ? "  # noqa: S608 - ours
                f"AND role != '{Role.OPERATOR.name}' AND {column} != '' GROUP BY 1",
                (today,),
            )
        )

    def limit_mails(self) -> None:
        """Defer mails."""
        for row in self._transaction.execute(_MAILS).fetchall():
            number, customer = row[0], row[-1]
            reason, surplus = self._find_reason(row, customer), self._find_surplus(row)
            is_first = not surplus and self._is_first(row)
            if is_first or not reason:
                self._add(row, customer)
                continue
            self._forget_deferred(row)
            if surplus:
                _drop_mail(self._transaction, number, surplus)
                self._log(row, LogAction.DROPPED, surplus)
            elif _move_mail(self._transaction, number, "deferred", reason, STATES):
                self._log(row, LogAction.DEFERRED, reason)

    def limit_digests(self) -> None:
        """Defer events of digests; what is left of one is a mail."""
        digests = set()
        for row in self._transaction.execute(_EVENTS).fetchall():
            number, recipient, role, *_, person = row
            to = RECIPIENT.decode(person)
            reason, surplus = self._find_reason(row, to.customer), self._find_surplus(row)
            counted = (recipient, role, to.reseller) in digests
            is_first = not surplus and self._is_first(row)
            if is_first or counted or not reason:
                if not counted:
                    self._add(row, to.customer)
                    digests.add((recipient, role, to.reseller))
                continue
            self._forget_deferred(row)
            if surplus:
                self._transaction.execute("DELETE FROM digests WHERE id = ?", (number,))
                self._log(row, LogAction.DROPPED, surplus)
                continue
            self._transaction.execute(
                "UPDATE digests SET status = 'deferred', purpose = ?, at = ? WHERE id = ?",
                (STATES, write_time(self._transaction.now), number),
            )
            self._log(row, LogAction.DEFERRED, reason)

    def _is_first(self, row: tuple[Any, ...]) -> bool:
        """Return whether it is the first problem of the account and task today."""
        recipient, _, account, task, kind = row[1:6]
        key = (recipient, account, task)
        first = kind == EventKind.PROBLEM.name and key not in self._known
        if first:
            self._known.add(key)
            self._addresses_of[account, task] += 1
        return first

    def _find_surplus(self, row: tuple[Any, ...]) -> str:
        """Return why a problem is not for this new address beyond a day's numbers, '' if it is.

        Who has heard of it hears of its end in any case.
        """
        recipient, role, account, task, kind, _, reseller = row[1:8]
        if kind not in _GUARDED:
            return ""
        if role == Role.RESELLER.name:
            known = self._of_resellers.get(reseller, set())
            is_new, count, most = recipient not in known, len(known), MOST_OF_RESELLER
            what = "of this reseller have got mails"
        else:
            is_new = (recipient, account, task) not in self._known
            count, most = self._addresses_of[account, task], MAX_ADDRESSES
            what = "have heard of such a problem"
        if not is_new or count < most:
            return ""
        return f"{count} addresses {what} today: no others are notified"

    def _find_reason(self, row: tuple[Any, ...], customer: str) -> str:
        """Return why nothing more is sent today, '' if it is."""
        recipient, role = row[1:3]
        if role == Role.RESELLER.name and (surplus := self._find_surplus(row)):
            return surplus
        if self._addresses.get(recipient, 0) >= MOST_PER_ADDRESS:
            what = f"{MOST_PER_ADDRESS} mails to this address"
        elif self._customers.get(customer, 0) >= MOST_PER_CUSTOMER:
            what = f"{MOST_PER_CUSTOMER} mails about this customer"
        else:
            return ""
        return f"deferred to {self._next}: {what} today"

    def _add(self, row: tuple[Any, ...], customer: str) -> None:
        recipient, role, reseller = row[1], row[2], row[7]
        if role == Role.RESELLER.name:
            self._of_resellers.setdefault(reseller, set()).add(recipient)
        self._addresses[recipient] = self._addresses.get(recipient, 0) + 1
        if customer:
            self._customers[customer] = self._customers.get(customer, 0) + 1

    def _forget_deferred(self, row: tuple[Any, ...]) -> None:
        """Delete what was deferred about the same: only the newest state is said."""
        self._transaction.execute(
            "DELETE FROM digests WHERE status = 'deferred' AND recipient = ? AND role = ? "
            "AND account = ? AND task = ?",
            row[1:5],
        )

    def _log(self, row: tuple[Any, ...], action: LogAction, reason: str) -> None:
        recipient, _, account, task, kind, state = row[1:7]
        self._transaction.log(action, account, task, kind, state, recipient, reason)


def _move_mail(
    transaction: Transaction, number: int, status: str, reason: str, purpose: str = ""
) -> bool:
    """Move the event of a mail into a digest, with the facts that it had; return whether it can."""
    row = transaction.execute("SELECT draft FROM mails WHERE id = ?", (number,)).fetchone()
    try:
        event, recipient = read_draft(row[0])[:2]
    except Exception:  # a fault of ours: this mail waits, and its delivery reports it
        return False
    subject = (write_text(event.uid), write_text(event.task))
    insert_for_digest(transaction, recipient, event, subject, status, "", row[0], purpose)
    _drop_mail(transaction, number, reason)
    return True


def _drop_mail(transaction: Transaction, number: int, reason: str) -> None:
    transaction.execute(
        "UPDATE mails SET status = 'dropped', draft = '', error = ?, done = ? WHERE id = ?",
        (reason, write_time(transaction.now), number),
    )


def _count(rows: Iterable[tuple[str, int]]) -> dict[str, int]:
    return dict(rows)
