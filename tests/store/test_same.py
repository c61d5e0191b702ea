"""The store gives the rules the same as directory and homes, for every kind of account."""

import os
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import pytest

from backup_monitoring.model.accounts import Account, Growth
from backup_monitoring.model.needs import Files, Need
from backup_monitoring.model.uploads import End, InvalidReport, Receipt, Start, Uploads
from backup_monitoring.model.verdicts import State, Verdict
from backup_monitoring.store.live import read_live_accounts
from backup_monitoring.tasks.client import evaluate_client
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.quota import evaluate_quota
from backup_monitoring.tasks.schedule import evaluate_schedule
from backup_monitoring.tasks.status import evaluate_status
from backup_monitoring.tasks.unused import evaluate_unused
from cases import at
from store.fleet import Fleet, entry

NOW = "2026-11-21T12:00+01:00"
Pair = tuple[Account, Uploads]
Report = TypeVar("Report", Start, End)
Rule = Callable[[Account, Uploads, Policies, datetime], Verdict]
RULES: dict[str, Rule] = {
    "quota": evaluate_quota,
    "schedule": evaluate_schedule,
    "status": evaluate_status,
    "client": evaluate_client,
    "unused": evaluate_unused,
}


def fill(fleet: Fleet) -> None:
    fleet.entries(
        entry("good"),
        entry("many", host="backup-01\nhost: backup-02", sstBackupWarningDays=2),
        entry("Mixed-Case", sstBackupLastSuccessfulBackup="web01:20261120T194000Z"),
        entry("planned", createTimestamp="20261120T194000Z"),
        entry("emptied"),
        entry("nothing", createTimestamp=None),
        entry("homeless"),
        entry("new", sstProvisioningMode="add", sstProvisioningState=0, sstBackupSize=None),
        entry("torn", sstNotificationWarningLevel="many", sstBackupSize="lots"),
        entry("huge", sstBackupSize=9_999_999_999_999_999_999, sstQuota=9_999_999_999_999_999_999),
        entry("linked"),
        entry("bytes"),
        entry("latin", **{"homeDirectory:": "L2hvbWUv/w=="}, homeDirectory=None),
        entry("inactive", sstIsActive="FALSE"),
        entry("unclear", sstIsActive=None),
        entry("rsync"),
        entry("future"),
    )
    for uid in ("good", "many", "Mixed-Case", "planned", "emptied", "nothing", "torn", "huge"):
        (fleet.home / uid).mkdir()
    for uid in ("linked", "bytes", "rsync", "future"):
        (fleet.home / uid).mkdir()
    for name in ("a", "b", "sub/c"):
        fleet.start("many", "2026-11-20T20:00:00+01:00", name=name)
        fleet.end("many", "2026-11-20T20:40:00+01:00", name=name)
    for uid in ("good", "Mixed-Case", "huge"):
        fleet.start(uid, "2026-11-20T20:00:00+01:00")
        fleet.end(uid, "2026-11-20T20:40:00+01:00")
        fleet.plan(uid, 20)
    fleet.plan("planned", 20)
    fleet.reports("emptied")
    (fleet.reports("torn") / "backupEnded.xml").write_text("<torn")
    (fleet.reports("torn", "b") / "backupStarted.xml").write_bytes(b"\xff\xfe")
    (fleet.home / "linked" / "incoming").symlink_to(fleet.home / "good" / "incoming")
    fleet.end("bytes", "2026-11-20T20:40:00+01:00", name="a\udcff|\n")
    (fleet.home / "\udcff").mkdir()
    fleet.end("\udcff", "2026-11-20T20:40:00+01:00")
    (fleet.home / "rsync" / "incoming" / "host" / "etc").mkdir(parents=True)
    (fleet.home / "rsync" / "incoming" / "host" / "data").write_text("x")
    fleet.start("future", "2027-11-20T20:00:00+01:00")


def live(fleet: Fleet, uids: list[str] | None = None) -> dict[str, Pair]:
    found = read_live_accounts(fleet.settings, Need.ALL, Files.ALL, uids, at(NOW), lambda _: None)
    return {account.uid: (account, uploads) for account, uploads in found}


def alike(pair: Pair) -> Pair:
    """The pair without what only a store knows: growth, histories, and when a run saw a report."""
    account, uploads = pair
    computers = tuple(
        each._replace(start=undated(each.start), end=undated(each.end), history=None)
        for each in uploads.computers
    )
    return account._replace(growth=None), uploads._replace(
        computers=computers, no_incoming=None, home=None
    )


def undated(report: Report | InvalidReport | None) -> Report | InvalidReport | None:
    if report is None or isinstance(report, InvalidReport):
        return report
    return report._replace(received=Receipt(at(NOW)))


def test_both_sources_have_one_shape(fleet: Fleet) -> None:
    fill(fleet)
    fleet.collect(NOW)

    stored, read = fleet.read(), live(fleet)

    assert list(stored) == list(read)
    assert len(stored) == 15
    for uid, pair in stored.items():
        assert alike(pair) == alike(read[uid])


@pytest.mark.parametrize(("uid", "state"), [("inactive", State.OK), ("unclear", State.UNKNOWN)])
def test_one_that_is_left_out_is_found_by_name(fleet: Fleet, uid: str, state: State) -> None:
    fill(fleet)
    run = fleet.collect(NOW)

    stored = alike(fleet.read(uid, "GOOD")[uid])

    assert stored == alike(live(fleet, [uid])[uid])
    assert {each(*stored, fleet.settings.policies, at(NOW)).state for each in RULES.values()} == {
        state
    }
    problems = [each.problem for each in run.findings if each.where.startswith(f"uid={uid},")]
    assert problems == (["sstIsActive: missing"] if uid == "unclear" else [])


@pytest.mark.parametrize("rule", RULES)
def test_rules_say_the_same(fleet: Fleet, rule: str) -> None:
    fill(fleet)
    fleet.collect(NOW)
    policies, now = fleet.settings.policies, at(NOW)

    for uid, (account, uploads) in fleet.read().items():
        account_live, uploads_live = live(fleet)[uid]
        verdict = RULES[rule](account._replace(growth=None), uploads, policies, now)
        live_verdict = RULES[rule](account_live, uploads_live, policies, now)
        assert (uid, verdict.state, verdict.summary) == (
            uid,
            live_verdict.state,
            live_verdict.summary,
        )
        assert verdict.metrics == live_verdict.metrics


def test_a_store_knows_how_an_account_grows(fleet: Fleet) -> None:
    fill(fleet)
    fleet.collect(NOW)

    assert fleet.read()["good"][0].growth == Growth(None, 1, None)
    assert os.fsencode(fleet.read()["latin"][0].home or "") == b"/home/\xff"
