"""The worked examples of docs/rules.md: each row of its tables is evaluated by the rule itself."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from backup_monitoring.model.accounts import GIB, Account, LossReason
from backup_monitoring.model.keys import range_below_count
from backup_monitoring.model.times import format_offset, parse_duration
from backup_monitoring.model.uploads import (
    Client,
    Computer,
    End,
    InvalidReport,
    Receipt,
    Schedule,
    Start,
    Uploads,
)
from backup_monitoring.model.verdicts import Range, Threshold, Verdict
from backup_monitoring.store.growth import DailySize, estimate_growth
from backup_monitoring.store.history import TrackedComputer, update_computer
from backup_monitoring.store.losses import LostAccount, judge_losses
from backup_monitoring.tasks.client import evaluate_client
from backup_monitoring.tasks.client_task import ClientPolicy
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.quota import evaluate_quota
from backup_monitoring.tasks.quota_task import QuotaPolicy
from backup_monitoring.tasks.schedule import evaluate_schedule
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status import evaluate_status
from backup_monitoring.tasks.status_task import StatusPolicy
from backup_monitoring.tasks.unused import evaluate_unused
from backup_monitoring.tasks.unused_task import UnusedPolicy
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy
from backup_monitoring.uploads.offsets import OffsetClues, ReportWriter, choose_offset, parse_offset
from cases import LONG_AGO, at, daily, end, start, uploads

RULES = Path(__file__).parent.parent.parent / "docs" / "rules.md"
Row = dict[str, str]
Tables = dict[str, list[Row]]


def _rows(text: str) -> Iterator[tuple[str, list[Row]]]:
    """Yield each row of the tables that follow ``<!-- examples: NAME -->``, with its history."""
    for name, table in re.findall(r"<!-- examples: (\w+) -->\n((?:\|.*\n)+)", text):
        lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
        rows = [
            dict(zip(lines[0], (cell.strip("`") for cell in cells), strict=True))
            for cells in lines[2:]
        ]
        if name in ("runs", "schedule_runs"):  # each is evaluated after those before it
            yield from ((name, rows[: n + 1]) for n in range(len(rows)))
        else:
            yield from ((name, [row]) for row in rows)


EXAMPLES = list(_rows(RULES.read_text(encoding="utf-8")))


def _account(row: Row) -> Account:
    backups, days = (row.get("entry: backups, days") or "0, 1").split(", ")
    return Account(
        "4000101",
        "uid=4000101",
        created=at(row.get("created") or "2020-01-01T00:00+00:00"),
        warning_numbers=None if backups == "-" else int(backups),
        warning_days=None if days == "-" else int(days),
    )


def _quota(row: Row) -> Verdict:
    def size(text: str) -> int | None:
        return None if text == "-" else round(float(text.removesuffix(" GiB")) * GIB)

    account = Account(
        "4000101",
        "uid=4000101",
        used=size(row["used"]),
        capacity=size(row["capacity"]),
        quota_threshold=None if row["entry"] == "-" else int(row["entry"]),
        quota_missing=None if row["used"] != "-" else "sstBackupSize",
    )
    policy = QuotaPolicy()
    if row["option"] != "-":
        good = Range(end=float(row["option"].removeprefix("-w ")))
        policy = policy._replace(warning=Threshold(good, "-w"))
    return evaluate_quota(account, Uploads(), Policies(policy), LONG_AGO)


def _warn_after(row: Row) -> WarnAfterPolicy:
    policy = WarnAfterPolicy()
    if row.get("settings: backups, days", "-") != "-":
        backups, days = map(int, row["settings: backups, days"].split(", "))
        good = Threshold(range_below_count(backups), "settings")
        policy = WarnAfterPolicy(backups=good, days=days, days_origin="settings")
    if row.get("option", "-") != "-":
        good = Threshold(Range(end=float(row["option"].removeprefix("-w "))), "-w")
        policy = policy._replace(backups=good)
    return policy


def _computer(row: Row) -> Computer:
    return Computer(
        "web01", _start(row["last start"]), _end(row.get("last end", row["last start"])), _plan(row)
    )


def _torn(name: str, text: str) -> InvalidReport:
    came = Receipt(at(text.removeprefix("torn ")))
    return InvalidReport(f"web01/{name}", "empty file", came)


def _start(text: str) -> Start | InvalidReport:
    return _torn("backupStarted.xml", text) if text.startswith("torn") else start(text)


def _end(text: str) -> End | InvalidReport | None:
    ended, _, success = text.partition(", success=")
    if text.startswith("torn"):
        return _torn("backupEnded.xml", text)
    return end(ended, success != "0") if ended != "-" else None


def _plan(row: Row) -> Schedule | InvalidReport | None:
    text = row.get("scheduler.xml", "20:00 +01:00")
    if text == "-":
        return None
    if text.startswith("torn"):
        return _torn("scheduler.xml", text)
    hour, minute, written = re.split("[: ]", text, maxsplit=2)
    return daily(int(hour), int(minute), utc=int(written[:3]))


def _schedule_policy(row: Row) -> SchedulePolicy:
    zones = row.get("zones", "Europe/Zurich")
    days = row.get("weekdays", "-")
    return SchedulePolicy(
        zones=() if zones == "-" else tuple(map(ZoneInfo, zones.split(", "))),
        weekdays={} if days == "-" else {"4000101": frozenset(map(int, days.split(", ")))},
    )


def _status_policy(row: Row) -> StatusPolicy:
    return StatusPolicy(max_runtime=parse_duration(row.get("max_runtime") or "24h"))


def _schedule(row: Row) -> Verdict:
    rules = Policies(_warn_after(row), _schedule_policy(row), _status_policy(row))
    return evaluate_schedule(_account(row), uploads(_computer(row)), rules, at(row["checked at"]))


def _status(row: Row) -> Verdict:
    account = _account(row)
    if percent := row.get("used"):
        account = account._replace(used=round(float(percent[:-2]) * GIB), capacity=100 * GIB)
    rules = Policies(_warn_after(row), _schedule_policy(row), _status_policy(row))
    return evaluate_status(account, uploads(_computer(row)), rules, at(row["checked at"]))


def _client(row: Row) -> Verdict:
    identifier = "Online Backup Perl Script"
    minimum = {identifier: row["minimum"]} if row["minimum"] != "-" else {}
    program = Client(identifier, row["version"], "linux")
    computer = Computer("web01", start("2026-11-23T20:00+01:00", program))
    policy = ClientPolicy(minimum=minimum, strict=row["strict"] == "true")
    now = at("2026-11-24T08:00+01:00")
    return evaluate_client(_account(row), uploads(computer), Policies(policy), now)


def _unused(row: Row) -> Verdict:
    policy = UnusedPolicy()
    if row["option"] != "-":
        threshold = Threshold(
            Range(end=parse_duration(row["option"].removeprefix("-c ")).total_seconds()), "-c"
        )
        policy = policy._replace(critical=threshold)
    found = uploads()._replace(data=row["data"] == "yes")
    return evaluate_unused(_account(row), found, Policies(policy), at(row["checked at"]))


def _growth(row: Row) -> Verdict:
    last = date(2026, 11, 24).toordinal()
    texts = row["daily sizes, GiB"].split()
    used = [round(float(text) * GIB) for text in texts]
    sizes = [DailySize(last + 1 - len(used) + n, size) for n, size in enumerate(used)]
    policy = QuotaPolicy()
    account = Account(
        "4000101",
        "uid=4000101",
        used=used[-1],
        capacity=10 * GIB,
        quota_threshold=85,
        growth=estimate_growth(sizes, last, policy.sudden_loss),
    )
    if row["option"] != "-":
        policy = policy._replace(forecast=int(row["option"].removeprefix("--forecast-warning ")))
    return evaluate_quota(account, Uploads(), Policies(policy), LONG_AGO)


def _clocks(row: Row) -> str:
    came = start(row["last start"], came=row["came"])
    ended = end(row["last end"], came=row["ended"])
    found = uploads(Computer("web01", came, ended, daily(20)))
    policies, now = Policies(_schedule_policy({})), at(row["checked at"])
    verdicts = (
        evaluate_schedule(_account(row), found, policies, now),
        evaluate_status(_account(row), found, policies, now),
    )
    return " | ".join(f"{verdict.state.name} - {verdict.summary}" for verdict in verdicts)


def _runs(name: str, rows: list[Row]) -> Verdict:
    memory: TrackedComputer | None = None
    for row in rows:
        now, computer = at(row["checked at"]), _computer(row)
        memory = update_computer(memory, computer, now)
        computer = memory.join(computer)
    rules = Policies(WarnAfterPolicy(), _schedule_policy({}), StatusPolicy())
    if name == "schedule_runs":
        return evaluate_schedule(_account(row), uploads(computer), rules, now)
    account = _account({"entry: backups, days": "2, 0", **row})
    return evaluate_status(account, uploads(computer), rules, now)


RULES_BY_NAME: dict[str, Callable[[Row], Verdict]] = {
    "quota": _quota,
    "schedule": _schedule,
    "warn_after": _schedule,
    "status": _status,
    "client": _client,
    "unused": _unused,
    "growth": _growth,
}


@pytest.mark.parametrize(
    ("name", "rows"),
    [pytest.param(*each, id=f"{each[0]}-{n}") for n, each in enumerate(EXAMPLES)],
)
def test_a_row_shows_what_the_rule_prints(name: str, rows: list[Row]) -> None:
    row = rows[-1]
    if name == "offset":
        assert _offsets(row) == row["is"]
        return
    if name == "clocks":
        assert _clocks(row) == f"{row['schedule']} | {row['status']}"
        return
    if name == "losses":
        assert _losses(row) == row["verdict"]
        return
    verdict = _runs(name, rows) if name.endswith("runs") else RULES_BY_NAME[name](row)

    assert f"{verdict.state.name} - {verdict.summary}" == row["printed"]


def _offsets(row: Row) -> str:
    writer = ReportWriter.PERL if row["client"] == "Perl" else ReportWriter.OTHER
    clues = OffsetClues((), at("2100-01-01T00:00+00:00"), at("2026-11-24T08:00+01:00"))
    candidates = parse_offset(row["written"], writer)
    chosen = choose_offset(candidates, None, clues)
    if chosen is not None:
        return format_offset(chosen)
    return " or ".join(map(format_offset, sorted(candidates))) or "unreadable"


def _losses(row: Row) -> str:
    now = at("2026-11-24T08:00+01:00")

    def lose(text: str, begin: int) -> dict[str, LostAccount]:
        count, _, one = text.partition(" of ")
        return {
            str(n): LostAccount(str(n), (one or str(n),), now - timedelta(days=1), LossReason.ENTRY)
            for n in range(begin, begin + int(count.replace("-", "0")))
        }

    known, new = lose(row["lost in the last 7 days"], 0), lose(row["lost now"], 500)
    losses = judge_losses(known, (), new, int(row["accounts"]), float(row["max_loss"]), now)
    (verdict,) = {losses[key].verdict.value for key in new}
    return verdict


def test_every_rule_has_examples() -> None:
    assert {name for name, _ in EXAMPLES} == {
        *RULES_BY_NAME,
        "clocks",
        "losses",
        "offset",
        "runs",
        "schedule_runs",
    }
