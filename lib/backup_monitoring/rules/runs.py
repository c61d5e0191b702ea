"""Runs: which backup of a computer is the newest, whether it runs, when files last came."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from backup_monitoring.due import Clock, clock_of
from backup_monitoring.model import Account, Computer, End, Pattern, Schedule, Start, Unreadable
from backup_monitoring.moments import say_time
from backup_monitoring.policies import SchedulePolicy, StatusPolicy

MOST_A_DAY = 96  # every quarter of an hour


class Phase(Enum):
    """What is known of the newest run."""

    ENDED = "ended"
    RUNNING = "running"
    NEVER_ENDED = "never ended"


class Run(NamedTuple):
    """The newest run of a computer.

    Args:
        start: its start, None where that report is missing or belongs to no end.
        end: its end, None while it is open.
        until: up to when it ran, or may run, UTC.
    """

    start: Start | None
    end: End | None
    phase: Phase
    until: datetime


def newest_run(
    start: Start | None,
    end: End | None,
    first_open: datetime | None,
    policy: StatusPolicy,
    now: datetime,
) -> Run | None:
    """Return the newest run, None where there is neither a start nor an end.

    Ids are drawn from few numbers, so the newest by time decides: an end that is not older than
    the start is the newest run's, whatever its id.

    Args:
        first_open: the first start seen of a computer without any end: from it counts the longer
            time of a first upload, and no start has less than any other one's.
    """
    if end is not None and (start is None or end.at >= start.at):
        return Run(start, end, Phase.ENDED, end.at)
    if start is None:
        return None
    until = start.at + policy.max_runtime
    if end is None:  # the first upload of a computer may take days
        first = min(first_open or start.at, start.at)
        until = max(until, first + policy.max_runtime_first)
    phase = Phase.RUNNING if now <= until else Phase.NEVER_ENDED
    return Run(start, None, phase, until)


def last_upload(computer: Computer, now: datetime) -> datetime | None:
    """Return when *computer* last uploaded a report, by its files' dates and by what was seen."""
    past = computer.past
    moments = [] if past is None else [past.uploaded, past.schedule_changed]
    for report in (computer.start, computer.end):
        if isinstance(report, Start | End):
            moments += [report.at, report.modified]
    if isinstance(computer.schedule, Schedule):
        moments.append(computer.schedule.modified)
    return max((each for each in moments if each is not None and each <= now), default=None)


def retired(
    computer: Computer, others: Sequence[Computer], policy: SchedulePolicy, now: datetime
) -> str | None:
    """Return why *computer* counts as retired by the customer, None if it does not.

    It has uploaded nothing for ``retired_after``, while another one of the account has; or its
    folder is gone.
    """
    if computer.past is not None and computer.past.gone is not None:
        return f"no longer here: its folder is gone since {say_time(computer.past.gone, UTC)}"
    for report in (computer.start, computer.end, computer.schedule):
        if isinstance(report, Unreadable):  # it may have come just now
            return None
    border = now - policy.retired_after
    last = last_upload(computer, now)
    if last is None or last > border:
        return None
    for other in others:
        upload = last_upload(other, now)
        if upload is not None and upload > border:
            return f"no longer here: no upload since {say_time(last, UTC)}"
    return None


def last_report(computer: Computer) -> Start | End | None:
    """Return the last start; the last end where no start is known."""
    if isinstance(computer.start, Start):
        return computer.start
    return computer.end if isinstance(computer.end, End) else None


def clock_of_computer(
    schedule: Schedule | None, last: Start | End | None, policy: SchedulePolicy
) -> Clock | None:
    """Return the clock of a computer's wall times, None where nothing says its offset.

    Args:
        last: of `last_report`.
    """
    moments = [] if last is None else [(last.offset, last.at)]
    if schedule is not None and isinstance(schedule.plan, Pattern):
        written = schedule.plan.offset
        moments += [] if last is None else [(written, last.at)]
        if last is None or schedule.modified > last.at:
            # Uploaded by itself if its offset is another one than the start's: then it is the
            # newest. Else the start is the better clue: a file's date may be lost.
            newest = last is None or written != last.offset
            moments.insert(0 if newest else len(moments), (written, schedule.modified))
    return clock_of(moments[0][0], moments, policy.zones) if moments else None


def pattern_of(
    account: Account, computer: Computer, plan: Schedule, policy: SchedulePolicy
) -> tuple[Pattern | None, str]:
    """Return the pattern of *computer*'s due times, and where it comes from; None: it has none.

    A client that cannot say its weekdays tells every day; the settings may know better.
    """
    if not isinstance(plan.plan, Pattern):
        return None, plan.plan.value
    for key in (f"{account.uid}/{computer.name}", account.uid):
        if days := policy.weekdays.get(key):
            return plan.plan._replace(weekdays=days), f"weekdays {sorted(days)} by the settings"
    return plan.plan, "schedule of its file"


def is_dense(computer: Computer) -> bool:
    """Tell whether *computer*'s schedule has more due times a day than a backup can keep."""
    plan = computer.schedule
    if not isinstance(plan, Schedule) or not isinstance(plan.plan, Pattern):
        return False
    return len(plan.plan.hours) * len(plan.plan.minutes) > MOST_A_DAY
