"""The options -w and -c: good values, as ranges of the Monitoring Plugins guidelines."""

import argparse
import re

import nagiosplugin

from backup_monitoring.model import Account, Range, Threshold
from backup_monitoring.plugin.check import BackupCheck
from backup_monitoring.plugin.options import Parser
from backup_monitoring.tasks import (
    Policies,
    WarnAfterPolicy,
    format_warn_thresholds,
    resolve_warn_after,
)


def parse_range(text: str) -> Range:
    """Return the good values that *text*, a range of the guidelines, stands for.

    Raises:
        argparse.ArgumentTypeError: it is not a valid range.
    """
    # For "85%" nagiosplugin raises an error whose text helps nobody. A float keeps fifteen digits:
    # a longer number would become another one, or infinite.
    number = r"-?(?:[0-9]{1,15}(?:\.[0-9]*)?|\.[0-9]+)"
    if not re.fullmatch(f"@?(?:(?:~|{number})?:)?(?:{number})?", text) or text in ("", "@"):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a valid range; examples: 85, 10:85, @90:100"
        )
    try:
        parsed = nagiosplugin.Range(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a valid range: its start is greater than its end"
        ) from None
    return Range(float(parsed.start), float(parsed.end), bool(parsed.invert))


def add_thresholds(parser: Parser, warning: str, critical: str) -> None:
    """Add ``-w`` and ``-c`` with the given help."""
    explain_ranges(parser, "RANGE")
    entry = "; for accounts whose entry sets none: most entries do"
    parser.add_argument("-w", "--warning", metavar="RANGE", type=parse_range, help=warning + entry)
    parser.add_argument("-c", "--critical", metavar="RANGE", type=parse_range, help=critical)


def explain_ranges(parser: Parser, metavar: str) -> None:
    """Add to the help of *parser* what a *metavar* is."""
    parser.epilog = (
        f"{metavar}: the good values. 85 is 0 to 85, 10: is 10 and more, ~: is everything (off),\n"
        f"@90:100 is everything but 90 to 100.\n{parser.epilog}"
    )


def choose_threshold(good: Range | None, option: str, otherwise: Threshold) -> Threshold:
    """Return the threshold of the command line's *option*, else *otherwise*."""
    return Threshold(good, option) if good is not None else otherwise


class WarnAfterCheck(BackupCheck):
    """A check whose ``-w`` and ``-c`` are numbers of backups in a row, as in [warn_after]."""

    counted: str  # what such a backup is: missed, failed

    def add_options(self, parser: Parser) -> None:
        """Add ``-w`` and ``-c``."""
        add_thresholds(
            parser,
            f"good number of {self.counted} backups in a row, off by default "
            "([warn_after] backups)",
            "CRITICAL outside of it while WARNING holds, 2 by default (from 3 on)",
        )

    def apply_options(self, options: argparse.Namespace, policies: Policies) -> Policies:
        """Return *policies* with the thresholds of the command line."""
        default = policies[WarnAfterPolicy]
        warn_after = default._replace(
            backups=choose_threshold(options.warning, "-w", default.backups),
            critical=choose_threshold(options.critical, "-c", default.critical),
        )
        return policies.replace(warn_after)

    def format_thresholds(self, account: Account, policies: Policies) -> str:
        """Return the thresholds of *account*: its entry's, else those of *policies*."""
        return format_warn_thresholds(resolve_warn_after(account, policies[WarnAfterPolicy]))
