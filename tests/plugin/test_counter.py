"""The counter of a run: what it counts, and which verdicts it keeps."""

import pytest

from backup_monitoring.model.verdicts import Metric, State, Verdict
from backup_monitoring.plugin.counter import Evaluation, VerdictCounter


def verdict(state: State, number: float | None = None, computer: str | None = None) -> Verdict:
    metrics = () if number is None else (Metric("missed", number),)
    return Verdict(state, "a summary", computer, metrics)


def count(*verdicts: tuple[str, Verdict], at_most: int = 20) -> VerdictCounter:
    counter = VerdictCounter(at_most)
    for uid, each in verdicts:
        counter.add(uid, each)
    return counter


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
    assert [each.uid for each in count(*verdicts).worst] == worst


def test_only_the_worst_are_kept_and_all_are_counted() -> None:
    verdicts = [("a", OK), ("b", ONE), ("c", TORN), ("d", THREE), ("e", LOST), ("f", THREE)]

    counter = count(*verdicts, at_most=3)

    assert [each.uid for each in counter.worst] == ["e", "d", "f"]
    assert counter.counts == {
        State.OK: 1,
        State.WARNING: 3,
        State.CRITICAL: 1,
        State.UNKNOWN: 1,
    }
    assert (counter.total, counter.not_ok) == (6, 5)


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        ([], "0 accounts, all ok"),
        ([("a", OK)], "1 account, all ok"),
        ([("a", OK), ("b", OK)], "2 accounts, all ok"),
        ([("a", OK), ("b", ONE), ("c", ONE)], "2 warning of 3"),
        (
            [("a", TORN), ("b", ONE), ("c", LOST), ("d", OK)],
            "1 critical, 1 warning, 1 unknown of 4",
        ),
    ],
)
def test_the_counts_in_words(verdicts: list[tuple[str, Verdict]], text: str) -> None:
    assert count(*verdicts).format_counts() == text


def test_an_account_that_need_not_be_named_is_counted() -> None:
    counter = count(("a", ONE))

    counter.add_ok()
    counter.add_ok()

    assert counter.format_counts() == "1 warning of 3"
    assert counter.counts[State.OK] == 2
    assert [each.uid for each in counter.worst] == ["a"]


@pytest.mark.parametrize(
    ("evaluation", "sentence"),
    [
        (Evaluation("4000101", verdict(State.OK, computer="web01")), "4000101 web01: a summary"),
        (Evaluation("4000101", verdict(State.OK)), "4000101: a summary"),
        (Evaluation("", verdict(State.OK)), "a summary"),
    ],
)
def test_a_sentence_names_the_account_and_the_computer(
    evaluation: Evaluation, sentence: str
) -> None:
    assert evaluation.sentence == sentence
