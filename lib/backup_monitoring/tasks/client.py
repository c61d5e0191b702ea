"""Client: is a computer's backup program too old?"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from packaging.version import InvalidVersion, Version

from backup_monitoring.model import (
    Account,
    Client,
    Computer,
    End,
    Schedule,
    Start,
    State,
    Uploads,
    Verdict,
)
from backup_monitoring.tasks.account_eligibility import check_home, check_status
from backup_monitoring.tasks.aggregate import ComputerVerdict, aggregate, list_reporting_computers
from backup_monitoring.tasks.computer_eligibility import check_reports, check_retired
from backup_monitoring.tasks.policies import ClientPolicy, SchedulePolicy


def evaluate_client(
    account: Account,
    uploads: Uploads,
    policy: ClientPolicy,
    schedule: SchedulePolicy,
    now: datetime,
) -> Verdict:
    """Judge whether the backup programs of *account*'s computers are new enough.

    Args:
        account: whose uploads these are.
        uploads: what lies in its home.
        policy: the oldest good version by identifier, for WARNING and CRITICAL.
        schedule: says when a computer counts as retired.
        now: aware UTC.

    Returns:
        The worst computer's verdict; the metric ``outdated`` counts computers. Raises nothing.
    """
    if verdict := check_status(account) or check_home(account, uploads):
        return verdict
    computers = list_reporting_computers(uploads)
    judgements = [_judge(each, computers, policy, schedule, now) for each in computers]
    verdict = aggregate(judgements, uploads, "outdated", (None, None))
    outdated = sum(each.number or 0 for each in judgements)
    return verdict._replace(metrics=tuple(m._replace(value=outdated) for m in verdict.metrics))


def find_client(computer: Computer) -> Client | None:
    """Return the program that wrote the newest report of *computer* that names one."""
    dated = [each for each in (computer.start, computer.end) if isinstance(each, Start | End)]
    dated.sort(key=lambda report: report.at, reverse=True)
    plan = [computer.schedule] if isinstance(computer.schedule, Schedule) else []
    named = (report.client for report in [*dated, *plan])
    return next((each for each in named if each is not None), None)


def _judge(
    computer: Computer,
    others: Sequence[Computer],
    policy: ClientPolicy,
    schedule: SchedulePolicy,
    now: datetime,
) -> ComputerVerdict:
    if judgement := check_retired(computer, others, schedule, now):
        return judgement
    found = find_client(computer)
    if found is None:
        reports = (computer.start, computer.end, computer.schedule)
        unnamed = _doubtful(computer, "its reports name no client", policy)
        return check_reports(computer, reports) or unnamed
    return _compare(computer, found, policy)


def _compare(computer: Computer, found: Client, policy: ClientPolicy) -> ComputerVerdict:
    name = f"{found.identifier or '(no identifier)'} {found.version}".rstrip()
    levels: Sequence[tuple[State, Mapping[str, str]]] = (
        (State.CRITICAL, policy.minimum_critical),
        (State.WARNING, policy.minimum),
    )
    if not any(found.identifier in minimums for _, minimums in levels):
        return _doubtful(computer, f"{name}, no minimum for it in the settings", policy)
    version = parse_version(found.version)
    if version is None:
        return _doubtful(computer, f"{name}, which is no version", policy)
    for state, minimums in levels:
        oldest = parse_version(minimums.get(found.identifier, ""))
        if oldest is not None and version < oldest:
            summary = f"{name} is too old, threshold {oldest} (settings)"
            facts = {
                "cause": "outdated",
                "identifier": found.identifier,
                "version": found.version,
                "minimum": str(oldest),
            }
            return ComputerVerdict(computer.name, state, summary, 1, facts=facts)
    return ComputerVerdict(computer.name, State.OK, f"{name} is new enough", 0)


def _doubtful(computer: Computer, summary: str, policy: ClientPolicy) -> ComputerVerdict:
    return ComputerVerdict(computer.name, State.UNKNOWN if policy.strict else State.OK, summary, 0)


def parse_version(text: str) -> Version | None:
    """Return the version that *text* says, None if it says none.

    Source: PEP 440, of which the clients' ``2.5.0-rc.3`` and ``2.0.5_pre`` are spellings.
    """
    if len(text) > _LONGEST:
        return None
    described = _DESCRIBED.fullmatch(text)
    try:
        return Version(f"{described[1]}.post{described[2]}" if described else text)
    except InvalidVersion:
        return None


# git describe: so many commits after a release, such as 2.7.1-4-g0549bf1.
_DESCRIBED = re.compile(r"(.+)-([0-9]{1,9})-g[0-9a-f]{4,40}", re.ASCII)


_LONGEST = 64
