"""Health: is the monitoring itself healthy?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from backup_monitoring.model import (
    CLOCK_SLACK,
    FINDING_KINDS,
    Metric,
    Range,
    State,
    Verdict,
    format_count,
    format_duration,
    format_duration_setting,
    format_time,
)
from backup_monitoring.settings import MonitoringPolicy

if TYPE_CHECKING:  # without an outbox in the settings it is not loaded
    from backup_monitoring.outbox import OutboxStatus

_ACCEPT_HELD = "if they are really gone: collect_backup_state --accept-loss"
_ALWAYS_ALLOWED = 3  # accounts


class Routine(NamedTuple):
    """What is done again and again, for example a part of the store that is read.

    Args:
        name: directory, storage, results, objects, scan.
        done: read, submitted, updated, completed.
        at: when it was last done completely, aware UTC; None: never.
        error: why it was not in the last run, or never.
        max_age: the age from which on it is CRITICAL: a part of the store is not used any more.
        setting: the key of that age.
    """

    name: str
    done: str
    at: datetime | None
    error: str | None
    max_age: timedelta
    setting: str


class AffectedAccounts(NamedTuple):
    """How many accounts the monitoring cannot judge, or not by all that they have.

    Args:
        total: number of accounts. task: the check in which the most are UNKNOWN. unknown: these.
        homes: accounts whose home is missing or cannot be read.
        reports: accounts with a file that is not a valid report.
    """

    total: int
    task: str
    unknown: int
    homes: int
    reports: int


class LastRun(NamedTuple):
    """The last collector run: its *duration*, its *findings* by kind, and the *accounts*."""

    duration: timedelta
    findings: Mapping[str, int] = {}
    accounts: AffectedAccounts = AffectedAccounts(0, "", 0, 0, 0)


class OutboxFailure(NamedTuple):
    """Why the outbox cannot be read, and the state that this is."""

    state: State
    problem: str


class HealthAspect(NamedTuple):
    """One thing that is checked, and its state."""

    state: State
    text: str


def evaluate_health(
    routines: tuple[Routine, ...],
    run: LastRun,
    policy: MonitoringPolicy,
    now: datetime,
    mails: OutboxStatus | OutboxFailure | None = None,
) -> Verdict:
    """Judge the routines, the last collector run, what it could not read, and the outbox.

    A routine is WARNING if the last run of it failed or it is older than half of its ``max_age``,
    and CRITICAL if it is older than that.

    Args:
        routines: the store's parts first.
        run: the last one.
        policy: thresholds.
        now: aware UTC.
        mails: of the outbox, or why it cannot be read; None without one in the settings.
    """
    aspects = list_aspects(routines, run, policy, now, mails)
    state, summary = max(aspects, key=lambda aspect: aspect.state.badness)
    bad = sum(aspect.state is not State.OK for aspect in aspects)
    if state is State.OK:
        summary = ", ".join(aspect.text for aspect in aspects[: len(routines) + 1])
    elif bad > 1:
        summary += f"; {format_count(bad - 1, 'more problem')}"
    return Verdict(
        state,
        summary,
        None,
        (
            *_list_metrics(routines, run, policy, now),
            *_list_mail_metrics(mails, policy),
        ),
        tuple(f"{aspect.state.name} - {aspect.text}" for aspect in aspects),
    )


def list_aspects(
    routines: tuple[Routine, ...],
    run: LastRun,
    policy: MonitoringPolicy,
    now: datetime,
    mails: OutboxStatus | OutboxFailure | None = None,
) -> list[HealthAspect]:
    """Return all that `evaluate_health` judges, in this order; arguments as of it."""
    aspects = [_check_routine(each, now) for each in routines]
    aspects.append(_check_duration(run.duration, policy))
    aspects += _check_accounts(run.accounts, policy)
    aspects += [_check_findings(kind, run.findings.get(kind, 0), policy) for kind in FINDING_KINDS]
    aspects += _check_mails(mails, policy)
    return aspects


def _check_routine(routine: Routine, now: datetime) -> HealthAspect:
    name, done, at, error, max_age, setting = routine
    if at is None:
        were = "were" if name.endswith("s") else "was"
        reason = error or "no reason known"
        return HealthAspect(State.CRITICAL, f"{name} {were} never {done}: {reason}")
    age, when = now - at, format_time(at, UTC)
    if age < -CLOCK_SLACK:
        text = f"clock: {name} {done} in the future, {when}; set the clock"
        return HealthAspect(State.UNKNOWN, text)
    text = f"{name} {done} {when}, {format_duration(age)} ago"
    why = f": {error}" if error else ""
    if age > max_age:
        threshold = f"{format_duration_setting(max_age)} ({setting})"
        return HealthAspect(State.CRITICAL, f"{text}, threshold {threshold}{why}")
    if age > max_age / 2 or error:
        threshold = f"{format_duration_setting(max_age / 2)} (half of {setting})"
        return HealthAspect(State.WARNING, f"{text}, threshold {threshold}{why}")
    return HealthAspect(State.OK, text)


def _check_duration(duration: timedelta, policy: MonitoringPolicy) -> HealthAspect:
    text = f"last run took {duration.total_seconds():.1f} s"
    if duration > policy.duration:
        threshold = format_duration_setting(policy.duration)
        return HealthAspect(State.WARNING, f"{text}, threshold {threshold} ([monitoring] duration)")
    return HealthAspect(State.OK, text)


def _check_accounts(accounts: AffectedAccounts, policy: MonitoringPolicy) -> Iterator[HealthAspect]:
    # The causes first: of equally bad aspects the first one is the summary.
    for number, problem in (
        (accounts.homes, "without a readable home"),
        (accounts.reports, "with a file that is not a valid report"),
        (accounts.unknown, f"UNKNOWN in {accounts.task}"),
    ):
        text = f"{number} of {format_count(accounts.total, 'account')} {problem}"
        state, key = State.OK, ""
        for worse, name, percent in (
            (State.WARNING, "affected", policy.affected),
            (State.CRITICAL, "affected_critical", policy.affected_critical),
        ):
            if number > _get_most(accounts.total, percent):
                state, key = worse, f", threshold {percent:g} % ([monitoring] {name})"
        yield HealthAspect(state, text + key)


def _get_most(total: int, percent: float) -> int:
    """Return how many of *total* accounts may be affected: some always are in a small fleet."""
    return max(_ALWAYS_ALLOWED, math.floor(total * percent / 100))


def _check_findings(kind: str, count: int, policy: MonitoringPolicy) -> HealthAspect:
    threshold = _get_threshold(kind, policy)
    text = f"{format_count(count, 'finding')} of kind {kind} ({FINDING_KINDS[kind]})"
    if threshold and count >= threshold:
        see = _ACCEPT_HELD if kind == "held" else "see collect_backup_state -v"
        text += f", threshold {threshold} ([monitoring.findings]); {see}"
        return HealthAspect(State.WARNING, text)
    return HealthAspect(State.OK, text)


def _get_threshold(kind: str, policy: MonitoringPolicy) -> int | None:
    """Return from how many findings on *kind* is WARNING: what is held waits for a decision."""
    return 1 if kind == "held" else policy.findings.get(kind)


def _check_mails(
    mails: OutboxStatus | OutboxFailure | None, policy: MonitoringPolicy
) -> list[HealthAspect]:
    if mails is None:
        return []
    if isinstance(mails, OutboxFailure):
        return [HealthAspect(mails.state, mails.problem)]
    waiting = format_count(mails.waiting, "mail waits", "mails wait")
    count = mails.spooled + mails.retried
    calls = format_count(count, "call of the hook waits", "calls of the hook wait")
    calls += f" ({mails.spooled} of them spooled)"
    held = format_count(mails.held, "mail is held", "mails are held")
    held += "; see notify_backup --release"
    refused = format_count(mails.refused, "mail")
    refused += " of the last 24 h could not be delivered; see [notify] log"
    return [
        _check_age(waiting, mails.oldest, policy, mails.reason),
        _check_age(calls, mails.oldest_call, policy),
        HealthAspect(State.WARNING if mails.held else State.OK, held),
        HealthAspect(State.WARNING if mails.refused else State.OK, refused),
    ]


def _check_age(
    text: str, oldest: timedelta | None, policy: MonitoringPolicy, reason: str = ""
) -> HealthAspect:
    oldest = oldest or timedelta(0)
    text += f", the oldest for {format_duration(oldest)}"
    if oldest <= policy.outbox:
        return HealthAspect(State.OK, text)
    threshold = format_duration_setting(policy.outbox)
    text += f", threshold {threshold} ([monitoring] outbox)"
    return HealthAspect(State.CRITICAL, f"{text}: {reason}" if reason else text)


def _list_metrics(
    routines: tuple[Routine, ...],
    run: LastRun,
    policy: MonitoringPolicy,
    now: datetime,
) -> Iterator[Metric]:
    for each in routines:
        if each.at is not None:
            threshold = int(each.max_age.total_seconds())
            ranges = (Range(end=threshold // 2), Range(end=threshold))
            age = max(0, int((now - each.at).total_seconds()))
            yield Metric(f"{each.name}_age", age, "s", *ranges)
    longest = Range(end=policy.duration.total_seconds())
    yield Metric("run_duration", round(run.duration.total_seconds(), 3), "s", longest)
    affected = run.accounts
    most = Range(end=_get_most(affected.total, policy.affected))
    most_critical = Range(end=_get_most(affected.total, policy.affected_critical))
    for name, number in (
        ("unknown", affected.unknown),
        ("without_home", affected.homes),
        ("invalid_report", affected.reports),
    ):
        yield Metric(f"accounts_{name}", number, "", most, most_critical, maximum=affected.total)
    for kind in FINDING_KINDS:
        warning = _get_threshold(kind, policy)
        good = Range(end=warning - 1) if warning else None
        yield Metric(f"findings_{kind}", run.findings.get(kind, 0), "", good)


def _list_mail_metrics(
    mails: OutboxStatus | OutboxFailure | None, policy: MonitoringPolicy
) -> Iterator[Metric]:
    if mails is None or isinstance(mails, OutboxFailure):
        return
    none = Range(end=0)
    ages = (mails.oldest, mails.oldest_call)
    oldest, oldest_call = (int(age.total_seconds()) if age is not None else 0 for age in ages)
    yield Metric("mails_waiting", mails.waiting)
    threshold = int(policy.outbox.total_seconds())
    yield Metric("mails_oldest", oldest, "s", None, Range(end=threshold))
    yield Metric("calls_spooled", mails.spooled)
    yield Metric("calls_retried", mails.retried)
    yield Metric("calls_oldest", oldest_call, "s", None, Range(end=threshold))
    yield Metric("mails_held", mails.held, "", none)
    yield Metric("mails_refused", mails.refused, "", none)
