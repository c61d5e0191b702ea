"""Offsets as the clients write them, right and wrong."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.model.times import format_offset
from backup_monitoring.uploads.offsets import OffsetClues, ReportWriter, choose_offset, parse_offset

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def spelled(text: str, writer: ReportWriter) -> list[str]:
    return [format_offset(offset) for offset in parse_offset(text, writer)]


@pytest.mark.parametrize(
    ("text", "offsets"),
    [
        pytest.param("+01:00", ["+01:00"], id="as it is"),
        pytest.param("-00:00", ["+00:00"], id="minus zero"),
        pytest.param("+00:00", ["+00:00"], id="zero"),
        pytest.param("Z", ["+00:00"], id="Z"),
        pytest.param("-23:00", ["+01:00"], id="Zurich at 00:30 in winter"),
        pytest.param("-22:00", ["+02:00"], id="Zurich at 00:30 in summer"),
        pytest.param("+19:00", ["-05:00"], id="New York at 20:00"),
        pytest.param("+05:450", ["+05:45"], id="Kathmandu"),
        pytest.param("-18:150", ["+05:45"], id="Kathmandu after midnight"),
        pytest.param("-10:150", ["+13:45"], id="Chatham after midnight"),
        pytest.param("+14:30", ["-09:30"], id="Marquesas in the evening"),
        pytest.param("-12:00", ["+12:00"], id="never -12:00"),
        pytest.param("+12:00", ["+12:00"], id="+12:00"),
        pytest.param("-11:00", ["-11:00", "+13:00"], id="two, from the west"),
        pytest.param("+13:00", ["-11:00", "+13:00"], id="two, from the east"),
        pytest.param("+14:00", ["-10:00", "+14:00"], id="two, furthest east"),
        pytest.param("+13:45", ["+13:45"], id="no place has -10:15"),
        pytest.param("-09:30", ["-09:30"], id="no place has +14:30"),
        pytest.param("-10:30", [], id="no place has that"),
        pytest.param("+13:15", [], id="nor that"),
        pytest.param("-08:45", ["-08:45"], id="the first of all quarters"),
        pytest.param("+11:45", ["+11:45"], id="the last of all quarters"),
        pytest.param("-09:15", [], id="before the first"),
        pytest.param("+12:15", [], id="after the last"),
        pytest.param("-12:30", ["+11:30"], id="Norfolk after midnight"),
        pytest.param("-14:45", ["+09:15"], id="any quarter within"),
        pytest.param("+12:30", [], id="nor that by a day"),
        pytest.param("+01:07", [], id="no quarter of an hour"),
        pytest.param("+24:00", [], id="a whole day"),
        pytest.param("+25:00", [], id="more than a day"),
        pytest.param("+00:60", [], id="sixty minutes"),
        pytest.param("+05:300", [], id="half an hour has no third digit"),
        pytest.param("+1:00", [], id="one digit"),
        pytest.param("+0100", [], id="no colon"),
        pytest.param("+01:00 ", [], id="blank behind"),
        pytest.param("+٠١:٠٠", [], id="Arabic digits"),
        pytest.param("", [], id="none"),
        pytest.param("UTC", [], id="a name"),
    ],
)
def test_offsets_of_perl(text: str, offsets: list[str]) -> None:
    assert spelled(text, ReportWriter.PERL) == offsets


@pytest.mark.parametrize(
    ("text", "offsets"),
    [
        pytest.param("+02:00", ["+02:00"], id="as it is"),
        pytest.param("-00:00", ["+00:00"], id="minus zero"),
        pytest.param("+1193041:28", ["-05:00"], id="New York"),
        pytest.param("+1193042:58", ["-03:30"], id="Newfoundland"),
        pytest.param("+1193036:58", ["-09:30"], id="Marquesas"),
        pytest.param("+1193035:28", ["-11:00"], id="Samoa"),
        pytest.param("+1193034:28", [], id="never -12:00"),
        pytest.param("+1193046:28", [], id="wraps to zero"),
        pytest.param("+1193041:27", [], id="a minute beside"),
        pytest.param("+1193040:88", [], id="88 minutes"),
        pytest.param("-1193041:28", [], id="the other sign"),
        pytest.param("-23:00", [], id="no shift by a day"),
        pytest.param("+13:00", ["+13:00"], id="one only"),
        pytest.param("+14:00", ["+14:00"], id="one only, furthest east"),
    ],
)
def test_offsets_of_sepiola(text: str, offsets: list[str]) -> None:
    assert spelled(text, ReportWriter.OTHER) == offsets


WALL = datetime(2026, 11, 24, 1, 0)  # noqa: DTZ001 - the date as it is written
AUCKLAND = ZoneInfo("Pacific/Auckland")  # +13:00 then
PAGO_PAGO = ZoneInfo("Pacific/Pago_Pago")  # -11:00
ZURICH = ZoneInfo("Europe/Zurich")
FROM_THE_EAST = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
FROM_THE_WEST = datetime(2026, 11, 24, 11, 59, tzinfo=UTC)
FUTURE = datetime(2026, 11, 24, 12, 1, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
HALFWAY = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
NEARER_TO_THE_WEST = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zones", "modified", "offset"),
    [
        pytest.param([AUCKLAND], LONG_AGO, "+13:00", id="a zone fits"),
        pytest.param([ZURICH, PAGO_PAGO], LONG_AGO, "-11:00", id="the second zone fits"),
        pytest.param([PAGO_PAGO], FROM_THE_EAST, "-11:00", id="a zone goes before the file's time"),
        pytest.param([], FROM_THE_EAST, "+13:00", id="the file's time fits the east"),
        pytest.param([], FROM_THE_WEST, "-11:00", id="the file's time fits the west"),
        pytest.param([ZURICH], FROM_THE_EAST, "+13:00", id="no zone fits"),
        pytest.param([AUCKLAND, PAGO_PAGO], FROM_THE_EAST, "+13:00", id="two zones fit"),
        pytest.param([], LONG_AGO, None, id="the file's time is far"),
        pytest.param([], FUTURE, None, id="the file's time is future"),
        pytest.param([], HALFWAY, None, id="twelve hours from both"),
        pytest.param([], NEARER_TO_THE_WEST, "-11:00", id="within twelve hours of one only"),
        pytest.param([ZURICH], LONG_AGO, None, id="nothing fits"),
    ],
)
def test_choice_of_two(zones: list[ZoneInfo], modified: datetime, offset: str | None) -> None:
    candidates = parse_offset("-11:00", ReportWriter.PERL)

    chosen = choose_offset(candidates, WALL, OffsetClues(zones, modified, NOW))

    assert (None if chosen is None else format_offset(chosen)) == offset


@pytest.mark.parametrize(
    ("modified", "offset"),
    [
        pytest.param(FROM_THE_EAST, "+13:00", id="a zone at the file's time"),
        pytest.param(datetime(2026, 7, 1, tzinfo=UTC), None, id="the zone had another one then"),
        pytest.param(FUTURE, None, id="a file of the future"),
    ],
)
def test_choice_of_two_without_a_date(modified: datetime, offset: str | None) -> None:
    candidates = parse_offset("-11:00", ReportWriter.PERL)

    chosen = choose_offset(candidates, None, OffsetClues([AUCKLAND], modified, NOW))

    assert (None if chosen is None else format_offset(chosen)) == offset


def test_one_candidate_is_it_whatever_else_is_known() -> None:
    chosen = choose_offset(
        parse_offset("+01:00", ReportWriter.PERL), WALL, OffsetClues([AUCKLAND], LONG_AGO, NOW)
    )

    assert chosen is not None
    assert format_offset(chosen) == "+01:00"


def test_a_zone_counts_as_of_the_date_not_of_today() -> None:
    in_winter = datetime(2026, 7, 1, 20, 0)  # noqa: DTZ001 - Auckland is at +12:00 then
    candidates = parse_offset("-11:00", ReportWriter.PERL)

    assert choose_offset(candidates, in_winter, OffsetClues([AUCKLAND], LONG_AGO, NOW)) is None


ZONES = [
    "Africa/Abidjan", "America/Argentina/Buenos_Aires", "America/Los_Angeles", "America/New_York",
    "America/Noronha", "America/St_Johns", "America/Anchorage", "America/Adak", "Asia/Kathmandu",
    "Asia/Kolkata", "Asia/Tehran", "Asia/Tokyo", "Asia/Yangon", "Asia/Kabul", "Australia/Adelaide",
    "Australia/Eucla", "Australia/Lord_Howe", "Australia/Sydney", "Europe/London", "Europe/Zurich",
    "Pacific/Apia", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Honolulu", "Pacific/Kiritimati",
    "Pacific/Marquesas", "Pacific/Pago_Pago", "Pacific/Tongatapu", "UTC",
]  # fmt: skip
INSTANTS = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC, microsecond=0)
)


def offset_of(at: datetime, zone: str) -> timedelta:
    offset = at.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset


def as_perl_writes(at: datetime, zone: str) -> str:
    """Hours and minutes of the clocks, subtracted; decimal hours; decimals times six."""
    local = at.astimezone(ZoneInfo(zone))
    hours = ((local.hour - at.hour) * 60 + local.minute - at.minute) / 60
    whole, _, decimals = f"{abs(hours):g}".partition(".")
    minutes = str(int(decimals) * 6) if decimals else "00"
    return f"{'+' if hours > 0 else '-'}{int(whole):02}:{minutes}"


def as_sepiola_writes(at: datetime, zone: str) -> str:
    """Seconds in 32 unsigned bits."""
    seconds = int(offset_of(at, zone).total_seconds()) % 2**32
    return f"{'+' if seconds else '-'}{seconds // 3600:02}:{seconds // 60 % 60:02}"


@given(at=INSTANTS, zone=st.sampled_from(ZONES))
def test_perls_offset_is_mended_or_ambiguous(at: datetime, zone: str) -> None:
    true = offset_of(at, zone)
    wall = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    candidates = parse_offset(as_perl_writes(at, zone), ReportWriter.PERL)

    assert true in candidates
    assert choose_offset(candidates, wall, OffsetClues([ZoneInfo(zone)], LONG_AGO, NOW)) in (
        true,
        None,
    )
    uploaded = OffsetClues([], at + timedelta(minutes=3), at + timedelta(hours=1))
    assert choose_offset(candidates, wall, uploaded) == true


@given(at=INSTANTS, zone=st.sampled_from(ZONES))
def test_sepiolas_offset_is_mended(at: datetime, zone: str) -> None:
    assert parse_offset(as_sepiola_writes(at, zone), ReportWriter.OTHER) == (offset_of(at, zone),)


@given(st.text(alphabet="+-0123456789:Z. ٣", max_size=14), st.sampled_from(ReportWriter))
def test_no_text_raises(text: str, writer: ReportWriter) -> None:
    for offset in parse_offset(text, writer):
        assert timedelta(hours=-11) <= offset <= timedelta(hours=14)
