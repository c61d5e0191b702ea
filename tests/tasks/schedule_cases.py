"""One account, its schedule and its backups, that the schedule rule's tests share."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.uploads import NoSchedule, Pattern, Schedule
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status_task import StatusPolicy
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy
from cases import at, daily, end, start

ZURICH = ZoneInfo("Europe/Zurich")
ACCOUNT = Account("4000101", "uid=4000101,dc=example", created=at("2026-01-01T00:00+00:00"))
# Tells of every missed due time, so that what counts as missed shows in the state.
EACH = ACCOUNT._replace(warning_numbers=1, warning_days=0)
NOTHING = WarnAfterPolicy()
RULES = Policies(NOTHING, SchedulePolicy(zones=(ZURICH,)), StatusPolicy())
# 2026-11-23 is a Monday.
SUNDAY = start("2026-11-22T20:00:04+01:00")
MONDAY = start("2026-11-23T20:00:04+01:00")
SUNDAYS_END = end("2026-11-22T20:41:37+01:00")
AT_20 = daily(20)
EVERY_HOUR = Pattern(frozenset([0]), frozenset(range(24)), timedelta(hours=1))
ONE, TWO, THREE = "2026-11-23T23:00+01:00", "2026-11-24T23:00+01:00", "2026-11-25T23:00+01:00"
BY_HAND = Schedule(NoSchedule.BY_HAND, None, SUNDAY.modified)
