"""notify_backup called by a real Icinga 2, and by a real Nagios, with the shipped configuration."""

import grp
import os
import pwd
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from programs.daemons import Icinga, Nagios, needed, running, until
from programs.installed import Programs
from programs.notifier import Notifier, SentMail
from programs.test_generate import TEMPLATES

pytestmark = [pytest.mark.installed, pytest.mark.server]
CUSTOMER, RESELLER = "account-4000102@example.org", "person-4000003@example.org"
ALL = sorted([CUSTOMER, RESELLER, "support@example.org"])
SERVICE = "4000102-quota"
OK, WARNING, CRITICAL, UNKNOWN = range(4)
# What a shell, or a language of macros, would take for its own.
WORDS = "`touch pwned` $(touch pwned) $USER1$ 'a' \"b\" <c> & %41 ä"


class Monitoring(Protocol):
    """A monitoring system with one service, about the quota of account 4000102.

    Args:
        repeats: whether it notifies again of a problem that it has notified of, when a state that
            it does not notify of was in between.
    """

    @property
    def repeats(self) -> bool: ...

    def result(self, state: int) -> None: ...

    def acknowledge(self, comment: str) -> None: ...

    def custom(self, comment: str) -> None: ...


ICINGA_OBJECTS = """\
object NotificationComponent "notification" {
}
object Host "backup-01" {
  import "backup-server"
}
object Service "4000102-quota" {
  import "backup-account-quota"
  host_name = "backup-01"
  vars.backup_account = "4000102"
  vars.backup_task = "quota"
}
"""
NAGIOS_OBJECTS = """\
define host {
  use                   backup-server
  host_name             backup-01
  address               127.0.0.1
  active_checks_enabled 0
  contacts              backup-hook
}
define service {
  use                 backup-account-quota
  host_name           backup-01
  service_description 4000102-quota
  _BACKUP_ACCOUNT     4000102
  _BACKUP_TASK       quota
}
"""


class ByApi:
    """See `Monitoring`."""

    def __init__(self, icinga: Icinga) -> None:
        self._icinga = icinga

    @property
    def repeats(self) -> bool:
        (status,) = self._icinga.ask("/v1/status/IcingaApplication")["results"]
        version = status["status"]["icingaapplication"]["app"]["version"]
        return tuple(map(int, re.findall(r"\d+", version)[:3])) < (2, 14, 1)

    def _act(self, action: str, **values: object) -> None:
        asked = {"type": "Service", "service": f"backup-01!{SERVICE}", **values}
        status, said = self._icinga.request("POST", f"/v1/actions/{action}", values=asked)
        assert status == 200, said

    def result(self, state: int) -> None:
        self._act("process-check-result", exit_status=state, plugin_output=f"by {WORDS}", ttl=600)

    def acknowledge(self, comment: str) -> None:
        self._act("acknowledge-problem", author="noc", comment=comment, notify=True)

    def custom(self, comment: str) -> None:
        self._act("send-custom-notification", author="Ann", comment=comment)


class ByPipe:
    """See `Monitoring`."""

    repeats = True

    def __init__(self, nagios: Nagios) -> None:
        self._nagios = nagios

    def _write(self, command: str) -> None:
        with self._nagios.pipe.open("a") as pipe:
            pipe.write(f"[{time.time():.0f}] {command}\n")

    def result(self, state: int) -> None:
        self._write(f"PROCESS_SERVICE_CHECK_RESULT;backup-01;{SERVICE};{state};by {WORDS}")

    def acknowledge(self, comment: str) -> None:
        self._write(f"ACKNOWLEDGE_SVC_PROBLEM;backup-01;{SERVICE};1;1;0;noc;{comment}")

    def custom(self, comment: str) -> None:
        self._write(f"SEND_CUSTOM_SVC_NOTIFICATION;backup-01;{SERVICE};0;Ann;{comment}")


class _Nagios(Nagios):
    """Runs as whoever runs the tests: another user may not reach the tests' interpreter."""

    def start(self) -> None:
        configuration = self.folder / "nagios.cfg"
        names = {
            "user": pwd.getpwuid(os.getuid()).pw_name,
            "group": grp.getgrgid(os.getgid()).gr_name,
        }
        text = configuration.read_text()
        for key, name in names.items():
            text = re.sub(f"(?m)^nagios_{key}=.*", f"nagios_{key}={name}", text)
        configuration.write_text(text)
        with (self.folder / "out").open("wb") as out:
            self._process = subprocess.Popen(
                ["nagios4", str(configuration)], stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        log = self.folder / "nagios.log"
        until(lambda: self.pipe.is_fifo() and log.exists())


@pytest.fixture
def hooked(notifier: Notifier, monkeypatch: pytest.MonkeyPatch) -> Notifier:
    """An installation whose programs look into the directory itself, at the time of the clock."""
    notifier.settings(store=False)
    shutil.rmtree(notifier.folder / "store")
    monkeypatch.setenv("BACKUP_MONITORING_CONFIG", str(notifier.config))
    return notifier


@pytest.fixture
def icinga(hooked: Notifier, programs: Programs, tmp_path: Path) -> Iterator[ByApi]:
    needed("icinga2", "openssl")
    objects = tmp_path / "objects.conf"
    objects.write_text(ICINGA_OBJECTS)
    shipped = (*TEMPLATES["passive"], "icinga2-notify.conf")
    daemon = Icinga(tmp_path / "icinga", programs.bin, shipped, objects)
    assert "1 Notification" in daemon.check()
    with running(daemon):
        yield ByApi(daemon)


@pytest.fixture
def nagios(hooked: Notifier, programs: Programs, tmp_path: Path) -> Iterator[ByPipe]:
    needed("nagios4")
    objects = tmp_path / "objects.cfg"
    objects.write_text(NAGIOS_OBJECTS)
    shipped = ("nagios4-templates.cfg", "nagios4-passive.cfg", "nagios4-notify.cfg")
    daemon = _Nagios(tmp_path / "nagios", programs.bin, shipped, objects)
    _add_contact(daemon.folder / "nagios4-templates.cfg")
    assert "Checked 1 services" in daemon.check()
    with running(daemon):
        yield ByPipe(daemon)


def _add_contact(templates: Path) -> None:
    """Do what the shipped file asks the administrator for."""
    text = templates.read_text()
    line = "  contacts               backup-nobody\n"
    assert text.count(line) == 1
    templates.write_text(text.replace(line, line.replace("nobody", "hook")))


@pytest.fixture(params=["icinga", "nagios"])
def monitoring(request: pytest.FixtureRequest) -> Monitoring:
    """Each of the two."""
    found: Monitoring = request.getfixturevalue(request.param)
    return found


def wait(hooked: Notifier, count: int, what: str, reason: str = "") -> list[dict[str, str]]:
    """Handle calls until the log has so many lines that begin so; return them."""

    def lines() -> list[dict[str, str]]:
        hooked.handle(datetime.now(UTC).isoformat())
        return [
            line
            for line in hooked.log()
            if line["what"] == what and "account" in line
            if line.get("reason", "").startswith(reason)
        ]

    until(lambda: len(lines()) >= count)
    assert len(lines()) == count
    return lines()


def test_what_the_hook_is_called_with(hooked: Notifier, monitoring: Monitoring) -> None:
    monitoring.result(WARNING)
    wait(hooked, 3, "queued")
    assert deliver(hooked) == [
        SentMail("PROBLEM", "WARNING", "4000102", "quota", each) for each in ALL
    ]

    monitoring.acknowledge("We know")
    (line,) = wait(hooked, 1, "not sent", "ACKNOWLEDGEMENT: ")
    assert (line["account"], line["task"]) == ("4000102", "quota")

    monitoring.custom(WORDS)
    wait(hooked, 2 * 3, "queued")
    assert [each[:2] for each in deliver(hooked)] == [("CUSTOM", "WARNING")] * 3
    (mail,) = [each for each in hooked.behaviour.got if each.address == CUSTOMER][1:]
    assert b"`touch pwned` $(touch pwned) $USER1$" in b" ".join(mail.content.split())
    assert not [*hooked.folder.parent.rglob("pwned")]

    monitoring.result(OK)
    wait(hooked, 3 * 3, "queued")
    assert deliver(hooked) == [SentMail("RECOVERY", "OK", "4000102", "quota", each) for each in ALL]
    assert len(wait(hooked, 1, "not sent")) == 1  # the acknowledgement alone


def test_critical_unknown_critical_is_sent_once(hooked: Notifier, monitoring: Monitoring) -> None:
    monitoring.result(CRITICAL)
    wait(hooked, 3, "queued")
    deliver(hooked)
    # As if it had been hours ago: else the same minute alone would make it a duplicate.
    with sqlite3.connect(hooked.outbox) as outbox:
        outbox.execute("DELETE FROM events")
    outbox.close()

    monitoring.result(UNKNOWN)
    monitoring.result(CRITICAL)

    if monitoring.repeats:
        wait(hooked, 1, "not sent", "back from UNKNOWN in the state of the last notification")
        assert deliver(hooked) == []
        assert len(hooked.behaviour.got) == 3
    else:  # what comes next shows that the hook was not called
        monitoring.custom(WORDS)
        wait(hooked, 2 * 3, "queued")
        assert [each.kind for each in deliver(hooked)] == ["CUSTOM"] * 3
        assert len(hooked.behaviour.got) == 2 * 3


def deliver(hooked: Notifier) -> list[SentMail]:
    """Deliver, digests included."""
    return hooked.deliver((datetime.now(UTC) + timedelta(minutes=11)).isoformat())
