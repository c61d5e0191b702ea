"""The verdicts of the last collector run, which the store has ready."""

from collections.abc import Mapping

from backup_monitoring.plugin.account_verdicts import MOST_KEPT, AccountVerdicts, add_totals
from backup_monitoring.plugin.counter import Evaluation


class StoredAccounts(AccountVerdicts):
    """The verdicts of the last run."""

    def _count(self) -> Mapping[str, int]:
        request, state = self._request, self._request.state
        assert state is not None  # noqa: S101 - otherwise all is judged anew
        verdicts = state.verdicts()
        if request.uids is None:
            worst = verdicts.list_worst(
                self._task.name,
                MOST_KEPT if request.options.verbose else 1,
                detailed=request.detailed,
            )
            evaluations = [Evaluation(each.uid, self.add_details(each)) for each in worst]
            self.counter.set_counts(verdicts.count(self._task.name), evaluations)
            return verdicts.read_totals(total.name for total in self._task.totals)
        found = set[str]()
        for each in verdicts.find(request.uids, self._task.name, detailed=request.detailed):
            self.add(each)
            found.add(each.uid.lower())
        self.add_missing(found)
        if request.single or not self._task.totals:
            return {}
        accounts = state.accounts(None, request.uids, self._task.needs.entry)
        return add_totals(self._task, (account for account, _ in accounts))
