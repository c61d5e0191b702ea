"""When are a computer's backups due? Its schedule's pattern, and the clock that it follows."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from backup_monitoring.model import (
    Account,
    Computer,
    End,
    NoSchedule,
    Pattern,
    Schedule,
    Start,
    format_time,
)
from backup_monitoring.tasks.clocks import find_schedule_change
from backup_monitoring.tasks.due import ComputerClock, build_clock
from backup_monitoring.tasks.schedule_task import SchedulePolicy

MOST_A_DAY = 96  # every quarter of an hour
_NO_OFFSET = ComputerClock(UTC, "UTC, no report has an offset")


class DuePlan(NamedTuple):
    """A computer's due times: *pattern* in *clock*.

    Args:
        origin: who set the pattern, in words.
        changed: when the schedule's file was written, aware UTC.
    """

    pattern: Pattern
    origin: str
    clock: ComputerClock
    changed: datetime

    def format_time(self, moment: datetime) -> str:
        """Return *moment* by the computer's clock, with its offset."""
        return format_time(moment, self.clock.zone)


def find_plan(
    account: Account,
    computer: Computer,
    schedule: Schedule,
    error: timedelta,
    policy: SchedulePolicy,
) -> DuePlan | NoSchedule:
    """Return the due times of *computer* by its *schedule*, or why it has none.

    Args:
        error: by which the computer's clock is ahead. policy: of the settings.
    """
    if isinstance(schedule.plan, NoSchedule):
        return schedule.plan
    pattern, origin = apply_weekdays(account, computer, schedule.plan, policy)
    clock = find_clock(computer, error, policy)
    return DuePlan(pattern, origin, clock, find_schedule_change(schedule, error))


def find_clock(computer: Computer, error: timedelta, policy: SchedulePolicy) -> ComputerClock:
    """Return the clock of *computer*'s wall times; UTC if none of its reports has an offset.

    Args:
        error: by which the computer's clock is ahead. The zone is looked up by its own time.
        policy: the zones of the settings.
    """
    run, schedule = _find_last_report(computer), computer.schedule
    observations = [] if run is None else [(run.offset, run.at)]
    if isinstance(schedule, Schedule) and isinstance(schedule.plan, Pattern):
        written = schedule.plan.offset
        observations += [] if run is None else [(written, run.at)]
        changed = find_schedule_change(schedule, error) + error
        if run is None or changed > run.at:
            # A schedule whose offset differs from the start's was uploaded on its own: it is the
            # newest report. Otherwise the start is the better clue: a file's date may be wrong.
            newest = run is None or written != run.offset
            observations.insert(0 if newest else len(observations), (written, changed))
    if not observations:
        return _NO_OFFSET
    return build_clock(observations[0][0], observations, policy.zones)


def apply_weekdays(
    account: Account, computer: Computer, pattern: Pattern, policy: SchedulePolicy
) -> tuple[Pattern, str]:
    """Return the pattern of *computer*'s due times, and its origin in words.

    The Perl client cannot write weekdays: its reports contain every day, even if its cron job
    runs from Monday to Friday. The settings may give the days.
    """
    for key in (f"{account.uid}/{computer.name}", account.uid):
        if days := policy.weekdays.get(key):
            return pattern._replace(weekdays=days), f"weekdays {sorted(days)} by the settings"
    return pattern, "schedule of its file"


def is_dense(computer: Computer) -> bool:
    """Return whether *computer*'s schedule has more due times per day than backups can keep."""
    schedule = computer.schedule
    if not isinstance(schedule, Schedule) or not isinstance(schedule.plan, Pattern):
        return False
    return len(schedule.plan.hours) * len(schedule.plan.minutes) > MOST_A_DAY


def _find_last_report(computer: Computer) -> Start | End | None:
    """Return the last start, or the last end if no start is known."""
    if isinstance(computer.start, Start):
        return computer.start
    return computer.end if isinstance(computer.end, End) else None
