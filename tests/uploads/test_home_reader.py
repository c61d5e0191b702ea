"""Reading many homes: in order, and nobody's home costs another account."""

import errno
import os
import signal
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backup_monitoring.model.accounts import Account, AccountStatus
from backup_monitoring.model.errors import MonitoringError
from backup_monitoring.model.needs import Files
from backup_monitoring.model.uploads import Uploads
from backup_monitoring.settings.homes import HomesSettings
from backup_monitoring.uploads import home_reader, traversal
from backup_monitoring.uploads.home_reader import HomeReader
from backup_monitoring.uploads.reader import read_uploads
from backup_monitoring.uploads.safe_open import open_below
from cases import at

NOW = at("2026-11-24T12:00+01:00")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(12):
        (tmp_path / "home" / str(number) / "incoming" / "web01" / ".sepiola_backup").mkdir(
            parents=True
        )
    return tmp_path


def read(
    root: Path, accounts: Iterable[Account] | None = None, seconds: float = 20
) -> dict[str, Uploads]:
    """Return by uid what is read, of twelve accounts if none are given; assert their order."""
    accounts = accounts or [Account(str(each), "", home=f"/home/{each}") for each in range(12)]
    settings = HomesSettings(root=root, timeout=timedelta(seconds=seconds))
    reader = HomeReader(settings, [], Files.ALL, NOW, lambda _: None)
    found = list(reader.read(enumerate(accounts)))
    assert [key for key, _, _ in found] == list(range(len(found)))
    return {account.uid: uploads for _, account, uploads in found}


def replace_reading(monkeypatch: pytest.MonkeyPatch, **instead: Any) -> None:
    """Call what is given *instead* where the home ``_UID`` is to be read."""

    def replaced(account: Account, **arguments: Any) -> Uploads:
        if f"_{account.uid}" in instead:
            instead[f"_{account.uid}"]()
        return read_uploads(account, **arguments)

    monkeypatch.setattr(home_reader, "read_uploads", replaced)


@pytest.mark.parametrize("few", [1, 3, 100])
@pytest.mark.parametrize("batch", [1, 5, 12, 100])
def test_all_homes_in_order(
    root: Path, monkeypatch: pytest.MonkeyPatch, batch: int, few: int
) -> None:
    monkeypatch.setattr(home_reader, "_BATCH", batch)
    monkeypatch.setattr(home_reader, "_FEW", few)

    found = read(root)

    assert [len(uploads.computers) for uploads in found.values()] == [1] * 12


def test_accounts_without_a_home_to_read(root: Path) -> None:
    found = read(
        root,
        [
            Account("0", "", home="/home/0", status=AccountStatus.INACTIVE),
            Account("1", "", home="/home/1"),
            Account("2", ""),
            Account("3", "", home="/home/none"),
            Account("4", "", home="/home/\ud800"),
        ],
    )

    assert found["0"] == Uploads()
    assert len(found["1"].computers) == 1
    assert found["2"] == Uploads(refused="its entry has no home")
    assert found["3"] == Uploads(missing=f"{root}/home/none")
    assert found["4"] == Uploads(missing=f"{root}/home/\ud800")


def test_a_home_that_ends_its_reader(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RecursionError

    replace_reading(monkeypatch, _3=lambda: os.kill(os.getpid(), signal.SIGKILL), _5=fail)

    found = read(root)

    refused = {uid: each.refused for uid, each in found.items() if not each.computers}
    assert refused == {
        "3": f"{root}/home/3: reading it failed (SIGKILL)",
        "5": f"{root}/home/5: reading it failed (RecursionError)",
    }


def test_slow_homes_of_a_customer_cost_no_other(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = set()
    for uid in "23456":
        incoming = root / "home" / uid / "incoming"
        slow.add(incoming.stat().st_ino)
        for number in range(10):
            (incoming / str(number)).mkdir()

    def open_slowly(parent: int, parts: tuple[str, ...]) -> int:
        time.sleep(0.15 if os.fstat(parent).st_ino in slow else 0)
        return open_below(parent, parts)

    monkeypatch.setattr(traversal, "open_below", open_slowly)

    found = read(root, seconds=1)

    assert {each.refused for each in found.values()} == {None}
    assert {uid for uid, each in found.items() if each.cut_short} == set("23456")


def test_homes_that_do_not_answer_one_after_the_other(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang = {f"_{uid}": lambda: time.sleep(60) for uid in (0, 1, 3, 4, 5, 6, 7, 8)}
    replace_reading(monkeypatch, **hang)

    found = read(root, seconds=0.3)

    late = f"{root}/home/{{}}: did not answer within 0.3 s"
    skipped = f"{root}/home/{{}}: not read: 6 others on / did not answer within 0.3 s each"
    refused = {uid: each.refused for uid, each in found.items() if each.refused}
    assert refused == {
        **{uid: late.format(uid) for uid in "01345678"},
        **{uid: skipped.format(uid) for uid in ("9", "10", "11")},
    }


def test_waiting_for_homes_has_an_end(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_reading(monkeypatch, _1=lambda: time.sleep(60))
    monkeypatch.setattr(home_reader, "_MOST_WAIT", 0.2)

    found = read(root, seconds=0.3)

    assert found["1"].refused == f"{root}/home/1: did not answer within 0.3 s"
    assert len(found["0"].computers) == 1
    for uid in range(2, 12):
        refused = found[str(uid)].refused
        assert refused is not None
        assert refused.startswith(f"{root}/home/{uid}: not read: other homes have not answered for")


def test_no_process_can_be_started(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", fork)

    with pytest.raises(MonitoringError, match=r"cannot start a process .*raise its limit"):
        read(root)


def test_a_run_that_is_abandoned_leaves_no_process(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_reader, "_FEW", 2)
    replace_reading(monkeypatch, _3=lambda: time.sleep(60), _5=lambda: time.sleep(60))
    accounts = [(None, Account(str(each), "", home=f"/home/{each}")) for each in range(12)]
    reader = HomeReader(HomesSettings(root=root), [], Files.ALL, NOW, lambda _: None)

    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = children.read_text()
    reading = reader.read(accounts)
    next(reading)
    del reading

    assert children.read_text() == before
