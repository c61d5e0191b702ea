"""Status: did the last backups end with errors, or never end?"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from backup_monitoring.model import (
    DAY,
    Account,
    Computer,
    End,
    History,
    Schedule,
    Start,
    State,
    Uploads,
    Verdict,
    format_time,
)
from backup_monitoring.tasks.account_eligibility import check_home, check_status
from backup_monitoring.tasks.aggregate import (
    ComputerVerdict,
    aggregate,
    known,
    list_reporting_computers,
)
from backup_monitoring.tasks.calendar import find_clock, find_pattern, is_dense
from backup_monitoring.tasks.computer_eligibility import (
    check_clock_ahead,
    check_reports,
    check_retired,
)
from backup_monitoring.tasks.due import ComputerClock, due_times
from backup_monitoring.tasks.policies import RunPolicies, SchedulePolicy, StatusPolicy
from backup_monitoring.tasks.runs import BackupRun, RunPhase, find_newest_run
from backup_monitoring.tasks.warn_after import (
    WarnAfter,
    evaluate_warn_after,
    format_muted_note,
    format_warn_after,
    resolve_warn_after,
)

_LOOK_BACK = timedelta(days=400)


def evaluate_status(
    account: Account, uploads: Uploads, policies: RunPolicies, now: datetime
) -> Verdict:
    """Judge whether the last backups of *account*'s computers were successful.

    Without a past, one look cannot tell how many failed in a row: a failure counts 1 and reaches
    any patience, and the text says so.

    Args:
        account: with its patience, use and capacity, and the last successes it knows.
        uploads: what lies in its home.
        policies: of the settings.
        now: aware UTC.

    Returns:
        The worst computer's verdict, with the metric ``failed``. Raises nothing.

    Source: docs/rules.md, "Status".
    """
    if verdict := check_status(account) or check_home(account, uploads):
        return verdict
    warn_after = resolve_warn_after(account, policies.warn_after)
    computers = list_reporting_computers(uploads)
    judgements = [_judge(account, each, computers, warn_after, policies, now) for each in computers]
    return aggregate(judgements, uploads, "failed", warn_after.ranges)


def _judge(
    account: Account,
    computer: Computer,
    others: Sequence[Computer],
    warn_after: WarnAfter,
    policies: RunPolicies,
    now: datetime,
) -> ComputerVerdict:
    judgement = (
        check_retired(computer, others, policies.schedule, now)
        or check_reports(computer, (computer.end, computer.start))
        or check_clock_ahead(computer, now)
    )
    if judgement is not None:
        return judgement
    run = find_newest_run(computer, policies.status, now)
    if run is None:
        return ComputerVerdict(computer.name, State.OK, "no report of a backup yet")
    clock = find_clock(computer, policies.schedule)
    assert clock is not None  # noqa: S101 - a run has an offset
    return _judge_run(account, computer, run, clock, warn_after, policies, now)


def _judge_run(
    account: Account,
    computer: Computer,
    run: BackupRun,
    clock: ComputerClock,
    warn_after: WarnAfter,
    policies: RunPolicies,
    now: datetime,
) -> ComputerVerdict:
    failed, what = _failed(account, computer, run, clock, policies.schedule)
    if not failed:
        return _unfailed(account, computer, run, clock, what, policies.status, now)
    last = _last_success(account, computer, now)
    said = format_time(last, clock.zone) if last is not None else "not known"
    how = f"last success {said}; {format_warn_after(warn_after)}"
    facts = _facts(computer, run, warn_after, failed, last) | {"zone": clock.zone}
    if computer.history is None:
        state, threshold = _impatient(warn_after)
        return ComputerVerdict(computer.name, state, f"{what}{threshold}", failed, how, facts)
    state, threshold = evaluate_warn_after(warn_after, failed, last, now)
    summary = f"{_row(computer.history, failed, clock)}: {what}, {threshold}"
    return ComputerVerdict(computer.name, state, summary, failed, how, facts)


def _unfailed(
    account: Account,
    computer: Computer,
    run: BackupRun,
    clock: ComputerClock,
    what: str,
    policy: StatusPolicy,
    now: datetime,
) -> ComputerVerdict:
    """Return OK, or WARNING where the last success cannot be trusted."""
    end = _success(computer)
    cause, doubt = _doubt(account, computer, end, policy, now)
    if doubt and end is not None and run.end is None:  # it is no better while the next runs
        what += f", the one before reported as successful {format_time(end.at, clock.zone)}"
    state = State.WARNING if doubt else State.OK
    facts = known(cause=cause, last_success=end.at if end is not None else None)
    return ComputerVerdict(
        computer.name, state, what + doubt, 0, facts=facts, elsewhere=cause == "full"
    )


def _row(history: History, failed: int, clock: ComputerClock) -> str:
    """Return how many failed in a row, and since when, in words."""
    bound = "at least " if history.at_least else ""
    since = history.failed_since
    began = f" since {format_time(since, clock.zone)}" if since is not None else ""
    return f"{bound}{failed} failed{began}"


def _facts(
    computer: Computer, run: BackupRun, warn_after: WarnAfter, failed: int, last: datetime | None
) -> dict[str, object]:
    history = computer.history
    cause, at = _newest_failure(computer, run)
    return warn_after.facts | known(
        cause=cause,
        failed=failed,
        at_least=history is None or history.at_least,
        failed_at=at,
        failed_since=(history.failed_since if history is not None else None) or at,
        last_success=last,
    )


def _newest_failure(computer: Computer, run: BackupRun) -> tuple[str, datetime | None]:
    """Return how the newest backup that is over failed, and when: its end, else its start."""
    if run.phase is RunPhase.NEVER_ENDED and run.start is not None:
        return "never_ended", run.start.at
    # Where one is running, it is not the one that failed.
    end, history = computer.end, computer.history
    if isinstance(end, End) and not end.success:
        return "errors", end.at
    return (
        "never_ended",
        history.failed_since if history is not None and history.failed == 1 else None,
    )


def _failed(
    account: Account,
    computer: Computer,
    run: BackupRun,
    clock: ComputerClock,
    policy: SchedulePolicy,
) -> tuple[int, str]:
    """Return how many of the last backups in a row were unsuccessful, and the newest in words."""
    before = computer.history.failed if computer.history is not None else 0
    if run.end is not None:
        at = format_time(run.end.at, clock.zone)
        if run.end.success:
            return 0, f"last backup reported as successful {at}"
        return before + 1, f"backup ended {at} with errors"
    assert run.start is not None  # noqa: S101 - an open run has a start
    at = format_time(run.start.at, clock.zone)
    if run.phase is RunPhase.NEVER_ENDED:
        return before + 1, f"backup started {at}, never ended"
    end = computer.end
    if computer.history is None and isinstance(end, End) and not end.success:
        ended = format_time(end.at, clock.zone)
        return 1, f"backup ended {ended} with errors, another is running since {at}"
    if computer.history is None and _killed_before(account, computer, run.start, clock, policy):
        return 1, f"backup running since {at}, and none ended for the due time before"
    return before, f"backup running since {at}"


def _success(computer: Computer) -> End | None:
    """Return the last end, of the newest run or of the one before it, None if it failed."""
    end = computer.end
    return end if isinstance(end, End) and end.success else None


def _killed_before(
    account: Account, computer: Computer, start: Start, clock: ComputerClock, policy: SchedulePolicy
) -> bool:
    """Tell whether a due time lies before the newest start that neither it nor an end serves.

    A client that is killed every day always shows a fresh start: only the due times between the
    last end and that start betray the runs in between.
    """
    end, planned = computer.end, computer.schedule
    if not isinstance(end, End) or not isinstance(planned, Schedule):
        return False
    pattern, _ = find_pattern(account, computer, planned, policy)
    if pattern is None or is_dense(computer):
        return False
    after = max(end.at + policy.early, start.at - _LOOK_BACK)  # the end's own run kept those before
    border = start.at + policy.early
    between = due_times(pattern, clock.zone, after, border)
    near = list(due_times(pattern, clock.zone, start.at - policy.grace, border))
    first = next(between, None)
    if not near:  # the start is late for the last of them
        return next(between, None) is not None
    # It may be late for the one before it, even where it is early for the next.
    served = max((due for due in near if due <= start.at), default=near[0])
    return first is not None and first < served


def _last_success(account: Account, computer: Computer, now: datetime) -> datetime | None:
    end, history = _success(computer), computer.history
    moments = (
        account.last_successes.get(computer.name),
        history.last_success if history is not None else None,
        end.at if end is not None else None,
    )
    return max((each for each in moments if each is not None and each <= now), default=None)


_UNCOUNTED = "without a store consecutive failures cannot be counted; any threshold is reached"


def _impatient(warn_after: WarnAfter) -> tuple[State, str]:
    if warn_after.backups.good.off and not warn_after.days:
        return State.OK, f", {format_warn_after(warn_after)}"
    state = State.WARNING if 1 in warn_after.critical.good else State.CRITICAL
    return state, f" ({_UNCOUNTED}){format_muted_note(warn_after)}"


def _doubt(
    account: Account, computer: Computer, end: End | None, policy: StatusPolicy, now: datetime
) -> tuple[str | None, str]:
    """Return cause and words why *end*, the newest success, cannot be trusted, '' if it can.

    A client reports rsync's "no space left" as a success; and one whose source is gone, or is the
    wrong one, has nothing to fail at.
    """
    if end is None or account.used is None:
        return None, ""
    if account.used == 0 and _measured(computer, end, now):
        return "empty", ", but no space is used: is anything backed up?"
    percent = 100 * account.used / account.capacity if account.capacity else 0
    if percent < policy.full:
        return None, ""
    threshold = f"threshold {policy.full:g} % ([status] full)"
    return "full", f", but the quota was used up ({percent:.1f} %, {threshold})"


def _measured(computer: Computer, end: End, now: datetime) -> bool:
    """Tell whether the account's size must have been measured since its first backup.

    Sizes are measured once a day: a new computer's first backup may not be in them yet.
    """
    seen = computer.history.first_seen if computer.history is not None else None
    return now - min(end.at, seen or end.at) > 2 * DAY
