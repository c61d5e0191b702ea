"""The lines of the notifier's log."""

import json
import stat
from pathlib import Path

import pytest

from backup_monitoring.model.notices import EventKind
from backup_monitoring.outbox.backlog import read_status
from backup_monitoring.outbox.delivery_log import DeliveryLog, LogAction, LogLine
from backup_monitoring.outbox.queue import queue_mail, record_event, track_failure
from backup_monitoring.outbox.transaction import Outbox
from backup_monitoring.settings.notify import NotifySettings
from outbox.outbox_cases import MINUTE, NOW, event, mail

HOSTILE = "a\nb\x1b[31m\u202e|<b>\udcff" + "x" * 5000


def test_a_line(tmp_path: Path) -> None:
    log = DeliveryLog(tmp_path / "log")

    log.write(
        [LogLine(NOW, LogAction.NOT_SENT, "4000101", "quota", "PROBLEM", reason="switched off")]
    )

    assert json.loads((tmp_path / "log").read_text()) == {
        "time": "2026-11-25T08:00:00+00:00",
        "what": "not sent",
        "account": "4000101",
        "task": "quota",
        "kind": "PROBLEM",
        "reason": "switched off",
    }


def test_hostile_text_stays_one_short_line(tmp_path: Path) -> None:
    DeliveryLog(tmp_path / "log").write(
        [LogLine(NOW, LogAction.REFUSED, HOSTILE, reason=HOSTILE)] * 2
    )

    lines = (tmp_path / "log").read_bytes().split(b"\n")
    assert len(lines) == 3
    assert all(line.isascii() and b"\x1b" not in line and len(line) < 4096 for line in lines)
    assert json.loads(lines[0])["account"].startswith("a\nb\x1b[31m\u202e|<b>\udcff")


@pytest.mark.parametrize(("folder", "file"), [(0o755, 0o640), (0o770, 0o660)])
def test_who_may_read_it(tmp_path: Path, folder: int, file: int) -> None:
    tmp_path.chmod(folder)
    DeliveryLog(tmp_path / "log").write([LogLine(NOW, LogAction.SENT)])

    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == file


def test_it_goes_on_after_a_rotation(tmp_path: Path) -> None:
    log = DeliveryLog(tmp_path / "log")
    log.write([LogLine(NOW, LogAction.SENT)])
    (tmp_path / "log").rename(tmp_path / "log.1")
    log.write([LogLine(NOW, LogAction.HELD)])

    assert "held" in (tmp_path / "log").read_text()


def test_a_log_that_fails_loses_no_mail(tmp_path: Path) -> None:
    log = DeliveryLog(tmp_path / "none" / "log")
    with Outbox(tmp_path / "outbox", log) as outbox, outbox.transaction(NOW) as t:
        queue_mail(t, mail("1@t"))

    assert read_status(tmp_path / "outbox", NotifySettings(), NOW).waiting == 1
    assert log.failure is not None
    assert "No such file" in log.failure


def test_every_decision_of_a_batch(tmp_path: Path) -> None:
    about, again = event(), event(at=NOW + MINUTE)
    log = DeliveryLog(tmp_path / "log")
    with Outbox(tmp_path / "outbox", log) as outbox, outbox.transaction(NOW) as t:
        not record_event(t, about)
        not record_event(t, about)
        track_failure(t, about)
        queue_mail(t, mail("1@t", about=about))
        queue_mail(t, mail("2@t", about=again))
        t.log_event(LogAction.NOT_SENT, about, "b@example.org", "not listed")
        track_failure(t, event(kind=EventKind.RECOVERY))

    text = (tmp_path / "log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["what"], line.get("address"), line["reason"]) for line in lines] == [
        ("duplicate", None, "duplicate event"),
        ("queued", "anna@example.org", "waits for the storm guard"),
        ("dropped", "anna@example.org", "replaced by a newer mail"),
        ("queued", "anna@example.org", "waits for the storm guard"),
        ("not sent", "b@example.org", "not listed"),
        ("dropped", "anna@example.org", "recovered before it was sent"),
    ]
    assert "Hello" not in text
