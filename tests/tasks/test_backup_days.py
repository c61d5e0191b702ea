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
    InvalidReport,
    NoSchedule,
    Pattern,
    Receipt,
    Schedule,
    Start,
)
from backup_monitoring.tasks import backup_days
from backup_monitoring.tasks.backup_days import BackupDays, DueOutcome, OpenBackup, follow_days
from backup_monitoring.tasks.calendar import MOST_A_DAY
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
EVERY_MINUTE = Schedule(
    Pattern(
        frozenset(range(60)),
        frozenset(range(24)),
        timedelta(hours=1),
        days=frozenset(range(1, 31)),
    ),
    PERL,
    LONG_AGO,
)
BY_HAND = Schedule(NoSchedule.BY_HAND, PERL, LONG_AGO)
Report = Start | End | InvalidReport
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


def torn(text: str) -> InvalidReport:
    """An end that came then."""
    return InvalidReport("/home/4000101/f.xml", "empty file", Receipt(at(written(text))))


class Story:
    """Runs over one computer; what was uploaded before stays."""

    def __init__(self, schedule: Schedule | None = EVENING, account: Account = ACCOUNT) -> None:
        self.days: BackupDays | None = None
        self._account = account
        self._computer = Computer("web01", schedule=schedule, history=History())

    def run(self, now: str, *reports: Report, retired: datetime | None = None) -> str:
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
        pytest.param([began("20 19:49"), ended("20 20:10")], "20 21:00", "20e", id="11 minutes"),
        pytest.param([began("20 19:50"), ended("20 20:10")], "20 21:00", "20k", id="10 minutes"),
        pytest.param([began("20 22:00"), ended("20 22:10")], "20 23:00", "20k", id="2 hours"),
        pytest.param([began("20 22:01"), ended("20 22:10")], "20 23:00", "20l", id="and a minute"),
        pytest.param([began("20 23:30"), ended("20 23:40")], "20 23:50", "20l", id="late"),
        pytest.param(
            [began("21 01:30"), ended("21 01:40")], "21 02:00", "20l", id="after midnight"
        ),
        pytest.param([began("20 20:00"), failed("20 20:40")], "20 21:00", "20f", id="failed"),
        pytest.param(
            [began("20 20:00"), failed("20 20:40", "x")], "20 21:00", "20f", id="its start was lost"
        ),
        pytest.param(
            [
                began("20 20:00")._replace(received=Receipt(at(written("20 21:00")))),
                ended("20 20:40"),
            ],
            "20 21:10",
            "20k",
            id="the end was uploaded before the start",
        ),
        pytest.param([began("20 20:00")], "20 21:00", "20K", id="running"),
        pytest.param([began("20 20:00"), torn("20 20:40")], "20 21:00", "20k", id="torn"),
        pytest.param([ended("19 20:40"), began("20 20:00")], "22 19:00", "20F", id="open"),
        pytest.param([began("20 20:00"), ended("20 20:40")], "21 21:00", "20k", id="within grace"),
        pytest.param([began("20 20:00"), ended("20 20:40")], "21 22:10", "20k 21m", id="missed"),
        pytest.param(
            [began("20 08:00"), ended("20 08:10")], "20 09:00", "19l", id="for the evening before"
        ),
    ],
)
def test_the_first_run(reports: list[Report], now: str, shows: str) -> None:
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

    story = Story()  # of a clock that is slow by five hours
    start = began("20 20:00")._replace(received=Receipt(at(written("21 01:00"))))
    end = ended("20 20:10")._replace(received=Receipt(at(written("21 01:10"))))
    assert story.run("21 01:20", start, end) == "20k"
    assert story.days is not None
    assert story.days.until == at(written("21 03:00"))
    assert story.run("22 03:10") == "20k 21m"


def test_a_clock_that_was_ten_years_fast_and_is_set_right() -> None:
    story = Story()
    came, hour = at(written("20 20:00")), timedelta(hours=1)
    fast = at("2036-11-20T20:00+01:00")
    story.run("20 20:30", began("19 20:00"), ended("19 20:40"))
    story.run("20 21:00", Start(fast, hour, "1", PERL, Receipt(came)))
    assert story.days is not None
    assert len(story.days.letters) < 100  # a customer may have 256 such computers

    assert story.run("21 21:00", began("21 20:00"), ended("21 20:40")) == "19k 21k"
    assert story.run("22 22:30") == "19k 21k 22m"


def test_a_clock_of_this_server_that_was_a_year_fast() -> None:
    story = Story()
    story.run("20 21:00", began("20 20:00"), ended("20 20:40"))
    assert story.days is not None
    shown = Computer("web01", began("20 20:00"), ended("20 20:40"), EVENING, History())
    ahead = at("2027-11-20T21:00+01:00")
    story.days = follow_days(story.days, ACCOUNT, shown, [shown], POLICIES, ahead)

    assert story.run("20 21:05") in ("", "20k")
    assert story.run("21 22:30").split()[-1] == "21m"


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


def test_a_failure_that_is_seen_after_the_next_start_is_that_of_its_own_backup() -> None:
    story = Story()
    story.run("20 21:00", began("20 20:00"))
    assert story.run("21 20:10", began("21 20:00"), failed("20 20:40")) == "20f 21K"


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


def test_a_start_that_is_seen_after_later_due_times_were_missed() -> None:
    story = Story(hourly())
    story.run("20 21:00", began("20 20:00"), ended("20 20:10"))
    assert story.run("21 00:10") == "20km"
    assert story.run("21 00:20", began("20 20:30", "x"), ended("20 20:40", "x")) == "20kmk"
    assert story.run("21 01:10") == "20kmkm"


def test_a_start_that_is_seen_late_takes_the_place_of_one_miss() -> None:
    story = Story(hourly())
    story.run("20 21:00", began("20 20:00"), ended("20 20:10"))
    assert story.run("21 00:10") == "20km"
    assert story.run("21 00:20", began("20 22:30", "x"), ended("20 22:40", "x")) == "20kk"


def test_a_client_that_starts_all_the_time_leaves_so_many_letters() -> None:
    story = Story()
    for minute in range(MOST_A_DAY + 2):
        moment = f"20 {20 + minute // 60}:{minute % 60:02}"
        shown = story.run(moment, began(moment, str(minute)), ended(moment, str(minute)))
    assert shown == "20" + MOST_A_DAY * "k"


@pytest.mark.parametrize("schedule", [None, BY_HAND])
def test_without_due_times_runs_alone_leave_letters(schedule: Schedule | None) -> None:
    story = Story(schedule)
    assert story.run("20 00:40") == ""
    assert story.run("20 00:50", began("20 00:30")) == "20K"
    assert story.run("20 21:00", ended("20 00:40")) == "20k"
    assert story.run("28 21:00") == "20k"


def test_the_due_times_of_a_dense_schedule_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A month of them takes a quarter of a second, and a customer may have 256 computers."""
    monkeypatch.setattr(backup_days, "iter_due_times", None)
    story = Story(EVERY_MINUTE)
    assert story.run("20 00:50", began("20 00:30")) == "20K"
    assert story.run("20 21:00", ended("20 00:40")) == "20k"


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


@pytest.mark.parametrize(("now", "until"), [("20 21:00", "21 20:00"), ("21 21:00", "22 21:00")])
def test_it_is_known_until_when_a_backup_may_run(now: str, until: str) -> None:
    story = Story(None)
    story.run(now, ended("19 20:40"), began("20 20:00"))
    assert story.days is not None
    assert story.days.until == at(written(until))
