"""Judges accounts anew: live, or from the store's inputs where an option asks for it."""

from collections.abc import Mapping

from backup_monitoring.model import Account, Uploads
from backup_monitoring.plugin.account_verdicts import (
    AccountSource,
    AccountVerdicts,
    Request,
    add_totals,
)
from backup_monitoring.store import AccountVerdict
from backup_monitoring.tasks import Task, evaluate_all, format_thresholds, is_certainly_ok


class JudgedAccounts(AccountVerdicts):
    """The verdicts of the rule on the accounts that *source* yields."""

    def __init__(self, task: Task, request: Request, source: AccountSource) -> None:
        super().__init__(task, request)
        self._source = source

    def _count(self) -> Mapping[str, int]:
        request, counter, found = self._request, self.counter, set[str]()
        sums = dict(add_totals(self._task, ()))
        for account, uploads in self._source():
            for name in sums:
                sums[name] += getattr(account, name) or 0
            # The first one is judged: the output names a worst one.
            if not request.lists_all and counter.total and self._is_certainly_ok(account):
                counter.add_ok()
                continue
            self.add(self._judge(account, uploads))
            if request.uids is not None:  # else nobody asks for the names
                found.add(account.uid.lower())
        self.add_missing(found)
        return sums

    def _is_certainly_ok(self, account: Account) -> bool:
        try:
            return is_certainly_ok(self._task, account, self._request.policies)
        except Exception:  # the rule will fail as well, and make the account UNKNOWN
            return False

    def _judge(self, account: Account, uploads: Uploads) -> AccountVerdict:
        request, task = self._request, self._task.name
        verdict = evaluate_all(account, uploads, request.policies, request.now, (task,))[task]
        judged = AccountVerdict(account.uid, account.hosts, task, verdict)
        if not request.detailed:
            return judged
        since = None
        if request.state is not None:
            since = request.state.verdicts().find_states(account.uid).get(task)
        thresholds = ""
        if verdict.metrics:
            thresholds = format_thresholds(self._task, account, request.policies)
        return judged._replace(
            # The last run may have found another state, by other thresholds.
            since=since if since is not None and since.state is verdict.state else None,
            thresholds=thresholds,
            findings=(*account.findings, *uploads.findings),
        )
