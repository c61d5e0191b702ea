"""The quota rule: used space against the entry's threshold."""

from datetime import date
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.model.accounts import GIB, Account, AccountStatus, Growth, SizeDrop
from backup_monitoring.model.uploads import Uploads
from backup_monitoring.model.verdicts import Metric, Range, State, Threshold, Verdict
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.quota import evaluate_quota, is_certainly_ok
from backup_monitoring.tasks.quota_task import QuotaPolicy
from cases import LONG_AGO

DN = "uid=4000101,ou=accounts,dc=example,dc=org"
NO_USE = f"no usable used space in the entry {DN}"
NO_CAPACITY = f"no usable capacity in the entry {DN}"
INSIDE = Threshold(Range(40, 60, inverted=True), "-w")
FROM_TEN = QuotaPolicy(warning=Threshold(Range(start=10), "-w"))
NOT_INSIDE = QuotaPolicy(warning=INSIDE)
NOT_CRITICAL_INSIDE = QuotaPolicy(critical=INSIDE)
PLAIN = Account("4000101", DN, used=500, capacity=1000)
OPTION = QuotaPolicy(
    warning=Threshold(Range(end=70), "-w"), critical=Threshold(Range(end=80), "-c")
)


def evaluate(account: Account, policy: QuotaPolicy) -> Verdict:
    return evaluate_quota(account, Uploads(), Policies(policy), LONG_AGO)


def range_policy(start: float, end: float, *, inverted: bool = False) -> QuotaPolicy:
    return QuotaPolicy(warning=Threshold(Range(start, end, inverted), "-w"))


@pytest.mark.parametrize(
    ("used", "capacity", "entry", "policy", "state", "says"),
    [
        pytest.param(85, 100, 85, QuotaPolicy(), State.OK, "85.0 % of 100.0 GiB", id="at it"),
        pytest.param(
            86, 100, 85, QuotaPolicy(), State.WARNING, "threshold 85 % (entry)", id="above"
        ),
        pytest.param(86, 100, None, QuotaPolicy(), State.WARNING, "(default)", id="no threshold"),
        pytest.param(72, 100, None, OPTION, State.WARNING, "threshold 70 % (-w)", id="option"),
        pytest.param(
            72, 100, 75, OPTION, State.OK, "threshold 75 % (entry)", id="entry before option"
        ),
        pytest.param(
            81, 100, 75, OPTION, State.CRITICAL, "threshold 80 % (-c)", id="critical option"
        ),
        pytest.param(99, 100, 85, QuotaPolicy(), State.WARNING, "99.0 %", id="99 is no critical"),
        pytest.param(99.5, 100, 85, QuotaPolicy(), State.CRITICAL, "threshold 99 % (default)"),
        pytest.param(
            100, 100, 99, QuotaPolicy(), State.CRITICAL, "threshold 99 % (default)", id="both 99"
        ),
        pytest.param(
            99.9, 100, 100, QuotaPolicy(), State.OK, "threshold 100 %", id="entry says 100"
        ),
        pytest.param(101, 100, 100, QuotaPolicy(), State.CRITICAL, "threshold 100 % (entry)"),
        pytest.param(85.01, 100, 85, QuotaPolicy(), State.WARNING, "85.01 %", id="unrounded"),
        pytest.param(0, 100, 85, QuotaPolicy(), State.OK, "0.0 %", id="nothing used"),
        pytest.param(5, 0, 85, QuotaPolicy(), State.UNKNOWN, NO_CAPACITY, id="0 is not full"),
        pytest.param(5, None, 85, QuotaPolicy(), State.UNKNOWN, NO_CAPACITY, id="no capacity"),
        pytest.param(86, 100, None, range_policy(5, inf, inverted=True), State.WARNING, "@5: %"),
        pytest.param(86, 100, None, range_policy(-inf, inf), State.OK, "threshold ~: %", id="off"),
        pytest.param(86, 100, None, range_policy(1, 85), State.WARNING, "threshold 1:85 %"),
        pytest.param(86, 100, None, range_policy(90, inf), State.WARNING, "threshold 90: %"),
        pytest.param(None, 5, 85, QuotaPolicy(), State.UNKNOWN, NO_USE, id="no use"),
        pytest.param(
            5, 100, None, FROM_TEN, State.WARNING, "threshold 10: % (-w)", id="too little"
        ),
        pytest.param(
            50, 100, None, NOT_INSIDE, State.WARNING, "threshold @40:60 % (-w)", id="inside"
        ),
        pytest.param(
            70, 100, None, NOT_CRITICAL_INSIDE, State.OK, "threshold 85 % (default)", id="beside"
        ),
    ],
)
def test_quota(
    used: float | None,
    capacity: int | None,
    entry: int | None,
    policy: QuotaPolicy,
    state: State,
    says: str,
) -> None:
    account = Account(
        "4000101",
        DN,
        used=None if used is None else int(used * GIB),
        capacity=None if capacity is None else capacity * GIB,
        quota_threshold=entry,
    )

    verdict = evaluate(account, policy)

    assert verdict.state is state
    assert says in verdict.summary


@pytest.mark.parametrize(
    "warning", [Range(-inf, inf), Range(start=10), Range(95, 100, inverted=True)]
)
def test_a_warning_without_an_end_leaves_critical_alone(warning: Range) -> None:
    policy = QuotaPolicy(warning=Threshold(warning, "-w"), critical=Threshold(Range(end=80), "-c"))
    account = Account("4000101", DN, used=90, capacity=100)

    assert evaluate(account, policy).state is State.CRITICAL


def test_metrics_carry_the_thresholds() -> None:
    account = Account("4000101", DN, used=50, capacity=200, quota_threshold=80)

    assert evaluate(account, QuotaPolicy()).metrics == (
        Metric("used_percent", 25.0, "%", Range(end=80), Range(end=99)),
        Metric("used", 50, "B", None, None, 0, 200),
    )


def test_the_missing_attribute_is_named() -> None:
    account = Account("4000101", DN, quota_missing="sstBackupSize")

    assert "sstBackupSize" in evaluate(account, QuotaPolicy()).summary


@pytest.mark.parametrize(
    ("account", "says"),
    [
        (Account("4000101", DN, status=AccountStatus.INACTIVE, used=99, capacity=1), "not active"),
        (Account("4000101", DN, status=AccountStatus.NO_FILES), "no files to monitor (S3 bucket)"),
        (Account("4000101", DN, provisioned=False), "not provisioned yet"),
    ],
)
def test_accounts_that_are_not_monitored_are_ok(account: Account, says: str) -> None:
    verdict = evaluate(account, QuotaPolicy())

    assert (verdict.state, verdict.summary) == (State.OK, says)


@given(
    account=st.builds(
        Account,
        uid=st.just("4000101"),
        dn=st.just(DN),
        status=st.sampled_from(AccountStatus),
        used=st.none() | st.integers(0, 200),
        capacity=st.none() | st.integers(0, 100),
        quota_threshold=st.none() | st.integers(1, 100),
        growth=st.none()
        | st.builds(
            Growth,
            st.none() | st.floats(-9, 9),
            st.integers(0, 30),
            st.none() | st.just(SizeDrop(9, 1, date(2026, 11, 20))),
        ),
    ),
    policy=st.builds(
        QuotaPolicy,
        warning=st.sampled_from((OPTION.warning, QuotaPolicy().warning, INSIDE)),
        critical=st.sampled_from((OPTION.critical, QuotaPolicy().critical, INSIDE)),
        forecast=st.none() | st.just(20),
    ),
)
def test_what_is_plainly_ok_is_ok(account: Account, policy: QuotaPolicy) -> None:
    if is_certainly_ok(account, Policies(policy)):
        assert evaluate(account, policy).state is State.OK


@pytest.mark.parametrize(
    ("account", "policy"),
    [
        pytest.param(PLAIN._replace(used=855), QuotaPolicy(), id="above the threshold"),
        pytest.param(
            PLAIN._replace(used=900), OPTION._replace(warning=INSIDE), id="critical all the same"
        ),
        pytest.param(
            PLAIN._replace(status=AccountStatus.UNCLEAR), QuotaPolicy(), id="active or not?"
        ),
        pytest.param(PLAIN._replace(used=None), QuotaPolicy(), id="use not known"),
        pytest.param(PLAIN._replace(capacity=None), QuotaPolicy(), id="capacity not known"),
        pytest.param(
            PLAIN._replace(growth=Growth(50.0, 30)), QuotaPolicy(forecast=20), id="full in 10 days"
        ),
        pytest.param(
            PLAIN._replace(growth=Growth(None, 3, SizeDrop(900, 100, date(2026, 11, 20)))),
            QuotaPolicy(),
            id="a sudden loss",
        ),
    ],
)
def test_what_is_not_ok_is_not_plainly_ok(account: Account, policy: QuotaPolicy) -> None:
    assert evaluate(account, policy).state is not State.OK
    assert not is_certainly_ok(account, Policies(policy))


@pytest.mark.parametrize(
    ("account", "policy"),
    [
        pytest.param(PLAIN._replace(used=850), QuotaPolicy(), id="at the threshold"),
        pytest.param(PLAIN, QuotaPolicy(forecast=20), id="no past to forecast from"),
        pytest.param(PLAIN._replace(growth=Growth(None, 3)), QuotaPolicy(), id="a past"),
    ],
)
def test_what_is_plainly_ok_is_found_without_its_sentence(
    account: Account, policy: QuotaPolicy
) -> None:
    assert evaluate(account, policy).state is State.OK
    assert is_certainly_ok(account, Policies(policy))
