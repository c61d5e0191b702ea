"""A computer as it is seen at one moment, before any rule judges it."""

from datetime import datetime
from typing import NamedTuple

from backup_monitoring.model import Account, Computer, NoSchedule, Schedule
from backup_monitoring.tasks.calendar import DuePlan, find_plan
from backup_monitoring.tasks.clocks import ComputerTimes, read_times
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.readable import ReadableComputer, separate_invalid
from backup_monitoring.tasks.runs import BackupRun, find_newest_run
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status_task import StatusPolicy


class Observation(NamedTuple):
    """What is known of a computer, and what it is judged by.

    Args:
        account: that it belongs to.
        readable: its reports. times: of those that can be read.
        policies: of the settings.
        now: when it is seen, aware UTC.
    """

    account: Account
    readable: ReadableComputer
    times: ComputerTimes
    policies: Policies
    now: datetime

    @property
    def computer(self) -> Computer:
        """The computer, with the reports that can be read."""
        return self.readable.computer

    @property
    def policy(self) -> SchedulePolicy:
        """The settings of due times and zones."""
        return self.policies[SchedulePolicy]

    def find_plan(self) -> DuePlan | NoSchedule | None:
        """Return the due times, or why its schedule has none; None without a schedule."""
        account, computer, schedule = self.account, self.computer, self.computer.schedule
        if not isinstance(schedule, Schedule):
            return None
        return find_plan(account, computer, schedule, self.times.error, self.policy)

    def find_newest_run(self) -> BackupRun | None:
        """Return the newest run, None if there is neither a start nor an end."""
        return find_newest_run(self.readable, self.times, self.policies[StatusPolicy], self.now)


def observe(account: Account, computer: Computer, policies: Policies, now: datetime) -> Observation:
    """Return *computer* of *account* as it is seen at *now*, aware UTC."""
    readable = separate_invalid(computer)
    times = read_times(readable.computer, now)
    return Observation(account, readable, times, policies, now)
