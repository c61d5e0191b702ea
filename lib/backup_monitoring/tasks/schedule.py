"""Schedule: was a backup missed, that is, not started at its due time?"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from backup_monitoring.model import (
    CLOCK_SLACK,
    Account,
    Computer,
    End,
    InvalidReport,
    LastOutcome,
    Schedule,
    Start,
    State,
    Uploads,
    Verdict,
    format_count,
    format_duration,
    format_time,
)
from backup_monitoring.tasks.account_eligibility import check_home, check_status
from backup_monitoring.tasks.aggregate import (
    ComputerVerdict,
    aggregate,
    list_reporting_computers,
)
from backup_monitoring.tasks.calendar import (
    MOST_A_DAY,
    DuePlan,
    find_clock,
    is_dense,
)
from backup_monitoring.tasks.clocks import (
    NO_ERROR,
    SET_RIGHT,
    list_possible_errors,
    mention_clock,
)
from backup_monitoring.tasks.computer_eligibility import check_computer
from backup_monitoring.tasks.due import ComputerClock, find_wall_shift, iter_due_times
from backup_monitoring.tasks.observation import Observation, observe
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.readable import (
    ReadableComputer,
    check_reports,
    find_invalid_arrival,
    separate_invalid,
    weigh_invalid,
)
from backup_monitoring.tasks.schedule_facts import ScheduleFacts
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.warn_after import (
    WarnAfter,
    evaluate_warn_after,
    format_warn_after,
    resolve_warn_after,
)
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy

MOST_MISSED = 99
# A clock of 1970 must not cost a second. The rarest due time is 29 February, around 2100.
_FARTHEST_BACK = timedelta(days=9 * 366)
_FARTHEST_AHEAD = timedelta(days=400)
_RETIRED_HINT_AFTER = timedelta(days=7)
_RETIRE = "; if it is no longer used: collect_backup_state --retire UID/COMPUTER"
_REMOVE = "; if it is no longer used, remove its folder, which deletes its backup"
# Each costs tens of milliseconds: a customer with hundreds of them must not stall the others.
_MOST_DENSE = 20
_TOO_DENSE = (
    f"more than {_MOST_DENSE} computers of the account have more than {MOST_A_DAY} due times "
    "per day"
)


def evaluate_schedule(
    account: Account, uploads: Uploads, policies: Policies, now: datetime
) -> Verdict:
    """Evaluate whether the computers of *account* started their backups at their due times.

    A due time is missed if no backup started at or after it (less ``early``), none was running
    at it, and it is older than ``grace``. The thresholds to warn decide the state.

    Args:
        account: with its thresholds to warn, and ``created``.
        uploads: the reports in its home directory.
        policies: of the settings.
        now: aware UTC.

    Returns:
        The worst computer's verdict, with the metric ``missed``. Raises nothing.

    Source: docs/rules.md, "Schedule".
    """
    if verdict := check_status(account) or check_home(account, uploads):
        return verdict
    warn_after = resolve_warn_after(account, policies[WarnAfterPolicy])
    computers = list_reporting_computers(uploads)
    dense = [each.name for each in computers if is_dense(separate_invalid(each).computer)]
    too_dense = dense[_MOST_DENSE:]
    verdicts = [
        ComputerVerdict(computer.name, State.UNKNOWN, _TOO_DENSE)
        if computer.name in too_dense
        else _evaluate_computer(account, computer, computers, warn_after, policies, now)
        for computer in computers
    ]
    return aggregate(verdicts, uploads, "missed", warn_after.ranges)


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
    seen = observe(account, computer, policies, now)
    readable = seen.readable
    hiding = [readable.schedule] if readable.computer.schedule is None else []
    if readable.start is not None and _may_be_new(readable.start, computer, now):
        hiding.append(readable.start)
    if verdict := check_reports(computer, hiding):
        return verdict
    verdict = mention_clock(_evaluate_schedule(seen, warn_after), seen.times.error)
    return weigh_invalid(_mention_schedule(verdict, readable), readable.start)


def _may_be_new(start: InvalidReport, computer: Computer, now: datetime) -> bool:
    """Return whether a *start* that cannot be read may have come just now.

    Its file could not be read at all, by no fault of its own; or its time lies in the future, and
    no earlier run knows the computer.
    """
    if start.received is None:
        return True
    return computer.history is None and find_invalid_arrival(start, now) is None


def _mention_schedule(verdict: ComputerVerdict, readable: ReadableComputer) -> ComputerVerdict:
    """Return *verdict* with a clause if it is by a schedule that is no longer on the disk."""
    history = readable.computer.history
    if readable.schedule is not None:
        problem = f"invalid report {readable.schedule}"
    elif history is not None and history.schedule_gone is not None:
        problem = f"its file is missing since {format_time(history.schedule_gone, UTC)}"
    else:
        return verdict
    return verdict._replace(summary=f"{verdict.summary}; by the schedule seen before: {problem}")


def _evaluate_schedule(seen: Observation, warn_after: WarnAfter) -> ComputerVerdict:
    plan = seen.find_plan()
    if isinstance(plan, DuePlan):
        return _evaluate_due_times(seen, plan, warn_after)
    return _evaluate_age(seen, "no schedule uploaded" if plan is None else plan.value)


def list_missed(seen: Observation, plan: DuePlan, after: datetime) -> list[datetime]:
    """Return the due times later than *after* that were missed, the first hundred; aware UTC."""
    served = _find_served(seen, plan)
    return [] if served is None else _find_missed(seen, plan, max(served, after)).due


def _evaluate_due_times(seen: Observation, plan: DuePlan, warn_after: WarnAfter) -> ComputerVerdict:
    computer, now = seen.computer, seen.now
    served = _find_served(seen, plan)
    if served is None:
        summary = "cannot count missed backups: no start, and no creation time in the entry"
        return ComputerVerdict(computer.name, State.UNKNOWN, summary)
    missed = _find_missed(seen, plan, served)
    last, upcoming = _find_last_backup(seen), missed.upcoming
    since = plan.format_time(missed.since)
    how = f"{plan.origin}; zone {plan.clock.origin}; counted from {since}"
    facts = ScheduleFacts(missed=0, next_due=upcoming, last_backup=last.at, zone=plan.clock.zone)
    if not missed.due:
        following = f", next due {plan.format_time(upcoming)}" if upcoming is not None else ""
        summary = f"none missed, {last.format(plan.clock)}{following}"
        kept = _find_kept(seen, plan)
        return ComputerVerdict(computer.name, State.OK, summary, 0, how, facts, outcome=kept)
    count, first = len(missed.due), missed.due[0]
    state, threshold = evaluate_warn_after(warn_after, count, last.at, now)
    summary = f"{_format_missed(count)} since {plan.format_time(first)}, {threshold}"
    if now - first > _RETIRED_HINT_AFTER:
        summary += _RETIRE if computer.history is not None else _REMOVE
    how += f"; {format_warn_after(warn_after)}; {last.format(plan.clock)}"
    facts = facts._replace(
        cause="missed",
        missed=count,
        first_due=first,
        threshold_backups=warn_after.too_many,
        threshold_days=warn_after.days or None,
    )
    verdict = ComputerVerdict(computer.name, state, summary, min(count, MOST_MISSED), how, facts)
    return verdict._replace(outcome=LastOutcome(True, first))


def _find_kept(seen: Observation, plan: DuePlan) -> LastOutcome | None:
    """Return the outcome that the last backup has kept its due time, None without any backup.

    One that was started at another time is as good: the server has taken it.
    """
    start, end = seen.times.start, seen.times.end
    if start is None:
        return None if end is None else LastOutcome(False, end.time)
    own, kept = start.time + start.error, start.time
    if not is_dense(seen.computer):
        zone, until = plan.clock.zone, own + seen.policy.early
        for due in iter_due_times(plan.pattern, zone, own - seen.policy.grace, until):
            kept = due - start.error
    return LastOutcome(False, kept)


class _Missed(NamedTuple):
    """The due times that were missed; times are aware UTC, and not by the computer's clock.

    Args:
        due: those missed, at most one more than MOST_MISSED.
        since: counted from then. upcoming: the next due time, None if there is none soon.
    """

    due: list[datetime]
    since: datetime
    upcoming: datetime | None


def _find_missed(seen: Observation, plan: DuePlan, served: datetime) -> _Missed:
    """Return the due times missed after *served*: of the clock's possible errors, the fewest."""
    counted = []
    for error in list_possible_errors(seen.times.error):
        counted.append(_count_missed(seen, plan, served, error))
        if not counted[-1].due:
            break
    return min(counted, key=lambda missed: len(missed.due))


def _count_missed(seen: Observation, plan: DuePlan, served: datetime, error: timedelta) -> _Missed:
    start, policy = seen.times.start, seen.policy
    # Due times are the computer's: by its own clock, which is ahead of ours by the error.
    own_now, since, began = seen.now + error, served + error, None
    if start is not None and start.at - (start.time + error) <= SET_RIGHT:
        began = start.at
        since = max(since, began + policy.early)
    since = max(since, own_now - _FARTHEST_BACK)
    due_times = iter_due_times(plan.pattern, plan.clock.zone, since, own_now - policy.grace)
    late = (due for due in due_times if not _is_in_jump(due, plan, began, policy, own_now))
    missed = [due - error for due in islice(late, MOST_MISSED + 1)]
    ahead = iter_due_times(plan.pattern, plan.clock.zone, own_now, own_now + _FARTHEST_AHEAD)
    upcoming = next(ahead, None)
    return _Missed(missed, since - error, None if upcoming is None else upcoming - error)


def _is_in_jump(
    due: datetime, plan: DuePlan, began: datetime | None, policy: SchedulePolicy, own_now: datetime
) -> bool:
    """Return whether the zone's clock jumps over or back to *due*, so that it is not missed (yet).

    A start that *began* when the clock had jumped serves it. A client that starts at the second of
    two is not late there.
    """
    shift = find_wall_shift(plan.pattern, plan.clock.zone, due)
    if shift > NO_ERROR:
        return began is not None and began >= due - shift
    return -shift >= policy.grace and own_now < due - shift + policy.grace


def _find_served(seen: Observation, plan: DuePlan) -> datetime | None:
    """Return until when no due time was missed, None if it is unknown."""
    history, start, now = seen.computer.history, seen.times.start, seen.now
    if history is not None:
        changed = history.schedule_changed
    else:
        # The date may be from the computer's clock, which may be slightly ahead.
        valid = plan.changed <= now + CLOCK_SLACK
        changed = min(plan.changed, now) if valid else None
    run = seen.find_newest_run()
    unread = find_invalid_arrival(seen.readable.start, now)
    if run is None and unread is None:
        first = (seen.account.created, None if history is None else history.first_seen, changed)
        return max((each for each in first if each is not None), default=None)
    moments = [changed, None if run is None else run.until]
    for began in (unread, None if start is None else start.time):
        moments.append(None if began is None else began + seen.policy.early)
    return max(each for each in moments if each is not None)


class _LastBackup(NamedTuple):
    """The start of the last backup (aware UTC), or its *end* if the start was not uploaded."""

    at: datetime | None
    end: bool = False

    def format(self, clock: ComputerClock) -> str:
        return f"last {'end' if self.end else 'start'} {_format_known(self.at, clock)}"


def _find_last_backup(seen: Observation) -> _LastBackup:
    start, end = seen.times.start, seen.times.end
    unread = find_invalid_arrival(seen.readable.start, seen.now)
    if unread is not None and (start is None or unread > start.time):
        return _LastBackup(unread)
    if end is None:
        return _LastBackup(None if start is None else start.shown)
    if start is not None and (start.time >= end.time or _have_one_id(seen.computer)):
        return _LastBackup(start.shown)
    return _LastBackup(end.shown, end=True)


def _have_one_id(computer: Computer) -> bool:
    start, end = computer.start, computer.end
    return isinstance(start, Start) and isinstance(end, End) and start.id == end.id


def _evaluate_age(seen: Observation, reason: str) -> ComputerVerdict:
    """Return the verdict of a computer without due times: only the last backup's age counts.

    Without any backup the time counts since which the computer is known.
    """
    computer, oldest, now = seen.computer, seen.policy.max_backup_age, seen.now
    last = _find_last_backup(seen).at
    clock = find_clock(computer, seen.times.error, seen.policy)
    summary = f"{reason}, last backup {_format_known(last, clock)}"
    since = _find_first_seen(computer) if last is None else last
    if oldest is None or since is None or now - since <= oldest:
        return ComputerVerdict(computer.name, State.OK, summary)
    state = State.CRITICAL if now - since > 3 * oldest else State.WARNING
    if last is None:
        summary += f", computer known since {_format_known(since, clock)}"
    summary += f", threshold {format_duration(oldest)} ([schedule] max_backup_age)"
    age = None if last is None else now - last
    facts = ScheduleFacts("old", last_backup=last, age=age, threshold_age=oldest)
    return ComputerVerdict(computer.name, state, summary, facts=facts)


def _find_first_seen(computer: Computer) -> datetime | None:
    """Return since when a *computer* without any backup is known, None if that is unknown."""
    if computer.history is not None:
        return computer.history.first_seen
    return computer.schedule.modified if isinstance(computer.schedule, Schedule) else None


def _format_known(moment: datetime | None, clock: ComputerClock) -> str:
    return format_time(moment, clock.zone) if moment is not None else "unknown"


def _format_missed(missed: int) -> str:
    if missed > MOST_MISSED:
        return f"more than {MOST_MISSED} backups missed"
    return f"{format_count(missed, 'backup')} missed"
