"""Values of records: times, names, sentences and numbers, as JSON has them."""

from datetime import UTC, datetime, timedelta, tzinfo

from backup_monitoring.model import escape_surrogates, sanitize

Record = dict[str, object]


def write_time(at: datetime | None, zone: tzinfo = UTC) -> str | None:
    """Return *at* to the second in *zone*, with its offset, as of RFC 3339.

    Args:
        at: in UTC; None: not known.
    """
    if at is None:
        return None
    try:
        local = at.astimezone(zone)
    except OverflowError:  # the begin of the year 1, or the end of 9999
        local = at
    if (local.utcoffset() or timedelta(0)) % timedelta(minutes=1):
        local = at  # RFC 3339 has no offsets with seconds; some zones once had
    return local.isoformat(timespec="seconds")


def write_name(name: str) -> str:
    """Return *name* of an account, a computer or a server, as it is.

    Bytes that are not UTF-8 become ``\\xNN``: JSON's strings cannot hold them.
    """
    return escape_surrogates(name)


def write_sentence(text: str) -> str:
    """Return *text* for people, the same as in the text output."""
    return sanitize(text)


def write_number(value: float) -> float:
    """Return *value* with the digits of the text output; an integer if it is one."""
    return int(value) if value == int(value) else round(value, 4)
