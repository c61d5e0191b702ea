"""Service: does the monitoring itself live?"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from backup_monitoring.model import (
    CLOCK_SLACK,
    FINDING_KINDS,
    Metric,
    Range,
    State,
    Verdict,
    format_duration,
    format_duration_setting,
    format_time,
)
from backup_monitoring.settings import MonitoringPolicy


class StorePart(NamedTuple):
    """A part of the store.

    Args:
        name: directory or storage.
        read: when it was last read completely, aware UTC; None: never.
        error: why the last pass could not read it.
        max_age: the age from which on checks refuse it.
    """

    name: str
    read: datetime | None
    error: str | None
    max_age: timedelta


class OutboxHealth(NamedTuple):
    """The mails of the outbox.

    Args:
        waiting: to be delivered. oldest: since how long the oldest of them waits.
        held: by the storm guard. refused: that will not arrive, of the last 24 h.
    """

    waiting: int = 0
    oldest: timedelta | None = None
    held: int = 0
    refused: int = 0


def evaluate_health(
    parts: tuple[StorePart, ...],
    duration: timedelta,
    findings: Mapping[str, int],
    policy: MonitoringPolicy,
    now: datetime,
    mails: OutboxHealth | None = None,
) -> Verdict:
    """Judge the store: the age of its parts, the last pass, what it found; and the outbox.

    A part is WARNING from half of its ``max_age`` on, and when the last pass could not read it;
    CRITICAL when checks refuse it.

    Args:
        parts: of the store.
        duration: of the last pass.
        findings: how many there are of each kind.
        policy: thresholds.
        now: aware UTC.
        mails: None where there is no outbox.
    """
    evaluate_all = [_part(part, now) for part in parts]
    evaluate_all.append(_duration(duration, policy))
    evaluate_all += [_kind(kind, findings.get(kind, 0), policy) for kind in FINDING_KINDS]
    evaluate_all += _of_mails(mails, policy) if mails is not None else []
    state, summary = max(evaluate_all, key=lambda each: each[0].badness)
    bad = sum(each[0] is not State.OK for each in evaluate_all)
    if state is State.OK:
        summary = ", ".join(said for _, said in evaluate_all[: len(parts) + 1])
    elif bad > 1:
        summary += f"; {bad - 1} more problem{'s' * (bad > 2)}"
    details = tuple(f"{each.name} - {said}" for each, said in evaluate_all)
    return Verdict(
        state,
        summary,
        None,
        (*_metrics(parts, duration, findings, policy, now), *_mail_metrics(mails, policy)),
        details,
    )


_SETTING = {"directory": "[store] directory_max_age", "storage": "[store] max_age"}


def _part(part: StorePart, now: datetime) -> tuple[State, str]:
    if part.read is None:
        return State.CRITICAL, f"{part.name} was never read: {part.error or 'no reason known'}"
    age = now - part.read
    read = format_time(part.read, UTC)
    said = f"{part.name} read {read}, {format_duration(age)} ago"
    if age < -CLOCK_SLACK:
        return State.UNKNOWN, f"clock: {part.name} read in the future, {read}; set the clock"
    why = f": {part.error}" if part.error else ""
    if age > part.max_age:
        threshold = format_duration_setting(part.max_age)
        return State.CRITICAL, f"{said}, threshold {threshold} ({_SETTING[part.name]}){why}"
    if age > part.max_age / 2 or part.error:
        half = format_duration_setting(part.max_age / 2)
        return State.WARNING, f"{said}, threshold {half} (half of {_SETTING[part.name]}){why}"
    return State.OK, said


def _duration(duration: timedelta, policy: MonitoringPolicy) -> tuple[State, str]:
    said = f"last pass took {duration.total_seconds():.1f} s"
    if duration > policy.duration:
        threshold = format_duration_setting(policy.duration)
        return State.WARNING, f"{said}, threshold {threshold} ([monitoring] duration)"
    return State.OK, said


def _kind(kind: str, count: int, policy: MonitoringPolicy) -> tuple[State, str]:
    threshold = policy.findings.get(kind)
    said = f"{count} finding{'s' * (count != 1)} of kind {kind} ({FINDING_KINDS[kind]})"
    if threshold is not None and count >= threshold:
        return (
            State.WARNING,
            f"{said}, threshold {threshold} (settings); see collect_backup_state -v",
        )
    return State.OK, said


def _metrics(
    parts: tuple[StorePart, ...],
    duration: timedelta,
    findings: Mapping[str, int],
    policy: MonitoringPolicy,
    now: datetime,
) -> Iterator[Metric]:
    for part in parts:
        if part.read is not None:
            threshold = int(part.max_age.total_seconds())
            ranges = (Range(end=threshold // 2), Range(end=threshold))
            age = max(0, int((now - part.read).total_seconds()))
            yield Metric(f"{part.name}_age", age, "s", *ranges)
    yield Metric(
        "duration",
        round(duration.total_seconds(), 3),
        "s",
        Range(end=policy.duration.total_seconds()),
    )
    for kind in FINDING_KINDS:
        warning = policy.findings.get(kind)
        good = Range(end=warning - 1) if warning is not None else None
        yield Metric(f"findings_{kind}", findings.get(kind, 0), "", good)


def _of_mails(mails: OutboxHealth, policy: MonitoringPolicy) -> list[tuple[State, str]]:
    oldest = mails.oldest or timedelta(0)
    waits = f"{mails.waiting} mails wait, the oldest for {format_duration(oldest)}"
    late = oldest > policy.outbox
    if late:
        waits += f", threshold {format_duration_setting(policy.outbox)} (settings outbox)"
    held = f"{mails.held} mails are held; see notify_backup --release"
    refused = f"{mails.refused} mails of the last 24 h will not arrive; see the audit"
    return [
        (State.CRITICAL if late else State.OK, waits),
        (State.WARNING if mails.held else State.OK, held),
        (State.WARNING if mails.refused else State.OK, refused),
    ]


def _mail_metrics(mails: OutboxHealth | None, policy: MonitoringPolicy) -> Iterator[Metric]:
    if mails is None:
        return
    none = Range(end=0)
    oldest = int(mails.oldest.total_seconds()) if mails.oldest is not None else 0
    yield Metric("mails_waiting", mails.waiting)
    threshold = int(policy.outbox.total_seconds())
    yield Metric("mails_oldest", oldest, "s", None, Range(end=threshold))
    yield Metric("mails_held", mails.held, "", none)
    yield Metric("mails_refused", mails.refused, "", none)
