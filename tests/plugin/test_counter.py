"""The tally of a run: what it counts, and which verdicts it keeps."""

import pytest

from backup_monitoring.model.verdicts import Metric, State, Verdict
from backup_monitoring.plugin.summary import Evaluation, VerdictCounter


def verdict(state: State, number: float | None = None, computer: str | None = None) -> Verdict:
    metrics = () if number is None else (Metric("missed", number),)
    return Verdict(state, "said", computer, metrics)


def tally_of(*verdicts: tuple[str, Verdict], at_most: int = 20) -> VerdictCounter:
    tally = VerdictCounter(at_most)
    for uid, each in verdicts:
        tally.add(uid, each)
    return tally


OK = verdict(State.OK, 0)
ONE, THREE, SEVEN = (verdict(State.WARNING, number) for number in (1, 3, 7))
LOST = verdict(State.CRITICAL, 3)
TORN = verdict(State.UNKNOWN)


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        pytest.param([("a", OK), ("b", TORN)], ["b", "a"], id="unknown before ok"),
        pytest.param([("a", TORN), ("b", ONE)], ["b", "a"], id="warning before unknown"),
        pytest.param([("a", SEVEN), ("b", LOST)], ["b", "a"], id="critical before warning"),
        pytest.param([("a", ONE), ("b", SEVEN), ("c", THREE)], ["b", "c", "a"], id="by number"),
        pytest.param([("b", ONE), ("a", ONE)], ["b", "a"], id="the first of two alike"),
    ],
)
def test_worst_first(verdicts: list[tuple[str, Verdict]], worst: list[str]) -> None:
    assert [each.uid for each in tally_of(*verdicts).worst] == worst


def test_only_the_worst_are_kept_and_all_are_counted() -> None:
    verdicts = [("a", OK), ("b", ONE), ("c", TORN), ("d", THREE), ("e", LOST), ("f", THREE)]

    tally = tally_of(*verdicts, at_most=3)

    assert [each.uid for each in tally.worst] == ["e", "d", "f"]
    assert tally.counts == {
        State.OK: 1,
        State.WARNING: 3,
        State.CRITICAL: 1,
        State.UNKNOWN: 1,
    }
    assert (tally.total, tally.bad()) == (6, 5)


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([], "all ok of 0"),
        ([("a", OK), ("b", OK)], "all ok of 2"),
        ([("a", OK), ("b", ONE), ("c", ONE)], "2 warning of 3"),
        (
            [("a", TORN), ("b", ONE), ("c", LOST), ("d", OK)],
            "1 critical, 1 warning, 1 unknown of 4",
        ),
    ],
)
def test_the_counts_in_words(verdicts: list[tuple[str, Verdict]], said: str) -> None:
    assert tally_of(*verdicts).format_counts() == said


def test_an_account_that_need_not_be_named_is_counted() -> None:
    tally = tally_of(("a", ONE))

    tally.add_ok()
    tally.add_ok()

    assert tally.format_counts() == "1 warning of 3"
    assert tally.counts[State.OK] == 2
    assert [each.uid for each in tally.worst] == ["a"]


def test_the_name_tells_the_computer_where_one_is_meant() -> None:
    assert Evaluation("4000101", verdict(State.OK, computer="web01")).name == "4000101 web01"
    assert Evaluation("4000101", verdict(State.OK)).name == "4000101"
