"""A scan over a source in memory: one account's fault stops no other, and nothing is repeated."""

from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from backup_monitoring.model.errors import DirectoryError
from backup_monitoring.model.people import Contact, Customer, Person, Reseller
from backup_monitoring.model.verdicts import State, Verdict
from backup_monitoring.notify.scan import (
    ScanResult,
    catch_up_called,
    release_recorded,
    scan_accounts,
)
from backup_monitoring.outbox.outbox_errors import OutboxError
from backup_monitoring.outbox.transaction import Outbox
from backup_monitoring.settings.load import Settings
from backup_monitoring.store.account_verdict import AccountVerdict
from notify.spool_cases import NOW, OPERATOR, Spooling

UIDS = ("1", "2", "3", "4")


class Accounts:
    """A `Source` of accounts that fail, and its `People`; some of them cannot be looked up."""

    def __init__(self) -> None:
        self.failing: set[str] = set()
        self.unclear: dict[str, Verdict] = {}
        self.gone: set[str] = set()
        self.addresses: dict[str, tuple[str, ...]] = {}
        self.errors: dict[str, Exception] = {}
        self.people_digest: str | None = "1"
        self.looked_up: list[str] = []

    @property
    def people(self) -> "Accounts":
        return self

    def list_failing(self, known: Collection[tuple[str, str]]) -> tuple[int, list[AccountVerdict]]:
        here = [uid for uid in UIDS if uid not in self.gone]
        asked = [
            uid
            for uid in here
            if uid in self.failing or uid in self.unclear or (uid, "quota") in known
        ]
        verdicts = (self.find_verdict(uid, "quota") for uid in asked)
        return len(here), [each for each in verdicts if each is not None]

    def find_verdict(self, uid: str, task: str) -> AccountVerdict | None:
        state = State.CRITICAL if uid in self.failing else State.OK
        verdict = self.unclear.get(uid, Verdict(state, "97 % used"))
        return AccountVerdict(uid, ("backup-01",), task, verdict)

    def find_ended(self, uids: Collection[str]) -> Collection[str]:
        return uids

    def count_accounts(self, host: str) -> int | None:
        return None

    def contact(self, uid: str) -> Contact | None:
        self.looked_up.append(uid)
        if uid in self.errors:
            raise self.errors[uid]
        if uid in self.gone:
            return None
        mails = self.addresses.get(uid, (f"a{uid}@example.org",))
        return Contact(uid, f"uid={uid}", warning_on="TRUE", medium="mail", mails=mails)

    def person(self, uid: str) -> Person | None:
        return None

    def customer(self, uid: str) -> Customer | None:
        return None

    def reseller(self, uid: str) -> Reseller | None:
        return None


class Scanning:
    """Scans of `Accounts`, after a first one when all was well."""

    def __init__(self, outbox: Outbox, settings: Settings) -> None:
        self.outbox = outbox
        self.accounts = Accounts()
        self._settings = settings

    def scan(self, *failing: str) -> ScanResult:
        self.accounts.failing = set(failing)
        self.accounts.looked_up.clear()
        return scan_accounts(self.outbox, self.accounts, self._settings, NOW)  # type: ignore[arg-type]

    def catch_up(self) -> ScanResult:
        return catch_up_called(self.outbox, self.accounts, self._settings, NOW)  # type: ignore[arg-type]

    def queued(self) -> list[str]:
        """Return kind and address of the mails since the last call."""
        with self.outbox.transaction(NOW) as t:
            rows = t.execute("SELECT kind, address FROM mails WHERE done IS NULL ORDER BY id")
            found = [f"{kind} {address}".removesuffix("@example.org") for kind, address in rows]
            t.execute(
                "INSERT OR REPLACE INTO sent SELECT recipient, role, account, task, kind, state, "
                "key, key, 0, person, 0 FROM mails WHERE done IS NULL"
            )
            t.execute("UPDATE mails SET status = 'sent', done = 0 WHERE done IS NULL")
        return found


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Scanning]:
    spooling = Spooling(tmp_path)
    with Outbox(spooling.outbox) as outbox:
        yield Scanning(outbox, spooling.settings)


@pytest.fixture
def scanning(fresh: Scanning) -> Scanning:
    assert fresh.scan().results == ()
    return fresh


def test_nobody_is_looked_up_if_nothing_has_changed(scanning: Scanning) -> None:
    scanning.scan("1", "2")
    assert scanning.queued() == ["PROBLEM a1", "PROBLEM a2"]

    assert scanning.scan("1", "2").results == ()
    assert scanning.accounts.looked_up == []


def test_who_moves_hears_of_the_problem_and_everybody_of_its_end(scanning: Scanning) -> None:
    scanning.scan("1")
    scanning.queued()
    scanning.accounts.addresses["1"] = ("a1@example.org", "new@example.org")
    scanning.accounts.people_digest = "2"

    scanning.scan("1")
    assert scanning.queued() == ["PROBLEM new"]
    assert scanning.scan("1").results == ()
    scanning.accounts.addresses["1"] = ("newest@example.org",)
    scanning.accounts.people_digest = "3"
    scanning.scan()
    assert scanning.queued() == ["RECOVERY a1", "RECOVERY new"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DirectoryError("uid=2", "cannot be read", "correct it"), "uid=2: cannot be read; correct"),
        (RecursionError("too deep"), "cannot be handled (RecursionError: too deep); report it"),
    ],
)
def test_an_account_that_cannot_be_looked_up_stops_no_other(
    scanning: Scanning, error: Exception, reason: str
) -> None:
    scanning.accounts.errors["2"] = error

    done = scanning.scan("1", "2", "3")

    assert len(done.failures) == 1
    assert done.failures[0].startswith(f"account 2: {reason}")
    assert scanning.queued() == ["PROBLEM a1", "PROBLEM a3"]
    scanning.accounts.errors.clear()
    assert scanning.scan("1", "2", "3").failures == ()
    assert scanning.queued() == ["PROBLEM a2"]  # nothing is repeated, or lost


def test_two_in_a_row_are_the_directorys_fault(scanning: Scanning) -> None:
    error = DirectoryError("ldap://directory", "does not answer", "start it")
    scanning.accounts.errors = dict.fromkeys("234", error)

    with pytest.raises(DirectoryError):
        scanning.scan("1", "2", "3", "4")

    assert scanning.accounts.looked_up[-1] == "3"
    assert scanning.queued() == ["PROBLEM a1"]
    scanning.accounts.errors.clear()
    scanning.scan("1", "2", "3", "4")
    assert scanning.queued() == ["PROBLEM a2", "PROBLEM a3", "PROBLEM a4"]


def test_recipients_that_were_not_found_are_looked_for_again(scanning: Scanning) -> None:
    scanning.scan("1", "2")
    scanning.queued()
    scanning.accounts.addresses = {uid: (f"new{uid}@example.org",) for uid in "12"}
    scanning.accounts.people_digest = "2"
    scanning.accounts.errors["2"] = DirectoryError("uid=2", "cannot be read", "correct it")
    scanning.scan("1", "2")
    assert scanning.queued() == ["PROBLEM new1"]

    scanning.accounts.errors.clear()
    scanning.scan("1", "2")

    assert scanning.queued() == ["PROBLEM new2"]


UNCLEAR = [Verdict(State.UNKNOWN, "unreadable"), Verdict(State.OK, "", uncertain=("web01",))]


@pytest.mark.parametrize("verdict", UNCLEAR)
def test_who_moves_while_nothing_is_known_of_the_problem_hears_of_it_later(
    scanning: Scanning, verdict: Verdict
) -> None:
    scanning.scan("1", "2")
    scanning.queued()
    scanning.accounts.unclear["1"] = verdict
    scanning.accounts.addresses = {uid: (f"new{uid}@example.org",) for uid in "12"}
    scanning.accounts.people_digest = "2"
    scanning.scan("1", "2")
    assert scanning.queued() == ["PROBLEM new2"]
    scanning.scan("1", "2")
    assert scanning.queued() == []

    scanning.accounts.unclear.clear()
    scanning.scan("1", "2")
    assert scanning.queued() == ["PROBLEM new1"]

    scanning.scan("1", "2")
    assert scanning.accounts.looked_up == []


@pytest.mark.parametrize("verdict", UNCLEAR)
def test_a_delivery_waits_until_something_is_known_of_the_problem(
    scanning: Scanning, verdict: Verdict
) -> None:
    scanning.scan("1")
    scanning.queued()
    with scanning.outbox.transaction(NOW) as t:
        t.execute("UPDATE problems SET status = 'called'")
    scanning.accounts.unclear["1"] = verdict
    scanning.accounts.addresses["1"] = ("new1@example.org",)
    scanning.accounts.people_digest = "2"
    scanning.catch_up()
    assert scanning.queued() == []

    scanning.accounts.unclear.clear()
    scanning.catch_up()

    assert scanning.queued() == ["PROBLEM new1"]
    assert scanning.catch_up().accounts == 0


def test_an_outbox_that_cannot_be_written_ends_the_scan(
    scanning: Scanning, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise OutboxError("outbox", "the disk is full", "free some space")

    with monkeypatch.context() as patch:
        patch.setattr("backup_monitoring.notify.scan.notify", fail)
        with pytest.raises(OutboxError):
            scanning.scan("1")

    scanning.scan("1")
    assert scanning.queued() == ["PROBLEM a1"]


def test_a_first_scan_that_was_killed_is_a_first_scan(
    fresh: Scanning, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("backup_monitoring.notify.scan._Scan.list_recorded", kill)
        with pytest.raises(KeyboardInterrupt):
            fresh.scan("1", "2")

    assert fresh.scan("2", "3").recorded == 2
    assert fresh.queued() == [f" {OPERATOR.removesuffix('@example.org')}"]
    assert fresh.scan("3").results == ()  # nobody had heard of it
    with fresh.outbox.transaction(NOW) as t:
        assert release_recorded(t) == 1
    fresh.scan("3")
    assert fresh.queued() == ["PROBLEM a3"]


def test_a_delivery_catches_up_with_what_the_hook_has_notified_of(scanning: Scanning) -> None:
    scanning.scan("1", "2", "3")
    scanning.queued()
    with scanning.outbox.transaction(NOW) as t:
        t.execute("UPDATE problems SET status = 'called' WHERE account != '2'")
    assert scanning.catch_up().accounts == 0  # nobody's entry has changed

    scanning.accounts.addresses = {uid: (f"new{uid}@example.org",) for uid in UIDS}
    scanning.accounts.people_digest = "2"
    scanning.accounts.failing = {"1", "2", "4"}  # Icinga calls of the end of 3

    assert scanning.catch_up().accounts == 2
    assert scanning.queued() == ["PROBLEM new1"]
    assert scanning.catch_up().accounts == 0


def test_a_delivery_that_could_not_catch_up_tries_again(scanning: Scanning) -> None:
    scanning.scan("1")
    scanning.queued()
    with scanning.outbox.transaction(NOW) as t:
        t.execute("UPDATE problems SET status = 'called'")
    scanning.accounts.addresses["1"] = ("new@example.org",)
    scanning.accounts.people_digest = "2"
    scanning.accounts.errors["1"] = DirectoryError("uid=1", "cannot be read", "correct it")
    assert scanning.catch_up().failures == ("account 1: uid=1: cannot be read; correct it",)

    scanning.accounts.errors.clear()

    assert scanning.catch_up().failures == ()
    assert scanning.queued() == ["PROBLEM new"]


def test_the_end_of_what_is_gone(scanning: Scanning) -> None:
    scanning.scan("1", "2")
    scanning.queued()
    scanning.accounts.gone = {"2"}

    scanning.scan()

    assert scanning.queued() == ["RECOVERY a1", "MONITORING_ENDED a2"]
    assert scanning.scan().results == ()
