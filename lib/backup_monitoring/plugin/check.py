"""What all checks share: the command line, and the accounts in scope with their verdicts."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from backup_monitoring.model import Account, Need, Needs, Uploads
from backup_monitoring.plugin.account_verdicts import AccountSource, AccountVerdicts, Request
from backup_monitoring.plugin.launcher import Watchdog
from backup_monitoring.plugin.options import (
    Parser,
    add_account_option,
    add_common_options,
    add_output_option,
    choose_now,
    parse_uids,
)
from backup_monitoring.plugin.output import CountsSummary, VerdictSummary, render_output
from backup_monitoring.plugin.start import start_run
from backup_monitoring.plugin.stored_accounts import StoredAccounts
from backup_monitoring.plugin.thresholds import add_task_options, apply_options
from backup_monitoring.tasks import TASKS, Task, fingerprint_policies

EXIT_CODES = "exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (help and wrong options too)"
SINGLE_LIMIT = 10  # seconds, for named accounts
LIMIT = 50  # seconds, for all


class BackupCheck:
    """The check of a task: what the task's row says, and another job if an option asks for it.

    Args:
        task: the name of the task.
    """

    def __init__(self, task: str) -> None:
        self.task = TASKS[task]

    def add_options(self, parser: Parser) -> None:
        """Add options that the task's row does not have."""
        return

    def run_instead(self, request: Request, source: AccountSource) -> tuple[int, str] | None:
        """Return the exit code and output of another job that an option asks for; else None."""
        return None


def run(check: BackupCheck, arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run *check*; return its exit code and its output.

    Raises:
        MonitoringError: our own failure.
        HelpRequested: the command line asks for help or version.
    """
    options = make_parser(check).parse(arguments)
    uids = parse_uids(options)
    settings = start_run(options, watchdog, SINGLE_LIMIT if uids else LIMIT)
    stored = settings.store.folder is not None and not options.live
    policies = apply_options(check.task, options, settings.policies, stored=stored)
    request = Request(options, settings, policies, uids, choose_now(options), None, True)
    if stored:
        watchdog.phase("reading the store")
        request = _open_store(check.task, request)
    needs = check.task.needs
    if request.as_json:  # a record names the account's servers
        needs = needs._replace(entry=needs.entry | Need.HOSTS)
    source = partial(_read_accounts, needs, request, watchdog.phase)
    other = check.run_instead(request, source)
    return other if other is not None else show_accounts(check.task, request, source)


def _open_store(task: Task, request: Request) -> Request:
    """Return *request* with the open store, and whether its verdicts are what is asked for."""
    from backup_monitoring.store import open_store

    options, settings = request.options, request.settings
    assert settings.store.folder is not None  # noqa: S101 - the caller has checked it
    state = open_store(settings.store.folder)
    state.check_age(settings.store, task.needs.files, request.now)
    meta = state.meta()
    # The inputs are of the last run: it is as of then that they are judged.
    now = options.now or meta.started or request.now
    is_other = (
        now != meta.started
        or request.policies is not settings.policies
        or meta.policies != fingerprint_policies(settings.policies)
    )
    return request._replace(state=state, anew=is_other, now=now)


def make_parser(check: BackupCheck) -> Parser:
    """Return the parser of the command line of *check*."""
    parser = Parser(f"check_backup_{check.task.name}", check.task.description, EXIT_CODES)
    add_account_option(parser)
    now = "the last collector run, or without a store the clock"
    add_common_options(parser, now=now)
    add_output_option(parser)
    parser.add_argument(
        "--live",
        action="store_true",
        help="read the directory and the homes, not the store (as without [store] folder)",
    )
    add_verbosity(parser)
    add_task_options(parser, check.task)
    check.add_options(parser)
    return parser


def add_verbosity(
    parser: Parser,
    levels: str = "-v: affected accounts, -vv: every account, -vvv: how each number was found",
) -> None:
    """Add ``-v``; *levels* is its help."""
    parser.add_argument("-v", "--verbose", action="count", default=0, help=levels)


def _read_accounts(
    needs: Needs, request: Request, phase: Callable[[str], None]
) -> Iterator[tuple[Account, Uploads]]:
    """Yield the accounts from the store if there is one, else from their sources."""
    if request.state is not None:
        yield from request.state.accounts(needs.files, request.uids, needs.entry)
        return
    from backup_monitoring.store import read_live_accounts

    settings = request.settings
    yield from read_live_accounts(
        settings, needs.entry, needs.files, request.uids, request.now, phase
    )


def show_accounts(task: Task, request: Request, source: AccountSource) -> tuple[int, str]:
    """Return the exit code and output of the check of *task*.

    Args:
        source: yields the accounts that are to be judged anew.

    Raises:
        MonitoringError: no account is in scope; or our own failure.
    """
    accounts: AccountVerdicts
    if request.anew:
        from backup_monitoring.plugin.judged_accounts import JudgedAccounts

        accounts = JudgedAccounts(task, request, source)
    else:
        accounts = StoredAccounts(task, request)
    if request.as_json:
        return _render_json(task, request, accounts)
    verbosity = request.options.verbose
    if request.single:
        return render_output(task.name, accounts, VerdictSummary(verbosity))
    return render_output(task.name, accounts, CountsSummary(accounts.counter, verbosity))


def _render_json(task: Task, request: Request, accounts: AccountVerdicts) -> tuple[int, str]:
    from backup_monitoring.records import format_document, make_account_record, make_metric_record

    numbers = accounts.read()
    counter = accounts.counter
    worst = counter.worst[0]
    document = format_document(
        f"check_backup_{task.name}",
        worst.verdict.state,
        worst.sentence if request.single else counter.format_summary(),
        request.now,
        {
            "task": task.name,
            "metrics": [make_metric_record(number) for number in numbers],
            "accounts": [make_account_record(each) for each in accounts.list_found()],
        },
    )
    return worst.verdict.state.value, document
