"""Rows of the front page: an account each, as the records of its failing checks."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from backup_monitoring.model import Client, Role, State, choose_host, encode_name
from backup_monitoring.outbox import GUARDED, Notice
from backup_monitoring.overview.fleet import AccountView
from backup_monitoring.overview.texts import PageTexts
from backup_monitoring.records import make_account_record, write_name, write_time
from backup_monitoring.settings import Settings
from backup_monitoring.store import AccountVerdict
from backup_monitoring.tasks import (
    find_last_success,
    read_times,
)

Row = dict[str, Any]
_write = json.JSONEncoder(separators=(",", ":")).encode
RECENT = timedelta(days=1)
# Of a record as programs print it with --output json.
_FIELDS = (
    *("task", "state", "summary", "computer", "cause", "since", "since_at_least"),
    *("state_before", "problem_since"),
)


class RowMaker:
    """Makes the rows of accounts.

    Args:
        texts: of the front page. as_of: of the run, aware UTC.
    """

    def __init__(self, texts: PageTexts, as_of: datetime, settings: Settings) -> None:
        self._texts = texts
        self._as_of = as_of
        self._hosts = (settings.directory.host, settings.icinga.host_name)
        self._show_recipients = settings.overview.show_recipients

    def make_row(self, view: AccountView, successes: Mapping[str, datetime]) -> Row:
        """Return the row of an account; its checks that are OK are left out.

        Args:
            successes: as of `find_successes`.
        """
        failing = [each for each in view.verdicts if each.verdict.state is not State.OK]
        failing.sort(key=lambda each: (-each.verdict.state.badness, _find_since(each)))
        account = view.account
        row: Row = {
            "account": write_name(account.uid),
            "page": encode_name(account.uid),
            "name": self._texts.clean(view.name),
            "servers": [write_name(host) for host in account.hosts],
            "host": choose_host(account.hosts, *self._hosts),
            "customer": "".join(write_name(uid) for uid, _ in view.customers[:1]),
            "customer_name": "".join(self._texts.clean(name) for _, name in view.customers[:1]),
            "resellers": [write_name(uid) for uid in view.resellers],
            "clients": sorted({self._name_client(each) for each in view.clients.values()}),
            "state": view.state.name,
            "tasks": [self._make_problem(view, each, successes) for each in failing],
        }
        if failing:
            row["since"] = write_time(_find_since(failing[0]))
        return row

    def find_successes(self, view: AccountView) -> Mapping[str, datetime]:
        """Return when each computer's last successful backup ended, where that is known."""
        account, now = view.account, self._as_of
        found = {}
        for computer in view.uploads.computers:
            last = find_last_success(account, computer, read_times(computer, now), now)
            if last is not None:
                found[computer.name] = last
        return found

    def _name_client(self, client: Client) -> str:
        return self._texts.clean_often(f"{client.identifier} {client.version}".strip())

    def _make_problem(
        self, view: AccountView, found: AccountVerdict, successes: Mapping[str, datetime]
    ) -> Row:
        record = make_account_record(found)
        problem: Row = {name: record[name] for name in _FIELDS}
        problem["summary"] = self._texts.clean(found.verdict.summary)
        computer = found.verdict.computer
        if computer is not None:
            last = successes.get(computer)
        else:
            last = max(successes.values(), default=None)
        problem["last_success"] = write_time(last)
        sent = list_sent(view.notices, found)
        problem["notified"] = write_time(sent[0].at if sent else None)
        if self._show_recipients:
            problem["recipients"] = sorted({each.address for each in sent})
        return problem

    def make_change(self, view: AccountView, found: AccountVerdict) -> Row | None:
        """Return the change of a state in the last day, None if there was none."""
        since = found.since
        if since is None or since.before in (None, since.state):
            return None
        if since.at_least or since.at <= self._as_of - RECENT:
            return None
        assert since.before is not None  # noqa: S101 - as above
        return {
            "account": write_name(view.account.uid),
            "page": encode_name(view.account.uid),
            "name": self._texts.clean(view.name),
            "task": found.task,
            "state": since.state.name,
            "state_before": since.before.name,
            "since": write_time(since.at),
        }


def list_sent(notices: Sequence[Notice], found: AccountVerdict) -> list[Notice]:
    """Return the notices of a problem that were sent since it began, the newest first.

    Those of the operator are left out: a digest about everything says little of one account.
    """
    begun = _find_since(found)
    return [
        each
        for each in notices
        if each.task == found.task
        and each.is_sent
        and each.kind in GUARDED
        and each.role is not Role.OPERATOR
        and each.at >= begun
    ]


def _find_since(found: AccountVerdict) -> datetime:
    """Return when a problem began: as its facts say, else when a run first saw the state."""
    facts = found.verdict.facts
    since = None if facts is None else facts.since
    if since is None:
        assert found.since is not None  # noqa: S101 - the store knows it of each verdict
        since = found.since.at
    return since


class RankedRow(NamedTuple):
    """A row as text, with its *rank*: of the objects of all rows, collecting garbage takes longer
    than all else.
    """

    rank: tuple[int, str, str]
    text: str

    @property
    def is_failing(self) -> bool:
        """Whether a check of the account is not OK."""
        return self.rank[0] < 0

    def read(self) -> Row:
        """Return the row."""
        row: Row = json.loads(self.text)
        return row


def write_row(row: Row) -> str:
    """Return *row* as JSON in ASCII."""
    return _write(row)


def rank_row(row: Row) -> tuple[int, str, str]:
    """Return the key by which rows are sorted: the worst first, of these the longest."""
    # Times in UTC, all of one form: as texts they are in order.
    return -State[row["state"]].badness, row.get("since", ""), row["account"]
