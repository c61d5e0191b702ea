"""A small fleet on disk: a directory in LDIF, a tree of clients' files, settings with a store."""

import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.needs import Files
from backup_monitoring.model.uploads import Uploads
from backup_monitoring.settings.load import Settings, read_settings
from backup_monitoring.store.collector import CollectorRun, collect
from backup_monitoring.store.store_file import open_store
from cases import at

BASE = "ou=accounts,ou=backup,ou=services,dc=example,dc=org"
FIRST = "2026-11-20T21:00+01:00"
_CLIENT = (
    "<client><identifier>Online Backup Perl Script</identifier>"
    "<version>2.0.11</version><operatingsystem>linux</operatingsystem></client>"
)


def entry(uid: str, **attributes: object) -> str:
    """An account's entry; an attribute that is None is left out."""
    values: dict[str, object] = {
        "uid": uid,
        "homeDirectory": f"/home/{uid}",
        "sstIsActive": "TRUE",
        "sstQuota": 1000,
        "sstBackupSize": 500,
        "createTimestamp": "20250301101500Z",
        **attributes,
    }
    lines = [f"{name}: {value}" for name, value in values.items() if value is not None]
    return "\n".join([f"dn: uid={uid},{BASE}", "objectClass: sstBackup", *lines, "", ""])


class Fleet:
    """Accounts below *folder*, and the collector runs over them."""

    def __init__(self, folder: Path, uids: Iterable[str] = ("4000101", "4000102")) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.home = folder / "tree" / "home"
        self.file = folder / "settings.toml"
        self.store.mkdir(parents=True)
        self.home.mkdir(parents=True)
        self.settings_text("")
        self.entries(*map(entry, uids))
        for uid in uids:
            (self.home / uid).mkdir()

    def settings_text(self, more: str, store: str = "") -> None:
        self.file.write_text(
            '[directory]\nuri = "ldif:directory.ldif"\nsuffix = "dc=example,dc=org"\n'
            f'[homes]\nroot = "tree"\n[store]\nfolder = "store"\n{store}\n'
            f'[schedule]\nzones = ["Europe/Zurich"]\n{more}\n'
        )

    @property
    def settings(self) -> Settings:
        return read_settings(self.file)

    def entries(self, *texts: str) -> None:
        head = "dn: dc=example,dc=org\nobjectClass: dcObject\ndc: example\n\n"
        head += f"dn: {BASE}\nobjectClass: organizationalUnit\nou: accounts\n\n"
        (self.folder / "directory.ldif").write_text(head + "".join(texts))

    def reports(self, uid: str, name: str = "web01") -> Path:
        folder = self.home / uid / "incoming" / name / ".sepiola_backup"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def start(self, uid: str, text: str, run: str = "461239", name: str = "web01") -> None:
        (self.reports(uid, name) / "backupStarted.xml").write_text(
            f"<backup_started><startdate>{text}</startdate><id>{run}</id>{_CLIENT}</backup_started>"
        )

    def end(
        self,
        uid: str,
        text: str,
        success: int = 1,
        run: str = "461239",
        name: str = "web01",
    ) -> None:
        (self.reports(uid, name) / "backupEnded.xml").write_text(
            f"<backup_ended><enddate>{text}</enddate><id>{run}</id><success>{success}</success>"
            f"{_CLIENT}</backup_ended>"
        )

    def plan(self, uid: str, hour: int, name: str = "web01") -> None:
        (self.reports(uid, name) / "scheduler.xml").write_text(
            "<online_backup_schedule><custom_online_backup>"
            "<minutes><minute_selected>0</minute_selected></minutes>"
            f"<hours><hour_selected>{hour}</hour_selected></hours>"
            "<days_of_month><every_day_of_month>*</every_day_of_month></days_of_month>"
            "<months><everymonth>*</everymonth></months>"
            "<days_of_week><every_day_of_week>*</every_day_of_week></days_of_week>"
            f"<timezone>+01:00</timezone></custom_online_backup>{_CLIENT}"
            "</online_backup_schedule>"
        )

    def remove(self, uid: str, name: str = "web01") -> None:
        shutil.rmtree(self.home / uid / "incoming" / name)

    def remove_store(self) -> None:
        for file in self.store.iterdir():
            file.unlink()

    def collect(self, now: str = FIRST, *, given_time: bool = False) -> CollectorRun:
        return collect_once(self.settings, at(now), given_time=given_time)

    def read(self, *uids: str) -> dict[str, tuple[Account, Uploads]]:
        """What the store says of these accounts, or of all in scope."""
        state = open_store(self.store)
        try:
            return {
                account.uid: (account, uploads)
                for account, uploads in state.accounts(Files.ALL, list(uids) or None)
            }
        finally:
            state.close()


def collect_once(settings: Settings, now: datetime, *, given_time: bool = False) -> CollectorRun:
    return collect(
        settings,
        now,
        lambda _: None,
        lambda accounts, _: accounts,
        given_time=given_time,
    )
