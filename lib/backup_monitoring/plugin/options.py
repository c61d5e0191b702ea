"""The command line: options that programs share, and errors that are one line."""

import argparse
import re
from collections.abc import Container, Sequence
from datetime import UTC, datetime
from typing import NoReturn

from backup_monitoring import __version__
from backup_monitoring.model import MonitoringError, UsageError


class HelpRequested(Exception):  # noqa: N818 - no error: help or version, to be printed
    """--help or --version was asked for: *text* is all there is to say."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of printing and leaving.

    argparse would exit with 2 for a wrong option, which means CRITICAL.
    """

    def __init__(self, program: str, description: str, epilog: str | None = None) -> None:
        super().__init__(
            prog=program,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            add_help=False,
            formatter_class=_of_fixed_width,
        )
        self.add_argument("-h", "--help", action=_Help, nargs=0, help="show this help")
        self.add_argument(
            "-V", "--version", action=_Version, nargs=0, help="show the program's version"
        )

    def error(self, message: str) -> NoReturn:
        """Raise UsageError for a wrong command line."""
        raise UsageError("command line", message, f"see {self.prog} --help")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return the options; UsageError for anything else.

        A positional argument is wrong, as plugins have none.
        """
        known, rest = self.parse_known_args(arguments)
        if rest:
            self.error(f"unrecognized argument {rest[0]!r}")
        return known


def _of_fixed_width(prog: str) -> argparse.HelpFormatter:
    """Return what argparse makes for each option: to ask for the terminal's width loads shutil."""
    return argparse.RawDescriptionHelpFormatter(prog, width=78)


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parser.formatter_class = argparse.RawDescriptionHelpFormatter  # as wide as the terminal
        raise HelpRequested(parser.format_help())


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise HelpRequested(f"{parser.prog} {__version__}\n")


def add_common_options(parser: Parser, limit: str = "10 with --account, else 50") -> None:
    """Add what every program has: settings, time, and time limit."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="settings; default: $BACKUP_MONITORING_CONFIG, else "
        "/etc/backup-monitoring/backup-monitoring.toml",
    )
    parser.add_argument(
        "--now",
        metavar="TIME",
        type=parse_now,
        help="evaluate as of this time, ISO 8601 with offset; default: the clock",
    )
    parser.add_argument(
        "-t",
        "--timeout",
        metavar="SECONDS",
        type=parse_seconds,
        help=f"time limit of the whole program; default: {limit}",
    )


def add_account_option(parser: Parser, without: str = "all accounts in scope") -> None:
    """Add ``--account``; *without* says what the program does without it."""
    parser.add_argument(
        "-a",
        "--account",
        metavar="UID",
        action="append",
        help=f"only this account (repeat it, or use commas); default: {without}",
    )


def parse_uids(options: argparse.Namespace) -> list[str] | None:
    """Return the accounts asked for, each once, in their order; None: all."""
    if options.account is None:
        return None
    uids = [uid.strip() for text in options.account for uid in text.split(",")]
    if not all(uids):
        raise UsageError("--account", "an empty UID", "name an account, or leave the option out")
    once: dict[str, str] = {}
    for uid in uids:
        once.setdefault(uid.lower(), uid)  # as the directory compares them
    return list(once.values())


def list_missing(found: Container[str], uids: Sequence[str]) -> list[str]:
    """Return those of *uids* that are not *found*, whose uids are in lower case."""
    return [uid for uid in uids if uid.lower() not in found]


def format_no_such_account(base: str) -> str:
    """Return what is said of an account that was asked for, and is not below *base*."""
    return f"no such account below {base}"


def require_found(found: Container[str], uids: Sequence[str], base: str) -> None:
    """See that there is none of `list_missing`, with *base* as of `format_no_such_account`.

    Raises:
        MonitoringError: it names those that are not there.
    """
    if missing := list_missing(found, uids):
        remedy = "check the UID, and accounts_base in [directory]"
        raise MonitoringError(", ".join(missing), format_no_such_account(base), remedy)


def choose_now(options: argparse.Namespace) -> datetime:
    """Return the time to evaluate at, aware UTC."""
    return options.now if options.now is not None else datetime.now(UTC)


def parse_now(text: str) -> datetime:
    """Return the UTC time that *text* says."""
    try:
        moment = datetime.fromisoformat(text)
        aware = moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        aware = None
    if aware is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time such as 2026-11-24T08:00:00+01:00 (with its offset)"
        )
    if not 1970 <= aware.year < 3000:  # near their ends dates cannot be compared any more
        raise argparse.ArgumentTypeError(f"{text!r} is not between 1970 and 3000")
    return aware


def parse_seconds(text: str) -> float:
    """Return a time limit in seconds."""
    return float(_parse_whole(text, 86400, "seconds"))


def parse_days(text: str) -> int:
    """Return a number of days."""
    return _parse_whole(text, 9999, "days")


def _parse_whole(text: str, most: int, unit: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of {unit} from 1 to {most}")
    return int(text)
