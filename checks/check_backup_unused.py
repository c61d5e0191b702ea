"""check_backup_unused: was an account never used?"""

import argparse
from collections.abc import Sequence

from backup_monitoring.model import Account, Range, Threshold, parse_duration
from backup_monitoring.plugin import (
    BackupCheck,
    Parser,
    Watchdog,
    choose_threshold,
    explain_ranges,
    parse_range,
    run,
)
from backup_monitoring.tasks import Policies, UnusedPolicy, format_age_thresholds


class UnusedCheck(BackupCheck):
    """Reads the directory, and looks for reports and data in each home."""

    task = "unused"
    description = "Checks for accounts that were never used."

    def add_options(self, parser: Parser) -> None:
        """Add the thresholds as ages."""
        explain_ranges(parser, "AGE")
        parser.add_argument(
            "-w",
            "--warning",
            metavar="AGE",
            type=parse_age,
            help="good age of an unused account, in seconds or like 14d; 14d by default "
            "([unused] after)",
        )
        parser.add_argument(
            "-c", "--critical", metavar="AGE", type=parse_age, help="as -w; none by default"
        )

    def apply_options(self, options: argparse.Namespace, policies: Policies) -> Policies:
        """Return *policies* with the thresholds of the command line."""
        critical = Threshold(options.critical, "-c") if options.critical is not None else None
        policy = policies[UnusedPolicy]._replace(
            warning=choose_threshold(options.warning, "-w", policies[UnusedPolicy].warning),
            critical=critical,
        )
        return policies.replace(policy)

    def format_thresholds(self, account: Account, policies: Policies) -> str:
        """Return the ages in effect."""
        return format_age_thresholds(policies[UnusedPolicy])


def parse_age(text: str) -> Range:
    """Return the good ages in seconds of *text*, a duration or a range."""
    try:
        return Range(end=parse_duration(text).total_seconds())
    except ValueError:
        return parse_range(text)


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the check; return its exit code and its output."""
    return run(UnusedCheck(), arguments, watchdog)
