"""submit_backup_results: judges all accounts once, and hands the results to Icinga or Nagios."""

import argparse
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from backup_monitoring.icinga import CheckResult, make_results
from backup_monitoring.model import SettingsError, sanitize
from backup_monitoring.plugin import (
    HelpRequested,
    Parser,
    Watchdog,
    add_account_option,
    add_common_options,
    choose_now,
    parse_uids,
)
from backup_monitoring.settings import Settings, find_settings_file, read_settings

DONE, REFUSED, UNFINISHED = 0, 1, 2
_LIMIT = 300
_NOT_FOUND = 404


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the program; return its exit code and its output.

    Raises:
        MonitoringError: wrong options or settings; accounts cannot be read completely.
    """
    try:
        options = _parser().parse(arguments)
    except HelpRequested as shown:
        return DONE, shown.text
    watchdog.limit(options.timeout or _LIMIT)
    watchdog.phase("reading the settings")
    settings = read_settings(find_settings_file(options.config))
    watchdog.phase("handing results over")
    asked = {uid.lower(): uid for uid in parse_uids(options) or ()}
    results = _results(options, settings, watchdog, asked)
    code, lines = _hand_over(results, options, settings)
    if asked:
        lines.append(f"FAILED: no such account: {', '.join(asked.values())}")
        code = UNFINISHED
    return code, "\n".join(map(sanitize, lines))


def _parser() -> Parser:
    parser = Parser(
        "submit_backup_results",
        "Judges all accounts by all rules, once, and hands the results to Icinga 2's API, or to "
        "Nagios: one process for all, instead of one a check.",
        "exit codes: 0 all were accepted, 1 some were refused, 2 some could not be handed over, "
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


def _results(
    options: argparse.Namespace, settings: Settings, watchdog: Watchdog, asked: dict[str, str]
) -> Iterator[CheckResult]:
    """Yield the results of all accounts; of *asked* those are taken away that are there."""
    from backup_monitoring.store import EVERYTHING, open_source

    now = choose_now(options)
    with open_source(settings, now, watchdog.phase) as source:
        watchdog.phase("handing results over")
        met: set[str] = set()
        for account, uploads in source.accounts(parse_uids(options), EVERYTHING):
            key = account.uid.lower()
            asked.pop(key, None)
            if key in met:  # of two entries with one uid the first has services
                continue
            met.add(key)
            yield from make_results(account, uploads, settings, now, options.host_per_account)


def _hand_over(
    results: Iterator[CheckResult], options: argparse.Namespace, settings: Settings
) -> tuple[int, list[str]]:
    submit = settings.icinga
    if submit.url:
        return _to_api(results, settings, options.timeout or _LIMIT)
    if submit.spool is not None:
        from backup_monitoring.icinga import write_spool

        count = write_spool(results, submit.spool, datetime.now(UTC))
        return DONE, [f"{count} results in {submit.spool}"]
    if submit.command_file is not None:
        from backup_monitoring.icinga import write_pipe

        piped = write_pipe(
            results, submit.command_file, datetime.now(UTC), options.timeout or _LIMIT
        )
        lines = [f"{piped.accepted} results to {submit.command_file}"]
        if piped.error is None:
            return DONE, lines
        return UNFINISHED, [*lines, _failed(piped.error, piped.missing)]
    remedy = "set [icinga] url, or for Nagios spool or command_file"
    raise SettingsError(f"{settings.file}: [icinga]", "nobody to hand results to", remedy)


def _failed(error: str, missing: int) -> str:
    return f"FAILED: {error}; {missing} results are missing"


def _to_api(
    results: Iterator[CheckResult], settings: Settings, seconds: float
) -> tuple[int, list[str]]:
    from backup_monitoring.icinga import submit

    done = submit(results, settings.icinga, seconds)
    lines = [f"{done.accepted} results accepted by {settings.icinga.url}"]
    for status, count in sorted(done.refused.items()):
        lines.append(f"{count} refused with status {status}")
    lines += [f"  {example}" for example in done.examples]
    if set(done.refused) == {_NOT_FOUND} and not done.accepted:
        lines.append(
            "all were refused with 404: either there are no such objects (make them by "
            "generate_backup_objects), or the ApiUser may not see them (icinga/icinga2-submit.conf)"
        )
    if done.error is not None:
        return UNFINISHED, [*lines, _failed(done.error, done.missing)]
    return (REFUSED if done.refused else DONE), lines
