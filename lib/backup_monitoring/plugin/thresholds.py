"""The options of a task: thresholds, as ranges of the Monitoring Plugins guidelines, and days."""

import argparse
import re
from datetime import timedelta

import nagiosplugin

from backup_monitoring.model import (
    Range,
    Threshold,
    UsageError,
    format_duration,
    parse_duration,
)
from backup_monitoring.plugin.options import Parser, parse_days
from backup_monitoring.tasks import Option, Policies, Task


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


def parse_age(text: str) -> Range:
    """Return the good ages in seconds of *text*, a duration or a range."""
    try:
        return Range(end=parse_duration(text).total_seconds())
    except ValueError:
        return parse_range(text)


_PARSERS = {"RANGE": parse_range, "AGE": parse_age, "DAYS": parse_days}  # by metavar


def add_task_options(parser: Parser, task: Task) -> None:
    """Add the options of *task*."""
    for option in task.options:
        parser.add_argument(
            *option.flags,
            metavar=option.metavar,
            type=_PARSERS[option.metavar],
            help=option.help.format(default=_format_default(option)),
        )
    ranges = sorted({option.metavar for option in task.options} & {"RANGE", "AGE"})
    for metavar in ranges:
        parser.epilog = (
            f"{metavar}: the good values. 85 is 0 to 85, 10: is 10 and more, ~: is everything "
            f"(off),\n@90:100 is everything but 90 to 100.\n{parser.epilog}"
        )


def _format_default(option: Option) -> str:
    default: object = option.policy._field_defaults[option.field]
    if not isinstance(default, Threshold) or default.good.plain is None:
        return "off"
    if option.metavar == "AGE":
        return format_duration(timedelta(seconds=default.good.plain))
    return f"{default.good.plain:g}"


def apply_options(
    task: Task, options: argparse.Namespace, policies: Policies, *, stored: bool
) -> Policies:
    """Return *policies* with the values of the command line.

    Args:
        stored: the store is read; otherwise an option that needs it is a UsageError.
    """
    for option in task.options:
        flag = option.flags[-1]
        value = getattr(options, flag.removeprefix("--").replace("-", "_"))
        if value is None:
            continue
        if option.needs_store and not stored:
            remedy = "set [store] folder and leave --live out, or leave this option out"
            raise UsageError(flag, option.needs_store, remedy)
        if isinstance(value, Range):
            value = Threshold(value, option.flags[0])
        policies = policies.replace(policies[option.policy]._replace(**{option.field: value}))
    return policies
