"""generate_backup_objects: writes a monitoring system's objects for the accounts in the store."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from backup_monitoring.icinga import (
    FORMATS,
    diff_objects,
    make_services,
    replace_objects,
)
from backup_monitoring.model import (
    Account,
    AccountStatus,
    MonitoringError,
    SettingsError,
    UsageError,
    choose_host,
    encode_name,
    format_count,
    sanitize,
)
from backup_monitoring.plugin import Parser, Watchdog, add_common_options, choose_now, start_run
from backup_monitoring.settings import Settings
from backup_monitoring.store import open_store
from backup_monitoring.tasks import TASKS

DONE, DIFFERENT = 0, 1
_LIMIT = 300
_TASKS = sorted(TASKS)


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the program; return its exit code and its output.

    Raises:
        MonitoringError: wrong options or settings; the store or the file cannot be read or written.
        HelpRequested: the command line asks for help or version.
    """
    options = _make_parser().parse(arguments)
    settings = start_run(options, watchdog, _LIMIT)
    tasks = _choose_tasks(options)
    watchdog.phase("reading the store")
    state = open_store(_find_store(settings))
    state.check_age(settings.store, None, choose_now(options))
    hosts = (settings.directory.host, settings.icinga.host_name)
    accounts = sorted(
        (account.uid, sys.intern(choose_host(account.hosts, *hosts)))
        for account in map(_require_intact, (account for account, _ in state.accounts(None, None)))
    )
    services = make_services(
        accounts, state.people(), tasks, settings.icinga, options.host_per_account
    )
    pieces = FORMATS[options.format].render(services, not options.no_hosts)
    if options.output is None:
        return DONE, "".join(pieces)
    change = diff_objects if options.diff else replace_objects
    diff = change(options.output, pieces, options.format)
    total = format_count(diff.total, f"{options.format} service")
    lines = [f"{total} in {options.output}", *diff.format_lines()]
    for uid, _ in accounts:
        if (name := encode_name(uid)) != uid:
            lines.append(f"note: account {uid} is named {name}")
    code = DIFFERENT if options.diff and diff.changed else DONE
    return code, "\n".join(map(sanitize, lines))


def _require_intact(account: Account) -> Account:
    """Return *account*; MonitoringError if its row is damaged: its host is not known."""
    if account.status is AccountStatus.DAMAGED:
        raise MonitoringError(f"account {account.uid}", account.status.value, "then try again")
    return account


def _make_parser() -> Parser:
    parser = Parser(
        "generate_backup_objects",
        "Writes the objects of Icinga 2, of its Director or of Nagios for the accounts in the "
        "store: one service per account and check.",
        "exit codes: 0 written, or nothing would change; 1 --diff: something would change; "
        "3 wrong options or settings, or the store cannot be read",
    )
    add_common_options(parser, limit=f"{_LIMIT}")
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        default="icinga2",
        help="the monitoring system; default: %(default)s",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        help="replace this file, as a whole; default: standard output",
    )
    parser.add_argument(
        "--diff", action="store_true", help="print what would change in FILE, and write nothing"
    )
    parser.add_argument(
        "--tasks",
        metavar="LIST",
        default=",".join(_TASKS),
        help="the checks, separated by commas; default: %(default)s",
    )
    parser.add_argument(
        "--host-per-account",
        action="store_true",
        help="make a host for each account, instead of one for each backup server",
    )
    parser.add_argument(
        "--no-hosts",
        action="store_true",
        help="make only services: the backup servers' hosts are defined elsewhere",
    )
    return parser


def _choose_tasks(options: argparse.Namespace) -> list[str]:
    """Return the tasks of ``--tasks``; UsageError also for options that exclude each other."""
    if options.no_hosts and (options.host_per_account or options.format == "director"):
        problem = "leaves out what --host-per-account makes, and the director has no hosts"
        raise UsageError("--no-hosts", problem, "leave one of them out")
    if options.diff and options.output is None:
        raise UsageError("--diff", "compares with a file", "name it by --output")
    chosen = {name.strip() for name in options.tasks.split(",")}
    if unknown := chosen.difference(_TASKS):
        problem = f"{min(unknown)!r} is none of {', '.join(_TASKS)}"
        raise UsageError("--tasks", problem, "name others")
    return [task for task in _TASKS if task in chosen]


def _find_store(settings: Settings) -> Path:
    if settings.store.folder is None:
        remedy = "set it, and run collect_backup_state"
        raise SettingsError(f"{settings.file}: [store] folder", "not set", remedy)
    return settings.store.folder
