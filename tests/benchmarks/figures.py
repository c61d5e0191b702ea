"""Lines of the table: what was measured, and how much of it is good enough."""

from typing import NamedTuple

from benchmarks.compared import Used

IMPORT = "import nagiosplugin, ldap3"
OF_IMPORT = f"to `python3 -c '{IMPORT}'`"


class Figure(NamedTuple):
    """One line of the table: *value* is good up to *target*, both in *unit*.

    Args:
        how: both sides in absolute figures.
    """

    what: str
    value: float
    target: float
    unit: str
    how: str

    @property
    def reached(self) -> bool:
        """Whether the value is good enough."""
        return self.value <= self.target


def ratio(what: str, used: Used, than: Used, target: float) -> Figure:
    """Return how the seconds of *used* compare with those of *than*."""
    how = f"{1000 * used.seconds:,.0f} ms : {1000 * than.seconds:,.0f} ms"
    return Figure(what, used.seconds / than.seconds, target, "x", how)


def memory(what: str, used: Used, target: float) -> Figure:
    """Return the memory of *used*."""
    return Figure(f"{what}, memory", used.memory, target, "MiB", "resident, at its peak")
