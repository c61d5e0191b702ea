"""How the backups of a computer went on each day, as one collector run after another saw them.

Times are of November 2026 in Zurich: ``20 21:00`` is 2026-11-20T21:00+01:00.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.uploads import (
    Computer,
    End,
    History,
    Pattern,
    Receipt,
    Schedule,
    Start,
)
from backup_monitoring.tasks.backup_days import BackupDays, DueOutcome, OpenBackup, follow_days
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status_task import StatusPolicy
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy
from cases import LONG_AGO, PERL, at, daily, hourly, offset

ACCOUNT = Account("4000101", "", created=LONG_AGO)
POLICIES = Policies(
    (
        WarnAfterPolicy(),
        SchedulePolicy(zones=(ZoneInfo("Europe/Zurich"),)),
        StatusPolicy(),
    )
)
EVENING = daily(20)
FOUR_ON_MONDAY = Pattern(
    frozenset([0]), frozenset([2, 8, 14, 20]), timedelta(hours=1), weekdays=frozenset([1])
)
FIRST = date(2026, 11, 1).toordinal()


def written(text: str) -> str:
    return f"2026-11-{text.replace(' ', 'T')}+01:00"


def began(text: str, run: str = "") -> Start:
    moment = written(text)
    return Start(at(moment), offset(moment), run or text[:2], PERL, Receipt(at(moment)))


def ended(text: str, run: str = "", *, success: bool = True) -> End:
    moment = written(text)
    return End(at(moment), offset(moment), run or text[:2], success, PERL, Receipt(at(moment)))


def failed(text: str, run: str = "") -> End:
    return ended(text, run, success=False)


class Story:
    """Runs over one computer; what was uploaded before stays."""

    def __init__(self, schedule: Schedule | None = EVENING, account: Account = ACCOUNT) -> None:
        self.days: BackupDays | None = None
        self._account = account
        self._computer = Computer("web01", schedule=schedule, history=History())

    def run(self, now: str, *reports: Start | End, retired: datetime | None = None) -> str:
        """Return the letters by the days of November after a run."""
        for report in reports:
            if isinstance(report, Start):
                self._computer = self._computer._replace(start=report)
            else:
                self._computer = self._computer._replace(end=report)
        shown = self._computer._replace(history=History(retired=retired))
        moment = at(written(now))
        self.days = follow_days(self.days, self._account, shown, [shown], POLICIES, moment)
        days = self.days.read_days()
        return " ".join(f"{day - FIRST + 1}{word}" for day, word in sorted(days.items()))


@pytest.mark.parametrize(
    ("reports", "now", "shows"),
    [
        pytest.param([began("20 20:00"), ended("20 20:40")], "20 21:00", "20k", id="kept"),
        pytest.param([began("20 19:20"), ended("20 19:40")], "20 21:00", "20e", id="early"),
        pytest.param([began("20 19:55"), ended("20 20:10")], "20 21:00", "20k", id="just before"),
        pytest.param([began("20 23:30"), ended("20 23:40")], "20 23:50", "20l", id="late"),
        pytest.param(
            [began("21 01:30"), ended("21 01:40")], "21 02:00", "20l", id="after midnight"
        ),
        pytest.param([began("20 20:00"), failed("20 20:40")], "20 21:00", "20f", id="failed"),
        pytest.param([began("20 20:00")], "20 21:00", "20K", id="running"),
        pytest.param([ended("19 20:40"), began("20 20:00")], "22 19:00", "20F", id="open"),
        pytest.param([began("20 20:00"), ended("20 20:40")], "21 21:00", "20k", id="within grace"),
        pytest.param([began("20 20:00"), ended("20 20:40")], "21 22:10", "20k 21m", id="missed"),
        pytest.param(
            [began("20 08:00"), ended("20 08:10")], "20 09:00", "19l", id="for the evening before"
        ),
    ],
)
def test_the_first_run(reports: list[Start | End], now: str, shows: str) -> None:
    assert Story().run(now, *reports) == shows


@pytest.mark.parametrize(
    ("schedule", "shows"),
    [
        pytest.param(daily(20, weekdays=frozenset([1])), "16l", id="for Monday"),
        pytest.param(
            Schedule(FOUR_ON_MONDAY, PERL, LONG_AGO),
            "16l",
            id="for the last of four on Monday",
        ),
        pytest.param(daily(20, days=frozenset([1])), "1l", id="for the first of the month"),
        pytest.param(daily(20, months=frozenset([10])), "0l", id="for 31 October"),
        pytest.param(daily(20, months=frozenset([1])), "20k", id="for none"),
    ],
)
def test_which_due_time_a_start_in_the_morning_of_a_friday_serves(
    schedule: Schedule, shows: str
) -> None:
    assert Story(schedule).run("20 09:00", began("20 08:00"), ended("20 08:10")) == shows


def test_a_backup_goes_on_and_ends_well() -> None:
    story = Story()
    assert story.run("20 20:05", began("20 20:00")) == "20K"
    assert story.run("20 20:10") == "20K"
    assert story.run("20 21:00", ended("20 20:40")) == "20k"
    due = at(written("20 20:00"))
    assert story.days == BackupDays(
        FIRST + 19,
        "k",
        due,
        OpenBackup("20", due, due, DueOutcome.KEPT, is_over=True),
        at(written("20 22:00")),
    )


def test_what_never_began_is_missed_since_the_account_exists() -> None:
    story = Story(account=ACCOUNT._replace(created=at(written("18 21:00"))))
    assert story.run("18 22:10") == ""
    assert story.run("20 22:10") == "19m 20m"


def test_more_is_missed_than_is_counted_at_once() -> None:
    story = Story(hourly())
    story.run("01 00:10", began("01 00:00"), ended("01 00:05"))
    shown = [story.run(f"{day:02} 12:00") for day in range(2, 9)]
    assert shown[-1].endswith("7" + 24 * "m" + " 8" + 11 * "m")


def test_a_day_is_that_of_the_computers_zone_and_clock() -> None:
    story = Story(daily(0))
    story.run("20 00:30", began("20 00:00"), ended("20 00:10"))
    assert story.run("21 02:10") == "20k 21m"

    slow = Receipt(at(written("21 01:00")))  # by five hours
    story = Story()
    reports = (began("20 20:00"), ended("20 20:10"))
    assert story.run("21 01:20", *(each._replace(received=slow) for each in reports)) == "20k"
    assert story.run("22 03:10") == "20k 21m"


def test_a_late_start_takes_the_place_of_what_was_missed() -> None:
    story = Story()
    story.run("20 21:00", began("20 20:00"), ended("20 20:40"))
    assert story.run("21 22:05") == "20k 21m"
    assert story.run("21 23:00", began("21 22:50")) == "20k 21L"
    assert story.run("21 23:30", ended("21 23:20")) == "20k 21l"


def test_a_run_that_never_ended_has_failed_until_it_ends() -> None:
    story = Story()
    story.run("20 21:00", ended("19 20:40"), began("20 20:00"))
    assert story.run("24 19:00").startswith("20F")
    assert story.run("24 19:30", ended("24 19:20", "20")).startswith("20k")


def test_a_run_whose_end_nobody_saw_is_a_failure_when_the_next_one_starts() -> None:
    story = Story()
    story.run("20 21:00", began("20 20:00"))
    assert story.run("21 20:10", began("21 20:00")) == "20f 21K"


def test_a_run_whose_end_was_overwritten_is_not_called_a_failure() -> None:
    story = Story()
    story.run("20 21:00", began("20 20:00"))
    assert story.run("21 21:00", began("21 20:00"), failed("21 20:30")) == "20k 21f"


def test_an_outage_of_the_collector_is_a_gap() -> None:
    story = Story()
    story.run("20 21:00", began("20 20:00"), ended("20 20:40"))
    assert story.run("25 21:00", began("25 20:00"), ended("25 20:40")) == "20k 25k"


def test_a_second_backup_of_the_day_is_another_letter() -> None:
    story = Story()
    story.run("20 21:00", began("20 20:00"), failed("20 20:40"))
    assert story.run("20 22:00", began("20 21:30", "x"), ended("20 21:40", "x")) == "20fk"


def test_more_due_times_than_one_a_day() -> None:
    story = Story(hourly())
    story.run("20 21:00", began("20 20:00"), ended("20 20:10"))
    assert story.run("21 00:10") == "20km"
    assert story.run("21 00:30", began("21 00:00", "x")) == "20km 21K"


def test_without_due_times_runs_alone_leave_letters() -> None:
    story = Story(None)
    assert story.run("20 21:00", began("20 20:00"), ended("20 20:40")) == "20k"
    assert story.run("28 21:00") == "20k"
    assert Story(None).run("20 21:00") == ""


def test_what_is_older_than_thirty_days_is_forgotten() -> None:
    story = Story()
    story.run("01 21:00", began("01 20:00"), ended("01 20:40"))
    moment = at("2026-12-05T21:00+01:00")
    shown = Computer("web01", began("01 20:00"), ended("01 20:40"), EVENING, History())
    days = follow_days(story.days, ACCOUNT, shown, [shown], POLICIES, moment).read_days()
    assert min(days) == date(2026, 11, 6).toordinal()
    assert set(days.values()) == {"m"}


def test_a_retired_computer_stays_as_it_was() -> None:
    story = Story()
    story.run("20 21:00", began("20 20:00"), ended("20 20:40"))
    assert story.run("25 21:00", retired=at(written("21 08:00"))) == "20k"
    assert story.days is not None
    assert story.days.until == at(written("26 21:00"))


def test_a_computer_that_is_retired_at_first_sight_has_no_days() -> None:
    now = at(written("20 21:00"))
    ago = at("2026-07-20T20:00+02:00")
    old = Computer("old", Start(ago, timedelta(hours=2), "1", PERL, Receipt(ago)), schedule=EVENING)
    new = Computer("new", began("20 20:00"))

    days = follow_days(None, ACCOUNT, old, [old, new], POLICIES, now)

    assert days == BackupDays(FIRST + 19, until=at(written("21 21:00")))


@pytest.mark.parametrize(
    ("now", "until"),
    [("20 21:00", "20 22:00"), ("21 19:00", "21 22:00"), ("21 21:00", "21 22:00")],
)
def test_it_is_known_until_when_nothing_changes(now: str, until: str) -> None:
    story = Story()
    story.run(now, began("20 20:00"), ended("20 20:40"))
    assert story.days is not None
    assert story.days.until == at(written(until))
