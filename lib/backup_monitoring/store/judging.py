"""The end of a collector run: each account's verdicts, and since when it has each state."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from backup_monitoring.model import Account, State, Uploads
from backup_monitoring.store.day_rows import DayFollower
from backup_monitoring.store.files import StoreError
from backup_monitoring.store.outcome_rows import make_outcome_rows
from backup_monitoring.store.schema import TOTAL, name_changes
from backup_monitoring.store.stored_verdicts import StoredVerdicts
from backup_monitoring.store.verdict_rows import make_verdict_row
from backup_monitoring.tasks import (
    TASKS,
    Policies,
    StateSince,
    evaluate_all,
    follow_state,
    format_thresholds,
    is_change,
)


class AccountJudge:
    """Judges accounts at the time of a run.

    Args:
        policies: of the tasks. now: of the run, aware UTC.
        before: the verdicts of the last run; None: they are not known.
        days: continues the days of the accounts' computers.
    """

    def __init__(
        self, policies: Policies, now: datetime, before: StoredVerdicts | None, days: DayFollower
    ) -> None:
        names = (total.name for task in TASKS.values() for total in task.totals)
        self._totals = dict.fromkeys(names, 0)
        self._counted: set[int] = set()
        self._changes: dict[int, list[tuple[str, State]]] = {}  # of those that have any
        self.days = days
        self._policies = policies
        self._now = now
        self._before = before

    def judge(
        self, number: int, in_scope: bool, account: Account, uploads: Uploads
    ) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        """Return the rows of the verdicts of the account with the id *number*, and of outcomes.

        It may be judged again, if its uploads are replaced before the run ends.
        """
        if in_scope and number not in self._counted:
            self._counted.add(number)
            self._add_totals(account)
        known = self._find_known(account.uid)
        rows, changes = [], []
        outcomes: list[tuple[object, ...]] = []
        for task, verdict in evaluate_all(account, uploads, self._policies, self._now).items():
            before = None if known is None else known.get(task)
            since = follow_state(before, verdict.state, self._now, at_least=known is None)
            if in_scope and before is not None and is_change(before, since):
                changes.append((task, verdict.state))
            thresholds = ""
            if verdict.metrics:
                thresholds = format_thresholds(TASKS[task], account, self._policies)
            rows.append(make_verdict_row(number, in_scope, task, verdict, thresholds, since))
            outcomes += make_outcome_rows(number, task, verdict.outcomes)
        self._changes.pop(number, None)
        if changes:
            self._changes[number] = changes
        return rows, outcomes

    def sum_up(self) -> dict[str, int]:
        """Return sums over all accounts in scope, by their keys in the store.

        They are the totals of the tasks, and how often a state has begun, the runs before included.
        """
        begun = Counter(self._read_changes())
        for changes in self._changes.values():
            begun.update(name_changes(*change) for change in changes)
        return {f"{TOTAL}{name}": total for name, total in self._totals.items()} | begun

    def _read_changes(self) -> Mapping[str, int]:
        if self._before is None:
            return {}
        try:
            counts = self._before.read_changes()
        except StoreError:  # damaged: they begin anew
            return {}
        return {name_changes(*change): count for change, count in counts.items()}

    def _add_totals(self, account: Account) -> None:
        for name in self._totals:
            self._totals[name] += getattr(account, name) or 0

    def _find_known(self, uid: str) -> Mapping[str, StateSince] | None:
        """Return what the last run found of the account, None if that is lost."""
        if self._before is None:
            return None
        try:
            return self._before.find_states(uid)
        except StoreError:  # a damaged row: as if the file were missing
            return None
