"""Schedule: was a backup not executed at its planned time?"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from backup_monitoring.model import (
    CLOCK_SLACK,
    Account,
    Computer,
    End,
    InvalidReport,
    Pattern,
    Schedule,
    Start,
    State,
    Uploads,
    Verdict,
    format_duration,
    format_time,
)
from backup_monitoring.tasks.account_eligibility import check_home, check_status
from backup_monitoring.tasks.aggregate import (
    ComputerVerdict,
    aggregate,
    known,
    list_reporting_computers,
)
from backup_monitoring.tasks.calendar import MOST_A_DAY, find_clock, find_pattern, is_dense
from backup_monitoring.tasks.computer_eligibility import (
    check_clock_ahead,
    check_reports,
    check_retired,
)
from backup_monitoring.tasks.due import ComputerClock, count_due, due_times
from backup_monitoring.tasks.policies import RunPolicies
from backup_monitoring.tasks.runs import find_newest_run
from backup_monitoring.tasks.warn_after import (
    WarnAfter,
    evaluate_warn_after,
    format_warn_after,
    resolve_warn_after,
)

MOST_MISSED = 999
_MOMENT = timedelta(microseconds=1)
# A client's clock of 1970 must not cost a second. The rarest due time is 29 February, around 2100.
_FAR = timedelta(days=9 * 366)
_LONG = timedelta(days=7)
# Each costs tens of milliseconds: a customer with hundreds of them must not stall the others.
_MOST_DENSE = 20
_TOO_DENSE = (
    f"more than {_MOST_DENSE} computers of the account have more than {MOST_A_DAY} due times a day"
)


def evaluate_schedule(
    account: Account, uploads: Uploads, policies: RunPolicies, now: datetime
) -> Verdict:
    """Judge whether the computers of *account* backed up when they had to.

    A due time is missed when no backup started at or after it (less ``early``), none was running
    at it, and it is older than ``grace``. Missed ones are told when patience is lost.

    Args:
        account: with its patience, and ``created``.
        uploads: what lies in its home.
        policies: of the settings.
        now: aware UTC.

    Returns:
        The worst computer's verdict, with the metric ``missed``. Raises nothing.

    Source: docs/rules.md, "Schedule".
    """
    if verdict := check_status(account) or check_home(account, uploads):
        return verdict
    warn_after = resolve_warn_after(account, policies.warn_after)
    computers = list_reporting_computers(uploads)
    many = [each.name for each in computers if is_dense(each)][_MOST_DENSE:]
    judgements = [
        ComputerVerdict(each.name, State.UNKNOWN, _TOO_DENSE)
        if each.name in many
        else _judge(account, each, computers, warn_after, policies, now)
        for each in computers
    ]
    return aggregate(judgements, uploads, "missed", warn_after.ranges)


def _judge(
    account: Account,
    computer: Computer,
    others: Sequence[Computer],
    warn_after: WarnAfter,
    policies: RunPolicies,
    now: datetime,
) -> ComputerVerdict:
    planned, start = computer.schedule, computer.start
    judgement = (
        check_retired(computer, others, policies.schedule, now)
        or check_reports(computer, (planned, start))
        or check_clock_ahead(computer, now)
    )
    if judgement is not None:
        return judgement
    assert not isinstance(planned, InvalidReport)  # noqa: S101 - for the type checker
    if planned is None or not isinstance(planned.plan, Pattern):
        return _without_due_times(computer, planned, policies, now)
    return _with_due_times(account, computer, planned, warn_after, policies, now)


def _with_due_times(
    account: Account,
    computer: Computer,
    planned: Schedule,
    warn_after: WarnAfter,
    policies: RunPolicies,
    now: datetime,
) -> ComputerVerdict:
    pattern, said = find_pattern(account, computer, planned, policies.schedule)
    clock = find_clock(computer, policies.schedule)
    assert pattern is not None  # noqa: S101 - asked for by the caller
    assert clock is not None  # noqa: S101 - a pattern has an offset
    counted = _counted_from(account, computer, planned, policies, now)
    if counted is None:
        return ComputerVerdict(
            computer.name, State.UNKNOWN, "neither a start nor an age to count from"
        )
    until = now - policies.schedule.grace - _MOMENT
    missed = count_due(pattern, clock.zone, max(counted, now - _FAR), until, MOST_MISSED + 1)
    last, upcoming = _last_backup(computer), _next_due(pattern, clock, now)
    how = f"{said}; zone {clock.found}; counted from {format_time(counted, clock.zone)}"
    facts = known(next_due=upcoming, last_backup=last.at, zone=clock.zone)
    if not missed:
        kept = _kept(upcoming, clock, last)
        return ComputerVerdict(computer.name, State.OK, kept, 0, how, facts)
    first = next(due_times(pattern, clock.zone, counted, until))
    state, threshold = evaluate_warn_after(warn_after, missed, last.at, now)
    summary = f"{_format_missed(missed, first, clock)}, {threshold}{_hint(now - first)}"
    how += f"; {format_warn_after(warn_after)}; {last.said(clock)}"
    facts |= warn_after.facts | known(cause="missed", missed=missed, first_due=first)
    return ComputerVerdict(computer.name, state, summary, min(missed, MOST_MISSED), how, facts)


def _counted_from(
    account: Account, computer: Computer, planned: Schedule, policies: RunPolicies, now: datetime
) -> datetime | None:
    """Return the moment after which due times can have been missed."""
    start, end, history = computer.start, computer.end, computer.history
    changed = history.schedule_changed if history is not None else _uploaded(planned, now)
    run = find_newest_run(computer, policies.status, now)
    if run is None:
        seen = (account.created, history.first_seen if history is not None else None, changed)
        return max((each for each in seen if each is not None), default=None)
    moments = [run.until]
    if isinstance(start, Start):
        moments.append(start.at + policies.schedule.early)
        if isinstance(
            end, InvalidReport
        ):  # an end that is not understood: no first backup for days
            moments[0] = start.at + policies.status.max_runtime
    return max([*moments, changed] if changed is not None else moments)


def _uploaded(planned: Schedule, now: datetime) -> datetime | None:
    """Return when *planned*'s file came, None where its date is out of sense."""
    # The date may be of the computer's clock, which may be ahead a little.
    return min(planned.modified, now) if planned.modified <= now + CLOCK_SLACK else None


class _Last(NamedTuple):
    """The last backup: its start; the *end* where its start was not uploaded."""

    at: datetime | None
    end: bool = False

    def said(self, clock: ComputerClock | None) -> str:
        word = "end" if self.end else "start"
        return f"last {word} {_format_last_backup(self.at, clock)}"


def _last_backup(computer: Computer) -> _Last:
    start, end = computer.start, computer.end
    if not isinstance(end, End):
        return _Last(start.at if isinstance(start, Start) else None)
    if isinstance(start, Start) and (start.at >= end.at or start.id == end.id):
        return _Last(start.at)
    return _Last(end.at, end=True)


def _without_due_times(
    computer: Computer, planned: Schedule | None, policies: RunPolicies, now: datetime
) -> ComputerVerdict:
    said = "no schedule uploaded"
    if planned is not None and not isinstance(planned.plan, Pattern):
        said = planned.plan.value
    last, oldest = _last_backup(computer).at, policies.schedule.max_backup_age
    clock = find_clock(computer, policies.schedule)
    told = f"{said}, last backup {_format_last_backup(last, clock)}"
    if oldest is None or last is None or now - last <= oldest:
        return ComputerVerdict(computer.name, State.OK, told)
    state = State.CRITICAL if now - last > 3 * oldest else State.WARNING
    summary = f"{told}, threshold {format_duration(oldest)} ([schedule] max_backup_age)"
    facts = known(cause="old", last_backup=last, age=now - last, threshold_age=oldest)
    return ComputerVerdict(computer.name, state, summary, facts=facts)


def _next_due(pattern: Pattern, clock: ComputerClock, now: datetime) -> datetime | None:
    return next(due_times(pattern, clock.zone, now, now + timedelta(days=400)), None)


def _kept(upcoming: datetime | None, clock: ComputerClock, last: _Last) -> str:
    following = f", next due {format_time(upcoming, clock.zone)}" if upcoming is not None else ""
    return f"none missed, {last.said(clock)}{following}"


def _format_last_backup(last: datetime | None, clock: ComputerClock | None) -> str:
    return format_time(last, clock.zone) if last is not None and clock is not None else "not known"


def _format_missed(missed: int, first: datetime, clock: ComputerClock) -> str:
    backups = "backup" if missed == 1 else "backups"
    count = missed if missed <= MOST_MISSED else f"more than {MOST_MISSED}"
    return f"{count} {backups} missed since {format_time(first, clock.zone)}"


def _hint(since: timedelta) -> str:
    return "; if this computer was retired, remove its folder" if since > _LONG else ""
