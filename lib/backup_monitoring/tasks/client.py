"""Client: is a computer's backup program too old?"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from packaging.version import InvalidVersion, Version

from backup_monitoring.model import (
    Account,
    Client,
    Computer,
    State,
    Uploads,
    Verdict,
)
from backup_monitoring.tasks.account_eligibility import check_home, check_status
from backup_monitoring.tasks.aggregate import ComputerVerdict, aggregate, list_reporting_computers
from backup_monitoring.tasks.client_facts import ClientFacts
from backup_monitoring.tasks.client_task import ClientPolicy
from backup_monitoring.tasks.computer_client import find_client
from backup_monitoring.tasks.computer_eligibility import check_retired
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.readable import check_reports
from backup_monitoring.tasks.schedule_task import SchedulePolicy

# git describe: the number of commits since a release, for example 2.7.1-4-g0549bf1.
_DESCRIBED = re.compile(r"(.+)-([0-9]{1,9})-g[0-9a-f]{4,40}", re.ASCII)
_LONGEST_VERSION = 64


def evaluate_client(
    account: Account, uploads: Uploads, policies: Policies, now: datetime
) -> Verdict:
    """Evaluate whether the backup programs of *account*'s computers are new enough.

    Args:
        account: the owner of *uploads*.
        uploads: the reports in its home directory.
        policies: the oldest good version per identifier, and when a computer counts as retired.
        now: aware UTC.

    Returns:
        The worst computer's verdict; the metric ``outdated`` counts computers. Raises nothing.

    Source: docs/rules.md, "Client".
    """
    if verdict := check_status(account) or check_home(account, uploads):
        return verdict
    computers = list_reporting_computers(uploads)
    verdicts = [_evaluate_computer(each, computers, policies, now) for each in computers]
    verdict = aggregate(verdicts, uploads, "outdated", (None, None))
    outdated = sum(each.number or 0 for each in verdicts)
    return verdict._replace(metrics=tuple(m._replace(value=outdated) for m in verdict.metrics))


def _evaluate_computer(
    computer: Computer,
    others: Sequence[Computer],
    policies: Policies,
    now: datetime,
) -> ComputerVerdict:
    if verdict := check_retired(computer, others, policies[SchedulePolicy], now):
        return verdict
    policy = policies[ClientPolicy]
    client = find_client(computer, now)
    if client is not None:
        return _compare_versions(computer, client, policy)
    reports = (computer.start, computer.end, computer.schedule)
    unnamed = _report_incomparable(computer, "its reports do not name the client", policy)
    return check_reports(computer, reports) or unnamed


def _compare_versions(computer: Computer, client: Client, policy: ClientPolicy) -> ComputerVerdict:
    name = f"{client.identifier or '(no identifier)'} {client.version}".rstrip()
    levels: Sequence[tuple[State, Mapping[str, str]]] = (
        (State.CRITICAL, policy.minimum_critical),
        (State.WARNING, policy.minimum),
    )
    if not any(client.identifier in minimums for _, minimums in levels):
        return _report_incomparable(computer, f"{name}: no minimum in the settings", policy)
    version = parse_version(client.version)
    if version is None:
        return _report_incomparable(computer, f"{name}: not a valid version", policy)
    for state, minimums in levels:
        oldest = parse_version(minimums.get(client.identifier, ""))
        if oldest is not None and version < oldest:
            summary = f"{name} is too old, threshold {oldest} (settings)"
            facts = ClientFacts("outdated", None, client.identifier, client.version, str(oldest))
            return ComputerVerdict(computer.name, state, summary, 1, facts=facts)
    facts = ClientFacts(identifier=client.identifier, version=client.version)
    return ComputerVerdict(computer.name, State.OK, f"{name} is new enough", 0, facts=facts)


def _report_incomparable(computer: Computer, summary: str, policy: ClientPolicy) -> ComputerVerdict:
    return ComputerVerdict(computer.name, State.UNKNOWN if policy.strict else State.OK, summary, 0)


def parse_version(text: str) -> Version | None:
    """Return the version that *text* is, None if it is not a valid one.

    Source: PEP 440; the clients' ``2.5.0-rc.3`` and ``2.0.5_pre`` are spellings that it allows.
    """
    if len(text) > _LONGEST_VERSION:
        return None
    described = _DESCRIBED.fullmatch(text)
    try:
        return Version(f"{described[1]}.post{described[2]}" if described else text)
    except InvalidVersion:
        return None
