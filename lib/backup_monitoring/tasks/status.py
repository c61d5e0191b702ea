"""Status: did the last backups end with errors, or never end?"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from backup_monitoring.model import (
    CLOCK_SLACK,
    DAY,
    Account,
    Computer,
    End,
    History,
    LastOutcome,
    Pattern,
    Schedule,
    State,
    Uploads,
    Verdict,
    format_time,
)
from backup_monitoring.tasks.account_eligibility import check_home, check_status
from backup_monitoring.tasks.aggregate import (
    ComputerVerdict,
    aggregate,
    list_reporting_computers,
)
from backup_monitoring.tasks.calendar import apply_weekdays, find_clock, is_dense
from backup_monitoring.tasks.clocks import (
    SET_RIGHT,
    ComputerTimes,
    ReportTime,
    find_schedule_change,
    list_possible_errors,
    mention_clock,
    read_times,
)
from backup_monitoring.tasks.computer_eligibility import check_computer
from backup_monitoring.tasks.due import ComputerClock, iter_due_times
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.readable import ReadableComputer, separate_invalid, weigh_invalid
from backup_monitoring.tasks.runs import BackupRun, EndedRun, OpenRun, UnreadRun, find_newest_run
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status_facts import StatusFacts
from backup_monitoring.tasks.status_task import StatusPolicy
from backup_monitoring.tasks.warn_after import (
    WarnAfter,
    evaluate_warn_after,
    format_switched_off,
    format_warn_after,
    resolve_warn_after,
)
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy

_FARTHEST_BACK = timedelta(days=400)
_HOUR = timedelta(hours=1)
_MANY_HOURS = 100
_UNCOUNTED = "without a store consecutive failures cannot be counted; any threshold is reached"


def evaluate_status(
    account: Account, uploads: Uploads, policies: Policies, now: datetime
) -> Verdict:
    """Evaluate whether the last backups of *account*'s computers were successful.

    A single check without a history cannot count failures in a row: a failure counts 1 and
    reaches any threshold to warn, and the summary says so.

    Args:
        account: with its thresholds to warn, use and capacity, and the last successes it knows.
        uploads: the reports in its home directory.
        policies: of the settings.
        now: aware UTC.

    Returns:
        The worst computer's verdict, with the metric ``failed``. Raises nothing.

    Source: docs/rules.md, "Status".
    """
    if verdict := check_status(account) or check_home(account, uploads):
        return verdict
    warn_after = resolve_warn_after(account, policies[WarnAfterPolicy])
    computers = list_reporting_computers(uploads)
    verdicts = [
        _evaluate_computer(account, computer, computers, warn_after, policies, now)
        for computer in computers
    ]
    return aggregate(verdicts, uploads, "failed", warn_after.ranges)


def _evaluate_computer(
    account: Account,
    computer: Computer,
    others: Sequence[Computer],
    warn_after: WarnAfter,
    policies: Policies,
    now: datetime,
) -> ComputerVerdict:
    if verdict := check_computer(computer, others, policies[SchedulePolicy], now):
        return verdict
    readable = separate_invalid(computer)
    times = read_times(readable.computer, now)
    verdict = _evaluate_runs(account, readable, times, warn_after, policies, now)
    verdict = mention_clock(verdict, times.error)
    return weigh_invalid(verdict, readable.end or readable.start)


def _evaluate_runs(
    account: Account,
    readable: ReadableComputer,
    times: ComputerTimes,
    warn_after: WarnAfter,
    policies: Policies,
    now: datetime,
) -> ComputerVerdict:
    computer = readable.computer
    run = find_newest_run(readable, times, policies[StatusPolicy], now)
    if run is None:
        return ComputerVerdict(computer.name, State.OK, "no report of a backup yet")
    clock = find_clock(computer, times.error, policies[SchedulePolicy])
    failed, summary = _count_failed(
        account, computer, times, run, clock, policies[SchedulePolicy], now
    )
    is_lower_bound = computer.history is not None and computer.history.at_least
    outcome = _find_outcome(computer, times, run, failed)
    if not failed:
        verdict = _evaluate_success(
            account, computer, times, run, clock, summary, policies[StatusPolicy], now
        )
        uncertain = is_lower_bound and isinstance(run, OpenRun)
        return verdict._replace(uncertain=uncertain, outcome=outcome)
    last = find_last_success(account, computer, times, now)
    last_text = format_time(last, clock.zone) if last is not None else "unknown"
    how = f"last success {last_text}; {format_warn_after(warn_after)}"
    facts = _make_facts(computer, times, run, warn_after, failed, last, now)
    facts = facts._replace(zone=clock.zone)
    if computer.history is None:
        state, threshold = _evaluate_uncounted(warn_after)
        summary += threshold
    else:
        state, threshold = evaluate_warn_after(warn_after, failed, last, now)
        summary = f"{_format_count(computer.history, failed, clock)}: {summary}, {threshold}"
    verdict = ComputerVerdict(computer.name, state, summary, failed, how, facts)
    return verdict._replace(uncertain=is_lower_bound and state is State.OK, outcome=outcome)


def _find_outcome(
    computer: Computer, times: ComputerTimes, run: BackupRun, failed: int
) -> LastOutcome | None:
    """Return the last success, or the first failure of the row; None if neither is known.

    While a backup is running, the one before it counts.
    """
    began = None if times.start is None else times.start.time
    first = computer.history.failed_since if computer.history is not None and failed else None
    if first is not None:
        return LastOutcome(True, first)
    if isinstance(run, OpenRun) and run.never_ended and began is not None:
        return LastOutcome(True, began)
    ended = None if times.end is None else times.end.time
    if ended is None or not isinstance(computer.end, End) or isinstance(run, UnreadRun):
        return None
    return LastOutcome(not computer.end.success, min(began or ended, ended))


def _count_failed(
    account: Account,
    computer: Computer,
    times: ComputerTimes,
    run: BackupRun,
    clock: ComputerClock,
    policy: SchedulePolicy,
    now: datetime,
) -> tuple[int, str]:
    """Return how many of the last backups in a row failed, and the newest run in words."""
    before = computer.history.failed if computer.history is not None else 0
    began, ended = (
        None if each is None else format_time(each.shown, clock.zone)
        for each in (times.start, times.end)
    )
    if isinstance(run, EndedRun):
        if run.end.success:
            return 0, f"last backup reported as successful {ended}"
        return before + 1, f"backup ended {ended} with errors"
    if isinstance(run, UnreadRun):
        return before, f"backup ended by {format_time(run.until, clock.zone)}, how is not known"
    if run.never_ended:
        hours = _format_hours(_count_hours(times, now))
        return before + 1, f"backup started {began} has not ended after {hours}"
    end = computer.end
    if computer.history is None and isinstance(end, End) and not end.success:
        return 1, f"backup ended {ended} with errors, another is running since {began}"
    if computer.history is None and _was_killed_before(account, computer, times, clock, policy):
        return 1, f"backup running since {began}, but none ended for the previous due time"
    return before, f"backup running since {began}"


def _was_killed_before(
    account: Account,
    computer: Computer,
    times: ComputerTimes,
    clock: ComputerClock,
    policy: SchedulePolicy,
) -> bool:
    """Return whether a due time before the newest start was served neither by it nor by an end.

    A client that is killed every day always shows a fresh start. Only the due times between the
    last end and that start reveal the runs in between.
    """
    start, end, schedule = times.start, times.end, computer.schedule
    if start is None or end is None or not isinstance(schedule, Schedule) or is_dense(computer):
        return False
    if not isinstance(schedule.plan, Pattern):
        return False
    if find_schedule_change(schedule, start.error) > start.time + CLOCK_SLACK:
        return False  # due times before it are another plan's
    pattern, _ = apply_weekdays(account, computer, schedule.plan, policy)
    return all(
        _was_missed_between(_find_own_end(end, error), start.at, pattern, clock, policy)
        for error in list_possible_errors(start.error)
    )


def _find_own_end(end: ReportTime, error: timedelta) -> datetime:
    """Return *end* by the clock of its computer, whose error is now *error*."""
    own = end.time + error
    return max(own, end.at) if end.at - own <= SET_RIGHT else own


def _was_missed_between(
    ended: datetime,
    started: datetime,
    pattern: Pattern,
    clock: ComputerClock,
    policy: SchedulePolicy,
) -> bool:
    """Return whether a due time after the last end is not the one that the next start serves."""
    # The run that ended has served the due times up to its end.
    after = max(ended + policy.early, started - _FARTHEST_BACK)
    border = started + policy.early
    between = iter_due_times(pattern, clock.zone, after, border)
    near = list(iter_due_times(pattern, clock.zone, started - policy.grace, border))
    first = next(between, None)
    if not near:  # the start is late, for the last of them
        return next(between, None) is not None
    # The start may be late for one due time and also early for the next: it serves the former.
    served = max((due for due in near if due <= started), default=near[0])
    return first is not None and first < served


def _evaluate_success(
    account: Account,
    computer: Computer,
    times: ComputerTimes,
    run: BackupRun,
    clock: ComputerClock,
    summary: str,
    policy: StatusPolicy,
    now: datetime,
) -> ComputerVerdict:
    """Return OK, or WARNING if the last success cannot be trusted."""
    last = _find_success(computer, times)
    cause, doubt = _find_doubt(account, computer, last, policy, now)
    if doubt and last is not None and isinstance(run, OpenRun):  # it holds while the next one runs
        at = format_time(last, clock.zone)
        summary += f", the previous one reported as successful {at}"
    state = State.WARNING if doubt else State.OK
    facts = StatusFacts(cause, failed=0, last_success=last, zone=clock.zone)
    return ComputerVerdict(
        computer.name, state, summary + doubt, 0, facts=facts, elsewhere=cause == "full"
    )


def _find_doubt(
    account: Account, computer: Computer, last: datetime | None, policy: StatusPolicy, now: datetime
) -> tuple[str, str]:
    """Return the cause, and words ('' if none), why the success at *last* cannot be trusted.

    A client reports rsync's "no space left" as a success; and one whose source is missing or
    wrong has nothing to fail at.
    """
    if last is None or account.used is None:
        return "", ""
    if account.used == 0 and _was_measured_since(computer, last, now):
        return "empty", ", but no space is used: is anything backed up?"
    percent = 100 * account.used / account.capacity if account.capacity else 0
    if percent < policy.full:
        return "", ""
    threshold = f"threshold {policy.full:g} % ([status] full)"
    return "full", f", but the quota was used up ({percent:.1f} %, {threshold})"


def _was_measured_since(computer: Computer, last: datetime, now: datetime) -> bool:
    """Return whether the account's size was certainly measured after the first backup.

    Sizes are measured once a day: a new computer's first backup may not be included yet.
    """
    seen = computer.history.first_seen if computer.history is not None else None
    return now - min(last, seen or last) > 2 * DAY


def _evaluate_uncounted(warn_after: WarnAfter) -> tuple[State, str]:
    """Return the state of a failure without a history, and the reason in words."""
    if warn_after.backups.good.off and not warn_after.days:
        return State.OK, f", {format_warn_after(warn_after)}"
    state = State.WARNING if 1 in warn_after.critical.good else State.CRITICAL
    return state, f" ({_UNCOUNTED}){format_switched_off(warn_after)}"


def _format_count(history: History, failed: int, clock: ComputerClock) -> str:
    bound = "at least " if history.at_least else ""
    since = history.failed_since
    began = f" since {format_time(since, clock.zone)}" if since is not None else ""
    return f"{bound}{failed} failed{began}"


def _make_facts(
    computer: Computer,
    times: ComputerTimes,
    run: BackupRun,
    warn_after: WarnAfter,
    failed: int,
    last: datetime | None,
    now: datetime,
) -> StatusFacts:
    history = computer.history
    cause, at = _find_newest_failure(computer, times, run)
    is_late = isinstance(run, OpenRun) and run.never_ended
    return StatusFacts(
        cause=cause,
        failed=failed,
        at_least=history is None or history.at_least,
        failed_at=at,
        unended_hours=_count_hours(times, now) if is_late else None,
        last_success=last,
        threshold_backups=warn_after.too_many,
        threshold_days=warn_after.days or None,
        failed_since=(history.failed_since if history is not None else None) or at,
    )


def _find_newest_failure(
    computer: Computer, times: ComputerTimes, run: BackupRun
) -> tuple[str, datetime | None]:
    """Return how the newest finished backup failed, and when: its end, else its start."""
    if isinstance(run, OpenRun) and run.never_ended:
        return "never_ended", None if times.start is None else times.start.shown
    # A backup that is running is not the one that failed.
    end, history = computer.end, computer.history
    if isinstance(end, End) and not end.success:
        return "errors", None if times.end is None else times.end.shown
    at = history.failed_since if history is not None and history.failed == 1 else None
    return "never_ended", at


def _count_hours(times: ComputerTimes, now: datetime) -> int:
    """Return the whole hours since the last start; 0 if it is missing."""
    return 0 if times.start is None else (now - times.start.time) // _HOUR


def _format_hours(hours: int) -> str:
    return f"{hours} h" if hours < _MANY_HOURS else f"{hours // 24} d"


def _find_success(computer: Computer, times: ComputerTimes) -> datetime | None:
    """Return the last end, of the newest run or of the one before it; None if it failed."""
    if times.end is None or not isinstance(computer.end, End) or not computer.end.success:
        return None
    return times.end.shown


def find_last_success(
    account: Account, computer: Computer, times: ComputerTimes, now: datetime
) -> datetime | None:
    """Return the end of the last successful backup of *computer* (aware UTC), None if unknown."""
    history = computer.history
    moments = (
        # The directory's is by the computer's clock.
        None if times.error else account.last_successes.get(computer.name),
        history.last_success if history is not None else None,
        _find_success(computer, times),
    )
    return max((each for each in moments if each is not None and each <= now), default=None)
