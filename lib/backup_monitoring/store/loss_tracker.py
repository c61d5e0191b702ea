"""Notices in a collector run which accounts are missing, and keeps the verdicts about them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime

from backup_monitoring.model import (
    Account,
    AccountStatus,
    Files,
    Finding,
    LossReason,
    Need,
    Uploads,
    format_count,
    format_time,
)
from backup_monitoring.store.history import TrackedComputer
from backup_monitoring.store.loss_table import LossTable, MonitoredAccount
from backup_monitoring.store.losses import LossVerdict, LostAccount, judge_losses
from backup_monitoring.store.schema import make_key
from backup_monitoring.store.store_file import StoreFile

ACCEPT = "collect_backup_state --accept-loss"


class LossTracker:
    """The accounts that earlier runs monitored, and what this run sees of them.

    A part that cannot be read shows nothing: neither is an account missing in it, nor is it back.

    Args:
        table: what earlier runs have kept. max_loss: percent, see `judge_losses`.
        now: of the run, aware UTC.
    """

    def __init__(self, table: LossTable, max_loss: float, now: datetime) -> None:
        self.losses: Mapping[str, LostAccount] = {}
        self._table = table
        self._max_loss = max_loss
        self._now = now
        self._before = table.read_monitored()
        self._known = table.read_losses()
        self._present: dict[str, MonitoredAccount] | None = {}
        self._ended: set[str] = set()
        self._incoming: set[str] = set()
        self._with_computers: set[str] = set()
        self._emptied: dict[str, MonitoredAccount] = {}

    @property
    def is_new(self) -> bool:
        """Whether no earlier run is known."""
        return not self._before

    def add_earlier(self, state: StoreFile) -> None:
        """Take the accounts of the last run from its *state*: the history that had them is lost.

        Raises:
            StoreError: it cannot be read.
        """
        people = state.people()
        for account, uploads in state.accounts(Files.DATA, None, Need.NOTHING):
            contact = people.contact(account.uid)
            key, owners = make_key(account.uid), _fold_names(contact.customers if contact else ())
            incoming = uploads.data or bool(uploads.computers)
            self._before[key] = MonitoredAccount(account.uid, owners, incoming)
            if account.loss is not None:
                self._known[key] = LostAccount(account.uid, owners, *account.loss)

    def see_entry(self, account: Account, customers: Iterable[str], *, in_scope: bool) -> None:
        """Note an entry of the directory."""
        assert self._present is not None  # noqa: S101 - the directory has not failed yet
        key = make_key(account.uid)
        if in_scope:
            self._present.setdefault(key, MonitoredAccount(account.uid, _fold_names(customers)))
        elif account.status is not AccountStatus.UNCLEAR:
            self._ended.add(key)

    def forget_entries(self) -> None:
        """Forget what the directory showed: it did not answer completely."""
        self._present = None
        self._ended.clear()

    def check_incoming(
        self, account: Account, uploads: Uploads, known: Collection[TrackedComputer]
    ) -> Uploads:
        """Return *uploads*, refused if an ``incoming`` has disappeared.

        Args:
            known: the account's computers by the history: with any of them it had an ``incoming``.
        """
        key = make_key(account.uid)
        if uploads.no_incoming is None:
            if uploads.missing is None and uploads.refused is None:
                self._incoming.add(key)
            return uploads
        before = self._before.get(key)
        had_one = bool(known) or (before is not None and before.incoming)
        if not account.provisioned or not had_one:
            return uploads
        return uploads._replace(refused=f"{uploads.no_incoming}: no such folder, but there was one")

    def is_emptied(
        self, account: Account, uploads: Uploads, known: Iterable[TrackedComputer]
    ) -> bool:
        """Return whether *account* had computers in use and has none; note it.

        Args:
            known: its computers by the history.
        """
        seen = uploads.missing is None and uploads.refused is None and not uploads.cut_short
        if not seen or uploads.no_incoming is not None:
            return False
        key = make_key(account.uid)
        if uploads.computers:
            self._with_computers.add(key)
            return False
        if not any(each.history.is_in_use for each in known):
            return False
        self._emptied[key] = self._find_account(key, account)
        return True

    def _find_account(self, key: str, account: Account) -> MonitoredAccount:
        present = self._before if self._present is None else self._present
        return present.get(key) or MonitoredAccount(account.uid)

    def forget_homes(self) -> None:
        """Forget what the homes showed: they cannot be read."""
        for seen in (self._incoming, self._with_computers, self._emptied):
            seen.clear()

    def judge(self) -> Mapping[str, LostAccount]:
        """Judge the losses and keep the verdicts; return the accounts that are held."""
        missing = self._find_missing()
        returned = set(self._find_returned())
        new = {
            key: LostAccount(account.uid, account.customers, self._now, reason)
            for reason, accounts in (
                (LossReason.COMPUTERS, self._emptied),
                (LossReason.ENTRY, missing),
            )
            for key, account in accounts.items()
            if key not in self._known or key in returned
        }
        self.losses = judge_losses(
            self._known, returned, new, len(self._before), self._max_loss, self._now
        )
        held = {k: lost for k, lost in self.losses.items() if lost.verdict is LossVerdict.HELD}
        self._table.write_losses(self.losses)
        ended = self._ended - (self._present or {}).keys()
        self._table.change_monitored(
            dict(self._find_changed()), [*ended, *(missing.keys() - held.keys())]
        )
        return held

    def _find_missing(self) -> dict[str, MonitoredAccount]:
        """Return the accounts that the directory no longer shows without saying why."""
        if self._present is None:
            return {}
        explained = self._present.keys() | self._ended
        return {key: each for key, each in self._before.items() if key not in explained}

    def _find_returned(self) -> Iterator[str]:
        """Yield the lost accounts that are back, or whose entry now says that they have ended."""
        for key, lost in self._known.items():
            if key in self._ended and key not in (self._present or {}):
                yield key
            elif lost.reason is LossReason.COMPUTERS:
                if key in self._with_computers:
                    yield key
            elif self._present is not None and key in self._present:
                yield key

    def _find_changed(self) -> Iterator[tuple[str, MonitoredAccount]]:
        """Yield the accounts of which something else is to be kept than before."""
        present = self._before if self._present is None else self._present
        for key, account in present.items():
            before = self._before.get(key)
            had_one = before is not None and before.incoming
            now = account._replace(incoming=had_one or key in self._incoming)
            if now != before:
                yield key, now

    def list_findings(self) -> Iterator[Finding]:
        """Yield a finding per lost account."""
        for lost in self.losses.values():
            kind = "held" if lost.verdict is LossVerdict.HELD else "lost"
            since = format_time(lost.since, UTC)
            problem = f"missing since {since}: {lost.reason.value}; {lost.verdict.value}"
            yield Finding(kind, f"account {lost.uid}", problem)


def format_held(count: int) -> str:
    """Return how many accounts are held, and how to accept it."""
    accounts = format_count(count, "account is", "accounts are")
    return f"{accounts} missing and held as UNKNOWN; if they are really gone: {ACCEPT}"


def _fold_names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name.lower() for name in names}))
