"""Computers without runs to evaluate, as the schedule rule reports them."""

import pytest

from backup_monitoring.model.accounts import Account, AccountStatus, Loss, LossReason
from backup_monitoring.model.uploads import Computer, History, InvalidReport, Receipt, Uploads
from backup_monitoring.model.verdicts import State
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.registry import load_rule
from backup_monitoring.tasks.schedule import evaluate_schedule
from cases import at, computer, daily, end, start, uploads
from tasks.schedule_cases import AT_20, EACH, MONDAY, ONE, RULES, SUNDAY, SUNDAYS_END


@pytest.mark.parametrize(
    ("one", "state", "says"),
    [
        pytest.param(
            Computer("web01", SUNDAY, None, InvalidReport("/home/s.xml", "hour_selected '<20>'")),
            State.UNKNOWN,
            "invalid report /home/s.xml: hour_selected '<20>'",
            id="schedule",
        ),
        pytest.param(
            Computer("web01", InvalidReport("/home/b.xml", "ambiguous offset"), None, AT_20),
            State.UNKNOWN,
            "invalid report /home/b.xml: ambiguous offset",
            id="start",
        ),
        pytest.param(
            computer(start=start("2026-11-23T23:10:00+01:00"), schedule=AT_20),
            State.OK,
            "none missed",
            id="ten minutes ahead",
        ),
        pytest.param(
            computer(start=start("2026-11-23T23:10:01+01:00"), schedule=AT_20),
            State.UNKNOWN,
            "clock: its last start is in the future, 2026-11-23 23:10 +01:00",
            id="further ahead",
        ),
        pytest.param(
            computer(start=SUNDAY, end=end("2036-11-22T20:41:37+01:00"), schedule=AT_20),
            State.UNKNOWN,
            "clock: its last end is in the future, 2036-11-22 20:41 +01:00",
            id="an end of another decade",
        ),
    ],
)
def test_what_cannot_be_evaluated(one: Computer, state: State, says: str) -> None:
    verdict = evaluate_schedule(EACH, uploads(one), RULES, at(ONE))

    assert verdict.state is state
    assert says in verdict.summary
    assert verdict.computer == "web01"


OLD = computer(
    "old",
    start=start("2026-08-01T20:00:04+02:00"),
    end=end("2026-08-01T20:41:37+02:00"),
    schedule=daily(20, utc=2),
)
ALIVE = computer("web01", start=MONDAY, end=end("2026-11-23T20:41:37+01:00"), schedule=AT_20)


def test_a_retired_computer_is_listed() -> None:
    verdict = evaluate_schedule(EACH, uploads(OLD, ALIVE), RULES, at("2026-11-24T12:00+01:00"))

    assert verdict.state is State.OK
    assert "old: OK - retired: no upload since 2026-08-01 18:41 +00:00" in verdict.details
    assert (verdict.computer, verdict.retired) == (ALIVE.name, ("old",))
    assert verdict.metrics[0].value == 0
    assert verdict.retired == ("old",)


@pytest.mark.parametrize(
    ("modified", "retired"),
    [
        pytest.param("2026-08-26T11:59+02:00", True, id="90 days ago"),
        pytest.param("2026-11-20T12:00+01:00", False, id="lately"),
        pytest.param("2036-11-20T12:00+01:00", True, id="a time in the future does not count"),
    ],
)
def test_an_upload_of_the_schedule_is_a_sign_of_life(modified: str, retired: bool) -> None:
    old = OLD._replace(schedule=daily(20, utc=2, modified=at(modified)))

    verdict = evaluate_schedule(EACH, uploads(old, ALIVE), RULES, at("2026-11-24T12:00+01:00"))

    assert verdict.retired == (("old",) if retired else ())


@pytest.mark.parametrize(
    ("came", "retired"),
    [("2026-08-26T11:59+02:00", ("old",)), ("2026-11-20T12:00+01:00", ())],
)
def test_a_report_that_cannot_be_read_is_a_sign_of_life(
    came: str, retired: tuple[str, ...]
) -> None:
    old = OLD._replace(end=InvalidReport("/home/e.xml", "torn", Receipt(at(came))))

    verdict = evaluate_schedule(EACH, uploads(old, ALIVE), RULES, at("2026-11-24T12:00+01:00"))

    assert verdict.retired == retired


@pytest.mark.parametrize(
    ("history", "retired"),
    [
        (History(uploaded=at("2026-08-02T12:00+02:00")), ("old",)),
        (History(uploaded=at("2026-11-20T12:00+01:00")), ()),
        (History(schedule_changed=at("2026-11-20T12:00+01:00")), ()),
    ],
)
def test_an_upload_that_a_run_saw_is_a_sign_of_life(
    history: History, retired: tuple[str, ...]
) -> None:
    old = OLD._replace(history=history)

    verdict = evaluate_schedule(EACH, uploads(old, ALIVE), RULES, at("2026-11-24T12:00+01:00"))

    assert verdict.retired == retired


@pytest.mark.parametrize(
    "others",
    [
        pytest.param((), id="the only one"),
        pytest.param((OLD._replace(name="older"),), id="the others are as silent"),
        pytest.param(
            (Computer("torn", InvalidReport("/home/b.xml", "torn")),),
            id="nor does the other one say when it uploaded",
        ),
        pytest.param(
            (
                Computer(
                    "removed",
                    history=History(
                        uploaded=at("2026-11-22T12:00+01:00"), gone=at("2026-11-23T12:00+01:00")
                    ),
                ),
            ),
            id="the other one uploaded lately, and its folder is gone since",
        ),
    ],
)
def test_an_account_that_fell_silent_is_not_retired(others: tuple[Computer, ...]) -> None:
    verdict = evaluate_schedule(EACH, uploads(OLD, *others), RULES, at("2026-11-24T12:00+01:00"))

    assert verdict.state is State.CRITICAL
    assert "more than 99 backups missed since 2026-08-02 20:00 +02:00" in verdict.summary


@pytest.mark.parametrize(
    ("now", "state"),
    [("2026-10-30T19:41:37+01:00", State.OK), ("2026-10-30T19:41:36+01:00", State.CRITICAL)],
)
def test_retired_after_ninety_days(now: str, state: State) -> None:
    alive = computer("web01", start=start("2026-10-29T20:00:04+01:00"), schedule=AT_20)

    assert evaluate_schedule(EACH, uploads(OLD, alive), RULES, at(now)).state is state


@pytest.mark.parametrize(
    ("history", "retired"),
    [
        (History(retired=at("2026-11-23T10:00+01:00")), True),
        (
            History(
                retired=at("2026-11-23T10:00+01:00"),
                uploaded=at("2026-11-23T10:00+01:00"),
                schedule_changed=at("2026-11-22T10:00+01:00"),
            ),
            True,
        ),
        (
            History(retired=at("2026-11-23T10:00+01:00"), uploaded=at("2026-11-23T10:05+01:00")),
            False,
        ),
        (
            History(
                retired=at("2026-11-23T10:00+01:00"), schedule_changed=at("2026-11-23T10:05+01:00")
            ),
            False,
        ),
    ],
)
@pytest.mark.parametrize("task", ["schedule", "status", "client"])
def test_a_computer_that_the_provider_has_retired(
    task: str, history: History, retired: bool
) -> None:
    torn = InvalidReport("/home/s.xml", "torn")
    alone = Computer("web01", start("2026-11-20T20:00+01:00"), torn, AT_20, history)

    verdict = load_rule(task)(EACH, uploads(alone), Policies(), at("2026-11-24T12:00+01:00"))

    assert (verdict.retired == ("web01",)) is retired
    since = "retired: by the provider since 2026-11-23 09:00 +00:00"
    assert (verdict.state is State.OK and verdict.summary == since) is retired


def test_a_folder_that_is_gone() -> None:
    gone = OLD._replace(history=History(gone=at("2026-08-03T10:00+02:00")))

    verdict = evaluate_schedule(EACH, uploads(gone), RULES, at("2026-11-24T12:00+01:00"))

    assert verdict.state is State.OK
    assert verdict.summary == "retired: folder missing since 2026-08-03 08:00 +00:00"


def test_the_worst_computer_speaks() -> None:
    late = computer("late", start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)
    later = computer(
        "later",
        start=start("2026-11-19T20:00:04+01:00"),
        end=end("2026-11-19T20:41:37+01:00"),
        schedule=AT_20,
    )
    torn = Computer("torn", InvalidReport("/home/b.xml", "torn"))

    verdict = evaluate_schedule(
        EACH, uploads(ALIVE, late, later, torn), RULES, at("2026-11-24T12:00+01:00")
    )

    assert (verdict.state, verdict.computer) == (State.CRITICAL, "later")
    assert verdict.summary.startswith("4 backups missed since 2026-11-20 20:00 +01:00")
    assert verdict.summary.endswith("; 2 more computers")
    assert verdict.metrics[0].value == 4


@pytest.mark.parametrize(
    ("account", "uploaded", "state", "summary"),
    [
        pytest.param(EACH, Uploads(), State.OK, "no report yet", id="nothing"),
        pytest.param(
            EACH._replace(status=AccountStatus.INACTIVE),
            uploads(OLD),
            State.OK,
            "not active",
            id="not active",
        ),
        pytest.param(
            EACH,
            Uploads(missing="/home/a"),
            State.UNKNOWN,
            "home directory /home/a does not exist",
            id="no home",
        ),
        pytest.param(
            EACH._replace(provisioned=False),
            Uploads(missing="/home/a"),
            State.OK,
            "not provisioned yet",
            id="no home yet",
        ),
        *(
            pytest.param(
                EACH._replace(status=each), Uploads(), State.UNKNOWN, each.value, id=each.name
            )
            for each in (AccountStatus.UNCLEAR, AccountStatus.DAMAGED)
        ),
        pytest.param(
            EACH._replace(loss=Loss(at("2026-11-23T12:00+01:00"), LossReason.ENTRY)),
            Uploads((ALIVE,)),
            State.UNKNOWN,
            "missing since 2026-11-23 11:00 +00:00: the directory no longer shows it",
            id="lost",
        ),
        pytest.param(
            EACH,
            Uploads(refused="/home/a: permission denied"),
            State.UNKNOWN,
            "cannot read home directory: /home/a: permission denied",
            id="refused",
        ),
        pytest.param(
            EACH,
            Uploads((ALIVE,), cut_short="more than 256 computers"),
            State.UNKNOWN,
            "incoming was not searched completely: more than 256 computers",
            id="cut short",
        ),
    ],
)
def test_accounts_without_a_computer_to_evaluate(
    account: Account, uploaded: Uploads, state: State, summary: str
) -> None:
    verdict = evaluate_schedule(account, uploaded, RULES, at("2026-11-24T12:00+01:00"))

    assert (verdict.state, verdict.summary) == (state, summary)
