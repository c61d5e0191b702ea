"""What all checks share: what is said of one account and of many."""

from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.errors import MonitoringError
from backup_monitoring.model.findings import Finding
from backup_monitoring.model.uploads import Uploads
from backup_monitoring.model.verdicts import Metric, Range, State, Verdict
from backup_monitoring.plugin.check import BackupCheck, CheckRun, Request
from backup_monitoring.plugin.output import PluginOutput
from backup_monitoring.settings.load import read_settings
from backup_monitoring.tasks.policies import Policies

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OK, WARNING, CRITICAL, UNKNOWN = State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN


class Example(BackupCheck):
    """Judges as it is told."""

    task = "quota"
    description = "An example."

    def __init__(self, verdicts: dict[str, Verdict]) -> None:
        self.verdicts = verdicts
        self.counted: list[str] = []
        self.evaluate_all: list[str] = []

    def judge(
        self, account: Account, uploads: Uploads, policies: Policies, now: datetime
    ) -> Verdict:
        self.evaluate_all.append(account.uid)
        return self.verdicts[account.uid]

    def plainly_ok(self, account: Account, policies: Policies) -> bool:
        return self.verdicts[account.uid].summary == "plainly"

    def thresholds(self, account: Account, policies: Policies) -> str:
        return "threshold 85 %"

    def count(self, account: Account) -> None:
        self.counted.append(account.uid)

    def totals(self) -> list[Metric]:
        return [Metric("counted", len(self.counted))]


def presented(
    folder: Path, check: Example, verbose: int = 0, uids: list[str] | None = None
) -> PluginOutput:
    file = folder / "s.toml"
    file.write_text('[directory]\nuri = "ldif:a.ldif"\nsuffix = "o=x"\n')
    settings = read_settings(file, {})

    def source() -> Iterator[tuple[Account, Uploads]]:
        for uid in check.verdicts:
            if uids is None or uid.lower() in [each.lower() for each in uids]:
                finding = Finding("report", f"account {uid}", "torn")
                yield Account(uid, ""), Uploads(findings=(finding,) if uid == "torn" else ())

    options = Namespace(verbose=verbose)
    return CheckRun(
        check, Request(options, settings, settings.policies, uids, NOW), source
    ).presented()


def full(state: State = CRITICAL, number: float = 99, **more: object) -> Verdict:
    metric = Metric("used", number, "%", Range(0, 85), Range(0, 95))
    verdict = Verdict(state, f"{number} % used", metrics=(metric,), details=("of 10 GiB",))
    return verdict._replace(**more)  # type: ignore[arg-type]


MANY = {
    "good": full(OK, 5),
    "bad": full(),
    "torn": full(UNKNOWN, 0, summary="no size", metrics=()),
    "plain": Verdict(OK, "plainly"),
    "worse": full(CRITICAL, 100, computer="web01"),
}


def test_one_account_is_said_with_its_own_numbers(tmp_path: Path) -> None:
    said = presented(tmp_path, Example({"bad": full()}), uids=["bad"])

    assert (said.sentence, said.lines) == ("bad: 99 % used", [])
    assert [number.name for number in said.numbers] == ["used"]


def test_many_are_said_by_the_worst_and_by_sums(tmp_path: Path) -> None:
    check = Example(MANY)

    said = presented(tmp_path, check)

    assert said.sentence == "worse web01: 100 % used; 2 critical, 1 unknown of 5"
    assert {number.name: number.value for number in said.numbers} == {
        "ok": 2,
        "warning": 0,
        "critical": 2,
        "unknown": 1,
        "counted": 5,
    }
    assert check.evaluate_all == ["good", "bad", "torn", "worse"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["good"], "1 account, all ok"),
        (["plain"], "1 account, all ok"),
        (["good", "plain"], "2 accounts, all ok"),
    ],
)
def test_all_is_well(tmp_path: Path, names: list[str], sentence: str) -> None:
    check = Example({name: MANY[name] for name in names})

    assert presented(tmp_path, check).sentence == sentence


@pytest.mark.parametrize(
    ("verbose", "uids", "lines"),
    [
        (0, None, []),
        (
            1,
            None,
            [
                "CRITICAL - worse web01: 100 % used",
                "CRITICAL - bad: 99 % used",
                "UNKNOWN - torn: no size",
            ],
        ),
        (
            2,
            ["worse", "torn", "good"],
            [
                "CRITICAL - worse web01: 100 % used",
                "UNKNOWN - torn: no size",
                "OK - good: 5 % used",
            ],
        ),
        (
            3,
            ["worse", "torn"],
            [
                "CRITICAL - worse web01: 100 % used",
                "  threshold 85 %",
                "  of 10 GiB",
                "  used is 100%, WARNING outside 0:85, CRITICAL outside 0:95",
                "UNKNOWN - torn: no size",
                "  of 10 GiB",
                "  finding: account torn: torn",
            ],
        ),
        (1, ["good"], ["  of 10 GiB"]),
        (2, ["good"], ["  of 10 GiB"]),
        (
            3,
            ["good"],
            [
                "  threshold 85 %",
                "  of 10 GiB",
                "  used is 5%, WARNING outside 0:85, CRITICAL outside 0:95",
            ],
        ),
    ],
)
def test_verbosity(tmp_path: Path, verbose: int, uids: list[str] | None, lines: list[str]) -> None:
    assert presented(tmp_path, Example(MANY), verbose, uids).lines == lines


def test_every_account_is_judged_where_every_one_is_shown(tmp_path: Path) -> None:
    said = presented(tmp_path, Example(MANY), verbose=2)

    assert len(said.lines) == 5
    assert said.lines[-1] == "OK - plain: plainly"


@pytest.mark.parametrize(
    ("verbose", "bad", "listed", "more"), [(1, 20, 20, 0), (1, 21, 20, 1), (2, 21, 21, 0)]
)
def test_a_crowd_is_bounded(tmp_path: Path, verbose: int, bad: int, listed: int, more: int) -> None:
    check = Example({"good": MANY["good"], **{str(number): full() for number in range(bad)}})

    lines = presented(tmp_path, check, verbose).lines

    assert len([line for line in lines if line.startswith("CRITICAL")]) == listed
    assert [line for line in lines if line.startswith("...")] == [f"... and {more} more"] * more


@pytest.mark.parametrize(("count", "more"), [(7, []), (10, ["  ... and 3 more; see -a a"])])
def test_one_account_of_many_lines_leaves_room_for_others(
    tmp_path: Path, count: int, more: list[str]
) -> None:
    long = full(details=tuple(f"pc{number}" for number in range(count)))

    lines = presented(tmp_path, Example({"a": long, "b": full()}), 3, ["a", "b"]).lines

    assert lines[8 : 9 + len(more)] == ["  pc6", *more]
    assert "CRITICAL - b: 99 % used" in lines


def test_all_that_one_account_has_to_say_is_said(tmp_path: Path) -> None:
    long = full(details=("x" * 999,) * 9, metrics=(Metric("missed", 5),))

    lines = presented(tmp_path, Example({"a": long}), 3, ["a"]).lines

    assert lines == ["  threshold 85 %", *["  " + "x" * 999] * 9, "  missed is 5"]


def test_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    wordy = {str(number): full(OK, summary="ü" * 900) for number in range(5)}

    lines = presented(tmp_path, Example(wordy), 2).lines

    assert len(lines) == 4
    assert lines[-1] == "... and 2 more"


def test_an_account_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    check = Example({"Anna": MANY["plain"], "bert": MANY["good"]})

    said = presented(tmp_path, check, uids=["bert", "ANNA", "Nobody"])

    base = "ou=accounts,ou=backup,ou=services,o=x"
    assert said.sentence == f"Nobody: no such account below {base}; 1 unknown of 3"
    assert check.evaluate_all == ["Anna", "bert"]


def test_a_rule_that_breaks_makes_its_account_unknown_and_no_other(tmp_path: Path) -> None:
    class Broken(Example):
        def judge(
            self, account: Account, uploads: Uploads, policies: Policies, now: datetime
        ) -> Verdict:
            if account.uid == "bad":
                raise KeyError("secret")
            return super().judge(account, uploads, policies, now)

        def plainly_ok(self, account: Account, policies: Policies) -> bool:
            raise KeyError("secret")

    said = presented(tmp_path, Broken({name: MANY[name] for name in ("good", "bad")}))

    assert said.sentence == "bad: internal error: KeyError; report it; 1 unknown of 2"


def test_no_account_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MonitoringError, match="no account in scope below it by"):
        presented(tmp_path, Example({}))
