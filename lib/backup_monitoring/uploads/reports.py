"""Parses the three reports of a backup client."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

from backup_monitoring.model import (
    Client,
    End,
    InvalidReport,
    NoSchedule,
    Pattern,
    Schedule,
    Start,
    format_offset,
)
from backup_monitoring.uploads.arrivals import ReportFile
from backup_monitoring.uploads.cron import parse_field
from backup_monitoring.uploads.offsets import (
    OffsetClues,
    ReportWriter,
    choose_offset,
    make_instant,
    parse_offset,
)
from backup_monitoring.uploads.xml_report import Elements, FormError, read_elements

PERL = "Online Backup Perl Script"
MAX_ID = 64
MAX_CLIENT = 200
MAX_SELECTED = 512  # characters of a group: a list of all minutes is a third of it
_MAX_CACHED = 4096  # bytes of a file whose content is cached: twice what a client writes

# No client is older. Sums with the first and the last dates that Python has would overflow.
_YEARS = range(1970, 9000)
# No client writes 24:00, which ISO 8601 and later versions of Python accept.
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?!24)[0-9]{2}:[0-9]{2}:[0-9]{2})(.*)", re.DOTALL)
_CUSTOM = "custom_online_backup"
_STARTUP = "backup_after_startup"
_PARTS = ("identifier", "version", "operatingsystem")
_CLIENTS = {
    client: [f"{client}/{part}" for part in _PARTS] for client in ("client", f"{_CUSTOM}/client")
}
_WEEKDAY = re.compile(r"0?[1-7]")
_FIELDS = {
    "minutes": ("minute_selected", None),
    "hours": ("hour_selected", None),
    "days_of_month": ("day_of_month_selected", "every_day_of_month"),
    "months": ("month_selected", "everymonth"),
    "days_of_week": ("week_day", "every_day_of_week"),
}
_KNOWN = frozenset(
    ["", "no_schedule", _STARTUP, f"{_STARTUP}/minutes_after_startup", _CUSTOM]
    + [f"{_CUSTOM}/timezone", *_CLIENTS]
    + [part for parts in _CLIENTS.values() for part in parts]
    + [f"{_CUSTOM}/{group}" for group in _FIELDS]
    + [f"{_CUSTOM}/{group}/{name}" for group, names in _FIELDS.items() for name in names if name]
)


def read_start(file: ReportFile, zones: Sequence[tzinfo], now: datetime) -> Start | InvalidReport:
    """Parse backupStarted.xml.

    Args:
        file: its content may be hostile.
        zones: those of the settings, which resolve ambiguous offsets.
        now: aware UTC.

    Returns:
        `InvalidReport` with the reason if the content is not valid. Raises nothing.
    """
    try:
        elements = read_elements(file.data, "backup_started")
        client = _read_client(elements, "client")
        clues = OffsetClues(zones, file.modified, now)
        at, offset = _read_date(elements, "startdate", client, clues)
        return Start(at, offset, _read_id(elements), client, file.received)
    except FormError as reason:
        return InvalidReport(file.where, str(reason), file.received)


def read_end(file: ReportFile, zones: Sequence[tzinfo], now: datetime) -> End | InvalidReport:
    """Parse backupEnded.xml; arguments and result as of `read_start`."""
    try:
        elements = read_elements(file.data, "backup_ended")
        client = _read_client(elements, "client")
        clues = OffsetClues(zones, file.modified, now)
        at, offset = _read_date(elements, "enddate", client, clues)
        success = _read_success(elements)
        return End(at, offset, _read_id(elements), success, client, file.received)
    except FormError as reason:
        return InvalidReport(file.where, str(reason), file.received)


def read_schedule(
    file: ReportFile, zones: Sequence[tzinfo], now: datetime, start: Start | None
) -> Schedule | InvalidReport:
    """Parse scheduler.xml; arguments and result as of `read_start`.

    Args:
        start: of the same computer: its offset resolves an ambiguous one.
    """
    try:
        parse = _parse_schedule if len(file.data) <= _MAX_CACHED else _parse_schedule.__wrapped__
        plan, client, timezone = parse(file.data)
        if isinstance(plan, Pattern):
            clues = OffsetClues(zones, file.modified, now)
            plan = plan._replace(offset=_choose_timezone(timezone, client, clues, start))
        return Schedule(plan, client, file.modified, file.by_client)
    except FormError as reason:
        return InvalidReport(file.where, str(reason), file.received)


# A client writes the same schedule again and again, and many have the same one.
@lru_cache(maxsize=1024)
def _parse_schedule(data: bytes) -> tuple[Pattern | NoSchedule, Client | None, str]:
    """Return plan, client, and the offset as written; the pattern's own is chosen later."""
    elements = read_elements(data, "online_backup_schedule")
    plan = _read_plan(elements)
    timezone = _get_text(elements, f"{_CUSTOM}/timezone") if isinstance(plan, Pattern) else ""
    return plan, _read_schedule_client(elements), timezone


def _quote(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def _get_text(elements: Elements, path: str) -> str:
    """Return the text of the one element at *path*."""
    texts = elements.get(path, ())
    if len(texts) == 1:
        return texts[0]
    raise FormError(f"{path} occurs {len(texts)} times" if texts else f"{path} is missing")


def _read_client(elements: Elements, path: str) -> Client | None:
    if path not in elements:
        return None
    _get_text(elements, path)
    identifier, version, system = [
        _get_text(elements, part)[:MAX_CLIENT] if part in elements else ""
        for part in _CLIENTS[path]
    ]
    return Client(identifier, version, system)


def _find_writer(client: Client | None) -> ReportWriter:
    # Only the Perl client's oldest files do not name the client. Any other name, even an empty
    # one, is a reseller's own for Sepiola.
    return ReportWriter.PERL if client is None or client.identifier == PERL else ReportWriter.OTHER


def _read_id(elements: Elements) -> str:
    text = _get_text(elements, "id")
    if not text or len(text) > MAX_ID:
        raise FormError(f"id {_quote(text)}: must have 1 to {MAX_ID} characters")
    return text


def _read_success(elements: Elements) -> bool:
    text = _get_text(elements, "success")
    if text not in ("0", "1"):
        raise FormError(f"success {_quote(text)}: neither 0 nor 1")
    return text == "1"


def _read_date(
    elements: Elements, path: str, client: Client | None, clues: OffsetClues
) -> tuple[datetime, timedelta]:
    """Return the instant (aware UTC) and the corrected offset of the date at *path*."""
    text = _get_text(elements, path)
    match = _DATE.fullmatch(text)
    if not match:
        raise FormError(f"{path} {_quote(text)}: not a date like 2026-11-23T20:00:04+01:00")
    wall_clock, written = match.groups()
    try:
        # A leap second, which datetime does not have, is the next one.
        leap = wall_clock.endswith(":60")
        wall = datetime.fromisoformat(f"{wall_clock[:-2]}59" if leap else wall_clock)
        wall += timedelta(seconds=leap)
        if wall.year not in _YEARS:
            raise ValueError(wall.year)
    except (ValueError, OverflowError) as error:
        raise FormError(f"{path} {_quote(text)}: no such date") from error
    candidates = parse_offset(written, _find_writer(client))
    offset = _require_offset(choose_offset(candidates, wall, clues), candidates, path, text)
    return make_instant(wall, offset), offset


def _require_offset(
    offset: timedelta | None, candidates: tuple[timedelta, ...], path: str, text: str
) -> timedelta:
    if offset is not None:
        return offset
    named = f"{path} {_quote(text)}"
    if not candidates:
        raise FormError(f"{named}: not a valid offset from UTC")
    either = " or ".join(format_offset(candidate) for candidate in candidates)
    raise FormError(f"{named}: ambiguous offset, {either}; set [schedule] zones")


def _read_schedule_client(elements: Elements) -> Client | None:
    inside = _read_client(elements, f"{_CUSTOM}/client")
    client = _read_client(elements, "client")
    if inside is None or client is None:
        return inside or client
    raise FormError("client occurs 2 times")


def _read_plan(elements: Elements) -> Pattern | NoSchedule:
    if not elements.keys() <= _KNOWN:
        unknown = min(elements.keys() - _KNOWN).rpartition("/")[2]
        raise FormError(f"unknown element {_quote(unknown)}")
    forms = [form for form in ("no_schedule", _STARTUP, _CUSTOM) if form in elements]
    if len(forms) != 1:
        raise FormError(
            f"{' and '.join(forms)} exclude each other" if forms else "no schedule of a known kind"
        )
    _get_text(elements, forms[0])
    if forms[0] == _CUSTOM:
        return _read_pattern(elements)
    if forms[0] == _STARTUP:
        _check_startup(elements)
        return NoSchedule.AFTER_STARTUP
    return NoSchedule.BY_HAND


def _check_startup(elements: Elements) -> None:
    text = _get_text(elements, f"{_STARTUP}/minutes_after_startup")
    if not (text.isascii() and text.isdigit()):
        raise FormError(f"minutes_after_startup {_quote(text)}: not a number")


def _choose_timezone(
    text: str, client: Client | None, clues: OffsetClues, start: Start | None
) -> timedelta:
    candidates = parse_offset(text, _find_writer(client))
    if start is not None and len(candidates) > 1 and start.offset in candidates:
        return start.offset
    return _require_offset(choose_offset(candidates, None, clues), candidates, "timezone", text)


def _read_pattern(elements: Elements) -> Pattern:
    minutes = _read_field(elements, "minutes", 0, 59)
    hours = _read_field(elements, "hours", 0, 23)
    months = _read_field(elements, "months", 1, 12)
    weekdays = _read_weekdays(elements)
    return Pattern(
        minutes,
        hours,
        timedelta(),
        days=_read_days(elements, weekdays),
        months=None if len(months) == 12 else months,
        weekdays=weekdays,
    )


def _read_field(elements: Elements, group: str, low: int, high: int) -> frozenset[int]:
    """Return the values that the elements of *group* select together."""
    values: set[int] = set()
    texts = _list_selected(elements, group) or ["*"]
    if sum(map(len, texts)) > MAX_SELECTED:
        raise FormError(f"{group}: more than {MAX_SELECTED} characters")
    for text in texts:
        selected = parse_field(text, low, high)
        if selected is None:
            raise FormError(f"{_FIELDS[group][0]} {_quote(text)}: not valid in a crontab")
        values |= selected
    return frozenset(values)


def _read_days(elements: Elements, weekdays: frozenset[int] | None) -> frozenset[int] | None:
    days = _read_field(elements, "days_of_month", 1, 31)
    texts = _list_selected(elements, "days_of_month")
    if texts is not None and not texts[0].startswith("*"):
        return days
    if len(days) == 31:
        return None
    # cron treats days of the month and of the week as alternatives, unless a field begins with
    # `*`: then both must match, which a `Pattern` cannot express.
    if weekdays is not None:
        raise FormError("day_of_month_selected with a step and week_day exclude each other")
    return days


def _read_weekdays(elements: Elements) -> frozenset[int] | None:
    texts = _list_selected(elements, "days_of_week")
    if texts is None:
        return None
    for text in texts:
        if not _WEEKDAY.fullmatch(text):
            raise FormError(f"week_day {_quote(text)}: not 1 (Monday) to 7 (Sunday)")
    days = frozenset(map(int, texts))
    return None if len(days) == 7 else days


def _list_selected(elements: Elements, group: str) -> list[str] | None:
    """Return what is selected in *group*, None if it has the element for every value."""
    name, every = _FIELDS[group]
    path = f"{_CUSTOM}/{group}"
    _get_text(elements, path)
    texts = elements.get(f"{path}/{name}")
    if every is None or f"{path}/{every}" not in elements:
        if texts is None:
            raise FormError(f"{group}: nothing selected")
        return texts
    if texts is not None:
        raise FormError(f"{every} and {name} exclude each other")
    text = _get_text(elements, f"{path}/{every}")
    if text != "*":
        raise FormError(f"{every} {_quote(text)}: not *")
    return None
