"""Lists over all accounts: computers that look retired, clients by version, resellers' accounts."""

import shlex
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from backup_monitoring.model import Finding, State, encode_name, sanitize
from backup_monitoring.overview.account_rows import RankedRow, Row
from backup_monitoring.overview.fleet import AccountView
from backup_monitoring.overview.texts import PageTexts
from backup_monitoring.records import write_name
from backup_monitoring.tasks import ClientCounts, find_last_upload

_RETIRED_AFTER = timedelta(days=7)  # as the summary of schedule, which then mentions it
_MOST_SHOWN = 200  # accounts of a reseller


class RetiredLook(NamedTuple):
    """A computer that seems to be used no longer.

    Args:
        account: with its name. page: of the account. last: when the computer last uploaded.
        reason: why it is listed. command: to retire it, for a shell.
    """

    account: str
    page: str
    computer: str
    last: datetime
    reason: str
    command: str


class AccountLists:
    """Collects the lists while the accounts are read.

    Args:
        texts: of the pages. as_of: of the run, aware UTC.
    """

    def __init__(self, texts: PageTexts, as_of: datetime) -> None:
        self.clients = ClientCounts(as_of)
        self._texts = texts
        self._as_of = as_of
        self._retired: list[RetiredLook] = []
        self._resellers: dict[str, list[RankedRow]] = defaultdict(list)

    def add(self, view: AccountView, row: Row, ranked: RankedRow) -> None:
        """Add an account with its *row* of the front page, in both forms."""
        self.clients.add(view.account, view.uploads)
        self._retired += self._find_retired(view, row)
        for uid in view.resellers:
            self._resellers[uid].append(ranked)

    def _find_retired(self, view: AccountView, row: Row) -> Iterator[RetiredLook]:
        [schedule] = (each.verdict for each in view.verdicts if each.task == "schedule")
        for computer in view.uploads.computers:
            if computer.history is not None and not computer.history.is_in_use:
                continue  # by the provider, or its folder is gone
            if computer.name in schedule.retired:
                reason = "uploads nothing, while others of the account do: no check counts it"
            elif computer.name in schedule.failing:
                reason = "misses its backups, which the check on schedule counts"
            else:
                continue
            last = find_last_upload(computer, self._as_of)
            if last is not None and self._as_of - last > _RETIRED_AFTER:
                name = sanitize(f"{view.account.uid}/{computer.name}")
                command = f"collect_backup_state --retire {shlex.quote(name)}"
                shown = self._texts.clean(computer.name)
                account = f"{row['account']} {row['name']}"
                yield RetiredLook(account, row["page"], shown, last, reason, command)

    def list_retired(self) -> Sequence[RetiredLook]:
        """Return the computers that look retired, the one that is silent for longest first."""
        return sorted(self._retired, key=lambda each: (each.last, each.command))

    def list_clients(self) -> list[dict[str, Any]]:
        """Return the backup programs, as ``check_backup_client --inventory`` counts them."""
        return [
            {
                "identifier": self._texts.clean(client.identifier),
                "version": self._texts.clean(client.version),
                "system": self._texts.clean(client.system),
                "computers": computers,
                "accounts": accounts,
            }
            for client, computers, accounts in self.clients
        ]

    def list_resellers(self) -> list[dict[str, Any]]:
        """Return the resellers, each with its counts and its worst accounts."""
        return [
            self._make_reseller(uid, sorted(self._resellers[uid]))
            for uid in sorted(self._resellers)
        ]

    def _make_reseller(self, uid: str, rows: Sequence[RankedRow]) -> dict[str, Any]:
        counts = Counter(-row.rank[0] for row in rows)
        return {
            "uid": self._texts.clean(uid),
            "page": encode_name(uid),
            "filter": write_name(uid),
            "counts": {state.name: counts[state.badness] for state in State},
            "accounts": len(rows),
            "rows": [row.read() for row in rows[:_MOST_SHOWN]],
        }


def group_findings(
    findings: Iterator[Finding], texts: PageTexts
) -> Mapping[str, list[tuple[str, str]]]:
    """Return place and problem of each finding, by kind."""
    by_kind: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for finding in findings:
        by_kind[finding.kind].append((texts.clean(finding.where), texts.clean(finding.problem)))
    return dict(sorted(by_kind.items()))
