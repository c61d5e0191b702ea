"""submit_backup_results: submits the states of all accounts to Icinga or Nagios."""

import argparse
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from backup_monitoring.icinga import CheckResult, make_results
from backup_monitoring.model import SettingsError, format_count, sanitize
from backup_monitoring.plugin import (
    Parser,
    Watchdog,
    add_account_option,
    add_common_options,
    choose_now,
    parse_uids,
    start_run,
)
from backup_monitoring.settings import Settings
from backup_monitoring.store import StoreError, open_source, record_submission

DONE, REFUSED, UNFINISHED = 0, 1, 2
_LIMIT = 300
_NOT_FOUND = 404


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the program; return its exit code and its output.

    Raises:
        MonitoringError: wrong options or settings; accounts cannot be read completely.
        HelpRequested: the command line asks for help or version.
    """
    options = _make_parser().parse(arguments)
    settings = start_run(options, watchdog, _LIMIT)
    watchdog.phase("submitting results")
    missing = {uid.lower(): uid for uid in parse_uids(options) or ()}
    results = _make_results(options, settings, watchdog, missing)
    code, lines, arrived = _submit(results, settings, options.timeout or _LIMIT)
    folder = settings.store.folder
    if arrived and options.account is None and folder is not None:
        try:
            record_submission(folder, choose_now(options))
        except StoreError as error:
            lines.append(f"FAILED: {error}")
            code = UNFINISHED
    if missing:
        lines.append(f"FAILED: no such account: {', '.join(missing.values())}")
        code = UNFINISHED
    return code, "\n".join(map(sanitize, lines))


def _make_parser() -> Parser:
    parser = Parser(
        "submit_backup_results",
        "Submits the states of all accounts, those of the last collector run or else judged now, "
        "to Icinga 2's API or to Nagios: one process instead of one per check.",
        "exit codes: 0 all were accepted, 1 some were refused, 2 some could not be submitted, "
        "3 wrong options or settings",
    )
    add_account_option(parser)
    add_common_options(parser, limit=f"{_LIMIT}")
    parser.add_argument(
        "--host-per-account",
        action="store_true",
        help="as for generate_backup_objects: each account is a host of its own",
    )
    return parser


def _make_results(
    options: argparse.Namespace, settings: Settings, watchdog: Watchdog, missing: dict[str, str]
) -> Iterator[CheckResult]:
    """Yield the results of all accounts; remove those that exist from *missing*."""
    now = choose_now(options)
    with open_source(settings, now, watchdog.phase) as source:
        watchdog.phase("submitting results")
        done: set[str] = set()
        for verdicts in source.verdicts(parse_uids(options)):
            key = verdicts[0].uid.lower()
            missing.pop(key, None)
            if key not in done:  # of two entries with the same UID the first one has services
                done.add(key)
                yield from make_results(verdicts, settings, options.host_per_account)


class _Submission(NamedTuple):
    """Exit code, lines of output, and whether results *arrived*: all, but for single objects."""

    code: int
    lines: list[str]
    arrived: bool


def _submit(results: Iterator[CheckResult], settings: Settings, seconds: float) -> _Submission:
    icinga = settings.icinga
    if icinga.url:
        return _submit_to_api(results, settings, seconds)
    if icinga.spool is not None:
        from backup_monitoring.icinga import write_spool

        count = write_spool(results, icinga.spool, datetime.now(UTC))
        return _Submission(DONE, [f"{format_count(count, 'result')} in {icinga.spool}"], True)
    if icinga.command_file is not None:
        from backup_monitoring.icinga import write_pipe

        piped = write_pipe(results, icinga.command_file, datetime.now(UTC), seconds)
        lines = [f"{format_count(piped.accepted, 'result')} to {icinga.command_file}"]
        if piped.error is None:
            return _Submission(DONE, lines, True)
        lines.append(_format_failure(piped.error, piped.missing))
        return _Submission(UNFINISHED, lines, False)
    remedy = "set url, or for Nagios spool or command_file"
    raise SettingsError(f"{settings.file}: [icinga]", "no destination for results", remedy)


def _format_failure(error: str, missing: int) -> str:
    return f"FAILED: {error}; {format_count(missing, 'result is', 'results are')} missing"


def _submit_to_api(
    results: Iterator[CheckResult], settings: Settings, seconds: float
) -> _Submission:
    from backup_monitoring.icinga import submit

    submitted = submit(results, settings.icinga, seconds)
    lines = [f"{format_count(submitted.accepted, 'result')} accepted by {settings.icinga.url}"]
    for status, count in sorted(submitted.refused.items()):
        lines.append(f"{count} refused with status {status}")
    lines += [f"  {example}" for example in submitted.examples]
    if set(submitted.refused) == {_NOT_FOUND} and not submitted.accepted:
        lines.append(
            "all were refused with 404: either the objects do not exist (make them with "
            "generate_backup_objects), or the ApiUser may not see them (icinga/icinga2-submit.conf)"
        )
    if submitted.error is not None:
        lines.append(_format_failure(submitted.error, submitted.missing))
        return _Submission(UNFINISHED, lines, False)
    if submitted.refused:
        return _Submission(REFUSED, lines, submitted.accepted > 0)
    return _Submission(DONE, lines, True)
