"""The verdicts of the last collector run, which the store has ready."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from backup_monitoring.model import State
from backup_monitoring.plugin.account_verdicts import MOST_KEPT, AccountVerdicts, add_totals
from backup_monitoring.plugin.counter import Evaluation

if TYPE_CHECKING:
    from backup_monitoring.store import StoredVerdicts


class StoredAccounts(AccountVerdicts):
    """The verdicts of the last run."""

    def _count(self) -> Mapping[str, int]:
        request, state = self._request, self._request.state
        assert state is not None  # noqa: S101 - otherwise all is judged anew
        verdicts = state.verdicts()
        if request.uids is None:
            self._count_all(verdicts)
            return verdicts.read_totals(total.name for total in self._task.totals)
        found = set[str]()
        for each in verdicts.find(
            request.uids,
            self._task.name,
            detailed=request.detailed,
            with_facts=request.as_json,
        ):
            self.add(each)
            found.add(each.uid.lower())
        self.add_missing(found)
        if request.single or not self._task.totals:
            return {}
        accounts = state.accounts(None, request.uids, self._task.needs.entry)
        return add_totals(self._task, (account for account, _ in accounts))

    def _count_all(self, verdicts: "StoredVerdicts") -> None:
        request, task = self._request, self._task.name
        counts = verdicts.count(task)
        if request.as_json:
            total = sum(counts.values())
            at_most = total if request.lists_all else max(1, total - counts[State.OK])
        else:
            at_most = MOST_KEPT if request.options.verbose else 1
        worst = verdicts.list_worst(
            task, at_most, detailed=request.detailed, with_facts=request.as_json
        )
        if request.as_json:
            for each in worst:
                self.add_found(each)
        evaluations = [Evaluation(each.uid, self.add_details(each)) for each in worst]
        self.counter.set_counts(counts, evaluations)
