"""Files of the backup clients, and of people who mean harm."""

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.model.uploads import (
    Client,
    End,
    InvalidReport,
    NoSchedule,
    Pattern,
    Receipt,
    Schedule,
    Start,
)
from backup_monitoring.uploads.arrivals import ReportFile
from backup_monitoring.uploads.reports import read_end, read_schedule, read_start

CORPUS = {path.name: path.read_bytes() for path in sorted(Path(__file__).parent.glob("corpus/*"))}
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MODIFIED = datetime(2026, 11, 23, 19, 1, tzinfo=UTC)
RECEIVED = Receipt(MODIFIED)
ZURICH = ZoneInfo("Europe/Zurich")
HOUR = timedelta(hours=1)
PERL = Client("Online Backup Perl Script", "2.0.11", "linux")
SEPIOLA = Client("Sepiola Online Backup Client", "2.7.1-4-g0549bf1", "Windows")


def file_of(data: bytes, name: str) -> ReportFile:
    return ReportFile(data, name, MODIFIED, by_client=False, received=RECEIVED)


def start_of(data: bytes) -> Start | InvalidReport:
    return read_start(file_of(data, "s.xml"), [ZURICH], NOW)


def end_of(data: bytes) -> End | InvalidReport:
    return read_end(file_of(data, "e.xml"), [ZURICH], NOW)


def schedule_of(data: bytes, start: Start | None = None) -> Schedule | InvalidReport:
    return read_schedule(file_of(data, "p.xml"), [ZURICH], NOW, start)


def a_start(offset: timedelta) -> Start:
    return Start(MODIFIED, offset, "461239", PERL, RECEIVED)


def problem_of(report: Start | End | Schedule | InvalidReport) -> str:
    assert isinstance(report, InvalidReport), report
    return report.problem


@pytest.mark.parametrize(
    ("file", "at", "offset", "client"),
    [
        ("perl_start.xml", "2026-11-23T19:00:04Z", HOUR, PERL),
        ("perl_start_shifted.xml", "2026-11-24T01:00:04Z", -5 * HOUR, PERL),
        ("perl_start_quarter.xml", "2026-11-23T14:15:04Z", timedelta(hours=5, minutes=45), PERL),
        ("perl_start_without_client.xml", "2026-11-22T23:30:04Z", HOUR, None),
        ("bom_start.xml", "2026-11-23T19:00:04Z", HOUR, PERL),
    ],
)
def test_starts_of_perl(file: str, at: str, offset: timedelta, client: Client | None) -> None:
    expected = Start(datetime.fromisoformat(at), offset, "461239", client, RECEIVED)

    assert start_of(CORPUS[file]) == expected


@pytest.mark.parametrize(
    ("file", "at", "offset", "identifier"),
    [
        ("sepiola_start.xml", "2026-11-23T19:00:04Z", HOUR, SEPIOLA.identifier),
        ("sepiola_start_wrapped.xml", "2026-11-24T01:00:04Z", -5 * HOUR, SEPIOLA.identifier),
        ("reseller_start_without_name.xml", "2026-11-23T18:00:04Z", 2 * HOUR, ""),
    ],
)
def test_starts_of_sepiola(file: str, at: str, offset: timedelta, identifier: str) -> None:
    client = SEPIOLA._replace(identifier=identifier)
    expected = Start(datetime.fromisoformat(at), offset, "42", client, RECEIVED)

    assert start_of(CORPUS[file]) == expected


@pytest.mark.parametrize(
    ("file", "at", "offset", "success"),
    [
        ("perl_end.xml", "2026-11-23T19:41:37Z", HOUR, True),
        ("perl_end_failed.xml", "2026-11-23T20:41:37Z", 0 * HOUR, False),
        ("sepiola_end.xml", "2026-11-23T19:41:37Z", HOUR, True),
        ("reseller_end.xml", "2026-11-23T07:41:37Z", 13 * HOUR, False),
    ],
)
def test_ends(file: str, at: str, offset: timedelta, success: bool) -> None:
    end = end_of(CORPUS[file])

    assert isinstance(end, End)
    assert (end.at, end.offset, end.success) == (datetime.fromisoformat(at), offset, success)


def test_a_resellers_name_is_unescaped() -> None:
    end = end_of(CORPUS["reseller_end.xml"])

    assert isinstance(end, End)
    assert end.client == SEPIOLA._replace(identifier="Müller & Söhne <Backup>")


EVENING = Pattern(frozenset([30]), frozenset([20]), HOUR)


@pytest.mark.parametrize(
    ("file", "plan"),
    [
        ("perl_schedule.xml", EVENING),
        ("perl_schedule_client_inside.xml", EVENING),
        (
            "perl_schedule_cron.xml",
            Pattern(frozenset([0, 15, 30, 45]), frozenset([8, 10, 12, 14, 16, 18]), HOUR),
        ),
        ("perl_schedule_list.xml", Pattern(frozenset([0]), frozenset([5, 17]), HOUR)),
        ("sepiola_schedule_none.xml", NoSchedule.BY_HAND),
        ("sepiola_schedule_startup.xml", NoSchedule.AFTER_STARTUP),
        ("sepiola_schedule_weekdays.xml", EVENING._replace(weekdays=frozenset([1, 2, 3, 4, 5]))),
        (
            "schedule_day_of_month.xml",
            EVENING._replace(days=frozenset([1, 15]), months=frozenset([1, 4, 7, 10])),
        ),
    ],
)
def test_schedules(file: str, plan: Pattern | NoSchedule) -> None:
    schedule = schedule_of(CORPUS[file])

    client = PERL if file.startswith("perl") else SEPIOLA
    assert schedule == Schedule(plan, client, MODIFIED)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("hostile_empty.xml", "empty file"),
        ("hostile_blank.xml", "empty file"),
        ("hostile_torn.xml", "not well-formed XML"),
        ("hostile_laughs.xml", "document type"),
        ("hostile_external.xml", "document type"),
        ("hostile_doctype.xml", "document type"),
        ("hostile_entity.xml", "undefined entity"),
        ("hostile_deep.xml", "too deep"),
        ("hostile_many.xml", "too many elements"),
        ("hostile_latin1.xml", "the encoding is not UTF-8"),
        ("hostile_unknown_encoding.xml", "the encoding is not UTF-8"),
        ("hostile_utf16.xml", "not text in UTF-8"),
        ("hostile_utf16_unmarked.xml", "not text in UTF-8"),
        ("hostile_no_utf8.xml", "not text in UTF-8"),
        ("hostile_nul.xml", "not text in UTF-8"),
        ("hostile_namespace.xml", "root element is not backup_started"),
        ("hostile_twice.xml", "startdate occurs 2 times"),
        ("hostile_two_roots.xml", "junk after document element"),
        ("perl_end.xml", "root element is not backup_started"),
        ("perl_start_ambiguous.xml", "ambiguous offset, -11:00 or +13:00; set [schedule] zones"),
    ],
)
def test_a_start_that_is_not_valid(file: str, says: str) -> None:
    report = start_of(CORPUS[file])

    assert says in problem_of(report)
    assert isinstance(report, InvalidReport)
    assert report.where == "s.xml"


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("perl_schedule_comment.xml", "hour_selected '20 # evening': not valid in a crontab"),
        ("perl_schedule_unescaped.xml", "not well-formed XML"),
        ("perl_schedule_ampersand.xml", "not well-formed XML"),
        ("schedule_without_timezone.xml", "timezone is missing"),
        ("schedule_no_weekday.xml", "days_of_week: nothing selected"),
        ("perl_start.xml", "root element is not online_backup_schedule"),
    ],
)
def test_a_schedule_that_is_not_valid(file: str, says: str) -> None:
    assert says in problem_of(schedule_of(CORPUS[file]))


def with_date(text: str) -> bytes:
    return CORPUS["perl_start.xml"].replace(b"2026-11-23T20:00:04+01:00", text.encode())


@pytest.mark.parametrize("text", ["2017-01-01T00:59:60+01:00", "2016-12-31T23:59:60+00:00"])
def test_a_leap_second_is_the_next_one(text: str) -> None:
    start = start_of(with_date(text))

    assert isinstance(start, Start)
    assert start.at == datetime.fromisoformat("2017-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("2026-02-30T20:00:00+01:00", "no such date", id="30 February"),
        pytest.param("2026-13-01T20:00:00+01:00", "no such date", id="month 13"),
        pytest.param("0000-01-01T20:00:00+01:00", "no such date", id="year 0"),
        pytest.param("0001-01-01T00:00:00+01:00", "no such date", id="before year 1 in UTC"),
        pytest.param("9999-12-31T23:00:00-05:00", "no such date", id="after year 9999 in UTC"),
        pytest.param("1969-12-31T23:59:59+01:00", "no such date", id="before any client"),
        pytest.param("9000-01-01T00:00:00+00:00", "no such date", id="sums with it may overflow"),
        pytest.param("2026-11-23T25:00:00+01:00", "no such date", id="hour 25"),
        pytest.param("2026-11-23T24:00:00+01:00", "not a date", id="hour 24"),
        pytest.param("2026-11-23T20:60:00+01:00", "no such date", id="minute 60"),
        pytest.param("2026-11-23T20:00:61+01:00", "no such date", id="second 61"),
        pytest.param("9999-12-31T23:59:60+00:00", "no such date", id="leap second of year 9999"),
        pytest.param("2026-11-23 20:00:00+01:00", "not a date", id="a blank for the T"),
        pytest.param("2026-11-23T20:00+01:00", "not a date", id="no seconds"),
        pytest.param("20261123T200000+01:00", "not a date", id="basic form"),
        pytest.param("2026-W48-1T20:00:00+01:00", "not a date", id="week date"),
        pytest.param("٢٠٢٦-11-23T20:00:00+01:00", "not a date", id="Arabic digits"),
        pytest.param("2026-11-23T20:00:00", "not a valid offset from UTC", id="no offset"),
        pytest.param("2026-11-23T20:00:00.5+01:00", "offset from UTC", id="parts of seconds"),
        pytest.param("2026-11-23T20:00:00+01:07", "offset from UTC", id="odd offset"),
        pytest.param("", "startdate '': not a date", id="empty"),
        pytest.param("9" * 3000, "99999...'", id="long"),
        pytest.param("<b>2026-11-23T20:00:00+01:00</b>", "not a date", id="elements inside"),
    ],
)
def test_dates_that_are_none(text: str, says: str) -> None:
    problem = problem_of(start_of(with_date(text)))

    assert says in problem
    assert problem.startswith("startdate ")
    assert len(problem) < 120


def test_a_date_may_have_blanks_and_comments_around() -> None:
    start = start_of(with_date("\n 2026-11-23T20:00:04<!-- here -->+01:00\t"))

    assert isinstance(start, Start)
    assert start.at == datetime(2026, 11, 23, 19, 0, 4, tzinfo=UTC)


def test_a_clock_that_was_never_set_is_a_date() -> None:
    start = start_of(with_date("1970-01-01T00:00:00+01:00"))

    assert isinstance(start, Start)
    assert start.at == datetime(1969, 12, 31, 23, 0, tzinfo=UTC)


def test_a_sepiola_is_never_a_day_off() -> None:
    data = CORPUS["sepiola_start.xml"].replace(b"+01:00", b"-23:00")

    assert "not a valid offset from UTC" in problem_of(start_of(data))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"<success>1", b"<success>2", "success '2': neither 0 nor 1"),
        (b"<success>1", b"<success>01", "success '01': neither 0 nor 1"),
        (b"<success>1", b"<success>true", "success 'true'"),
        (b"<success>1", "<success>١".encode(), "neither 0 nor 1"),
        (b"<success>1</success>", b"", "success is missing"),
        (b"<success>1</success>", b"<success/>", "success '': neither 0 nor 1"),
        (b"<success>", b"<success>1</success><success>", "success occurs 2 times"),
        (b"<id>461239</id>", b"", "id is missing"),
        (b"<id>461239</id>", b"<id> </id>", "id ''"),
        (b"461239", b"4" * 65, "id '4444444444444444444444444444444444444...': must have 1 to 64"),
        (b"<client>", b"<client/><client>", "client occurs 2 times"),
        (b"<success>", b"<success xmlns='urn:x'>", "an element in a namespace"),
        (b"success>", b"x:success>", "success is missing"),
        (b"<version>", b"<version>1</version><version>", "client/version occurs 2 times"),
        (b"enddate", b"startdate", "enddate is missing"),
    ],
)
def test_an_end_that_is_not_valid(old: bytes, new: bytes, says: str) -> None:
    assert old in CORPUS["perl_end.xml"]

    assert says in problem_of(end_of(CORPUS["perl_end.xml"].replace(old, new)))


def test_an_id_may_be_any_text_of_64_characters() -> None:
    end = end_of(CORPUS["perl_end.xml"].replace(b"461239", "é".encode() * 64))

    assert isinstance(end, End)
    assert end.id == "é" * 64


def test_a_success_and_a_client_without_a_name() -> None:
    data = b"""<backup_ended><enddate>2026-11-23T20:00:04+01:00</enddate><id>1</id>
        <success> 1 </success><client/></backup_ended>"""

    end = end_of(data)

    assert isinstance(end, End)
    assert (end.success, end.client) == (True, Client())


def test_the_names_of_a_client_are_cut_to_200_characters() -> None:
    end = end_of(CORPUS["perl_end.xml"].replace(b"linux", "é".encode() * 201))

    assert isinstance(end, End)
    assert end.client == PERL._replace(system="é" * 200)


def schedule_with(old: str, new: str) -> bytes:
    data = CORPUS["perl_schedule.xml"].decode()
    assert old in data
    return data.replace(old, new).encode()


EVERY_DAY = "<every_day_of_month>*</every_day_of_month>"
EVERY_MONTH = "<everymonth>*</everymonth>"
EVERY_WEEKDAY = "<every_day_of_week>*</every_day_of_week>"
MINUTE = "<minute_selected>30</minute_selected>"
HOUR_20 = "<hour_selected>20</hour_selected>"


def days(text: str) -> str:
    return f"<day_of_month_selected>{text}</day_of_month_selected>"


def after_startup(text: str) -> str:
    minutes = f"<minutes_after_startup>{text}</minutes_after_startup>"
    return f"<backup_after_startup>{minutes}</backup_after_startup>"


def weekdays(*texts: object) -> str:
    return "".join(f"<week_day>{text}</week_day>" for text in texts)


@pytest.mark.parametrize(
    ("old", "new", "plan"),
    [
        pytest.param(
            MINUTE, MINUTE + MINUTE.replace("30", "0"), {"minutes": {0, 30}}, id="union of minutes"
        ),
        pytest.param(HOUR_20, HOUR_20 * 2, {"hours": {20}}, id="an hour twice"),
        pytest.param(">20<", ">08 \t\r\n<", {"hours": {8}}, id="blanks behind the number"),
        pytest.param(">30<", ">*<", {"minutes": set(range(60))}, id="every minute"),
        pytest.param(
            MINUTE,
            "".join(MINUTE.replace("30", f"{n:02}  ") for n in range(60)),
            {"minutes": set(range(60))},
            id="every minute by itself",
        ),
        pytest.param(">20<", ">*<", {"hours": set(range(24))}, id="every hour"),
        pytest.param(EVERY_DAY, days("*"), {"days": None}, id="a star is every day"),
        pytest.param(EVERY_DAY, days("1-31"), {"days": set(range(1, 32))}, id="31 days are days"),
        pytest.param(EVERY_DAY, days("*/15"), {"days": {1, 16, 31}}, id="every 15th day"),
        pytest.param(EVERY_DAY, days("1") + days("15"), {"days": {1, 15}}, id="union of days"),
        pytest.param(
            EVERY_MONTH, "<month_selected>1-12</month_selected>", {"months": None}, id="all months"
        ),
        pytest.param(EVERY_WEEKDAY, weekdays(7), {"weekdays": {7}}, id="Sunday"),
        pytest.param(EVERY_WEEKDAY, weekdays("06", 6), {"weekdays": {6}}, id="leading zero"),
        pytest.param(EVERY_WEEKDAY, weekdays(*range(1, 8)), {"weekdays": None}, id="seven days"),
        pytest.param("+01:00", "-23:00", {}, id="timezone a day off"),
    ],
)
def test_fields(old: str, new: str, plan: dict[str, set[int] | None]) -> None:
    schedule = schedule_of(schedule_with(old, new))

    assert isinstance(schedule, Schedule)
    assert isinstance(schedule.plan, Pattern)
    assert schedule.plan._asdict() == EVENING._asdict() | plan


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (">20<", ">24<", "hour_selected '24'"),
        (">30<", ">60<", "minute_selected '60'"),
        (">20<", ">22-2<", "hour_selected '22-2'"),
        (">30<", ">5/15<", "minute_selected '5/15'"),
        (">30<", ">*/0<", "minute_selected '*/0'"),
        (">20<", "><", "hour_selected ''"),
        (MINUTE, "", "minutes: nothing selected"),
        (MINUTE, "<every_minute>*</every_minute>", "unknown element 'every_minute'"),
        (f"<minutes>\n            {MINUTE}\n        </minutes>", "", "minutes is missing"),
        ("<hours>", "<hours/><hours>", "hours occurs 2 times"),
        (EVERY_DAY, days("0"), "day_of_month_selected '0'"),
        (EVERY_DAY, days("32"), "day_of_month_selected '32'"),
        (EVERY_DAY, EVERY_DAY + days("1"), "and day_of_month_selected exclude each other"),
        (EVERY_DAY, EVERY_DAY.replace("*", "1"), "every_day_of_month '1': not *"),
        (EVERY_MONTH, "<month_selected>13</month_selected>", "month_selected '13'"),
        (MINUTE, MINUTE.replace("30", "*," * 200 + "*") * 2, "minutes: more than 512 characters"),
        (EVERY_WEEKDAY, weekdays(0), "week_day '0'"),
        (EVERY_WEEKDAY, weekdays(8), "week_day '8'"),
        (EVERY_WEEKDAY, weekdays("1-5"), "week_day '1-5'"),
        (EVERY_WEEKDAY, weekdays("١"), "week_day"),
        (EVERY_WEEKDAY, EVERY_WEEKDAY + weekdays(1), "and week_day exclude each other"),
        ("+01:00", "Europe/Zurich", "timezone 'Europe/Zurich': not a valid offset from UTC"),
        ("+01:00", "+13:00", "timezone '+13:00': ambiguous offset, -11:00 or +13:00"),
        ("<custom_online", "<no_schedule/><custom_online", "and custom_online_backup exclude each"),
        ("<custom_online", "<backup_weekly/><custom_online", "element 'backup_weekly'"),
    ],
)
def test_fields_that_are_not_valid(old: str, new: str, says: str) -> None:
    assert says in problem_of(schedule_of(schedule_with(old, new)))


def test_a_step_of_days_beside_weekdays_is_not_guessed() -> None:
    data = schedule_with(EVERY_DAY, days("*/2")).replace(
        EVERY_WEEKDAY.encode(), weekdays(1).encode()
    )

    assert "a step and week_day exclude each other" in problem_of(schedule_of(data))


@pytest.mark.parametrize(
    ("inside", "problem"),
    [
        ("", "no schedule of a known kind"),
        ("<no_schedule/><no_schedule/>", "no_schedule occurs 2 times"),
        (
            "<no_schedule/><client/><client/>",
            "client occurs 2 times",
        ),
        (
            "<backup_after_startup/>",
            "backup_after_startup/minutes_after_startup is missing",
        ),
        (after_startup(""), "minutes_after_startup '': not a number"),
        (after_startup("-5"), "minutes_after_startup '-5': not a number"),
        (after_startup("soon"), "minutes_after_startup 'soon': not a number"),
        (after_startup("٥"), "minutes_after_startup '٥': not a number"),
    ],
)
def test_schedules_of_no_form(inside: str, problem: str) -> None:
    data = f"<online_backup_schedule>{inside}</online_backup_schedule>".encode()

    assert problem_of(schedule_of(data)) == problem


def test_a_client_inside_and_outside_of_the_schedule() -> None:
    data = CORPUS["perl_schedule_client_inside.xml"].replace(
        b"</online_backup_schedule>", b"<client/></online_backup_schedule>"
    )

    assert problem_of(schedule_of(data)) == "client occurs 2 times"


@pytest.mark.parametrize("offset", [13 * HOUR, -11 * HOUR])
def test_an_ambiguous_schedule_takes_the_choice_of_its_start(offset: timedelta) -> None:
    schedule = schedule_of(schedule_with("+01:00", "+13:00"), a_start(offset))

    assert isinstance(schedule, Schedule)
    assert schedule.plan == EVENING._replace(offset=offset)


def test_a_start_of_another_offset_chooses_none() -> None:
    problem = problem_of(schedule_of(schedule_with("+01:00", "+13:00"), a_start(HOUR)))

    assert "ambiguous offset, -11:00 or +13:00" in problem


def test_a_start_changes_nothing_that_is_certain() -> None:
    schedule = schedule_of(CORPUS["perl_schedule.xml"], a_start(2 * HOUR))

    assert isinstance(schedule, Schedule)
    assert schedule.plan == EVENING


def test_an_ambiguous_schedule_without_start_takes_a_zone() -> None:
    data = schedule_with("+01:00", "+13:00")
    zones = [ZURICH, ZoneInfo("Pacific/Auckland")]

    schedule = read_schedule(file_of(data, "p.xml"), zones, NOW, None)

    assert isinstance(schedule, Schedule)
    assert schedule.plan == EVENING._replace(offset=13 * HOUR)


def test_the_content_of_another_file_is_not_shown() -> None:
    for data in (b"root:$6$secret:19000:0:99999:7:::", b"<secret>password</secret>"):
        for report in (start_of(data), end_of(data), schedule_of(data)):
            assert "secret" not in problem_of(report)


def assert_harmless(data: bytes) -> None:
    began = time.process_time()
    for report in (start_of(data), end_of(data), schedule_of(data, a_start(13 * HOUR))):
        assert isinstance(report, Start | End | Schedule | InvalidReport)
        if isinstance(report, InvalidReport):
            assert 0 < len(report.problem) < 200
    assert time.process_time() - began < 2


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus_mutated(name: str) -> None:
    dice = random.Random(name)
    others = list(CORPUS.values())
    for _ in range(60):
        data = bytearray(CORPUS[name])
        for _ in range(dice.randint(1, 4)):
            mutate(data, dice, dice.choice(others))
        assert_harmless(bytes(data[: 64 * 1024]))


TOKENS = [b"<", b">", b"&", b"]]>", b"<![CDATA[", b"<!--", b"&#0;", b"&#x1F4A9;", b"\xff", b"\0",
          b"<!DOCTYPE x [", b"+13:00", b"9999", b"0001-01-01T00:00:00", b"*/", b",", b"<id>",
          b'xmlns="x"', b"\xed\xb3\xbf", b"\xe2\x80\xae", b"-" * 300, b"<a>" * 50]  # fmt: skip


def mutate(data: bytearray, dice: random.Random, other: bytes) -> None:
    at, to = sorted(dice.choices(range(len(data) + 1), k=2))
    kind = dice.randrange(4)
    if kind == 0:
        del data[at : min(to, at + 40)]
    elif kind == 1:
        data[at:at] = dice.choice(TOKENS)
    elif kind == 2:
        data[at:at] = other[: dice.randint(0, len(other))]
    elif at < len(data):
        data[at] = dice.randrange(256)


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    assert_harmless(data)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="<&"), max_size=80)


@given(date=TEXTS, identifier=TEXTS, timezone=TEXTS, field=TEXTS)
def test_any_texts(date: str, identifier: str, timezone: str, field: str) -> None:
    start = with_date(date).replace(b"2.0.11", identifier.encode())
    schedule = schedule_with("+01:00", timezone).replace(b">20<", f">{field}<".encode())

    assert_harmless(start)
    assert_harmless(schedule)


@pytest.mark.parametrize(
    ("many", "says"),
    [
        (b"<a/>" * 401 * 2, "too many elements"),
        (b"<a></a>" * 401, "too many elements"),
        (b"<!---->" * 801, "too many elements"),
        (b"\n" * 4001, "too many lines"),
        (b"\r" * 4001, "too many lines"),
        (b"<a " + b" ".join(b"b%d=''" % number for number in range(401)) + b"/>", "too many attr"),
    ],
)
def test_more_than_a_client_writes_is_refused_unparsed(many: bytes, says: str) -> None:
    # Behind what is no XML: where it is parsed first, that is the reason.
    assert says in problem_of(start_of(b"no XML" + many))


ATTRIBUTES = b"<backup_started " + b" ".join(b"a%d='x'" % number for number in range(6000))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\0" * 65536, id="NULs"),
        pytest.param(b"<" * 65536, id="brackets"),
        pytest.param(b"<backup_started>" + b"<a>" * 21000, id="never closed"),
        pytest.param(b"<backup_started " + b" a='x'" * 9000, id="an attribute again and again"),
        pytest.param(ATTRIBUTES, id="attributes"),
        pytest.param(b"<backup_started><startdate>" + b"&lt;" * 16000, id="references"),
        pytest.param(b"<backup_started><startdate>" + b"1" * 65000, id="one text"),
    ],
)  # fmt: skip
def test_large_garbage_is_refused_quickly(data: bytes) -> None:
    assert isinstance(start_of(data), InvalidReport)
    assert_harmless(data)
