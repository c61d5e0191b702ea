"""An account's verdict from its computers' verdicts."""

import pytest

from backup_monitoring.model.uploads import Computer, History, InvalidReport, Uploads
from backup_monitoring.model.verdicts import Metric, Range, State
from backup_monitoring.tasks.aggregate import ComputerVerdict, aggregate, list_reporting_computers
from backup_monitoring.tasks.schedule_facts import ScheduleFacts
from cases import computer, daily, uploads

FINE = ComputerVerdict("fine", State.OK, "none missed", 0)
ONE = ComputerVerdict("one", State.WARNING, "1 missed", 1, facts=ScheduleFacts(missed=1))
TWO = ComputerVerdict("two", State.WARNING, "2 missed", 2, "counted", ScheduleFacts(missed=2))
TORN = ComputerVerdict("torn", State.UNKNOWN, "invalid report")
LOST = ComputerVerdict("lost", State.CRITICAL, "3 missed", 3)
RETIRED = ComputerVerdict("old", State.OK, "retired", retired=True)
GOOD = (Range(end=0), Range(end=2))


@pytest.mark.parametrize(
    ("verdicts", "state", "computer", "summary"),
    [
        pytest.param((), State.OK, None, "no report yet", id="nothing"),
        pytest.param((FINE, RETIRED), State.OK, "fine", "none missed", id="all good"),
        pytest.param((RETIRED, FINE), State.OK, "fine", "none missed", id="not a retired one"),
        pytest.param((FINE, TORN), State.UNKNOWN, "torn", "invalid report", id="one bad"),
        pytest.param(
            (TORN, ONE, FINE), State.WARNING, "one", "1 missed; 1 more computer", id="two bad"
        ),
        pytest.param(
            (TORN, ONE, TWO, LOST),
            State.CRITICAL,
            "lost",
            "3 missed; 3 more computers",
            id="critical is the worst",
        ),
        pytest.param(
            (ONE, TWO),
            State.WARNING,
            "two",
            "2 missed; 1 more computer",
            id="the greater number of one state",
        ),
    ],
)
def test_the_worst_computer_speaks(
    verdicts: tuple[ComputerVerdict, ...], state: State, computer: str | None, summary: str
) -> None:
    verdict = aggregate(verdicts, Uploads(), "missed", GOOD)

    assert (verdict.state, verdict.computer, verdict.summary) == (state, computer, summary)


def test_which_computers_fail_and_which_are_retired() -> None:
    verdict = aggregate((FINE, ONE, TORN, RETIRED, TWO), Uploads(), "missed", GOOD)

    assert verdict.failing == ("one", "two")
    assert verdict.retired == ("old",)
    assert verdict.facts == ScheduleFacts(missed=2, others=1)
    assert verdict.metrics == (Metric("missed", 2, "", Range(end=0), Range(end=2)),)


@pytest.mark.parametrize("other", [FINE, TORN, RETIRED])
def test_a_mail_of_the_only_computer_that_fails_speaks_of_no_others(other: ComputerVerdict) -> None:
    assert aggregate((other, TWO), Uploads(), "missed", GOOD).facts == ScheduleFacts(missed=2)


def test_one_line_per_computer_and_one_for_an_incomplete_search() -> None:
    cut = Uploads(cut_short="more than 256 computers")
    inside = FINE._replace(computer="")

    verdict = aggregate((inside, TWO), cut, "missed", GOOD)

    assert verdict.state is State.WARNING
    assert verdict.details == (
        "two: WARNING - 2 missed [counted]",
        "(in incoming itself): OK - none missed",
        "UNKNOWN - incoming was not searched completely: more than 256 computers",
    )


def test_what_was_found_before_the_search_was_cut_short_is_listed() -> None:
    verdict = aggregate((FINE,), Uploads(cut_short="more than 256 computers"), "missed", GOOD)

    assert (verdict.state, verdict.computer) == (State.UNKNOWN, None)
    assert verdict.metrics == (Metric("missed", 0, "", Range(end=0), Range(end=2)),)
    assert verdict.details == (
        "fine: OK - none missed",
        "UNKNOWN - incoming was not searched completely: more than 256 computers",
    )


def test_without_a_number_there_is_no_metric() -> None:
    assert aggregate((TORN,), Uploads(), "missed", GOOD).metrics == ()


def test_a_folder_without_a_report_is_a_computer_only_if_one_was_seen_before() -> None:
    empty, emptied = computer("empty"), computer("emptied", history=History())
    planned = computer("planned", schedule=daily(20))
    torn = Computer("torn", end=InvalidReport("/f", "torn"))

    found = list_reporting_computers(uploads(empty, emptied, planned, torn))

    assert [each.name for each in found] == ["emptied", "planned", "torn"]
