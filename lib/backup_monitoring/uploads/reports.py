"""Understands the three files of a backup client."""

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
from backup_monitoring.uploads.cron import parse_field
from backup_monitoring.uploads.offsets import (
    OffsetClues,
    ReportWriter,
    choose_offset,
    parse_instant,
    parse_offset,
)
from backup_monitoring.uploads.xml_report import Elements, FormError, read_elements

PERL = "Online Backup Perl Script"
MAX_ID = 64
MAX_CLIENT = 200
MAX_SELECTED = 512  # characters of a group: every minute by itself is a third of it
_KEPT = 4096  # bytes of a file that is remembered: twice what a client writes

# 24:00 is a time of its own for ISO 8601, and for later versions of Python: no client writes it.
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


def read_start(
    data: bytes, where: str, modified: datetime, zones: Sequence[tzinfo], now: datetime
) -> Start | InvalidReport:
    """Read backupStarted.xml.

    Args:
        data: the file; hostile.
        where: its path, for messages.
        modified: its modification time, aware UTC.
        zones: of the settings; tell two offsets a day apart.
        now: aware UTC.

    Returns:
        Unreadable with the reason where *data* is not understood. Raises nothing.
    """
    try:
        elements = read_elements(data, "backup_started")
        client = _client(elements, "client")
        at, offset = _date(elements, "startdate", client, OffsetClues(zones, modified, now))
        return Start(at, offset, _id(elements), client, modified)
    except FormError as reason:
        return InvalidReport(where, str(reason))


def read_end(
    data: bytes, where: str, modified: datetime, zones: Sequence[tzinfo], now: datetime
) -> End | InvalidReport:
    """Read backupEnded.xml; arguments and failures as of `read_start`."""
    try:
        elements = read_elements(data, "backup_ended")
        client = _client(elements, "client")
        at, offset = _date(elements, "enddate", client, OffsetClues(zones, modified, now))
        return End(at, offset, _id(elements), _success(elements), client, modified)
    except FormError as reason:
        return InvalidReport(where, str(reason))


def read_schedule(
    data: bytes,
    where: str,
    modified: datetime,
    zones: Sequence[tzinfo],
    now: datetime,
    start: Start | None,
) -> Schedule | InvalidReport:
    """Read scheduler.xml; arguments and failures as of `read_start`.

    Args:
        start: of the same run: where the offset can be one of two, it is the start's.
    """
    try:
        understood = _understood if len(data) <= _KEPT else _understood.__wrapped__
        plan, client, timezone = understood(data)
        if isinstance(plan, Pattern):
            offset = _timezone(timezone, client, OffsetClues(zones, modified, now), start)
            plan = plan._replace(offset=offset)
        return Schedule(plan, client, modified)
    except FormError as reason:
        return InvalidReport(where, str(reason))


# A client plans the same again and again, and many plan alike.
@lru_cache(maxsize=1024)
def _understood(data: bytes) -> tuple[Pattern | NoSchedule, Client | None, str]:
    """Return plan, client, and offset as written; a pattern's own is still to be chosen."""
    elements = read_elements(data, "online_backup_schedule")
    plan = _plan(elements)
    timezone = _only(elements, f"{_CUSTOM}/timezone") if isinstance(plan, Pattern) else ""
    return plan, _schedule_client(elements), timezone


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def _only(elements: Elements, path: str) -> str:
    """Return the text of the one element at *path*."""
    texts = elements.get(path, ())
    if len(texts) == 1:
        return texts[0]
    raise FormError(f"{path} is there {len(texts)} times" if texts else f"{path} is missing")


def _client(elements: Elements, path: str) -> Client | None:
    if path not in elements:
        return None
    _only(elements, path)
    identifier, version, system = [
        _only(elements, part)[:MAX_CLIENT] if part in elements else "" for part in _CLIENTS[path]
    ]
    return Client(identifier, version, system)


def _writer(client: Client | None) -> ReportWriter:
    # Only the Perl client's oldest files do not say whose they are. Any other name, even an
    # empty one, is a reseller's for Sepiola.
    return ReportWriter.PERL if client is None or client.identifier == PERL else ReportWriter.OTHER


def _id(elements: Elements) -> str:
    text = _only(elements, "id")
    if not text or len(text) > MAX_ID:
        raise FormError(f"id {_shown(text)}: not of 1 to {MAX_ID} characters")
    return text


def _success(elements: Elements) -> bool:
    text = _only(elements, "success")
    if text not in ("0", "1"):
        raise FormError(f"success {_shown(text)}: neither 0 nor 1")
    return text == "1"


_FIRST_YEAR = 1970  # no client is older; sums with dates of year 1 overflow


def _date(
    elements: Elements, path: str, client: Client | None, clues: OffsetClues
) -> tuple[datetime, timedelta]:
    """Return the instant (UTC) and the mended offset of the date at *path*."""
    text = _only(elements, path)
    match = _DATE.fullmatch(text)
    if not match:
        raise FormError(f"{path} {_shown(text)}: not a date as 2026-11-23T20:00:04+01:00")
    wall_clock, written = match.groups()
    try:
        wall = datetime.fromisoformat(wall_clock)
        if wall.year < _FIRST_YEAR:
            raise ValueError(wall.year)
    except ValueError as error:
        raise FormError(f"{path} {_shown(text)}: no such date") from error
    candidates = parse_offset(written, _writer(client))
    offset = _chosen(choose_offset(candidates, wall, clues), candidates, path, text)
    at = parse_instant(wall, offset)
    if at is None:
        raise FormError(f"{path} {_shown(text)}: no such date")
    return at, offset


def _chosen(
    offset: timedelta | None, candidates: tuple[timedelta, ...], path: str, text: str
) -> timedelta:
    if offset is not None:
        return offset
    named = f"{path} {_shown(text)}"
    if not candidates:
        raise FormError(f"{named}: offset from UTC not understood")
    either = " or ".join(format_offset(candidate) for candidate in candidates)
    raise FormError(f"{named}: ambiguous offset, {either}; set [schedule] zones")


def _schedule_client(elements: Elements) -> Client | None:
    inside = _client(elements, f"{_CUSTOM}/client")
    client = _client(elements, "client")
    if inside is None or client is None:
        return inside or client
    raise FormError("client is there 2 times")


def _plan(elements: Elements) -> Pattern | NoSchedule:
    if not elements.keys() <= _KNOWN:
        unknown = min(elements.keys() - _KNOWN).rpartition("/")[2]
        raise FormError(f"element {_shown(unknown)}: not understood")
    forms = [form for form in ("no_schedule", _STARTUP, _CUSTOM) if form in elements]
    if len(forms) != 1:
        raise FormError(" beside ".join(forms) or "no schedule of a known form")
    _only(elements, forms[0])
    if forms[0] == _CUSTOM:
        return _pattern(elements)
    if forms[0] == _STARTUP:
        _minutes_after_startup(elements)
        return NoSchedule.AFTER_STARTUP
    return NoSchedule.BY_HAND


def _minutes_after_startup(elements: Elements) -> None:
    text = _only(elements, f"{_STARTUP}/minutes_after_startup")
    if not (text.isascii() and text.isdigit()):
        raise FormError(f"minutes_after_startup {_shown(text)}: not a number")


def _timezone(
    text: str, client: Client | None, clues: OffsetClues, start: Start | None
) -> timedelta:
    candidates = parse_offset(text, _writer(client))
    if start is not None and len(candidates) > 1 and start.offset in candidates:
        return start.offset
    return _chosen(choose_offset(candidates, None, clues), candidates, "timezone", text)


def _pattern(elements: Elements) -> Pattern:
    minutes = _selected(elements, "minutes", 0, 59)
    hours = _selected(elements, "hours", 0, 23)
    months = _selected(elements, "months", 1, 12)
    weekdays = _weekdays(elements)
    return Pattern(
        minutes,
        hours,
        timedelta(),
        days=_days(elements, weekdays),
        months=None if len(months) == 12 else months,
        weekdays=weekdays,
    )


def _selected(elements: Elements, group: str, low: int, high: int) -> frozenset[int]:
    """Return the union of a group's fields."""
    values: set[int] = set()
    texts = _texts(elements, group) or ["*"]
    if sum(map(len, texts)) > MAX_SELECTED:
        raise FormError(f"{group}: more than {MAX_SELECTED} characters")
    for text in texts:
        selected = parse_field(text, low, high)
        if selected is None:
            raise FormError(f"{_FIELDS[group][0]} {_shown(text)}: not as cron has it")
        values |= selected
    return frozenset(values)


def _days(elements: Elements, weekdays: frozenset[int] | None) -> frozenset[int] | None:
    days = _selected(elements, "days_of_month", 1, 31)
    texts = _texts(elements, "days_of_month")
    if texts is not None and not texts[0].startswith("*"):
        return days
    if len(days) == 31:
        return None
    # cron takes days of the month and of the week as alternatives, but for a field that begins
    # with `*`: then both have to fit, which a `Pattern` cannot say.
    if weekdays is not None:
        raise FormError("day_of_month_selected with a step beside week_day: not understood")
    return days


def _weekdays(elements: Elements) -> frozenset[int] | None:
    texts = _texts(elements, "days_of_week")
    if texts is None:
        return None
    for text in texts:
        if not _WEEKDAY.fullmatch(text):
            raise FormError(f"week_day {_shown(text)}: not 1 (Monday) to 7 (Sunday)")
    days = frozenset(map(int, texts))
    return None if len(days) == 7 else days


def _texts(elements: Elements, group: str) -> list[str] | None:
    """Return what is selected in *group*, None where it has the element for every value."""
    name, every = _FIELDS[group]
    path = f"{_CUSTOM}/{group}"
    _only(elements, path)
    texts = elements.get(f"{path}/{name}")
    if every is None or f"{path}/{every}" not in elements:
        if texts is None:
            raise FormError(f"{group}: nothing selected")
        return texts
    if texts is not None:
        raise FormError(f"{every} beside {name}")
    text = _only(elements, f"{path}/{every}")
    if text != "*":
        raise FormError(f"{every} {_shown(text)}: not *")
    return None
