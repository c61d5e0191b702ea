"""How did a computer's backups go, on each of the last days?

Each due time and each run leaves a letter on its day, by the computer's own clock, when it is first
known how it went: what no collector run has seen leaves none. So an outage of the monitoring is a
gap, and never a missed backup.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from backup_monitoring.model import (
    CLOCK_SLACK,
    DAY,
    Account,
    Computer,
    End,
    Pattern,
    Start,
)
from backup_monitoring.tasks.calendar import MOST_A_DAY, DuePlan, find_clock, is_dense
from backup_monitoring.tasks.clocks import ReportTime, has_ended
from backup_monitoring.tasks.computer_eligibility import check_computer
from backup_monitoring.tasks.due import iter_due_times
from backup_monitoring.tasks.observation import Observation, observe
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.runs import OpenRun, UnreadRun
from backup_monitoring.tasks.schedule import list_missed
from backup_monitoring.tasks.schedule_task import SchedulePolicy

DAYS = 30
_LONG, _SHORT = 31 * DAY, 8 * DAY  # how late a start may be for its due time
_FEW_A_DAY = 4
_OPEN = re.compile("[A-Z]")


class DueOutcome(Enum):
    """How a backup went; the value is its letter."""

    KEPT = "k"
    EARLY = "e"
    LATE = "l"
    MISSED = "m"
    FAILED = "f"


class OpenBackup(NamedTuple):
    """The last start that was seen: *id*, *at* and *time* of `ReportTime`; how it began: *began*.

    Args:
        is_over: its end was seen, or cannot be seen any more.
    """

    id: str
    at: datetime
    time: datetime
    began: DueOutcome
    is_over: bool = False


class BackupDays(NamedTuple):
    """How a computer's backups went.

    Args:
        first: the ordinal of the first day.
        letters: a word per day, in the order of its due times; of a run that may still go on, a
            capital letter.
        counted: the newest due time that has a letter, by the computer's own clock, aware UTC.
        start: the last start that was seen, None if none was.
        until: nothing changes before, unless the computer uploads; aware UTC.
    """

    first: int
    letters: str = ""
    counted: datetime | None = None
    start: OpenBackup | None = None
    until: datetime | None = None

    def read_days(self) -> dict[int, str]:
        """Return the letters of each day, by its ordinal."""
        words = self.letters.split(" ")
        return {self.first + number: word for number, word in enumerate(words) if word}

    def _write_days(self, days: dict[int, str], newest: int) -> "BackupDays":
        first = max(newest - DAYS, min(days, default=newest))
        # Days of a clock that is years fast are not shown, and would be thousands of words.
        last = min(newest + DAYS, max(days, default=first))
        words = [days.get(day, "") for day in range(first, last + 1)]
        return self._replace(first=first, letters=" ".join(words))


def follow_days(
    before: BackupDays | None,
    account: Account,
    computer: Computer,
    others: Sequence[Computer],
    policies: Policies,
    now: datetime,
) -> BackupDays:
    """Return the days of *computer* after a collector run that saw it at *now*.

    Args:
        before: what was known after the run before, None if nothing was.
        others: the account's computers, *computer* included.
    """
    days = before or BackupDays(now.toordinal())
    if check_computer(computer, others, policies[SchedulePolicy], now) is not None:
        return days._replace(until=now + DAY)
    seen = observe(account, computer, policies, now)
    # A customer with hundreds of dense schedules must not stall the others.
    found = None if is_dense(seen.computer) else seen.find_plan()
    plan = found if isinstance(found, DuePlan) else None
    days = _forget_ahead(days, now + seen.times.error)
    days = _settle(days, seen)
    days = _add_start(days, seen, plan)
    days = _settle(days, seen)
    if plan is not None:
        days = _add_missed(days, seen, plan)
    until = min(_list_changes(days, seen, plan))
    return days._replace(until=until)._write_days(days.read_days(), now.toordinal())


def _forget_ahead(days: BackupDays, own_now: datetime) -> BackupDays:
    """Return *days* without those to come, which a clock that was fast has left.

    Args:
        own_now: by the computer's own clock; one that was hours fast may have been set right.
    """
    if days.counted is None or days.counted <= own_now + DAY:
        return days
    today = own_now.toordinal()
    by_day = {day: word for day, word in days.read_days().items() if day <= today}
    return days._replace(counted=own_now)._write_days(by_day, today)


def _settle(days: BackupDays, seen: Observation) -> BackupDays:
    """Return *days* with how the open run went, if that is known by now."""
    run = days.start
    if run is None or run.is_over:
        return days
    end, start, ended = seen.computer.end, seen.computer.start, seen.times.end
    is_newest = isinstance(start, Start) and (start.id, start.at) == (run.id, run.at)
    if isinstance(end, End) and ended is not None:
        began = ReportTime(run.at, run.time, run.at - run.time)
        if has_ended(began, ended, same_id=end.id == run.id):
            is_own = is_newest or end.id == run.id
            failed = is_own and not end.success
            return _close(days, run.began if not failed else DueOutcome.FAILED)
    newest = seen.find_newest_run()
    if isinstance(newest, UnreadRun):
        return _close(days, run.began)
    if not is_newest:
        return _close(days, DueOutcome.FAILED)
    if isinstance(newest, OpenRun) and newest.never_ended:
        # It may end all the same.
        letters = _OPEN.sub(DueOutcome.FAILED.value.upper(), days.letters)
        return days._replace(letters=letters)
    return days


def _close(days: BackupDays, outcome: DueOutcome) -> BackupDays:
    assert days.start is not None  # noqa: S101 - the caller has seen it
    return days._replace(
        letters=_OPEN.sub(outcome.value, days.letters), start=days.start._replace(is_over=True)
    )


def _add_start(days: BackupDays, seen: Observation, plan: DuePlan | None) -> BackupDays:
    """Return *days* with the newest start, if no run has seen it before."""
    start, began = seen.computer.start, seen.times.start
    if not isinstance(start, Start) or began is None or began.time > seen.now + CLOCK_SLACK:
        return days
    known = days.start
    if known is not None and (known.id, known.at) == (start.id, start.at):
        return days
    own, policy = began.at, seen.policy
    served = None if plan is None else _find_served(own, plan, policy)
    zone = find_clock(seen.computer, seen.times.error, policy).zone
    by_day, began_as = days.read_days(), DueOutcome.KEPT
    if served is None or (days.counted is not None and served < days.counted):
        # started by hand, or repeated
        _add(by_day, own.astimezone(zone).toordinal(), began_as.value.upper())
    else:
        if own < served - CLOCK_SLACK:
            began_as = DueOutcome.EARLY
        elif own > served + policy.grace:
            began_as = DueOutcome.LATE
        day = served.astimezone(zone).toordinal()
        if served == days.counted and by_day.get(day, "").endswith(DueOutcome.MISSED.value):
            by_day[day] = by_day[day][:-1]
        _add(by_day, day, began_as.value.upper())
        days = days._replace(counted=served)
    run = OpenBackup(start.id, start.at, began.time, began_as)
    return days._replace(start=run)._write_days(by_day, seen.now.toordinal())


def _add(by_day: dict[int, str], day: int, letter: str) -> None:
    word = by_day.get(day, "")
    if len(word) < MOST_A_DAY:
        by_day[day] = word + letter


def _find_served(own: datetime, plan: DuePlan, policy: SchedulePolicy) -> datetime | None:
    """Return the due time that a start serves, at *own* by its computer's clock; None if none."""
    is_rare = plan.pattern.days is not None or plan.pattern.months is not None
    after = own - (_LONG if is_rare else _SHORT if _is_sparse(plan.pattern) else 2 * DAY)
    due_times = list(iter_due_times(plan.pattern, plan.clock.zone, after, own + policy.early))
    near = [due for due in due_times if due >= own - policy.grace]
    if near:
        # Late for one due time and early for the next: it serves the former.
        return max((due for due in near if due <= own), default=near[0])
    return max(due_times, default=None)


def _is_sparse(pattern: Pattern) -> bool:
    return len(pattern.hours) * len(pattern.minutes) <= _FEW_A_DAY


def _add_missed(days: BackupDays, seen: Observation, plan: DuePlan) -> BackupDays:
    """Return *days* with the due times that were missed, as the rule on schedule finds them."""
    oldest, error = seen.now - DAYS * DAY, seen.times.error
    after = oldest if days.counted is None else max(oldest, days.counted - error)
    by_day, counted = days.read_days(), days.counted
    for due in (each + error for each in list_missed(seen, plan, after)):
        day = due.astimezone(plan.clock.zone).toordinal()
        _add(by_day, day, DueOutcome.MISSED.value)
        counted = due
    return days._replace(counted=counted)._write_days(by_day, seen.now.toordinal())


def _list_changes(days: BackupDays, seen: Observation, plan: DuePlan | None) -> Iterator[datetime]:
    """Yield when *days* may change without a new report."""
    yield seen.now + DAY
    if days.start is not None and not days.start.is_over:
        run = seen.find_newest_run()
        if isinstance(run, OpenRun) and run.until > seen.now:
            yield run.until
    if plan is not None:
        grace, error = seen.policy.grace, seen.times.error
        own = seen.now + error
        due_times = iter_due_times(plan.pattern, plan.clock.zone, own - grace, own + DAY)
        if (due := next(due_times, None)) is not None:
            yield due - error + grace
