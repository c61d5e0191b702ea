"""backup_settings: shows the settings in effect, and tests the installation part by part."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime

from backup_monitoring.model import (
    Account,
    Range,
    Threshold,
    UsageError,
    escape_unprintable,
    sanitize,
)
from backup_monitoring.plugin import (
    Parser,
    Watchdog,
    add_account_option,
    add_common_options,
    choose_now,
    parse_uids,
    require_found,
    start_run,
)
from backup_monitoring.settings import Setting, Settings, format_key, render_annotated
from backup_monitoring.tasks import (
    QuotaPolicy,
    WarnAfterPolicy,
    format_backup_count,
    format_warn_after,
    resolve_quota_thresholds,
    resolve_warn_after,
)

FAILED = 2
_LIMIT = 50
_TEST_LIMIT = 300


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the program; return its exit code and its output.

    Raises:
        MonitoringError: the command line or the settings are wrong.
        HelpRequested: the command line asks for help or version.
    """
    options = _make_parser().parse(arguments)
    _reject_combinations(options)
    if options.default:
        return 0, render_annotated().rstrip()
    settings = start_run(options, watchdog, _TEST_LIMIT if options.test else _LIMIT)
    uids, now = parse_uids(options), choose_now(options)
    if options.test:
        return _test(options, settings, now, watchdog)
    if uids is not None:
        from backup_monitoring.model import Need
        from backup_monitoring.store import read_live_accounts

        need = Need.QUOTA | Need.WARN_AFTER
        found = read_live_accounts(settings, need, None, uids, now, watchdog.phase)
        return 0, _format_accounts([account for account, _ in found], uids, settings)
    return 0, "\n".join(_format_settings(settings))


def _reject_combinations(options: argparse.Namespace) -> None:
    """Raise UsageError for options that do not go together."""
    if options.default and (options.test or options.account):
        raise UsageError("--default", "needs no settings", "leave --test and --account out")
    if options.test and options.account:
        raise UsageError("--test", "is about all accounts", "leave --account out")
    for option, value in (("--as", options.user), ("--part", options.part)):
        if value and not options.test:
            raise UsageError(option, "is an option of the test", "add --test, or leave it out")


def _test(
    options: argparse.Namespace, settings: Settings, now: datetime, watchdog: Watchdog
) -> tuple[int, str]:
    """Test the installation, as this user or another one; return exit code and output."""
    from backup_monitoring.selftest import PARTS, InstallationCheck, find_user

    for part in options.part or ():
        if part not in PARTS:
            raise UsageError("--part", f"{part!r} is none of {', '.join(PARTS)}", "name one")
    user = None if options.user is None else find_user(options.user)
    seconds = options.timeout or _TEST_LIMIT
    check = InstallationCheck(
        settings, now, watchdog.phase, seconds, options.part or (), sys.argv[0]
    )
    lines = check.run() if user is None else check.run_as(user)
    text = "\n".join(map(sanitize, lines))
    return (FAILED if check.failed else 0), text


def _make_parser() -> Parser:
    parser = Parser(
        "backup_settings",
        "Shows the settings in effect, or the thresholds of an account, each with its origin; "
        "or tests the installation; or prints a settings file to start from.",
        "exit codes: 0 all is well, 2 a part of --test failed, 3 wrong options or settings",
    )
    add_account_option(parser, "print all settings in effect")
    add_common_options(parser, limit=f"{_LIMIT}, of --test {_TEST_LIMIT}")
    parser.add_argument(
        "--test",
        action="store_true",
        help="test each part of the installation that the settings name: directory, homes, "
        "store, outbox, log, mails and their server, Icinga or Nagios, page and metrics; changes "
        "and sends nothing",
    )
    parser.add_argument(
        "--as",
        dest="user",
        metavar="USER",
        help="with --test, by root: try what USER needs, with the rights of USER",
    )
    parser.add_argument(
        "--part",
        metavar="PART",
        action="append",
        help="with --test: only this part, for example mail (repeat it)",
    )
    parser.add_argument(
        "--default",
        action="store_true",
        help="print a settings file with all keys, their defaults and what they mean; "
        "reads no settings",
    )
    return parser


def _format_settings(settings: Settings) -> Iterator[str]:
    yield f"# settings in effect, from {escape_unprintable(str(settings.file))}"
    sections: dict[str, list[Setting]] = {}
    for setting in settings.in_effect:
        sections.setdefault(setting.section, []).append(setting)
    for section, its_settings in sections.items():
        yield f"\n[{section}]"
        yield from map(_format_setting, its_settings)


def _format_setting(setting: Setting) -> str:
    hidden = "# " if setting.value == "(none)" else ""
    default = "" if setting.origin == "file" else "  # default"
    # Not sanitized: the value is the administrator's own, and may be copied.
    return escape_unprintable(f"{hidden}{format_key(setting.key)} = {setting.value}{default}")


def _format_accounts(accounts: Sequence[Account], uids: Sequence[str], settings: Settings) -> str:
    found = {account.uid.lower() for account in accounts}
    require_found(found, uids, settings.directory.accounts_base)
    lines = (line for account in accounts for line in _format_thresholds(account, settings))
    return "\n".join(map(sanitize, lines))


def _format_thresholds(account: Account, settings: Settings) -> Iterator[str]:
    policies = settings.policies
    warning, critical = resolve_quota_thresholds(account, policies[QuotaPolicy])
    warn_after = resolve_warn_after(account, policies[WarnAfterPolicy])
    yield f"{account.uid} ({account.status.value}), entry {account.dn}"
    percents = (
        f"WARNING above {_format_percent(warning)}, CRITICAL above {_format_percent(critical)}"
    )
    yield f"  quota: {percents}"
    critical_count = format_backup_count(warn_after.critical)
    tasks = "  schedule, status:"
    yield f"{tasks} {format_warn_after(warn_after)}; WARNING at the first that is reached"
    yield f"{tasks} CRITICAL if then {critical_count} or more in a row"
    if warn_after.switched_off:
        yield (
            "  the entry switches both off: the customer is not notified, the state follows the "
            "settings"
        )
    for finding in account.findings:
        yield f"  finding: {finding}"


def _format_percent(threshold: Threshold) -> str:
    good: Range = threshold.good
    return f"{good.end:g} % ({threshold.origin})"
