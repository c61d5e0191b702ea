"""Accounts, homes and computers that disappear: what the collector and all its readers say."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from backup_monitoring.model.verdicts import State
from backup_monitoring.store.store_file import open_store
from backup_monitoring.tasks.state_since import StateSince
from cases import at
from programs.in_process import Done, run_program
from store.fleet import Fleet, entry

BEGIN = "2026-11-24T06:00+01:00"
NOTIFY = """
[notify]
trigger = "scan"
from = "Backup Service <backup@example.org>"
operator = "operations@example.org"
outbox = "outbox.sqlite"
log = "notify.jsonl"
smtp = "sendmail:/bin/true"
storm = false

[icinga]
spool = "spool"
"""
TASKS = ("client", "quota", "schedule", "status", "unused")
FAILING = 5  # account whose last backup failed, so that its end would be notified


def account(number: int, customer: int | None = None, **attributes: object) -> str:
    """Return the entry of an account; it belongs to a customer of its own if none is given."""
    owner = number if customer is None else customer
    return entry(
        uid_of(number),
        sstBackupWarningOn="TRUE",
        sstBackupWarningNumbers=1,
        sstBackupWarningDays=0,
        sstNotificationWarningMedium="mail",
        mail=f"account-{number}@example.org",
        sstBelongsToCustomerUID=owner,
        **attributes,
    )


def uid_of(number: int) -> str:
    return f"4{number:06}"


class Provider:
    """A server with accounts, whose collector, checks and notifier run in turns of five minutes."""

    def __init__(self, folder: Path, count: int, customers: Sequence[int] = ()) -> None:
        self.owners = dict(enumerate(customers))
        self.fleet = Fleet(folder / "server", [uid_of(number) for number in range(count)])
        self.fleet.settings_text(NOTIFY)
        (self.fleet.folder / "spool").mkdir()
        self._minutes = 0
        self._logged = 0
        self.show(range(count))
        for number in range(count):
            self.back_up(number)
        self.turn()
        if count > FAILING:
            self.back_up(FAILING, success=0)
            self.turn()

    @property
    def now(self) -> str:
        return (at(BEGIN) + timedelta(minutes=self._minutes)).isoformat()

    def show(self, numbers: Iterable[int], *more: str) -> None:
        """Let the directory show these accounts, and *more* entries."""
        texts = [account(number, self.owners.get(number)) for number in numbers]
        self.fleet.entries(*texts, *more)

    def back_up(self, number: int, name: str = "web01", success: int = 1) -> None:
        ended = "04:40:00" if success else "05:40:00"
        self.fleet.start(uid_of(number), f"2026-11-24T{ended[:2]}:00:00+01:00", name=name)
        self.fleet.end(uid_of(number), f"2026-11-24T{ended}+01:00", success, name=name)

    def incoming(self, number: int) -> Path:
        return self.fleet.home / uid_of(number) / "incoming"

    def remove_computers(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            for folder in self.incoming(number).iterdir():
                shutil.rmtree(folder)

    def remove_incoming(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            shutil.rmtree(self.incoming(number))

    def run(self, program: str, *arguments: str, ahead: timedelta = timedelta(0)) -> Done:
        now = at(self.now) + ahead
        config = ("--config", str(self.fleet.file), "--now", now.isoformat())
        return run_program(program, *config, *arguments)

    def turn(self, minutes: int = 5) -> Done:
        """Let the time go on; run the collector and the scan, and return the collector's output."""
        self._minutes += minutes
        done = self.run("collect_backup_state", "-v")
        scanned = self.run("notify_backup", "--scan")
        assert scanned.code == 0, scanned.out
        return done

    def events(self) -> Counter[str]:
        """Deliver; return what customers were sent since the last call, by kind."""
        delivered = self.run("notify_backup", "--deliver", ahead=timedelta(hours=1))
        assert delivered.code == 0, delivered.out
        log = self.fleet.folder / "notify.jsonl"
        lines = list(map(json.loads, log.read_text().splitlines())) if log.exists() else []
        new, self._logged = lines[self._logged :], len(lines)
        sent = [line for line in new if line["what"] == "sent"]
        return Counter(line["kind"] for line in sent if line["address"].startswith("account-"))

    def count(self, task: str) -> dict[str, int]:
        """Return the number of accounts in each state by the check over all accounts."""
        return {
            state: int(count)
            for state, count in re.findall(
                r"(ok|warning|critical|unknown)=(\d+)", self.run(f"check_backup_{task}").out
            )
        }

    def services(self) -> set[str]:
        """Return the accounts that have services."""
        done = self.run("generate_backup_objects")
        assert done.code == 0, done.out
        return set(re.findall(r'backup_account = "(\d+)"', done.out))

    def submitted(self) -> Counter[str]:
        """Return the exit codes that are submitted for `quota`."""
        spool = self.fleet.folder / "spool"
        done = self.run("submit_backup_results")
        assert done.code == 0, done.out
        (text,) = [each.read_text() for each in spool.iterdir() if each.suffix != ".ok"]
        for each in spool.iterdir():
            each.unlink()
        return Counter(
            re.findall(r"service_description=.*quota.*\n(?:.*\n)*?return_code=(\d)", text)
        )

    def findings(self, done: Done) -> Counter[str]:
        return Counter(re.findall(r"^  (lost|held): account ", done.out, re.MULTILINE))


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    return Provider(tmp_path, 100)


def require_held(provider: Provider, count: int, total: int) -> None:
    """All readers show *count* accounts of *total* as UNKNOWN, and nobody hears of an end."""
    for task in TASKS:
        assert provider.count(task)["unknown"] == count, task
    assert len(provider.services()) == total
    assert provider.submitted()["3"] == count
    assert provider.events().keys().isdisjoint({"RECOVERY", "MONITORING_ENDED"})


def test_all_is_well(provider: Provider) -> None:
    assert provider.events() == {"PROBLEM": 1}
    assert provider.count("status") == {"ok": 99, "warning": 1, "critical": 0, "unknown": 0}
    require_held(provider, 0, 100)


@pytest.mark.parametrize("hidden", ["entries", "sstIsActive"])
def test_half_of_the_accounts_are_hidden_by_an_access_rule(provider: Provider, hidden: str) -> None:
    inactive = [account(number, sstIsActive=None) for number in range(50)]
    provider.show(range(50, 100), *(inactive if hidden == "sstIsActive" else ()))

    done = provider.turn()

    assert done.code == 0
    assert provider.findings(done) == {"held": 50}
    how = "50 accounts are missing and held as UNKNOWN; if they are really gone: "
    assert f"note: {how}collect_backup_state --accept-loss" in done.out
    require_held(provider, 50, 100)
    single = provider.run("check_backup_status", "-a", uid_of(FAILING))
    assert single.code == 3
    reason = "the directory no longer shows it"
    assert (
        f"UNKNOWN - {uid_of(FAILING)}: missing since 2026-11-24 05:15 +00:00: {reason}"
        in single.out
    )
    assert provider.run("check_backup_status", "-a", uid_of(60)).code == 0
    kept, uploads = provider.fleet.read(uid_of(0))[uid_of(0)]
    assert (kept.capacity, [each.name for each in uploads.computers]) == (1000, ["web01"])
    health = provider.run("check_backup_monitoring")
    assert (health.code, "collect_backup_state --accept-loss" in health.out) == (1, True)
    assert "findings_held=50;0;" in health.out

    provider.show(range(100))
    back = provider.turn()

    assert provider.findings(back) == {}
    assert provider.count("status") == {"ok": 99, "warning": 1, "critical": 0, "unknown": 0}
    require_held(provider, 0, 100)


@pytest.mark.parametrize(("total", "gone"), [(99, 98), (39, 38)])
def test_nearly_every_incoming_is_gone(tmp_path: Path, total: int, gone: int) -> None:
    provider = Provider(tmp_path, total)
    provider.events()
    provider.remove_incoming(range(gone))

    provider.turn()

    for task in set(TASKS) - {"quota"}:
        assert provider.count(task)["unknown"] == gone, task
    assert provider.count("quota")["unknown"] == 0
    assert len(provider.services()) == total
    assert provider.events().keys().isdisjoint({"RECOVERY", "MONITORING_ENDED"})
    single = provider.run("check_backup_status", "-a", uid_of(FAILING))
    assert (single.code, "incoming: no such folder, but there was one" in single.out) == (3, True)

    for number in range(gone):
        provider.back_up(number, success=int(number != FAILING))
    provider.turn()

    assert provider.count("status") == {"ok": total - 1, "warning": 1, "critical": 0, "unknown": 0}


@pytest.mark.parametrize(("total", "gone"), [(99, 98), (39, 38)])
def test_nearly_all_computers_are_gone(tmp_path: Path, total: int, gone: int) -> None:
    provider = Provider(tmp_path, total)
    provider.events()
    provider.remove_computers(range(gone))

    done = provider.turn()

    assert provider.findings(done) == {"held": gone}
    require_held(provider, gone, total)
    (computer,) = provider.fleet.read(uid_of(FAILING))[uid_of(FAILING)][1].computers
    assert (computer.name, computer.end is None) == ("web01", False)
    single = provider.run("check_backup_status", "-a", uid_of(FAILING))
    reason = "the folders of all its computers are gone"
    assert f"missing since 2026-11-24 05:15 +00:00: {reason}" in single.out


def test_one_customer_removes_his_ten_computers_alone_on_the_server(tmp_path: Path) -> None:
    provider = Provider(tmp_path, 1)
    for number in range(9):
        provider.back_up(0, f"web{number}")
    provider.turn()
    provider.remove_computers([0])

    done = provider.turn()

    assert (done.code, provider.findings(done)) == (0, {"lost": 1})
    assert provider.count("status") == {"ok": 1, "warning": 0, "critical": 0, "unknown": 0}


def test_one_customer_s_removal_blinds_nobody_else(tmp_path: Path) -> None:
    """His ten accounts have all computers: the other 20 back up by a program without reports."""
    provider = Provider(tmp_path, 30, customers=[100] * 10)
    for number in range(10, 30):
        shutil.rmtree(provider.incoming(number) / "web01" / ".sepiola_backup")
    provider.fleet.remove_store()
    provider.turn()
    provider.remove_computers(range(10))

    done = provider.turn()

    assert (done.code, provider.findings(done)) == (0, {"lost": 10})
    assert provider.count("quota")["ok"] == 30
    assert provider.run("submit_backup_results").code == 0
    assert provider.run("check_backup_monitoring").code == 0


@pytest.mark.parametrize(
    ("total", "gone", "kind"),
    [
        *((3, 1, "lost"), (3, 2, "lost")),
        *((10, 3, "lost"), (10, 4, "held"), (10, 9, "held")),
        *((1000, 50, "lost"), (1000, 51, "held"), (1000, 990, "held")),
    ],
)
def test_providers_of_each_size(tmp_path: Path, total: int, gone: int, kind: str) -> None:
    provider = Provider(tmp_path, total)
    provider.show(range(gone, total))

    done = provider.turn()

    assert provider.findings(done) == {kind: gone}
    assert provider.count("status")["unknown"] == (gone if kind == "held" else 0)
    assert len(provider.services()) == (total if kind == "held" else total - gone)


def test_nine_percent_per_run_again_and_again(provider: Provider) -> None:
    for number in (1, 2, 3, 4):
        provider.show(range(9 * number, 100))
        assert provider.findings(provider.turn()) == {"held": 9 * number}

    require_held(provider, 36, 100)


def test_a_few_per_run_are_believed_until_they_are_many(provider: Provider) -> None:
    for gone, findings in (
        (3, {"lost": 3}),
        (6, {"lost": 3, "held": 3}),
        (9, {"lost": 3, "held": 6}),
    ):
        provider.show(range(gone, 100))
        assert provider.findings(provider.turn()) == findings

    assert provider.count("quota")["unknown"] == 6


def test_as_many_new_ones_as_lost_ones(tmp_path: Path) -> None:
    provider = Provider(tmp_path, 200)
    provider.events()
    for number in range(200, 300):
        provider.back_up(number)
    provider.show(range(100, 300))

    assert provider.findings(provider.turn()) == {"held": 100}
    require_held(provider, 100, 300)


@pytest.mark.parametrize(
    "end",
    [
        {"sstIsActive": "FALSE"},
        {"sstCancellationDate": "20261124T040000Z"},
        {"sstProvisioningMode": "delete", "sstProvisioningState": "20261124T040000Z"},
    ],
)
def test_customers_who_leave_in_order_are_not_lost(
    provider: Provider, end: dict[str, object]
) -> None:
    provider.events()
    provider.show(range(50, 100), *(account(number, None, **end) for number in range(50)))
    assert provider.findings(provider.turn()) == {}
    assert provider.events() == {"MONITORING_ENDED": 1}

    provider.show(range(50, 100))
    assert provider.findings(provider.turn()) == {}
    assert len(provider.services()) == 50


def test_one_that_is_deleted_by_hand_is_believed(provider: Provider) -> None:
    provider.events()
    provider.show(set(range(100)) - {FAILING})

    for _ in range(2):
        done = provider.turn()
        line = "missing since 2026-11-24 05:15 +00:00: the directory no longer shows it; believed"
        assert f"  lost: account {uid_of(FAILING)}: {line}" in done.out
    assert provider.events() == {"MONITORING_ENDED": 1}
    assert len(provider.services()) == 99
    later = provider.turn(minutes=7 * 24 * 60)
    assert provider.findings(later) == {}


def test_accepted_are_the_names_that_were_held(provider: Provider) -> None:
    provider.show(range(50, 100))
    provider.turn()
    provider.events()
    provider.show(range(60, 100))

    accepted = provider.run("collect_backup_state", "--accept-loss")
    done = provider.turn()

    assert accepted.code == 0
    assert re.findall(r"^  (\d+)$", accepted.out, re.MULTILINE) == [uid_of(n) for n in range(50)]
    assert provider.findings(done) == {"lost": 50, "held": 10}
    assert provider.events() == {"MONITORING_ENDED": 1}
    assert len(provider.services()) == 50

    provider.show([FAILING, *range(60, 100)])
    again = provider.turn()
    assert provider.findings(again) == {"lost": 49, "held": 10}
    assert len(provider.services()) == 51
    assert provider.run("collect_backup_state", "--accept-loss").out.count("\n  4") == 10
    assert "no account is held" in provider.run("collect_backup_state", "--accept-loss").out


def test_since_when_a_state_lasts_survives_a_loss_and_its_acceptance(provider: Provider) -> None:
    def since(number: int) -> StateSince:
        state = open_store(provider.fleet.store)
        try:
            return state.verdicts().find_states(uid_of(number))["status"]
        finally:
            state.close()

    provider.back_up(60, success=0)
    provider.turn()
    failing, other = since(FAILING), since(60)
    assert (failing.state, failing.before) == (State.WARNING, State.OK)
    assert failing.at < other.at

    provider.show(range(50, 100))
    provider.turn()
    assert since(FAILING).state is State.UNKNOWN
    assert since(60) == other

    provider.run("collect_backup_state", "--accept-loss")
    provider.show([FAILING, *range(50, 100)])
    provider.turn()

    assert since(FAILING) == failing
    assert since(60) == other


@pytest.mark.parametrize("part", ["directory", "storage"])
def test_a_part_that_fails_neither_loses_nor_returns_anything(
    provider: Provider, part: str
) -> None:
    provider.show(range(50, 100))
    provider.turn()
    place = provider.fleet.folder / "directory.ldif" if part == "directory" else provider.fleet.home
    place.rename(provider.fleet.folder / "away")

    done = provider.turn()

    assert (done.code, provider.findings(done)) == (2, {"held": 50})
    require_held(provider, 50, 100)

    (provider.fleet.folder / "away").rename(place)
    provider.show(range(100))
    assert provider.findings(provider.turn()) == {}
    assert provider.count("status") == {"ok": 99, "warning": 1, "critical": 0, "unknown": 0}


@pytest.mark.parametrize("file", ["past.sqlite", "state.sqlite"])
def test_a_lost_file_of_the_store_releases_nobody(provider: Provider, file: str) -> None:
    provider.show(range(50, 100))
    provider.turn()
    for path in provider.fleet.store.glob(f"{file}*"):
        path.unlink()

    for _ in range(2):
        assert provider.findings(provider.turn()) == {"held": 50}
        assert provider.count("quota")["unknown"] == 50
        assert len(provider.services()) == 100


def test_a_store_that_has_lost_everything_ends_no_problem(provider: Provider) -> None:
    """Whom it does not see it does not know: nobody is told that the monitoring has ended."""
    provider.turn()
    for file in provider.fleet.store.glob("*.sqlite*"):
        file.unlink()
    provider.show(number for number in range(100) if number != FAILING)

    done = provider.turn()

    assert done.code == 2
    assert "counts of failures begin anew, as lower bounds" in done.out
    assert "MONITORING_ENDED" not in provider.events()


def test_a_killed_run_changes_nothing(provider: Provider) -> None:
    """The history was written, the state file not: the next run goes on from it."""
    before = (provider.fleet.store / "state.sqlite").read_bytes()
    provider.show(range(50, 100))
    provider.turn()
    (provider.fleet.store / "state.sqlite").write_bytes(before)

    assert provider.findings(provider.turn()) == {"held": 50}
    require_held(provider, 50, 100)


def test_homes_of_held_accounts_are_not_orphans(provider: Provider) -> None:
    provider.show(range(50, 100))

    assert "orphan" not in provider.turn().out


def test_no_account_live_has_an_incoming(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "live", ["4000101", "4000102", "4000103"])
    text = fleet.file.read_text().replace('folder = "store"', "")
    fleet.file.write_text(text)
    config = ("--config", str(fleet.file), "--now", BEGIN)

    for task in ("client", "schedule", "status", "unused"):
        done = run_program(f"check_backup_{task}", *config)
        assert done.code == 3
        assert "none of 3 accounts has a folder incoming" in done.out
    (fleet.folder / "spool").mkdir()
    fleet.file.write_text(f'{text}[icinga]\nspool = "spool"\n')
    assert run_program("submit_backup_results", *config).code == 3
    assert list((fleet.folder / "spool").iterdir()) == []
    assert run_program("check_backup_status", *config, "-a", "4000101").code == 0
    fleet.entries(entry("4000101"), entry("4000102"))
    assert run_program("check_backup_status", *config).code == 0
    fleet.entries(entry("4000101"), entry("4000102"), entry("4000103"))
    fleet.end("4000103", "2026-11-24T04:40:00+01:00")
    assert run_program("check_backup_status", *config).code == 0
