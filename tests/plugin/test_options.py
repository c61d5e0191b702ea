"""The command line: what is accepted, and what is refused with its reason."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime

import pytest

from backup_monitoring import __version__
from backup_monitoring.model.errors import UsageError
from backup_monitoring.plugin.help_request import HelpRequested
from backup_monitoring.plugin.options import (
    Parser,
    add_account_option,
    add_common_options,
    choose_now,
    parse_days,
    parse_now,
    parse_seconds,
    parse_uids,
)


def make_parser() -> Parser:
    parser = Parser("check_example", "An example.", "the end")
    add_account_option(parser)
    add_common_options(parser)
    return parser


@pytest.mark.parametrize(
    ("arguments", "uids"),
    [
        pytest.param([], None, id="all"),
        pytest.param(["-a", "1"], ["1"], id="one"),
        pytest.param(["-a", "b, a", "--account", "c"], ["b", "a", "c"], id="in their order"),
        pytest.param(["-a", "=Muster, Anna", "-a", "=b,c"], ["Muster, Anna", "b,c"], id="commas"),
        pytest.param(["--account==a", "-a", "==b"], ["a", "=b"], id="exact"),
        pytest.param(["-a", "Anna,anna,ANNA,b"], ["Anna", "b"], id="each once, in any case"),
    ],
)
def test_accounts(arguments: list[str], uids: list[str] | None) -> None:
    assert parse_uids(make_parser().parse(arguments)) == uids


@pytest.mark.parametrize("text", ["", ",", "1,", "1, ,2", "="])
def test_an_empty_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--account: an empty UID"):
        parse_uids(make_parser().parse(["-a", text]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--conf", "x"], "unrecognized argument '--conf'; see check_example --help"),
        (["1", "2"], "unrecognized argument '1'"),
        (["-t"], "expected one argument"),
        (
            ["--now", "soon"],
            "'soon' is not a time with an offset; example: 2026-11-24T08:00:00+01:00",
        ),
    ],
)
def test_a_wrong_command_line(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        make_parser().parse(arguments)

    assert message in str(raised.value)


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option: str) -> None:
    with pytest.raises(HelpRequested) as shown:
        make_parser().parse(["--nonsense", option])

    assert shown.value.text.startswith("usage: check_example [-h] [-V] [-a UID]")
    assert shown.value.text.endswith("\nthe end\n")


def test_version() -> None:
    with pytest.raises(HelpRequested) as shown:
        make_parser().parse(["-V"])

    assert shown.value.text == f"check_example {__version__}\n"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24T08:00:00+01:00", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2999-12-31T23:59:59Z", datetime(2999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_time(text: str, moment: datetime) -> None:
    assert choose_now(make_parser().parse(["--now", text])) == moment


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-11-24T08:00:00", "is not a time with an offset"),
        ("2026-11-24", "is not a time with an offset"),
        ("0001-01-01T00:00:00+14:00", "is not a time with an offset"),
        ("1970-01-01T00:00:00+01:00", "is not between 1970 and 3000"),
        ("2999-12-31T23:30:00-01:00", "is not between 1970 and 3000"),
    ],
)
def test_times_that_are_not_valid(text: str, message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message):
        parse_now(text)


def test_without_a_time_the_clock_is_read() -> None:
    before = datetime.now(UTC)

    assert before <= choose_now(make_parser().parse([])) <= datetime.now(UTC)


def test_numbers() -> None:
    assert [parse_seconds("1"), parse_seconds("86400")] == [1.0, 86400.0]
    assert [parse_days("1"), parse_days("9999")] == [1, 9999]


@pytest.mark.parametrize("text", ["", "0", "86401", "-1", "+1", "1.5", " 1", "1s", "١", "9" * 400])
def test_numbers_of_seconds_that_are_not_valid(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is not a number of seconds from 1 to 86400"):
        parse_seconds(text)


def test_too_many_days() -> None:
    with pytest.raises(ArgumentTypeError, match="'10000' is not a number of days from 1 to 9999"):
        parse_days("10000")
