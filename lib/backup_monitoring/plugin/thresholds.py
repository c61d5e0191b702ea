"""The options -w and -c: good values, as ranges of the guidelines."""

import argparse
import re

import nagiosplugin

from backup_monitoring.model import Range, Threshold
from backup_monitoring.plugin.options import Parser
from backup_monitoring.tasks import Policies


def range_option(text: str) -> Range:
    """Return the good values that *text*, a range of the guidelines, says.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    # nagiosplugin reads "85%" as no number and fails with a text that helps nobody.
    # Fifteen digits are as many as a float keeps; more would become another number, or none.
    number = r"-?(?:[0-9]{1,15}(?:\.[0-9]*)?|\.[0-9]+)"
    if not re.fullmatch(f"@?(?:(?:~|{number})?:)?(?:{number})?", text) or text in ("", "@"):
        raise argparse.ArgumentTypeError(f"{text!r} is no range such as 85, 10:85 or @90:100")
    try:
        parsed = nagiosplugin.Range(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no range: its start is behind its end"
        ) from None
    return Range(float(parsed.start), float(parsed.end), bool(parsed.invert))


def add_thresholds(parser: Parser, warning: str, critical: str) -> None:
    """Add ``-w`` and ``-c`` with the given help."""
    explain_ranges(parser, "RANGE")
    entry = "; for accounts whose entry sets none: most entries do"
    parser.add_argument("-w", "--warning", metavar="RANGE", type=range_option, help=warning + entry)
    parser.add_argument("-c", "--critical", metavar="RANGE", type=range_option, help=critical)


def explain_ranges(parser: Parser, metavar: str) -> None:
    """Let the help of *parser* say what a *metavar* is."""
    parser.epilog = (
        f"{metavar}: the good values. 85 is 0 to 85, 10: is 10 and more, ~: is all (off),\n"
        f"@90:100 is all but 90 to 100.\n{parser.epilog}"
    )


def choose_threshold(good: Range | None, option: str, otherwise: Threshold) -> Threshold:
    """Return the threshold of the command line, else *otherwise*."""
    return Threshold(good, option) if good is not None else otherwise


def add_patience(parser: Parser, metric: str) -> None:
    """Add ``-w`` and ``-c`` for the number of *metric* backups in a row."""
    add_thresholds(
        parser,
        f"good number of {metric} backups in a row, off by default ([warn_after] backups)",
        "CRITICAL outside of it while WARNING holds, 2 by default (from 3 on)",
    )


def apply_warn_after(options: argparse.Namespace, policies: Policies) -> Policies:
    """Return *policies* with the patience of the command line."""
    warn_after = policies.warn_after._replace(
        backups=choose_threshold(options.warning, "-w", policies.warn_after.backups),
        critical=choose_threshold(options.critical, "-c", policies.warn_after.critical),
    )
    return policies._replace(warn_after=warn_after)
