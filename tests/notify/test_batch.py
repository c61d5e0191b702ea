"""The calls of the hook: handled in order, kept while nobody can be looked up, and given up."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from backup_monitoring.model.verdicts import State
from backup_monitoring.notify import batch
from backup_monitoring.notify.call_values import STATES
from backup_monitoring.outbox import spool_writer
from backup_monitoring.outbox.spool import Spool
from backup_monitoring.outbox.spool_writer import SpoolError
from backup_monitoring.store.source import Source
from backup_monitoring.tasks.names import TASK_NAMES
from backup_monitoring.tasks.registry import TASKS
from notify.spool_cases import NOW, OPERATOR, Spooling, failing, no_source

UID, OTHER = "4000102", "4000103"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def spooling(tmp_path: Path) -> Spooling:
    return Spooling(tmp_path)


def test_the_hook_knows_all_tasks_and_states() -> None:
    assert tuple(TASKS) == TASK_NAMES
    assert {*STATES} == {state.name for state in State}


def test_calls_are_handled_once_in_their_order(spooling: Spooling) -> None:
    spooling.call(UID, "PROBLEM", "WARNING")
    spooling.call(UID, "RECOVERY", "OK")
    spooling.call(UID, "PROBLEM", "CRITICAL")

    assert spooling.summaries() == ["3 queued", "0 queued", "3 queued"]
    assert spooling.mails(UID) == [("PROBLEM", "dropped"), ("PROBLEM", "settling")]
    assert spooling.names() == []
    assert spooling.summaries() == []


def test_solved_and_failing_again_within_a_minute_is_notified(spooling: Spooling) -> None:
    for second, kind, state in ((2, "PROBLEM", "CRITICAL"), (20, "RECOVERY", "OK")):
        spooling.call(UID, kind, state, time=f"2026-11-24T10:00:{second:02}+01:00")
    spooling.handle()

    spooling.call(UID, "PROBLEM", "CRITICAL", time="2026-11-24T10:00:50+01:00")

    assert spooling.summaries() == ["3 queued"]


def test_what_is_solved_and_fails_again_within_a_second_is_notified(spooling: Spooling) -> None:
    for kind, state in (("PROBLEM", "CRITICAL"), ("RECOVERY", "OK"), ("PROBLEM", "CRITICAL")):
        spooling.call(UID, kind, state, time="2026-11-24T10:00:02+01:00")

    spooling.handle()

    assert spooling.mails(UID) == [("PROBLEM", "dropped"), ("PROBLEM", "settling")]


@pytest.mark.parametrize("link", ["kept", "lost", "a file"])
def test_what_was_spooled_before_a_reboot_comes_first(spooling: Spooling, link: str) -> None:
    spooling.clock = 10**6  # a long time after that boot
    spooling.call(UID, "PROBLEM", "WARNING")
    (name,) = spooling.names()
    _, boot, rest = name[:8], name[9:45], name[45:]
    before = boot.replace(boot[:4], "ffff" if boot[:4] != "ffff" else "eeee")
    (spooling.spool / name).rename(spooling.spool / f"00000007-{before}{rest}")
    (spooling.spool / ".boot").unlink()
    if link == "kept":
        (spooling.spool / ".boot").symlink_to(f"00000007-{before}")
    elif link == "a file":
        (spooling.spool / ".boot").write_text("nonsense")
    spooling.clock = 0

    spooling.call(UID, "RECOVERY", "OK")

    assert [each[:8] for each in spooling.names()] == ["00000007", "00000008"]
    spooling.handle()
    assert spooling.mails(UID) == [("PROBLEM", "dropped")]


def test_without_the_id_of_the_boot_nothing_is_spooled(
    spooling: Spooling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_writer, "_BOOT_ID", "/none/boot_id")

    with pytest.raises(SpoolError, match=r"/none/boot_id: cannot be read .*; let the"):
        spooling.call(UID, "PROBLEM", "WARNING")

    assert spooling.names() == []


def test_a_clock_that_steps_back_changes_no_order(spooling: Spooling) -> None:
    spooling.call(UID, "PROBLEM", "WARNING", time="2026-11-24T12:30:00+01:00")
    spooling.call(UID, "RECOVERY", "OK", time="2026-11-24T11:30:00+01:00")
    for name, seconds in zip(spooling.names(), (2_000_000_000, 1_000_000_000), strict=True):
        os.utime(spooling.spool / name, (seconds, seconds))

    spooling.handle()

    assert spooling.mails(UID) == [("PROBLEM", "dropped")]


def test_calls_wait_for_the_directory_and_the_operator_is_notified_once(
    spooling: Spooling,
) -> None:
    for uid in (UID, OTHER, "4000101"):
        spooling.call(uid, "PROBLEM", "CRITICAL")

    done = spooling.handle(MINUTE, no_source)
    again = spooling.handle(2 * MINUTE, no_source)

    reason = "3 calls wait: ldap://directory: not reachable; start it"
    assert (done.handled, done.waiting, done.failures) == ((), 3, (reason,))
    assert again == done
    assert spooling.names() == []
    assert spooling.rows("SELECT address FROM mails") == [OPERATOR]

    assert len(spooling.summaries(3 * MINUTE)) == 3
    assert spooling.rows("SELECT count(*) FROM calls") == [0]

    spooling.call(UID, "CUSTOM", "CRITICAL", comment="Call us")
    spooling.handle(4 * MINUTE, no_source)
    outages = spooling.rows(f"SELECT count(*) FROM mails WHERE address = '{OPERATOR}'")
    assert outages == [2]  # another outage, another mail


def test_later_calls_about_an_account_wait_behind_it(spooling: Spooling) -> None:
    spooling.call(UID, "PROBLEM", "WARNING")
    spooling.handle(MINUTE, failing(spooling, {UID}))
    spooling.call(UID, "CUSTOM", "WARNING", comment="Call us")
    spooling.call(OTHER, "PROBLEM", "CRITICAL")
    only_first = failing(spooling, {UID})

    done = spooling.handle(2 * MINUTE, only_first)

    assert [each.summary for each in done.handled] == ["4 queued"]  # of the other account
    assert done.waiting == 2
    assert spooling.summaries(3 * MINUTE) == ["3 queued", "3 queued"]
    assert spooling.mails(UID) == [("PROBLEM", "settling"), ("CUSTOM", "waiting")]


def test_accounts_that_cannot_be_looked_up_stop_no_other(spooling: Spooling) -> None:
    for uid in ("1", "2", "3", UID):
        spooling.call(uid, "PROBLEM", "WARNING")
    source = failing(spooling, {"1", "2", "3"})

    first = spooling.handle(MINUTE, source)
    second = spooling.handle(2 * MINUTE, source)

    assert (len(first.handled), first.waiting) == (0, 4)  # two failed in a row: no more are tried
    assert [each.summary for each in second.handled] == ["3 queued"]
    assert second.waiting == 3


@pytest.mark.parametrize("limit", ["_LOOKUP_TIME", "_LIMIT"])
def test_what_there_is_no_time_for_stays_in_the_spool(
    spooling: Spooling, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    spooling.call(UID, "PROBLEM", "WARNING")
    spooling.call(UID, "RECOVERY", "OK")
    monkeypatch.setattr(batch, limit, -1)

    done = spooling.handle()

    assert (done.handled, done.waiting, done.failures) == ((), 0, ())
    assert len(spooling.names()) == 2
    monkeypatch.undo()
    assert spooling.summaries() == ["3 queued", "0 queued"]


def test_a_directory_that_never_answers(
    spooling: Spooling, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooling.call(UID, "PROBLEM", "WARNING")
    monkeypatch.setattr(batch, "_LOOKUP_LIMIT", 0.2)

    @contextmanager
    def hanging() -> Iterator[Source]:
        threading.Event().wait(3)
        with spooling.open_source() as source:
            yield source

    done = spooling.handle(MINUTE, hanging)

    assert done.failures == ("1 call waits: not looked up within 30 s",)


def test_a_problem_and_its_end_that_both_wait_cancel_out(spooling: Spooling) -> None:
    spooling.call(UID, "PROBLEM", "WARNING")
    spooling.handle(MINUTE, no_source)
    spooling.call(UID, "RECOVERY", "OK")

    done = spooling.handle(2 * MINUTE, no_source)

    assert (done.waiting, done.failures) == (0, ())
    spooling.call(UID, "PROBLEM", "WARNING", last_state="UNKNOWN")
    assert spooling.summaries(3 * MINUTE) == ["3 queued"]


def test_the_end_of_a_problem_that_was_sent_waits(spooling: Spooling) -> None:
    spooling.call(UID, "PROBLEM", "WARNING")
    spooling.handle()
    spooling.rows(
        "INSERT INTO sent SELECT recipient, role, account, task, kind, state, key, key, 0, person, "
        "0 FROM mails"
    )
    spooling.rows("UPDATE mails SET status = 'sent'")
    spooling.call(UID, "PROBLEM", "CRITICAL")
    spooling.call(UID, "RECOVERY", "OK")

    done = spooling.handle(MINUTE, no_source)

    assert done.waiting == 1  # the worse state is over: only the end waits
    assert spooling.summaries(2 * MINUTE) == ["1 queued"]
    assert spooling.mails(UID)[-1] == ("RECOVERY", "waiting")


def test_what_waits_for_too_long_is_handed_to_the_operator(spooling: Spooling) -> None:
    spooling.call(UID, "PROBLEM", "WARNING")
    spooling.call(OTHER, "PROBLEM", "CRITICAL")
    spooling.handle(timedelta(0), no_source)
    spooling.call(UID, "PROBLEM", "CRITICAL")
    spooling.handle(timedelta(days=2), no_source)

    done = spooling.handle(timedelta(days=3, minutes=1), no_source)

    assert [each.summary for each in done.handled] == ["handed to the operator"] * 2
    assert done.waiting == 1
    about = f"WHERE recipient = '{OPERATOR}'"
    assert len(spooling.rows(f"SELECT 1 FROM mails {about}")) == 1  # of the outage
    assert spooling.rows(f"SELECT account FROM digests {about}") == [UID, OTHER]


def test_what_no_hook_has_written_stops_nothing(spooling: Spooling) -> None:
    spooling.call(UID, "PROBLEM", "WARNING")
    (good,) = spooling.names()
    text = (spooling.spool / good).read_text()
    (spooling.spool / "0-empty").touch()
    (spooling.spool / "0-folder").mkdir()
    (spooling.spool / "0-link").symlink_to(good)
    (spooling.spool / "0-deep").write_text("[" * 100_000)
    (spooling.spool / "0-long").write_text(" " * 2**20 + text)
    (spooling.spool / "0-task").write_text(text.replace("quota", "disk"))
    (spooling.spool / "0-bytes").write_bytes(text.encode().replace(b"4000102", b"4\xff"))
    (spooling.spool / "0-part").write_text(json.dumps({"account": UID}))
    os.mkfifo(spooling.spool / "0-pipe")
    os.mkfifo(spooling.spool / "0-name\udcff\n")

    waits = spooling.handle(MINUTE, no_source)
    done = spooling.handle()

    assert (waits.waiting, len(waits.failures)) == (1, 11)
    assert [each.summary for each in done.handled] == ["3 queued"]
    assert len(done.failures) == 10
    assert all("0-" in each and "delete it" in each for each in done.failures)
    assert len(spooling.names()) == 10


@pytest.mark.parametrize("text", ["$(touch pwned)\n\r|<script>\0'\"\\", "\udcff\u202e" * 9000])
def test_hostile_texts_stay_texts(spooling: Spooling, text: str) -> None:
    spooling.call(UID, "CUSTOM", "WARNING", comment=text, author=text, output=text, host=text)

    assert spooling.summaries() == ["3 queued"]
    spooling.call(text, "PROBLEM", "WARNING")
    assert len(spooling.summaries()) == 1  # there is no such account
    assert OPERATOR in spooling.rows("SELECT recipient FROM digests")


def test_what_killed_hooks_left_is_deleted_a_day_later(spooling: Spooling) -> None:
    spooling.call(UID, "PROBLEM", "WARNING")
    for name, age in ((".old", 90_000), (".new", 0)):
        (spooling.spool / name).write_text("")
        written = (spooling.spool / name).stat().st_mtime - age
        os.utime(spooling.spool / name, (written, written))

    spooling.handle()

    assert sorted(each.name for each in spooling.spool.iterdir()) == [".boot", ".new"]


@pytest.mark.parametrize("heard", [False, True])
def test_the_end_of_what_only_the_operator_has_heard_of_waits(
    spooling: Spooling, heard: bool
) -> None:
    spooling.call("4000999", "PROBLEM", "CRITICAL")  # there is no such account
    assert spooling.summaries() == ["1 queued"]
    if heard:
        spooling.rows("UPDATE digests SET status = 'composed' RETURNING id")

    spooling.call("4000999", "RECOVERY", "OK")
    done = spooling.handle(MINUTE, no_source)

    assert done.waiting == int(heard)
    assert spooling.summaries(2 * MINUTE) == ["1 queued"] * heard


def test_another_process_handles_them(spooling: Spooling) -> None:
    spooling.call(UID, "PROBLEM", "WARNING")

    with Spool(spooling.outbox).lock():
        assert spooling.summaries() == []
    assert spooling.summaries() == ["3 queued"]


def test_how_many_are_spooled_and_for_how_long(spooling: Spooling) -> None:
    assert Spool(spooling.outbox).read_status(NOW).oldest is None
    spooling.call(UID, "PROBLEM", "WARNING")
    spooling.call(UID, "RECOVERY", "OK")
    for name, hours in zip(spooling.names(), (3, 1), strict=True):
        written = (NOW - timedelta(hours=hours)).timestamp()
        os.utime(spooling.spool / name, (written, written))

    status = Spool(spooling.outbox).read_status(NOW)

    assert status == (2, timedelta(hours=3))
