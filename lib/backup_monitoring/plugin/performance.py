"""Performance data as text, quicker than nagiosplugin, which each single check would wait for."""

from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def format_performance(metric: "Sequence[Any]") -> str:
    """Return the performance data of *metric*: a `Metric`, or the same as lists of JSON.

    Source: Monitoring Plugins Development Guidelines, "Performance data".
    """
    name, value, unit, warning, critical, minimum, maximum = metric
    ends = (
        _find_plain_end(warning),
        _find_plain_end(critical),
        "" if minimum is None else str(drop_fraction(minimum)),
        "" if maximum is None else str(drop_fraction(maximum)),
    )
    return f"{name}={format_number(value)}{unit};{';'.join(ends)}".rstrip(";")


def _find_plain_end(good: "Sequence[Any] | None") -> str:
    # Icinga keeps a threshold only if it is a plain number.
    if good is None:
        return ""
    _, end, inverted = good
    return "" if inverted or end == float("inf") else format_number(end)


def drop_fraction(value: float) -> float:
    """Return *value* as an integer if it is one."""
    return int(value) if value == int(value) else value


def format_number(value: float) -> str:
    """Return *value* without an exponent, which Icinga cannot read."""
    return str(int(value)) if value == int(value) else f"{value:.4f}".rstrip("0").rstrip(".")
