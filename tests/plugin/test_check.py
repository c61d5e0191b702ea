"""What all checks share: their output for one account and for many."""

from argparse import Namespace
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.errors import MonitoringError
from backup_monitoring.model.findings import Finding
from backup_monitoring.model.uploads import Uploads
from backup_monitoring.model.verdicts import Metric, Range, State, Verdict
from backup_monitoring.plugin.account_verdicts import Request
from backup_monitoring.plugin.check import BackupCheck, show_accounts
from backup_monitoring.plugin.client_check import ClientCheck
from backup_monitoring.plugin.counter import Evaluation
from backup_monitoring.plugin.output import make_metrics
from backup_monitoring.settings.load import read_settings
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.task import Task, Total

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OK, WARNING, CRITICAL, UNKNOWN = State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN


class Example(BackupCheck):
    """Its verdicts are given."""

    def __init__(self, verdicts: dict[str, Verdict]) -> None:
        super().__init__("quota")
        self.task = self.task._replace(totals=(Total("used", "B", "", "capacity"),))
        self.verdicts = verdicts
        self.judged: list[str] = []

    def judge(
        self,
        account: Account,
        uploads: Uploads,
        policies: Policies,
        now: datetime,
        tasks: Iterable[str],
    ) -> dict[str, Verdict]:
        self.judged.append(account.uid)
        return dict.fromkeys(tasks, self.verdicts[account.uid])

    def is_certainly_ok(self, task: Task, account: Account, policies: Policies) -> bool:
        return self.verdicts[account.uid].summary == "certainly"


class Printed(NamedTuple):
    """An output: code, first line without performance data, that, and the further lines."""

    code: int
    first: str
    numbers: dict[str, str]
    lines: list[str]


def _format_thresholds(*_: object) -> str:
    return "threshold 85 %"


def run(check: Example, verbose: int = 0, uids: list[str] | None = None) -> Printed:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("backup_monitoring.plugin.judged_accounts.evaluate_all", check.judge)
        patch.setattr(
            "backup_monitoring.plugin.judged_accounts.is_certainly_ok", check.is_certainly_ok
        )
        patch.setattr(
            "backup_monitoring.plugin.judged_accounts.format_thresholds", _format_thresholds
        )
        return _run(Path(folder), check, verbose, uids)


def _run(folder: Path, check: Example, verbose: int = 0, uids: list[str] | None = None) -> Printed:
    file = folder / "s.toml"
    file.write_text('[directory]\nuri = "ldif:a.ldif"\nsuffix = "o=x"\n')
    settings = read_settings(file, {})

    def source() -> Iterator[tuple[Account, Uploads]]:
        for uid in check.verdicts:
            if uids is None or uid.lower() in [each.lower() for each in uids]:
                finding = Finding("report", f"account {uid}", "torn")
                yield (
                    Account(uid, "", used=2),
                    Uploads(findings=(finding,) if uid == "torn" else ()),
                )

    options = Namespace(verbose=verbose, output="text")
    request = Request(options, settings, settings.policies, uids, NOW, None, True)
    code, output = show_accounts(check.task, request, source)
    first, *lines = output.split("\n")
    text, _, data = first.partition(" | ")
    numbers = dict(item.partition(";")[0].split("=") for item in data.split())
    return Printed(code, text, numbers, lines)


def full(state: State = CRITICAL, number: float = 99, **more: object) -> Verdict:
    metric = Metric("used", number, "%", Range(0, 85), Range(0, 95))
    verdict = Verdict(state, f"{number} % used", metrics=(metric,), details=("of 10 GiB",))
    return verdict._replace(**more)  # type: ignore[arg-type]


MANY = {
    "good": full(OK, 5),
    "bad": full(),
    "torn": full(UNKNOWN, 0, summary="no size", metrics=()),
    "plain": Verdict(OK, "certainly"),
    "worse": full(CRITICAL, 100, computer="web01"),
}


def test_one_account_is_shown_with_its_own_numbers() -> None:
    printed = run(Example({"bad": full()}), uids=["bad"])

    assert printed == (2, "BACKUP QUOTA CRITICAL - bad: 99 % used", {"used": "99%"}, [])


def test_many_are_shown_by_their_counts_the_worst_one_and_totals() -> None:
    check = Example(MANY)

    printed = run(check)

    assert printed.code == 2
    assert printed.first == (
        "BACKUP QUOTA CRITICAL - 2 critical, 1 unknown of 5; worst worse web01: 100 % used"
    )
    assert printed.numbers == {
        "ok": "2",
        "warning": "0",
        "critical": "2",
        "unknown": "1",
        "used": "10B",
    }
    assert check.judged == ["good", "bad", "torn", "worse"]


def test_nagiosplugin_keeps_the_worst_ones_only() -> None:
    """It holds each metric of a probe in memory: of a server's accounts these must be few."""
    check = Example({str(number): MANY["good"] for number in range(1000)})

    with pytest.MonkeyPatch.context() as patch:
        probed: list[int] = []

        def count_metrics(worst: list[Evaluation], numbers: list[Metric]) -> object:
            probed.append(len(worst))
            return make_metrics(worst, numbers)

        patch.setattr("backup_monitoring.plugin.account_verdicts.make_metrics", count_metrics)
        printed = run(check)

    assert probed == [400]
    assert printed.first == "BACKUP QUOTA OK - 1000 accounts, all ok"


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["good"], "1 account, all ok"),
        (["plain"], "1 account, all ok"),
        (["good", "plain"], "2 accounts, all ok"),
    ],
)
def test_all_is_well(names: list[str], text: str) -> None:
    check = Example({name: MANY[name] for name in names})

    assert run(check).first == f"BACKUP QUOTA OK - {text}"


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
def test_verbosity(verbose: int, uids: list[str] | None, lines: list[str]) -> None:
    assert run(Example(MANY), verbose, uids).lines == lines


def test_every_account_is_judged_where_every_one_is_shown() -> None:
    lines = run(Example(MANY), verbose=2).lines

    assert len(lines) == 5
    assert lines[-1] == "OK - plain: certainly"


@pytest.mark.parametrize(
    ("verbose", "bad", "listed", "more"), [(1, 20, 20, 0), (1, 21, 20, 1), (2, 21, 21, 0)]
)
def test_a_crowd_is_bounded(verbose: int, bad: int, listed: int, more: int) -> None:
    check = Example({"good": MANY["good"], **{str(number): full() for number in range(bad)}})

    lines = run(check, verbose).lines

    assert len([line for line in lines if line.startswith("CRITICAL")]) == listed
    assert [line for line in lines if line.startswith("...")] == [f"... and {more} more"] * more


@pytest.mark.parametrize(("count", "more"), [(7, []), (10, ["  ... and 3 more; see -a a"])])
def test_one_account_of_many_lines_leaves_room_for_others(count: int, more: list[str]) -> None:
    long = full(details=tuple(f"pc{number}" for number in range(count)))

    lines = run(Example({"a": long, "b": full()}), 3, ["a", "b"]).lines

    assert lines[8 : 9 + len(more)] == ["  pc6", *more]
    assert "CRITICAL - b: 99 % used" in lines


def test_all_details_of_a_single_account_are_shown() -> None:
    long = full(details=("x" * 850,) * 9, metrics=(Metric("missed", 5),))

    lines = run(Example({"a": long}), 3, ["a"]).lines

    assert lines == ["  threshold 85 %", *["  " + "x" * 850] * 9, "  missed is 5"]


def test_what_does_not_fit_is_counted() -> None:
    wordy = {str(number): full(OK, summary="ü" * 900) for number in range(5)}

    lines = run(Example(wordy), 2).lines

    assert len(lines) == 4
    assert lines[-1] == "... and 2 more"


def test_an_account_that_does_not_exist_is_unknown() -> None:
    check = Example({"Anna": MANY["plain"], "bert": MANY["good"]})

    printed = run(check, uids=["bert", "ANNA", "Nobody"])

    base = "ou=accounts,ou=backup,ou=services,o=x"
    assert printed.first == (
        f"BACKUP QUOTA UNKNOWN - 1 unknown of 3; worst Nobody: no such account below {base}"
    )
    assert check.judged == ["Anna", "bert"]


def test_a_rule_that_fails_makes_its_account_unknown_and_no_other(tmp_path: Path) -> None:
    def fail(*_: object) -> bool:
        raise KeyError("secret")

    def rule(account: Account, *_: object) -> Verdict:
        return {"good": MANY["good"]}[account.uid]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backup_monitoring.tasks.judge.load_rule", lambda task: rule)
        patch.setattr("backup_monitoring.plugin.judged_accounts.is_certainly_ok", fail)
        printed = _run(tmp_path, Example({name: MANY[name] for name in ("good", "bad")}))

    assert printed.first == (
        "BACKUP QUOTA UNKNOWN - 1 unknown of 2; worst bad: internal error: KeyError; report it"
    )


def test_a_check_overrides_methods_that_are_called() -> None:
    """A method under another name is never called: once the quota check lost its short cut so."""
    methods = {name for name, value in vars(ClientCheck).items() if callable(value)}

    assert methods <= {name for name in vars(BackupCheck) if not name.startswith("_")}


def test_no_account_at_all_is_an_error() -> None:
    with pytest.raises(MonitoringError, match="no account in scope below it by"):
        run(Example({}))
