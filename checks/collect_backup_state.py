"""collect_backup_state: one pass over directory and storage, into the store."""

import argparse
import sys
from collections.abc import Iterable, Sequence

from backup_monitoring.model import Account, DirectoryError, SettingsError, sanitize
from backup_monitoring.plugin import (
    HelpRequested,
    Parser,
    Watchdog,
    add_account_option,
    add_common_options,
    choose_now,
    parse_uids,
)
from backup_monitoring.settings import find_settings_file, read_settings
from backup_monitoring.store import CollectorRun, StoreError, collect, try_accounts

FINDINGS, FAILED = 1, 2
_LIMIT = 3600


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the program; return its exit code and its output.

    Raises:
        MonitoringError: the command line or the settings are wrong.
    """
    try:
        options = _parser().parse(arguments)
    except HelpRequested as shown:
        return 0, shown.text
    watchdog.limit(options.timeout or _LIMIT)
    watchdog.phase("reading the settings")
    settings = read_settings(find_settings_file(options.config))
    uids, now = parse_uids(options), choose_now(options)
    if uids is None and settings.store.folder is None:
        remedy = 'set it, such as to "/var/lib/backup-monitoring"'
        raise SettingsError(f"{settings.file}: [store] folder", "not set", remedy)
    try:
        if uids is not None:
            made = try_accounts(settings, uids, now, watchdog.phase)
        else:
            progress = _bar if sys.stderr.isatty() and not options.quiet else _quietly
            made = collect(
                settings, now, watchdog.phase, progress, given_time=options.now is not None
            )
    except (DirectoryError, StoreError) as error:
        return FAILED, sanitize(f"FAILED: {error}")
    return _code(made, options), "\n".join(map(sanitize, _lines(made, options)))


def _parser() -> Parser:
    parser = Parser(
        "collect_backup_state",
        "Makes one pass over directory and storage, and writes what it saw into the store.",
        "exit codes: 0 written, 1 written with findings (--strict), 2 a part could not be read "
        "or written, 3 wrong options or settings",
    )
    add_account_option(parser)
    add_common_options(parser, limit=f"{_LIMIT}")
    parser.add_argument("--quiet", action="store_true", help="print only what failed")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if there are findings")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="list the findings")
    return parser


def _bar(accounts: Iterable[tuple[int, Account]], total: int) -> Iterable[tuple[int, Account]]:
    from tqdm import tqdm

    return tqdm(accounts, total=total, unit="account", leave=False)


def _quietly(accounts: Iterable[tuple[int, Account]], total: int) -> Iterable[tuple[int, Account]]:
    return accounts


def _code(made: CollectorRun, options: argparse.Namespace) -> int:
    if made.failed:
        return FAILED
    return FINDINGS if options.strict and made.findings else 0


def _lines(made: CollectorRun, options: argparse.Namespace) -> list[str]:
    lines = [f"FAILED: {line}" for line in made.failed] + [f"note: {line}" for line in made.notes]
    if options.quiet:
        return lines
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(made.counted().items()))
    said = f" ({counts})" if counts else ""
    lines.append(
        f"{made.accounts} accounts, {made.computers} computers, {made.seconds:.1f} s, "
        f"{len(made.findings)} findings{said}"
    )
    if options.verbose:
        lines += [f"  {finding.kind}: {finding}" for finding in made.findings]
    return lines
