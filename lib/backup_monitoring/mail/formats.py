"""Formats times, sizes and numbers in the way of a language."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

from backup_monitoring.model import DAY, GIB

_MIB = 2**20
_NO_BREAK = "\N{NO-BREAK SPACE}"


class Formats(NamedTuple):
    """The formats of a language, from its ``language.jinja``.

    Args:
        decimal: the decimal sign. months: their twelve names.
        date: with ``{day}``, ``{month}``, ``{year}``. first_day: the first of a month.
        date_in_text: the same in a sentence, and of a day 8 or 11, which some languages elide.
        moment: with ``{date}``, ``{hour}``, ``{minute}``, ``{zone}``.
        units: of sizes, 2**20 and 2**30 bytes.
    """

    decimal: str
    months: Sequence[str]
    date: str
    date_in_text: tuple[str, str]
    first_day: str
    moment: str
    units: Sequence[str]

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Formats":
        """Return the formats from the *values* that ``language.jinja`` sets."""
        texts = ("decimal", "date", "date_in_text", "date_in_text_8_11", "first_day", "moment")
        decimal, date, in_text, elided, first_day, moment = (str(values[key]) for key in texts)
        months, units = (cast("Sequence[str]", values[key]) for key in ("months", "units"))
        return cls(decimal, months, date, (in_text, elided), first_day, moment, units)

    def format_day(self, day: dt.date) -> str:
        """Return *day* in words, on its own."""
        return self._format_day(day, self.date)

    def format_day_in_text(self, day: dt.date) -> str:
        """Return *day* in words, for a sentence."""
        return self._format_day(day, self.date_in_text[day.day in (8, 11)])

    def _format_day(self, day: dt.date, form: str) -> str:
        number = self.first_day if day.day == 1 else str(day.day)
        return form.format(day=number, month=self.months[day.month - 1], year=day.year)

    def format_time(self, moment: dt.datetime, zone: dt.tzinfo) -> str:
        """Return *moment* in words, on its own, in *zone* and with its offset from UTC."""
        return self._format_time(moment.astimezone(zone), self.format_day)

    def format_time_in_text(self, moment: dt.datetime, zone: dt.tzinfo) -> str:
        """Return *moment* as `format_time` does, for a sentence."""
        return self._format_time(moment.astimezone(zone), self.format_day_in_text)

    def _format_time(self, local: dt.datetime, format_day: Callable[[dt.date], str]) -> str:
        offset = f"{local:%z}"
        return self.moment.format(
            date=format_day(local.date()),
            hour=f"{local:%H}",
            minute=f"{local:%M}",
            zone=f"UTC{offset[:3]}:{offset[3:5]}",
        )

    def format_number(self, value: float, digits: int = 1) -> str:
        """Return *value* with *digits* after the decimal sign."""
        return f"{value:.{digits}f}".replace(".", self.decimal)

    def format_percent(self, value: float, threshold: float | None = None) -> str:
        """Return *value* in percent, precise enough to show that it is above *threshold*."""
        digits = 1
        if threshold is not None and value > threshold:
            while digits < 6 and float(f"{value:.{digits}f}") <= threshold:
                digits += 1
        text = self.format_number(value, digits if value % 1 else 0)
        return f"{text}{_NO_BREAK}%"

    def format_size(self, octets: int) -> str:
        """Return *octets* in GiB, a small size in MiB."""
        mib, gib = self.units
        if abs(octets) < GIB // 10:
            return f"{self.format_number(octets / _MIB)}{_NO_BREAK}{mib}"
        return f"{self.format_number(octets / GIB)}{_NO_BREAK}{gib}"


def count_whole_days(span: dt.timedelta) -> int:
    """Return the full days of *span*."""
    return span // DAY
