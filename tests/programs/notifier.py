"""An installation for tests of notify_backup: directory, tree, store, outbox, log."""

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from backup_monitoring.notify.batch import handle_calls
from backup_monitoring.notify.composer import Composer
from backup_monitoring.outbox.delivery_log import DeliveryLog
from backup_monitoring.outbox.transaction import Outbox
from backup_monitoring.settings.load import read_settings
from backup_monitoring.store.source import open_source
from mail.mailserver import Behaviour
from programs.installed import NOW, Programs, Ran

GIB = 2**30
_NOTIFY = """
[notify]
trigger = "{trigger}"
from = "Backup Service <backup@example.org>"
operator = "operations@example.org"
support = "help@example.org"
smtp = "smtp://localhost:{port}"
outbox = "outbox/outbox.sqlite"
log = "outbox/notify.jsonl"
storm = false
"""
_ENTRY = """dn: uid={uid},ou=accounts,ou=backup,ou=services,dc=example,dc=org
objectClass: sstBackup
uid: {uid}
"""
_ATTRIBUTES = {
    "cn": "Account",
    "host": "backup-01",
    "sstIsActive": "TRUE",
    "sstQuota": str(10 * GIB),
    "sstIncrementSize": "0",
    "sstBackupWarningOn": "TRUE",
    "sstBackupWarningDays": "1",
    "sstBackupWarningNumbers": "1",
    "sstNotificationWarningLevel": "85",
    "sstNotificationWarningMedium": "mail",
    "sstProvisioningMode": "added",
    "sstProvisioningState": "20250301101500Z",
    "createTimestamp": "20250301101500Z",
}
_REPORT = """<?xml version="1.0"?>
<backup_{word}>
    <{tag}>{at}</{tag}>
    <id>1</id>
    {success}
    <client>
        <identifier>Online Backup Perl Script</identifier>
        <version>2.0.11</version>
        <operatingsystem>linux</operatingsystem>
    </client>
</backup_{word}>
"""


class SentMail(NamedTuple):
    """What arrived: an address was notified of an event."""

    kind: str
    state: str
    account: str
    task: str
    address: str


class Notifier:
    """A copy of the example with [store] and [notify], and the programs run over it."""

    def __init__(
        self, programs: Programs, example: Path, folder: Path, server: tuple[Behaviour, int]
    ) -> None:
        shutil.copytree(example.parent, folder, copy_function=shutil.copy2)
        self.folder = folder
        self.behaviour, self.port = server
        self.config = folder / "notify.toml"
        self.ldif = folder / "directory.ldif"
        self.outbox = folder / "outbox" / "outbox.sqlite"
        self._programs = programs
        self._logged = 0
        (folder / "store").mkdir()
        (folder / "outbox").mkdir()
        self.settings()

    def settings(
        self,
        *changes: tuple[str, str],
        trigger: str = "monitoring",
        store: bool = True,
        more: str = "",
    ) -> None:
        text = (self.folder / "example.toml").read_text()
        if store:
            text = text.replace("[schedule]", '[store]\nfolder = "store"\n\n[schedule]', 1)
        text += _NOTIFY.format(trigger=trigger, port=self.port)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.config.write_text(text + more)

    def entries(self, *accounts: str, more: str = "") -> None:
        """Let the directory have these accounts (see `entry`) alone, and *more* entries."""
        blocks = re.split(r"\n\n+", (self.folder / "directory.ldif.all").read_text().strip())
        kept = [each for each in blocks if ",ou=accounts," not in each]
        self.ldif.write_text("\n\n".join([*kept, *accounts, more]) + "\n")
        for home in re.findall("^homeDirectory: /(.+)$", "\n".join(accounts), re.MULTILINE):
            data = self.folder / "tree" / home / "incoming" / "data"
            data.mkdir(parents=True, exist_ok=True)
            (data / "file").write_text("backed up by a program without reports")

    def empty(self) -> None:
        """Begin with a directory, a tree and a store that have no account."""
        for file in (self.folder / "store").iterdir():
            file.unlink()
        shutil.copy(self.ldif, self.folder / "directory.ldif.all")
        shutil.rmtree(self.folder / "tree" / "home")
        (self.folder / "tree" / "home").mkdir()
        self.entries()

    def run(self, *options: str, now: str = NOW, **environment: str) -> Ran:
        return self.program("notify_backup", *options, now=now, **environment)

    def program(self, program: str, *options: str, now: str = NOW, **environment: str) -> Ran:
        command = (program, "--config", str(self.config), "--now", now, *options)
        ran = self._programs.run(*command, **environment)
        assert ran.err == ""
        return ran

    def spool(self, uid: str, kind: str, state: str, *options: str, now: str = NOW) -> Ran:
        """Call as the monitoring system does, about quota unless *options* have a task."""
        task = () if "--task" in options else ("--task", "quota")
        call = ("--account", uid, "--type", kind, "--state", state, *task, *options)
        return self.run(*call, now=now)

    def hook(self, uid: str, kind: str, state: str, *options: str, now: str = NOW) -> Ran:
        """Spool a call, and handle it as a delivery does, without the delivery of mails."""
        ran = self.spool(uid, kind, state, *options, now=now)
        assert (ran.code, ran.out) == (0, "spooled\n")
        return self.handle(now)

    def handle(self, now: str = NOW) -> Ran:
        """Handle what is spooled or waits; return what was done with it, a line each."""
        settings, at = read_settings(self.config), datetime.fromisoformat(now)
        log = DeliveryLog(settings.notify.log)
        with Outbox(self.outbox, log) as outbox:
            done = handle_calls(
                outbox, settings, at, lambda: open_source(settings, at, lambda doing: None)
            )
        lines = [each.summary for each in done.handled]
        results = [each.result for each in done.handled if each.result is not None]
        reasons = [each.operator_reason for each in results if each.operator_reason is not None]
        lines += [f"handed to the operator: {reason}" for reason in reasons]
        lines += [f"FAILED: {failure}" for failure in (*done.failures, log.failure) if failure]
        return Ran(1 if reasons or done.failures else 0, "".join(f"{x}\n" for x in lines), "")

    def spooled(self) -> list[str]:
        """Return the names of the files in the spool, in their order."""
        folder = self.outbox.parent / "spool"
        return sorted(each.name for each in folder.glob("[!.]*"))

    def collect(self, now: str = NOW) -> None:
        ran = self.program("collect_backup_state", now=now)
        assert ran.code == 0, ran.out

    def scan(self, now: str = NOW) -> list[SentMail]:
        """Run the collector, a scan and a delivery; return what arrived."""
        self.collect(now)
        ran = self.run("--scan", now=now)
        assert ran.code == 0, ran.out
        return self.deliver(now)

    def deliver(self, now: str = NOW) -> list[SentMail]:
        """Deliver, and return what arrived since the last call."""
        ran = self.run("--deliver", now=now)
        assert ran.code == 0, ran.out
        return self.sent()

    def sent(self) -> list[SentMail]:
        lines = self.log()
        new, self._logged = lines[self._logged :], len(lines)
        return sorted(
            SentMail(
                *(line.get(key, "") for key in ("kind", "state", "account", "task", "address"))
            )
            for line in new
            if line["what"] == "sent" and "account" in line
        )

    def log(self) -> list[dict[str, str]]:
        file = self.folder / "outbox" / "notify.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def waiting(self) -> list[tuple[Any, ...]]:
        """Return address, kind, state and message of what waits, mails and digest events."""
        with sqlite3.connect(self.outbox) as db:
            mails = db.execute("SELECT address, kind, state, raw, draft FROM mails ORDER BY id")
            lines = db.execute("SELECT recipient, kind, state, event FROM digests ORDER BY id")
            composed = [(*row[:3], row[3] or self._compose(row[4])) for row in mails]
            waiting = [*composed, *lines.fetchall()]
        db.close()
        return waiting

    def _compose(self, draft: str) -> bytes:
        settings = read_settings(self.config)
        return Composer(settings, None, datetime.fromisoformat(NOW)).compose_draft(draft)[0]

    def addresses(self) -> list[str]:
        """Return the addresses of what waits, sorted."""
        return sorted(str(row[0]) for row in self.waiting())

    def write_reports(self, uid: str, computer: str, at: str, success: bool = True) -> None:
        """Write the reports of a backup of an hour that ended at *at*."""
        home = self.folder / "tree" / "home" / uid / "incoming" / computer / ".sepiola_backup"
        home.mkdir(parents=True, exist_ok=True)
        start = at.replace(":30:00", ":00:00")
        texts: Mapping[str, str] = {
            "backupStarted.xml": _REPORT.format(
                word="started", tag="startdate", at=start, success=""
            ),
            "backupEnded.xml": _REPORT.format(
                word="ended", tag="enddate", at=at, success=f"<success>{success:d}</success>"
            ),
        }
        for name, text in texts.items():
            (home / name).write_text(text)
            seconds = datetime.fromisoformat(at).timestamp()
            os.utime(home / name, (seconds, seconds))


def entry(uid: str, percent: float = 50, **attributes: str | None) -> str:
    """Return an account's entry; an attribute that is None is left out."""
    values: dict[str, str | None] = {
        **_ATTRIBUTES,
        "homeDirectory": f"/home/{uid}",
        "sstBackupSize": str(int(percent * GIB / 10)),
        "mail": f"account-{uid}@example.org",
        **attributes,
    }
    lines = [f"{key}: {value}" for key, value in values.items() if value is not None]
    return _ENTRY.format(uid=uid) + "\n".join(lines)
