"""The command line: options that programs share, and errors of one line."""

import argparse
import re
from collections.abc import Container, Sequence
from datetime import UTC, datetime
from typing import NoReturn

from backup_monitoring import __version__
from backup_monitoring.model import MonitoringError, UsageError
from backup_monitoring.plugin.help_request import HelpRequested


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of exiting.

    argparse exits with 2 for a wrong option, which means CRITICAL.
    """

    def __init__(self, program: str, description: str, epilog: str | None = None) -> None:
        super().__init__(
            prog=program,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            add_help=False,
            formatter_class=_make_formatter,
        )
        self.add_argument("-h", "--help", action=_Help, nargs=0, help="show this help")
        self.add_argument(
            "-V", "--version", action=_Version, nargs=0, help="show the program's version"
        )

    def error(self, message: str) -> NoReturn:
        """Raise UsageError for a wrong command line."""
        raise UsageError("command line", message, f"see {self.prog} --help")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return the options.

        Raises:
            UsageError: an option is wrong, or there is an argument: plugins have none.
            HelpRequested: --help or --version.
        """
        known, rest = self.parse_known_args(arguments)
        if rest:
            self.error(f"unrecognized argument {rest[0]!r}")
        return known


def _make_formatter(prog: str) -> argparse.HelpFormatter:
    # argparse makes one for each option it adds. Asking for the terminal's width loads shutil.
    return argparse.RawDescriptionHelpFormatter(prog, width=78)


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parser.formatter_class = argparse.RawDescriptionHelpFormatter  # of the terminal's width
        raise HelpRequested(parser.format_help(), parser)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise HelpRequested(f"{parser.prog} {__version__}\n", parser)


def add_common_options(
    parser: Parser, limit: str = "10 with --account, else 50", now: str = "the clock"
) -> None:
    """Add the options of every program.

    Args:
        limit, now: the help's texts for the default time limit and time.
    """
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
        help=f"evaluate as of this time, ISO 8601 with offset; default: {now}",
    )
    parser.add_argument(
        "-t",
        "--timeout",
        metavar="SECONDS",
        type=parse_seconds,
        help=f"time limit of the whole program; default: {limit}",
    )


def add_output_option(parser: Parser) -> None:
    """Add ``--output``, the form of the output."""
    parser.add_argument(
        "--output",
        choices=("text", "json"),
        default="text",
        metavar="FORMAT",
        help="text (default), or json: one document, also for a failure",
    )


def add_account_option(parser: Parser, without: str = "all accounts in scope") -> None:
    """Add ``--account``; *without* is the help's text for what the program does without it."""
    parser.add_argument(
        "-a",
        "--account",
        metavar="UID",
        action="append",
        help="only this account (repeat it, or use commas; =UID: a UID with commas); "
        f"default: {without}",
    )


def parse_uids(options: argparse.Namespace) -> list[str] | None:
    """Return the accounts of ``--account`` in their order, without duplicates; None for all.

    What begins with ``=`` is a single UID behind that, whatever it contains.
    """
    if options.account is None:
        return None
    uids: list[str] = []
    for text in options.account:
        uids += [text[1:]] if text[:1] == "=" else (uid.strip() for uid in text.split(","))
    if not all(uids):
        raise UsageError("--account", "an empty UID", "name an account, or leave the option out")
    once: dict[str, str] = {}
    for uid in uids:
        once.setdefault(uid.lower(), uid)  # the directory ignores case
    return list(once.values())


def list_missing(found: Container[str], uids: Sequence[str]) -> list[str]:
    """Return those of *uids* that are not *found*, whose uids are in lower case."""
    return [uid for uid in uids if uid.lower() not in found]


def format_no_such_account(base: str) -> str:
    """Return the text for an account that does not exist below *base*."""
    return f"no such account below {base}"


def require_found(found: Container[str], uids: Sequence[str], base: str) -> None:
    """Require that all of *uids* are in *found*, whose uids are in lower case.

    Raises:
        MonitoringError: it names those that do not exist below *base*.
    """
    if missing := list_missing(found, uids):
        remedy = "check the UID, and accounts_base in [directory]"
        raise MonitoringError(", ".join(missing), format_no_such_account(base), remedy)


def choose_now(options: argparse.Namespace) -> datetime:
    """Return the time to evaluate at, aware UTC."""
    return options.now if options.now is not None else datetime.now(UTC)


def parse_now(text: str) -> datetime:
    """Return the UTC time of *text*, ISO 8601 with an offset."""
    try:
        moment = datetime.fromisoformat(text)
        aware = moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        aware = None
    if aware is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time with an offset; example: 2026-11-24T08:00:00+01:00"
        )
    if not 1970 <= aware.year < 3000:  # other time zones must stay within the years 1 to 9999
        raise argparse.ArgumentTypeError(f"{text!r} is not between 1970 and 3000")
    return aware


def parse_seconds(text: str) -> float:
    """Return the time limit *text*, in seconds."""
    return float(_parse_whole(text, 86400, "seconds"))


def parse_days(text: str) -> int:
    """Return the number of days *text*."""
    return _parse_whole(text, 9999, "days")


def _parse_whole(text: str, most: int, unit: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {unit} from 1 to {most}")
    return int(text)
