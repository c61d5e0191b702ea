"""collect_backup_state: reads the directory and the homes once, and writes the store."""

import argparse
import sys
from collections.abc import Iterable, Sequence

from backup_monitoring.model import Account, DirectoryError, SettingsError, sanitize
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
    collect,
    count_findings,
    try_accounts,
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
    uids, now = parse_uids(options), choose_now(options)
    if uids is None and settings.store.folder is None:
        remedy = 'set it, for example to "/var/lib/backup-monitoring"'
        raise SettingsError(f"{settings.file}: [store] folder", "not set", remedy)
    try:
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
    add_account_option(parser)
    add_common_options(parser, limit=f"{_TIME_LIMIT}")
    parser.add_argument("--quiet", action="store_true", help="print only what failed")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if there are findings")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="list the findings")
    return parser


def _show_bar(accounts: Iterable[tuple[int, Account]], total: int) -> Iterable[tuple[int, Account]]:
    from tqdm import tqdm

    return tqdm(accounts, total=total, unit="account", leave=False)


def _show_nothing(
    accounts: Iterable[tuple[int, Account]], total: int
) -> Iterable[tuple[int, Account]]:
    return accounts


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
        f"{run.accounts} accounts, {run.computers} computers, {run.seconds:.1f} s, "
        f"{len(run.findings)} findings{f' ({listed})' if listed else ''}"
    )
    if options.verbose:
        lines += [f"  {finding.kind}: {finding}" for finding in run.findings]
    return lines
