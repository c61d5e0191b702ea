"""A verdict with what its readers need of the account."""

from typing import NamedTuple

from backup_monitoring.model import Finding, Verdict
from backup_monitoring.tasks import StateSince


class AccountVerdict(NamedTuple):
    """The verdict of an account in a task.

    Args:
        uid, hosts: of the account. task: the name of the task.
        verdict: as of the last collector run, or of now where it was judged live.
        since: since when the account has this state; None: live, where nobody knows.
        thresholds: the thresholds in effect as text, '' if the verdict has no numbers.
        findings: of the account and its home, where they were asked for.
    """

    uid: str
    hosts: tuple[str, ...]
    task: str
    verdict: Verdict
    since: StateSince | None = None
    thresholds: str = ""
    findings: tuple[Finding, ...] = ()
