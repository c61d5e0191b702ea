"""Writes times, sizes and numbers as a language does."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from backup_monitoring.model import DAY, GIB

_MIB = 2**20
_NO_BREAK = "\N{NO-BREAK SPACE}"


class Formats(NamedTuple):
    """How a language writes, from its ``language.jinja``.

    Args:
        decimal: the sign between whole and part. months: their twelve names.
        date: with ``{day}``, ``{month}``, ``{year}``. first_day: the first of a month.
        moment: with ``{date}``, ``{hour}``, ``{minute}``, ``{zone}``.
    """

    decimal: str
    months: Sequence[str]
    date: str
    first_day: str
    moment: str

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Formats":
        """Return the formats among what ``language.jinja`` sets."""
        months = cast("Sequence[str]", values["months"])
        texts = (str(values[key]) for key in ("date", "first_day", "moment"))
        return cls(str(values["decimal"]), months, *texts)

    def day(self, day: dt.date) -> str:
        """Return *day* in words."""
        number = self.first_day if day.day == 1 else str(day.day)
        return self.date.format(day=number, month=self.months[day.month - 1], year=day.year)

    def time(self, moment: dt.datetime, zone: dt.tzinfo) -> str:
        """Return *moment* in words, as clocks of *zone* show it, with the offset."""
        local = moment.astimezone(zone)
        offset = f"{local:%z}"
        return self.moment.format(
            date=self.day(local.date()),
            hour=f"{local:%H}",
            minute=f"{local:%M}",
            zone=f"UTC{offset[:3]}:{offset[3:5]}",
        )

    def number(self, value: float, digits: int = 1) -> str:
        """Return *value* with *digits* after the decimal sign."""
        return f"{value:.{digits}f}".replace(".", self.decimal)

    def percent(self, value: float, limit: float | None = None) -> str:
        """Return *value* in percent, so exactly that it is seen to be above *limit*."""
        digits = 1
        if limit is not None and value > limit:
            while digits < 6 and float(f"{value:.{digits}f}") <= limit:
                digits += 1
        text = self.number(value, digits if value % 1 else 0)
        return f"{text}{_NO_BREAK}%"

    def size(self, octets: int) -> str:
        """Return a size in GiB, a small one in MiB."""
        if abs(octets) < GIB // 10:
            return f"{self.number(octets / _MIB)}{_NO_BREAK}MiB"
        return f"{self.number(octets / GIB)}{_NO_BREAK}GiB"


def count_whole_days(span: dt.timedelta) -> int:
    """Return the full days of *span*."""
    return span // DAY
