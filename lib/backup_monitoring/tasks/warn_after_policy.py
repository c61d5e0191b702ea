"""Warn after: the settings and options of the rules that count backups in a row."""

from typing import Annotated, NamedTuple

from backup_monitoring.model import COUNT, Key, Range, Threshold
from backup_monitoring.tasks.task import Option


class WarnAfterPolicy(NamedTuple):
    """[warn_after]: for accounts whose entry sets no threshold to warn.

    How many backups may be missed or fail before the state is WARNING. See
    [Rules, Warn after](rules.md#warn-after).

    Args:
        days_origin: who set *days*.
        critical: good numbers of backups; beyond them a WARNING becomes CRITICAL.
    """

    backups: Annotated[
        Threshold,
        Key(
            "warn after this many missed or failed backups in a row; 0 is off",
            most=99,
            threshold=COUNT,
        ),
    ] = Threshold(COUNT.make(0), "default")
    days: Annotated[
        int, Key("warn after this many times 24 hours without a backup; 0 is off", most=99)
    ] = 1
    days_origin: str = "default"
    critical: Threshold = Threshold(Range(end=2), "default")


def make_warn_after_options(counted: str) -> tuple[Option, Option]:
    """Return ``-w`` and ``-c``; *counted* is what such a backup is: missed or failed."""
    return (
        Option(
            ("-w", "--warning"),
            "RANGE",
            f"good number of {counted} backups in a row, {{default}} by default ([warn_after] "
            "backups); for accounts whose entry sets none: most entries do",
            WarnAfterPolicy,
            "backups",
        ),
        Option(
            ("-c", "--critical"),
            "RANGE",
            "CRITICAL outside of it while WARNING holds, {default} by default",
            WarnAfterPolicy,
            "critical",
        ),
    )
