"""The end of a collector run: each account's verdicts, and since when it has each state."""

from collections.abc import Mapping
from datetime import datetime

from backup_monitoring.model import Account, Uploads
from backup_monitoring.store.files import StoreError
from backup_monitoring.store.stored_verdicts import StoredVerdicts
from backup_monitoring.store.verdict_rows import make_verdict_row
from backup_monitoring.tasks import (
    TASKS,
    Policies,
    StateSince,
    evaluate_all,
    follow_state,
    format_thresholds,
)


class AccountJudge:
    """Judges accounts at the time of a run.

    Args:
        policies: of the tasks. now: of the run, aware UTC.
        before: the verdicts of the last run; None: they are not known.

    Attributes:
        totals: by name, the sums of the tasks over all accounts in scope.
    """

    def __init__(self, policies: Policies, now: datetime, before: StoredVerdicts | None) -> None:
        names = (total.name for task in TASKS.values() for total in task.totals)
        self.totals = dict.fromkeys(names, 0)
        self._counted: set[int] = set()
        self._policies = policies
        self._now = now
        self._before = before

    def judge(
        self, number: int, in_scope: bool, account: Account, uploads: Uploads
    ) -> list[tuple[object, ...]]:
        """Return the rows of the verdicts of the account with the id *number*.

        It may be judged again, if its uploads are replaced before the run ends.
        """
        if in_scope and number not in self._counted:
            self._counted.add(number)
            self._add_totals(account)
        known = self._find_known(account.uid)
        rows = []
        for task, verdict in evaluate_all(account, uploads, self._policies, self._now).items():
            state = verdict.state
            if known is None:
                since = follow_state(None, state, self._now, at_least=True)
            else:
                since = follow_state(known.get(task), state, self._now)
            thresholds = ""
            if verdict.metrics:
                thresholds = format_thresholds(TASKS[task], account, self._policies)
            rows.append(make_verdict_row(number, in_scope, task, verdict, thresholds, since))
        return rows

    def _add_totals(self, account: Account) -> None:
        for name in self.totals:
            self.totals[name] += getattr(account, name) or 0

    def _find_known(self, uid: str) -> Mapping[str, StateSince] | None:
        """Return what the last run found of the account, None if that is lost."""
        if self._before is None:
            return None
        try:
            return self._before.find_states(uid)
        except StoreError:  # a damaged row: as if the file were missing
            return None
