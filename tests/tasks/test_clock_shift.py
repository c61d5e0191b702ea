"""A clock that is wrong by a constant: the states are those of a right one, but for what is said.

A computer's backups really begin at some hour of the day, by whatever its own clock shows then.
Beside it is the same computer with a right clock, whose schedule has that hour. *now* is the same.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.uploads import (
    Computer,
    End,
    Pattern,
    Receipt,
    Schedule,
    Start,
    Uploads,
)
from backup_monitoring.model.verdicts import Verdict
from backup_monitoring.store.history import TrackedComputer, update_computer
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.schedule import evaluate_schedule
from backup_monitoring.tasks.status import evaluate_status
from cases import PERL, at

ACCOUNT = Account("4000101", "", created=at("2026-01-01T00:00Z"), warning_numbers=1, warning_days=0)
POLICIES = Policies()
MIDNIGHT = at("2026-03-01T00:00Z")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
YEAR = 365 * DAY
ZERO = timedelta(0)
# At most 12 hours: it may have been set right since, so that a miss shows up to that much later.
SMALL = st.integers(11, 12 * 60).map(lambda minutes: minutes * MINUTE)
LARGE = st.integers(12 * 60 + 1, 20 * 365 * 24 * 60).map(lambda minutes: minutes * MINUTE)
SIGNS = st.sampled_from((1, -1))


class Run(NamedTuple):
    """A backup: how long after its due time it begins, and how it goes.

    Args:
        lasts: None if it is killed.
    """

    late: timedelta
    lasts: timedelta | None
    success: bool


RUNS = st.lists(
    st.none()
    | st.builds(
        Run,
        st.integers(-50, 200).map(lambda minutes: minutes * MINUTE),
        st.none() | st.integers(1, 20 * 60).map(lambda minutes: minutes * MINUTE),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


class Verdicts(NamedTuple):
    schedule: Verdict
    status: Verdict

    @property
    def numbers(self) -> tuple[int, int]:
        missed, failed = ([m.value for m in verdict.metrics] or [0] for verdict in self)
        return int(missed[0]), int(failed[0])


def judge(
    runs: list[Run | None], due: timedelta, error: timedelta, now: datetime, *, stored: bool
) -> Verdicts:
    """The verdicts at *now* on a computer whose backups are due at *due* after midnight of UTC."""
    own = (MIDNIGHT + due + error).time()
    pattern = Pattern(frozenset([own.minute]), frozenset([own.hour]), ZERO)
    computer, tracked = Computer("web01"), TrackedComputer(MIDNIGHT)
    for moment, report in sorted(list_reports(runs, due, error), key=lambda pair: pair[0]):
        if moment > now:
            break
        if isinstance(report, Start):
            plan = Schedule(pattern, PERL, moment)
            computer = computer._replace(start=report, schedule=plan)
        else:
            computer = computer._replace(end=report)
        tracked = update_computer(tracked, computer, moment)
    seen = tracked.join(computer) if stored else computer
    return Verdicts(
        evaluate_schedule(ACCOUNT, Uploads((seen,)), POLICIES, now),
        evaluate_status(ACCOUNT, Uploads((seen,)), POLICIES, now),
    )


def list_reports(
    runs: list[Run | None], due: timedelta, error: timedelta
) -> list[tuple[datetime, Start | End]]:
    reports: list[tuple[datetime, Start | End]] = []
    for day, run in enumerate(runs):
        if run is None:
            continue
        began = MIDNIGHT + day * DAY + due + run.late
        start = Start(began + error, ZERO, str(day), PERL, Receipt(began))
        reports.append((began, start))
        if run.lasts is not None:
            moment = began + run.lasts
            end = End(moment + error, ZERO, str(day), run.success, PERL, Receipt(moment))
            reports.append((moment, end))
    return reports


MOMENTS = st.integers(6 * 60, 30 * 24 * 60).map(lambda minutes: MIDNIGHT + minutes * MINUTE)
DUE = st.integers(0, 24 * 60 - 1).map(lambda minutes: minutes * MINUTE)


@settings(max_examples=300)
@given(RUNS, DUE, LARGE, SIGNS, MOMENTS, st.booleans())
def test_a_large_error_changes_nothing(
    runs: list[Run | None], due: timedelta, size: timedelta, sign: int, now: datetime, stored: bool
) -> None:
    wrong = judge(runs, due, sign * size, now, stored=stored)
    right = judge(runs, due, ZERO, now, stored=stored)

    assert wrong.numbers == right.numbers
    assert wrong.schedule.state is right.schedule.state
    assert wrong.status.state is right.status.state


@settings(max_examples=300)
@given(RUNS, DUE, SMALL, SIGNS, MOMENTS)
def test_a_small_error_makes_a_miss_known_later_by_as_much(
    runs: list[Run | None], due: timedelta, size: timedelta, sign: int, now: datetime
) -> None:
    wrong = judge(runs, due, sign * size, now, stored=True)
    right = judge(runs, due, ZERO, now, stored=True)

    assert wrong.status.state is right.status.state
    assert wrong.numbers[1] == right.numbers[1]
    assert wrong.numbers[0] <= right.numbers[0], "a false alarm"


@settings(max_examples=300)
@given(RUNS, DUE, SMALL, SIGNS, st.booleans())
def test_with_a_small_error_a_death_is_noticed_all_the_same(
    runs: list[Run | None], due: timedelta, size: timedelta, sign: int, stored: bool
) -> None:
    silent = MIDNIGHT + (len(runs) + 12) * DAY

    wrong = judge(runs, due, sign * size, silent + size, stored=stored)
    right = judge(runs, due, ZERO, silent, stored=stored)

    # A due time that an open run still covers by one of the two clocks is not missed by either.
    assert wrong.numbers[0] >= right.numbers[0] - 1
    assert not any(runs) or wrong.numbers[0] > 0
