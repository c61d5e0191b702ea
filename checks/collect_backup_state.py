"""collect_backup_state: reads the directory and the homes once, and writes the store."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backup_monitoring.model import (
    DirectoryError,
    SettingsError,
    UsageError,
    format_count,
    format_time,
    sanitize,
)
from backup_monitoring.plugin import (
    Parser,
    Watchdog,
    add_account_option,
    add_common_options,
    choose_now,
    parse_uids,
    start_run,
)
from backup_monitoring.store import (
    CollectorRun,
    StoreError,
    accept_losses,
    collect,
    count_findings,
    list_retired,
    retire_computer,
    try_accounts,
    unretire_computer,
)

FINDINGS, FAILED = 1, 2
_TIME_LIMIT = 3600  # seconds


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the program; return its exit code and its output.

    Raises:
        MonitoringError: the command line or the settings are wrong.
        HelpRequested: the command line asks for help or version.
    """
    options = _make_parser().parse(arguments)
    settings = start_run(options, watchdog, _TIME_LIMIT)
    uids, now, change = parse_uids(options), choose_now(options), _changes_store(options)
    if uids is None and settings.store.folder is None:
        remedy = 'set it, for example to "/var/lib/backup-monitoring"'
        raise SettingsError(f"{settings.file}: [store] folder", "not set", remedy)
    try:
        if change and settings.store.folder is not None:
            lines = _change_store(options, settings.store.folder, now)
            return 0, "\n".join(map(sanitize, lines))
        if uids is not None:
            run = try_accounts(settings, uids, now, watchdog.phase)
        else:
            progress = _show_bar if sys.stderr.isatty() and not options.quiet else _show_nothing
            run = collect(
                settings, now, watchdog.phase, progress, given_time=options.now is not None
            )
    # SettingsError: of the directory, for example its password file, when nothing is stored yet.
    except (DirectoryError, SettingsError, StoreError) as error:
        return FAILED, sanitize(f"FAILED: {error}")
    return _choose_exit_code(run, options), "\n".join(map(sanitize, _format(run, options)))


def _make_parser() -> Parser:
    parser = Parser(
        "collect_backup_state",
        "Reads the directory and all home directories once, and writes the store.",
        "exit codes: 0 written, 1 written with findings (--strict), 2 a part could not be read "
        "or written, 3 wrong options or settings",
    )
    add_account_option(parser, "all accounts in scope; with -a nothing is written")
    add_common_options(parser, limit=f"{_TIME_LIMIT}")
    parser.add_argument("--quiet", action="store_true", help="print only what failed")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if there are findings")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="list the findings")
    jobs = parser.add_argument_group("instead of a run").add_mutually_exclusive_group()
    jobs.add_argument(
        "--accept-loss",
        action="store_true",
        help="accept that the accounts that the last run held are gone",
    )
    jobs.add_argument(
        "--retire",
        metavar="UID/COMPUTER",
        help="take the computer as no longer used, and OK, until it uploads again",
    )
    jobs.add_argument("--unretire", metavar="UID/COMPUTER", help="undo --retire")
    jobs.add_argument("--retired", action="store_true", help="list the retired computers")
    return parser


def _changes_store(options: argparse.Namespace) -> bool:
    """Return whether the options ask for another job than a run."""
    changes = options.accept_loss or options.retired
    changes = changes or options.retire is not None or options.unretire is not None
    if changes and options.account is not None:
        problem = "excludes --accept-loss, --retire, --unretire and --retired"
        raise UsageError("--account", problem, "leave it out; a computer is UID/COMPUTER")
    return changes


def _change_store(options: argparse.Namespace, folder: Path, now: datetime) -> list[str]:
    if options.accept_loss:
        uids = accept_losses(folder, now)
        if not uids:
            return ["no account is held: there is nothing to accept"]
        return [
            f"accepted from the next run on: the loss of {len(uids)}",
            *(f"  {uid}" for uid in uids),
        ]
    if options.retire is not None:
        uid, name, _ = retire_computer(folder, options.retire, now)
        return [f"{uid}/{name} is retired from the next run on, until it uploads again"]
    if options.unretire is not None:
        uid, name, _ = unretire_computer(folder, options.unretire, now)
        return [f"{uid}/{name} is monitored again from the next run on"]
    retired = list_retired(folder, now)
    computers = (f"{uid}/{name} since {format_time(at, UTC)}" for uid, name, at in retired)
    return list(computers) or ["no computer is retired"]


def _show_bar(homes: Iterable[Any], total: int) -> Iterable[Any]:
    from tqdm import tqdm

    return tqdm(homes, total=total, unit="account", leave=False)


def _show_nothing(homes: Iterable[Any], total: int) -> Iterable[Any]:
    return homes


def _choose_exit_code(run: CollectorRun, options: argparse.Namespace) -> int:
    if run.failed:
        return FAILED
    return FINDINGS if options.strict and run.findings else 0


def _format(run: CollectorRun, options: argparse.Namespace) -> list[str]:
    lines = [f"FAILED: {line}" for line in run.failed] + [f"note: {line}" for line in run.notes]
    if options.quiet:
        return lines
    counts = sorted(count_findings(run.findings).items())
    listed = ", ".join(f"{count} {kind}" for kind, count in counts)
    lines.append(
        f"{format_count(run.accounts, 'account')}, {format_count(run.computers, 'computer')}, "
        f"{run.seconds:.1f} s, {format_count(len(run.findings), 'finding')}"
        f"{f' ({listed})' if listed else ''}"
    )
    if options.verbose:
        lines += [f"  {finding.kind}: {finding}" for finding in run.findings]
    return lines
