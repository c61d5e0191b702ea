"""Wrong clocks: histories of a computer's files, and from when until when there is an alarm.

A day's backup is due at 20:00 by the computer's own clock, in March 2026 and in UTC; the collector
runs every five minutes. Each history is played live, too, without a store.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.findings import Finding
from backup_monitoring.model.uploads import Computer, InvalidReport, Receipt, Uploads
from backup_monitoring.model.verdicts import State
from backup_monitoring.store.history import TrackedComputer, update_computer
from backup_monitoring.tasks.client import evaluate_client
from backup_monitoring.tasks.client_task import ClientPolicy
from backup_monitoring.tasks.clocks import (
    ReportTime,
    date_report,
    find_schedule_change,
    find_wrong_clocks,
    has_ended,
    is_ahead,
    list_possible_errors,
    read_times,
)
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.readable import (
    ReadableComputer,
    find_invalid_arrival,
    separate_invalid,
)
from backup_monitoring.tasks.schedule import evaluate_schedule
from backup_monitoring.tasks.status import evaluate_status
from backup_monitoring.uploads.arrivals import make_report_file
from backup_monitoring.uploads.reports import read_end, read_schedule, read_start
from backup_monitoring.uploads.safe_open import FileContent
from cases import at, daily, end, start
from clients import Program, written_date, written_offset

ACCOUNT = Account("4000101", "", created=at("2026-01-01T00:00Z"), warning_numbers=1, warning_days=0)
POLICIES = Policies()
UTC = at("2026-01-01T00:00Z").tzinfo
EVERY = timedelta(minutes=5)
# At other minutes nothing that the table names can change: the rules need not be asked.
EVALUATED = frozenset((0, 5, 30, 35))
NOTHING = timedelta(0)
HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)
LASTS = timedelta(minutes=30)
START, END, PLAN = "backupStarted.xml", "backupEnded.xml", "scheduler.xml"
MODES = {Program.PERL: 0o600, Program.SEPIOLA: 0o644}
PERL, SEPIOLA = Program.PERL, Program.SEPIOLA
NEVER: tuple[str, ...] = ()


def march(text: str) -> datetime:
    """The time of *text*, for example ``3 20:00``, in March 2026."""
    day, clock = text.split()
    hour, minute = clock.split(":")
    assert UTC is not None
    return datetime(2026, 3, int(day), int(hour), int(minute), tzinfo=UTC)


def days(first: int, last: int, clock: str) -> list[str]:
    return [f"{day} {clock}" for day in range(first, last + 1)]


class Upload(NamedTuple):
    """A file as the client writes it: *text* at the time *own* of its own clock."""

    moment: datetime
    name: str
    data: bytes
    own: datetime


class Touch(NamedTuple):
    """All files get a new change time."""

    moment: datetime


class Restore(NamedTuple):
    """All files become those of *back* before, and get a new change time."""

    moment: datetime
    back: datetime


Change = Upload | Touch | Restore


def back_up(
    *begins: str,
    error: timedelta = NOTHING,
    ends: timedelta | None = None,
    late: timedelta = NOTHING,
    killed: bool = False,
    good: bool = True,
    hours: Iterable[int] = (20,),
    weekdays: Iterable[int] | None = None,
    lasts: timedelta = LASTS,
    program: Program = PERL,
) -> list[Change]:
    """Backups that begin at these true times, by a clock that is off by *error*.

    Args:
        ends: by how much it is off at the end. late: how much later the end is uploaded.
    """
    changes: list[Change] = []
    for text in begins:
        began = march(text)
        number = str(100000 + len(text) + int(began.timestamp()) % 800000)
        upload = began + timedelta(seconds=3)
        data = report(program, "backup_started", "startdate", began + error, number, "")
        changes.append(Upload(upload, START, data, began + error))
        planned = plan(program, began + error, hours, weekdays)
        changes.append(Upload(upload + timedelta(seconds=2), PLAN, planned, began + error))
        if killed:
            continue
        own = began + lasts + (error if ends is None else ends)
        success = f"<success>{int(good)}</success>"
        data = report(program, "backup_ended", "enddate", own, number, success)
        upload = began + lasts + timedelta(seconds=3) + late
        changes.append(Upload(upload, END, data, own))
    return changes


def change_plan(when: str, hour: int, *, error: timedelta, program: Program) -> Upload:
    own = march(when) + error
    return Upload(march(when), PLAN, plan(program, own, (hour,), None), own)


def report(program: Program, root: str, date: str, own: datetime, number: str, more: str) -> bytes:
    assert UTC is not None
    written = f"<{date}>{written_date(program, own, UTC)}</{date}><id>{number}</id>{more}"
    return f"<{root}>{written}{client(program)}</{root}>".encode()


def plan(
    program: Program, own: datetime, hours: Iterable[int], weekdays: Iterable[int] | None
) -> bytes:
    assert UTC is not None
    chosen = "".join(f"<hour_selected>{hour}</hour_selected>" for hour in hours)
    week = "<every_day_of_week>*</every_day_of_week>"
    if weekdays is not None:
        week = "".join(f"<week_day>{day}</week_day>" for day in weekdays)
    return (
        "<online_backup_schedule><custom_online_backup><minutes><minute_selected>0"
        f"</minute_selected></minutes><hours>{chosen}</hours><days_of_month>"
        "<every_day_of_month>*</every_day_of_month></days_of_month><months><everymonth>*"
        f"</everymonth></months><days_of_week>{week}</days_of_week><timezone>"
        f"{written_offset(program, own, UTC)}</timezone></custom_online_backup>{client(program)}"
        "</online_backup_schedule>"
    ).encode()


def client(program: Program) -> str:
    identifier, version, system = program.value
    return (
        f"<client><identifier>{identifier}</identifier><version>{version}</version>"
        f"<operatingsystem>{system}</operatingsystem></client>"
    )


class Server(NamedTuple):
    """This server's own clock: *error*, from *begin* to *end*; and when no collector runs."""

    error: timedelta = NOTHING
    begin: str = "1 00:00"
    end: str = "1 00:00"
    down: tuple[str, str] = ("1 00:00", "1 00:00")

    def off(self, moment: datetime) -> timedelta:
        wrong = march(self.begin) <= moment < march(self.end)
        return self.error if wrong else NOTHING

    def collects(self, moment: datetime) -> bool:
        return not march(self.down[0]) <= moment < march(self.down[1])


@dataclass
class Folder:
    """A computer's report folder, and what it held at each change."""

    program: Program
    files: dict[str, FileContent] = field(default_factory=dict)
    before: list[tuple[datetime, dict[str, FileContent]]] = field(default_factory=list)

    def apply(self, change: Change, server: Server) -> None:
        changed = change.moment + server.off(change.moment)
        if isinstance(change, Upload):
            modified = changed if self.program is PERL else change.own
            content = FileContent(change.data, modified, changed, MODES[self.program])
            self.files = self.files | {change.name: content}
        else:
            if isinstance(change, Restore):
                self.files = next(
                    files for moment, files in reversed(self.before) if moment <= change.back
                )
            self.files = {
                name: content._replace(changed=changed) for name, content in self.files.items()
            }
        self.before.append((change.moment, self.files))

    def read(self, now: datetime) -> Computer:
        found = {
            name: make_report_file(
                content, name, [each for each in self.files.values() if each is not content]
            )
            for name, content in self.files.items()
        }
        start = read_start(found[START], (), now) if START in found else None
        assert not isinstance(start, InvalidReport)
        end = read_end(found[END], (), now) if END in found else None
        schedule = read_schedule(found[PLAN], (), now, start) if PLAN in found else None
        return Computer("web01", start, end, schedule)


class Alarms(NamedTuple):
    """From when until when each rule's state was not OK."""

    schedule: tuple[str, ...]
    status: tuple[str, ...]


def play(
    changes: Iterable[Change], until: str, server: Server, *, stored: bool, program: Program
) -> Alarms:
    """Return the alarms of the runs at which this server's clock is right."""
    folder, pending = Folder(program), sorted(changes, key=lambda change: change.moment)
    spans: Mapping[str, list[str]] = {"schedule": [], "status": []}
    tracked: TrackedComputer | None = None
    runs: list[datetime] = []
    moment, computer = march("1 00:00"), None
    while moment <= march(until):
        now = moment + server.off(moment)
        while pending and pending[0].moment <= moment:
            folder.apply(pending.pop(0), server)
            computer = None
        if folder.files and server.collects(moment):
            computer = computer or folder.read(now)
            seen = computer
            if stored:
                in_doubt = any(now < each for each in runs[-300:])
                tracked = update_computer(tracked, computer, now, in_doubt=in_doubt)
                seen = tracked.join(computer)
            if moment.minute in EVALUATED and now == moment:
                note(spans, seen, now)
        runs.append(now)
        moment += EVERY
    return Alarms(tuple(spans["schedule"]), tuple(spans["status"]))


def note(spans: Mapping[str, list[str]], computer: Computer, now: datetime) -> None:
    for rule in (evaluate_schedule, evaluate_status):
        verdict = rule(ACCOUNT, Uploads((computer,)), POLICIES, now)
        name = rule.__name__.removeprefix("evaluate_")
        if (verdict.state is not State.OK) is (len(spans[name]) % 2 == 0):
            spans[name].append(f"{now.day} {now:%H:%M}")


class History(NamedTuple):
    """What happens, and the alarms: each two times are its begin and its end.

    Args:
        live: the alarms of schedule without a store; None: the same. "" as the only one: not
            comparable, since without a store nothing is known of the server's clock before.
    """

    changes: list[Change]
    schedule: tuple[str, ...] = NEVER
    status: tuple[str, ...] = NEVER
    live: tuple[str, ...] | None = None
    live_status: tuple[str, ...] = NEVER
    until: str = "6 12:00"
    server: Server = Server()
    program: Program = PERL


SLOW, FAST = -3 * HOUR, 3 * HOUR
BEHIND = Server(-400 * DAY, "3 19:00", "3 22:00")
HISTORIES = {
    "1: right clock, dies": History(back_up(*days(1, 3, "20:00")), ("4 22:00",)),
    "2: 3 h slow": History(back_up(*days(1, 5, "23:00"), error=SLOW)),
    "2b: 3 h slow, Sepiola": History(
        back_up(*days(1, 5, "23:00"), error=SLOW, program=SEPIOLA), program=SEPIOLA
    ),
    "3: 3 h slow, Sepiola, dies": History(
        back_up(*days(1, 3, "23:00"), error=SLOW, program=SEPIOLA), ("5 01:05",), program=SEPIOLA
    ),
    "4: 3 h fast": History(back_up(*days(1, 5, "17:00"), error=FAST)),
    "5: 3 h fast, dies": History(back_up(*days(1, 3, "17:00"), error=FAST), ("4 22:00",)),
    "6: 3 h fast, set right on 3 March 12:00": History(
        back_up(*days(1, 2, "17:00"), error=FAST) + back_up(*days(3, 5, "20:00"))
    ),
    "7: 3 h slow, set right on 3 March 12:00": History(
        back_up(*days(1, 2, "23:00"), error=SLOW) + back_up(*days(3, 5, "20:00"))
    ),
    "8: turns 3 h slow on 3 March": History(
        back_up(*days(1, 2, "20:00")) + back_up(*days(3, 5, "23:00"), error=SLOW),
        ("3 22:00", "3 23:05"),
    ),
    "9: 7 years slow from its first upload, Sepiola": History(
        back_up(*days(1, 5, "09:00"), error=-7 * YEAR + 11 * HOUR, program=SEPIOLA),
        ("6 11:05",),
        program=SEPIOLA,
    ),
    "10: 10 years fast, dies": History(
        back_up(*days(1, 3, "09:00"), error=10 * YEAR + 11 * HOUR), ("4 11:05",)
    ),
    "11: set back by 3 h during a run": History(
        back_up(*days(1, 2, "20:00"))
        + back_up("3 20:00", ends=SLOW)
        + back_up(*days(4, 5, "23:00"), error=SLOW)
    ),
    "27: set ahead by 3 h during a run": History(
        back_up(*days(1, 2, "20:00"))
        + back_up("3 20:00", ends=FAST)
        + back_up(*days(4, 5, "17:00"), error=FAST)
    ),
    "12: one run, its start 12 and its end 9 minutes slow": History(
        back_up(
            "2 20:12",
            error=-timedelta(minutes=12),
            ends=-timedelta(minutes=9),
            lasts=timedelta(minutes=5),
        ),
        ("3 22:00",),
    ),
    "13: chown of all files after its last run, Sepiola": History(
        [*back_up(*days(1, 2, "20:00"), program=SEPIOLA), Touch(march("4 10:00"))],
        ("3 22:00",),
        program=SEPIOLA,
    ),
    "14: older reports restored": History(
        [*back_up(*days(1, 5, "20:00")), Restore(march("4 10:00"), march("2 23:00"))],
        live=("4 10:00", "4 20:05"),
        live_status=("4 20:05", "4 20:35"),
    ),
    "14, Sepiola": History(
        [
            *back_up(*days(1, 5, "20:00"), program=SEPIOLA),
            Restore(march("4 10:00"), march("2 23:00")),
        ],
        live=("4 10:00", "4 20:05"),
        program=SEPIOLA,
    ),
    "15: the collector is down for 24 h, Sepiola 3 h slow": History(
        back_up(*days(1, 5, "23:00"), error=SLOW, program=SEPIOLA),
        server=Server(down=("2 12:00", "3 12:00")),
        program=SEPIOLA,
    ),
    "16: the end is uploaded 10 h late, then dead, Sepiola": History(
        back_up(*days(1, 2, "20:00"), program=SEPIOLA)
        + back_up("3 20:00", late=10 * HOUR, program=SEPIOLA),
        ("5 08:05",),
        program=SEPIOLA,
    ),
    "17: the server is 400 days behind": History(
        back_up(*days(1, 5, "20:00")), server=BEHIND, live=("",)
    ),
    "17, Sepiola": History(
        back_up(*days(1, 5, "20:00"), program=SEPIOLA),
        server=BEHIND,
        live=("",),
        program=SEPIOLA,
    ),
    "18: the server is 400 days ahead, then the computer is dead": History(
        back_up(*days(1, 3, "20:00")),
        ("4 22:00",),
        server=Server(400 * DAY, "3 19:00", "3 22:00"),
    ),
    "19: all computers of a server are 1 h fast": History(
        back_up(*days(1, 5, "19:00"), error=HOUR)
    ),
    "20: weekly on Monday, 5 days slow, dies": History(
        back_up("7 20:00", error=-5 * DAY, weekdays=(1,), program=SEPIOLA),
        ("14 22:05",),
        until="16 12:00",
        program=SEPIOLA,
    ),
    "21: 3 h fast, success 0": History(
        back_up(*days(1, 5, "17:00"), error=FAST, good=False), status=("1 17:35",)
    ),
    "22: 3 h slow, killed on 3 March": History(
        back_up(*days(1, 2, "23:00"), error=SLOW) + back_up("3 23:00", error=SLOW, killed=True),
        ("6 01:05",),
        ("4 23:05",),
    ),
    "24: 13 h fast, set right on 3 March 12:00": History(
        back_up(*days(1, 3, "07:00"), error=13 * HOUR) + back_up(*days(4, 5, "20:00")),
        ("4 09:05", "4 20:05"),
        live_status=("4 20:05", "4 20:35"),
    ),
    "25: at 08 and 20 h, 3 h fast, set right on 3 March 12:00, dies": History(
        back_up(*days(1, 3, "05:00"), *days(1, 2, "17:00"), error=FAST, hours=(8, 20))
        + back_up(*days(3, 5, "20:00"), *days(4, 5, "08:00"), hours=(8, 20)),
        ("6 10:00",),
    ),
    "26: 3 h slow, chown on 3 March 10:00, Sepiola": History(
        [
            *back_up(*days(1, 5, "23:00"), error=SLOW, program=SEPIOLA),
            Touch(march("3 10:00")),
        ],
        live=("3 22:00", "3 23:05"),
        program=SEPIOLA,
    ),
    "29: the server is 400 days behind at the arrival, 3 h slow": History(
        back_up(*days(1, 5, "23:00"), error=SLOW),
        server=Server(-400 * DAY, "3 22:30", "4 01:00"),
        live=("",),
    ),
}
HISTORIES |= {
    "one backup is dated two days ahead, then silence": History(
        back_up(*days(1, 2, "20:00")) + back_up("3 20:00", error=2 * DAY), ("4 22:05",)
    ),
    "one start is dated two days ahead, then silence": History(
        back_up(*days(1, 2, "20:00")) + back_up("3 20:00", error=2 * DAY, killed=True),
        ("5 22:05",),
        ("4 20:05",),
    ),
    "2 h fast, set right during a run": History(
        back_up(*days(1, 3, "18:00"), error=2 * HOUR)
        + back_up("4 18:00", error=2 * HOUR, ends=NOTHING)
        + back_up(*days(4, 5, "20:00"))
    ),
    "10 years slow": History(
        back_up(*days(1, 5, "09:00"), error=-10 * YEAR + 11 * HOUR, program=SEPIOLA),
        until="6 08:00",
        program=SEPIOLA,
    ),
    "7 years slow, a new schedule, dies, Sepiola": History(
        [
            *back_up(*days(1, 3, "09:00"), error=-7 * YEAR + 11 * HOUR, program=SEPIOLA),
            change_plan("3 12:00", 21, error=-7 * YEAR + 11 * HOUR, program=SEPIOLA),
        ],
        ("4 12:05",),
        until="31 12:00",
        program=SEPIOLA,
    ),
    "7 years slow, a new schedule, dies, Perl": History(
        [
            *back_up(*days(1, 3, "09:00"), error=-7 * YEAR + 11 * HOUR),
            change_plan("3 12:00", 21, error=-7 * YEAR + 11 * HOUR, program=PERL),
        ],
        ("4 12:05",),
        until="31 12:00",
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_alarms_from_the_store(name: str) -> None:
    history = HISTORIES[name]

    alarms = play(
        history.changes, history.until, history.server, stored=True, program=history.program
    )

    assert alarms == (history.schedule, history.status)


@pytest.mark.parametrize("name", [name for name, each in HISTORIES.items() if each.live != ("",)])
def test_alarms_live(name: str) -> None:
    history = HISTORIES[name]

    alarms = play(
        history.changes, history.until, history.server, stored=False, program=history.program
    )

    expected = history.schedule if history.live is None else history.live
    assert alarms == (expected, history.live_status or history.status)


OLD_CLOCK = Computer(
    "slow",
    start("2016-03-01T20:00:00Z", came="2026-03-01T09:00:00Z"),
    end("2016-03-01T20:30:00Z", came="2026-03-01T09:30:00Z"),
    daily(20, utc=0, modified=at("2016-03-01T20:00:00Z"))._replace(by_client=True),
)
OTHER = Computer(
    "right",
    start("2026-03-01T20:00:00Z"),
    end("2026-03-01T20:30:00Z"),
    daily(20, utc=0, modified=at("2026-03-01T20:00:00Z")),
)


@pytest.mark.parametrize("stored", [False, True])
def test_a_computer_ten_years_slow_is_in_use_beside_another(stored: bool) -> None:
    now = at("2026-03-01T21:00:00Z")
    computers = [
        update_computer(None, each, now).join(each) if stored else each
        for each in (OLD_CLOCK, OTHER)
    ]
    both = Uploads(tuple(computers))
    oldest = ClientPolicy(minimum={"Online Backup Perl Script": "2.1"})

    schedule = evaluate_schedule(ACCOUNT, both, POLICIES, now)
    status = evaluate_status(ACCOUNT, both, POLICIES, now)
    client = evaluate_client(ACCOUNT, both, Policies(oldest), now)

    assert (schedule.state, schedule.retired, status.state, status.retired) == (
        State.OK,
        (),
        State.OK,
        (),
    )
    assert (client.state, sorted(client.failing)) == (State.WARNING, ["right", "slow"])


@pytest.mark.parametrize("stored", [False, True])
def test_a_failure_of_a_computer_ten_years_slow_shows_beside_another(stored: bool) -> None:
    now = at("2026-03-01T21:00:00Z")
    failed = OLD_CLOCK._replace(
        end=end("2016-03-01T20:30:00Z", success=False, came="2026-03-01T09:30:00Z")
    )
    computers = [
        update_computer(None, each, now).join(each) if stored else each for each in (failed, OTHER)
    ]

    verdict = evaluate_status(ACCOUNT, Uploads(tuple(computers)), POLICIES, now)

    assert (verdict.state, verdict.computer) == (State.WARNING, "slow")
    assert "backup ended 2026-03-01 09:30 +00:00 with errors" in verdict.summary
    assert verdict.summary.endswith("; its clock is 3651 d 13 h slow")


def test_a_wrong_clock_is_a_finding() -> None:
    top = OLD_CLOCK._replace(
        name="", start=None, end=end("2026-03-01T23:30Z", came="2026-03-01T20:30Z")
    )

    assert list(find_wrong_clocks(ACCOUNT, [OTHER, OLD_CLOCK, top], at("2026-03-01T21:00Z"))) == [
        Finding("clock", "account 4000101 slow", "its clock is 3651 d 13 h slow"),
        Finding("clock", "account 4000101", "its clock is 3 h fast"),
    ]


@pytest.mark.parametrize(
    ("shown", "came", "trusted", "before", "time", "error"),
    [
        pytest.param("20:00", "20:00", True, None, "20:00", 0, id="a right clock"),
        pytest.param("20:00", "20:10", True, None, "20:10", 0, id="ten minutes are no error"),
        pytest.param("20:00", "20:11", True, None, "20:11", -11, id="slow"),
        pytest.param("20:00", "17:00", True, None, "17:00", 180, id="fast"),
        pytest.param("20:00", "20:30", False, None, "20:00", 0, id="copied later"),
        pytest.param("20:00", "19:50", False, None, "20:00", 0, id="copied, and right"),
        pytest.param("20:00", "19:49", False, None, "19:49", 11, id="copied before it was written"),
        pytest.param("20:00", "21:10", True, None, "21:10", -70, id="ten minutes after now"),
        pytest.param("20:00", "21:11", True, None, "20:00", 0, id="from the future"),
        pytest.param("20:00", "20:05", True, 180, "17:00", 180, id="in doubt"),
        pytest.param("20:00", "20:05", True, -60, "21:00", -60, id="in doubt, and just now"),
        pytest.param("20:00", "20:05", True, -61, "20:00", 0, id="in doubt, and after now"),
        pytest.param("23:00", "22:50", False, None, "23:00", 0, id="all in the future"),
    ],
)
def test_when_a_report_was_written(
    shown: str, came: str, trusted: bool, before: int | None, time: str, error: int
) -> None:
    own, moment, written = (at(f"2026-03-01T{each}Z") for each in (shown, came, time))
    error_before = None if before is None else timedelta(minutes=before)
    report = start(f"2026-03-01T{shown}Z")._replace(received=Receipt(moment, trusted, error_before))

    found = date_report(report, at("2026-03-01T21:00Z"))

    assert found == ReportTime(own, written, timedelta(minutes=error))


def test_no_clock_is_wrong_by_more_than_a_century() -> None:
    far = "2126-03-02T21:01Z"

    found = date_report(start(far, came="2026-03-01T20:00Z"), at("2026-03-01T21:00Z"))

    assert found == ReportTime(at(far), at(far), NOTHING)


@pytest.mark.parametrize(
    ("shown", "came", "ahead"),
    [
        pytest.param("21:10", "21:10", False, id="ten minutes are no future"),
        pytest.param("21:11", "21:11", True, id="and a minute: its file says so, too"),
        pytest.param("23:00", "20:59", False, id="a fast clock"),
        pytest.param("23:00", "21:11", True, id="a fast clock, by a file of the future"),
    ],
)
def test_what_lies_in_the_future(shown: str, came: str, ahead: bool) -> None:
    report = start(f"2026-03-01T{shown}Z", came=f"2026-03-01T{came}Z")

    assert is_ahead(report, at("2026-03-01T21:00Z")) is ahead


@pytest.mark.parametrize(
    ("minutes", "expected"), [(0, (0,)), (-300, (-300, 0)), (720, (720, 0)), (721, (721,))]
)
def test_a_clock_may_have_been_set_right(minutes: int, expected: tuple[int, ...]) -> None:
    minute = timedelta(minutes=1)

    assert list_possible_errors(minutes * minute) == tuple(each * minute for each in expected)


@pytest.mark.parametrize(("by_client", "changed"), [(True, "18:00"), (False, "20:00")])
def test_when_a_schedule_was_written(by_client: bool, changed: str) -> None:
    schedule = daily(20, modified=at("2026-03-01T20:00Z"))._replace(by_client=by_client)

    assert find_schedule_change(schedule, 2 * HOUR) == at(f"2026-03-01T{changed}Z")


@pytest.mark.parametrize(
    ("begun", "over", "error"),
    [
        pytest.param("20:30", None, 180, id="no end"),
        pytest.param(None, "20:30", -120, id="no start"),
        pytest.param("20:50", "20:30", 160, id="the start is newer"),
        pytest.param("20:30", "20:50", -140, id="the end is newer"),
        pytest.param("20:30", "20:30", -120, id="both came together"),
        pytest.param(None, None, 0, id="nothing"),
    ],
)
def test_the_error_is_that_of_the_newest_report(
    begun: str | None, over: str | None, error: int
) -> None:
    fast, slow = "2026-03-01T23:30Z", "2026-03-01T18:30Z"
    one = Computer(
        "web01",
        start(fast, came=f"2026-03-01T{begun}Z") if begun else None,
        end(slow, came=f"2026-03-01T{over}Z") if over else None,
    )

    assert read_times(one, at("2026-03-01T21:00Z")).error == timedelta(minutes=error)


def test_what_is_known_beside_reports_that_cannot_be_read() -> None:
    new = InvalidReport("/home/4000101/f.xml", "torn")
    begun, over, plan = start("2026-03-01T20:00Z"), end("2026-03-01T20:30Z"), daily(20)
    torn = new._replace(known=begun), new._replace(known=over), new._replace(known=plan)

    assert separate_invalid(Computer("web01", torn[0], torn[1], torn[2])) == ReadableComputer(
        Computer("web01", begun, over, plan), *torn
    )
    assert separate_invalid(Computer("web01", new, new, new)) == ReadableComputer(
        Computer("web01"), new, new, new
    )


@pytest.mark.parametrize(
    ("came", "known"),
    [("20:55", "20:55"), ("21:10", "21:00"), ("21:11", None), (None, None)],
)
def test_by_when_a_torn_report_had_come(came: str | None, known: str | None) -> None:
    receipt = Receipt(at(f"2026-03-01T{came}Z")) if came else None
    report = InvalidReport("/home/4000101/f.xml", "torn", receipt)

    found = find_invalid_arrival(report, at("2026-03-01T21:00Z"))

    assert found == (at(f"2026-03-01T{known}Z") if known else None)


@pytest.mark.parametrize(
    ("at_minute", "written", "same_id", "expected"),
    [
        pytest.param(0, 0, False, False, id="another run's, in the same minute"),
        pytest.param(0, 0, True, True, id="its own, in the same minute"),
        pytest.param(-1, 1, False, True, id="when it was written decides"),
        pytest.param(1, -1, False, False, id="not what it says"),
        pytest.param(0, -1, True, True, id="its own, uploaded before it"),
        pytest.param(-1, 0, True, True, id="its own, by a clock that was set back"),
        pytest.param(-1, -1, True, False, id="an id that was used before"),
        pytest.param(7 * 1440, -1, True, True, id="its own, after a week, uploaded before it"),
        pytest.param(7 * 1440 + 1, -1, True, False, id="by a clock that was years ahead until now"),
    ],
)
def test_which_end_ends_a_run(at_minute: int, written: int, same_id: bool, expected: bool) -> None:
    began, minute = at("2026-03-01T20:00Z"), timedelta(minutes=1)
    own, time = began + at_minute * minute, began + written * minute
    ended = ReportTime(own, time, own - time)

    assert has_ended(ReportTime(began, began, NOTHING), ended, same_id=same_id) is expected
