"""Plans: when a computer's backups are due, by its schedule's pattern in its own clock."""

from backup_monitoring.model import Account, Computer, End, Pattern, Schedule, Start
from backup_monitoring.tasks.due import ComputerClock, build_clock
from backup_monitoring.tasks.policies import SchedulePolicy

MOST_A_DAY = 96  # every quarter of an hour


def find_clock(computer: Computer, policy: SchedulePolicy) -> ComputerClock | None:
    """Return the clock of *computer*'s wall times, None where nothing says its offset."""
    last, schedule = _last_report(computer), computer.schedule
    moments = [] if last is None else [(last.offset, last.at)]
    if isinstance(schedule, Schedule) and isinstance(schedule.plan, Pattern):
        written = schedule.plan.offset
        moments += [] if last is None else [(written, last.at)]
        if last is None or schedule.modified > last.at:
            # Uploaded by itself if its offset is another one than the start's: then it is the
            # newest. Else the start is the better clue: a file's date may be lost.
            newest = last is None or written != last.offset
            moments.insert(0 if newest else len(moments), (written, schedule.modified))
    return build_clock(moments[0][0], moments, policy.zones) if moments else None


def _last_report(computer: Computer) -> Start | End | None:
    """Return the last start; the last end where no start is known."""
    if isinstance(computer.start, Start):
        return computer.start
    return computer.end if isinstance(computer.end, End) else None


def find_pattern(
    account: Account, computer: Computer, planned: Schedule, policy: SchedulePolicy
) -> tuple[Pattern | None, str]:
    """Return the pattern of *computer*'s due times, and where it comes from; None: it has none.

    A client that cannot say its weekdays tells every day; the settings may know better.
    """
    if not isinstance(planned.plan, Pattern):
        return None, planned.plan.value
    for key in (f"{account.uid}/{computer.name}", account.uid):
        if days := policy.weekdays.get(key):
            return planned.plan._replace(weekdays=days), f"weekdays {sorted(days)} by the settings"
    return planned.plan, "schedule of its file"


def is_dense(computer: Computer) -> bool:
    """Tell whether *computer*'s schedule has more due times a day than a backup can keep."""
    planned = computer.schedule
    if not isinstance(planned, Schedule) or not isinstance(planned.plan, Pattern):
        return False
    return len(planned.plan.hours) * len(planned.plan.minutes) > MOST_A_DAY
