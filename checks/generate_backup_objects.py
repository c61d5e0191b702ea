"""generate_backup_objects: makes a monitoring system's objects from the accounts of the store."""

import argparse
import filecmp
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from backup_monitoring.icinga import CHECKS, Service, choose_host, encode_name, make_services
from backup_monitoring.model import MonitoringError, SettingsError, UsageError, sanitize
from backup_monitoring.plugin import HelpRequested, Parser, Watchdog, add_common_options, choose_now
from backup_monitoring.settings import Settings, find_settings_file, read_settings

DONE, DRIFT = 0, 1
_LIMIT = 300
_LISTED = 20
# Where a service's name begins, and its end.
_MARKS = {
    "icinga2": ('object Service "', '"'),
    "director": (' "name": "', '"'),
    "nagios": ("  service_description ", "\n"),
}


class ObjectsError(MonitoringError):
    """The objects' file cannot be read or written."""


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the program; return its exit code and its output.

    Raises:
        MonitoringError: wrong options or settings; the store or the file cannot be read or written.
    """
    try:
        options = _parser().parse(arguments)
    except HelpRequested as shown:
        return DONE, shown.text
    watchdog.limit(options.timeout or _LIMIT)
    watchdog.phase("reading the settings")
    settings = read_settings(find_settings_file(options.config))
    checks = _checks(options)
    watchdog.phase("reading the store")
    encoded: dict[str, str] = {}
    services = _services(options, settings, checks, encoded)
    pieces = _FORMATS[options.format](services, not options.no_hosts)
    if options.output is None:
        return DONE, "".join(pieces)
    # beside the file it is put in the place of; to compare needs no right to write there
    beside = None if options.diff else _folder(options.output)
    with tempfile.TemporaryDirectory(dir=beside) as folder:
        new = Path(folder) / "new"
        _write(new, pieces)
        code, lines = _compared(new, options.output, options.format)
        if not options.diff:
            _put(new, options.output)
            code = DONE
    lines += [f"note: account {uid} is named {name}" for uid, name in encoded.items()]
    return code, "\n".join(map(sanitize, lines))


def _parser() -> Parser:
    parser = Parser(
        "generate_backup_objects",
        "Makes the objects of Icinga 2, of its Director or of Nagios, one service an account and "
        "check, from the accounts in the store.",
        "exit codes: 0 written, or nothing would change; 1 --diff: something would change; "
        "3 wrong options or settings, or the store cannot be read",
    )
    add_common_options(parser, limit=f"{_LIMIT}")
    parser.add_argument("--format", choices=tuple(_FORMATS), default="icinga2", help="for whom")
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="written as a whole; default: standard output"
    )
    parser.add_argument(
        "--diff", action="store_true", help="print what would change in FILE, and write nothing"
    )
    parser.add_argument(
        "--tasks", metavar="LIST", default=",".join(CHECKS), help="which; default: %(default)s"
    )
    parser.add_argument(
        "--host-per-account",
        action="store_true",
        help="a host an account, instead of one a backup server",
    )
    parser.add_argument(
        "--no-hosts",
        action="store_true",
        help="services alone: the backup servers' hosts are defined elsewhere",
    )
    return parser


def _checks(options: argparse.Namespace) -> list[str]:
    """Return the checks that were asked for; UsageError for options that exclude each other."""
    if options.no_hosts and (options.host_per_account or options.format == "director"):
        problem = "leaves out what --host-per-account makes, and the director has no hosts"
        raise UsageError("--no-hosts", problem, "leave one of them out")
    if options.diff and options.output is None:
        raise UsageError("--diff", "compares with a file", "name it by --output")
    chosen = [each.strip() for each in options.tasks.split(",")]
    for check in chosen:
        if check not in CHECKS:
            raise UsageError("--tasks", f"{check!r} is none of {', '.join(CHECKS)}", "name others")
    return [check for check in CHECKS if check in chosen]


def _services(
    options: argparse.Namespace, settings: Settings, checks: list[str], encoded: dict[str, str]
) -> Iterator[Service]:
    """Yield the services of the store's accounts, sorted by UID; note the UIDs that are encoded."""
    from backup_monitoring.store import open_store

    if settings.store.folder is None:
        remedy = "set it, and run collect_backup_state"
        raise SettingsError(f"{settings.file}: [store] folder", "not set", remedy)
    state = open_store(settings.store.folder)
    state.fresh(settings.store, None, choose_now(options))
    hosts = (settings.directory.host, settings.icinga.host_name)
    accounts = sorted(
        (account.uid, sys.intern(choose_host(account, *hosts)))
        for account, _ in state.accounts(None, None)
    )
    for uid, _ in accounts:
        if encode_name(uid) != uid:
            encoded[uid] = encode_name(uid)
    yield from make_services(accounts, state.people(), checks, options.host_per_account)
    state.close()


def _icinga2(services: Iterable[Service], with_hosts: bool) -> Iterator[str]:
    from backup_monitoring.icinga import render_icinga2

    return render_icinga2(services, with_hosts=with_hosts)


def _director(services: Iterable[Service], _: bool) -> Iterator[str]:
    from backup_monitoring.icinga import render_director

    return render_director(services)


def _nagios(services: Iterable[Service], with_hosts: bool) -> Iterator[str]:
    from backup_monitoring.icinga import render_nagios

    return render_nagios(services, with_hosts=with_hosts)


_FORMATS: dict[str, Callable[[Iterable[Service], bool], Iterator[str]]] = {
    "icinga2": _icinga2,
    "director": _director,
    "nagios": _nagios,
}


def _folder(output: Path) -> Path:
    folder = output.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        remedy = "make the folder, and let this user write there"
        raise ObjectsError(str(folder), "is not there, or cannot be written", remedy)
    return folder


def _write(new: Path, pieces: Iterable[str]) -> None:
    try:
        with new.open("w", encoding="utf-8") as stream:
            stream.writelines(pieces)
            stream.flush()
            os.fsync(stream.fileno())
        new.chmod(0o644)
    except OSError as error:
        remedy = "see that the disk is not full"
        raise ObjectsError(str(new), f"cannot be written ({error.strerror})", remedy) from None


def _put(new: Path, output: Path) -> None:
    try:
        new.replace(output)
    except OSError as error:
        remedy = "let this user write there"
        raise ObjectsError(str(output), f"cannot be written ({error.strerror})", remedy) from None


def _compared(new: Path, output: Path, form: str) -> tuple[int, list[str]]:
    """Return whether the objects in *output* differ from those in *new*, and how in words."""
    new_names = _names(new, form)
    total = sum(checks.bit_count() for checks in new_names.values())
    lines = [f"{total} {form} services in {output}"]
    try:
        if output.exists() and filecmp.cmp(output, new, shallow=False):
            return DONE, [*lines, "nothing changes"]
        old_names = _names(output, form) if output.exists() else {}
    except (OSError, UnicodeDecodeError):
        remedy = "let this user read it, or remove it"
        raise ObjectsError(str(output), "cannot be read", remedy) from None
    added, gone = _lacking(new_names, old_names), _lacking(old_names, new_names)
    for word, names in (("new", added), ("gone", gone)):
        lines += [f"{word}: {name}" for name in names[:_LISTED]]
        lines += [f"... and {len(names) - _LISTED} more {word}"] * (len(names) > _LISTED)
    if not added and not gone:
        lines.append("the same services, with other contents")
    return DRIFT, lines


def _names(file: Path, form: str) -> dict[str, int]:
    """Return the accounts' names in *file*, each with its checks as bits: of many, little."""
    mark, end = _MARKS[form]
    names: dict[str, int] = {}
    with file.open(encoding="utf-8") as stream:
        for line in stream:
            # A name may look like a mark, but for the quotes that JSON escapes.
            if line.startswith(mark) or (form == "director" and mark in line):
                name = line.partition(mark)[2].partition(end)[0]
                account, _, check = name.rpartition("-")
                if check in CHECKS:
                    names[account] = names.get(account, 0) | 1 << CHECKS.index(check)
    return names


def _lacking(names: dict[str, int], others: dict[str, int]) -> list[str]:
    """Return the services of *names* that *others* lack, sorted."""
    found = []
    for account, checks in names.items():
        lacking = checks & ~others.get(account, 0)
        found += [f"{account}-{name}" for bit, name in enumerate(CHECKS) if lacking >> bit & 1]
    return sorted(found)
