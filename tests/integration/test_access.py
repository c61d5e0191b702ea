"""The access rules of the documentation are enough where a server shows nothing else."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backup_monitoring.directory.account_search import read_accounts
from backup_monitoring.directory.opening import open_directory
from backup_monitoring.directory.people_reader import ContactReader, read_people
from backup_monitoring.model.needs import Need
from backup_monitoring.settings.directory import DirectorySettings
from integration import slapd
from integration.conftest import StartSlapd
from integration.test_people import TREE, entry

pytestmark = pytest.mark.server
ROOT = Path(__file__).parent.parent.parent
NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)
FULL = entry(
    f"uid=4000150,{slapd.ACCOUNTS}",
    "account posixAccount sstBackup sstProvisioning",
    "uid: 4000150",
    "cn: Full",
    "uidNumber: 4000150",
    "gidNumber: 4000150",
    "homeDirectory: /home/4000150",
    "host: backup-01",
    "sstIsActive: TRUE",
    "sstCancellationDate: 20300101T000000Z",
    "sstProvisioningMode: add",
    "sstProvisioningState: 0",
    "sstQuota: 1000",
    "sstBackupSize: 200",
    "sstIncrementSize: 300",
    "sstNotificationWarningLevel: 80",
    "sstBackupWarningOn: TRUE",
    "sstBackupWarningNumbers: 2",
    "sstBackupWarningDays: 3",
    "sstBackupLastSuccessfulBackup: web01:20261123T194137Z",
)


def rules_of(text: str) -> list[str]:
    """Return the access rules that *text* shows for cn=config, as slapd.conf says them."""
    blocks = re.findall(r"```ldif\n(.*?)```", (ROOT / text).read_text(encoding="utf-8"), re.DOTALL)
    if text == "README.md":  # as it says of a schema that has this name, too
        blocks = [
            each.replace("sstIsActive,", "sstIsActive,sstCancellationDate,") for each in blocks
        ]
    (block,) = (re.sub(r"^   (?=\S| )", "", each, flags=re.MULTILINE) for each in blocks)
    rules = re.findall(r"^olcAccess: \{\d\}(.*)$", block.replace("\n ", ""), re.MULTILINE)
    reader = ("cn=monitoring,dc=example,dc=org", slapd.READER)
    return [
        "access " + each.replace(*reader).replace("dc=example,dc=org", slapd.SUFFIX)
        for each in rules
    ]


def seen(server: slapd.Slapd, password: Path) -> dict[str, object]:
    """Return all that the programs read of a directory, as its reader sees it."""
    settings = DirectorySettings(
        uri=(server.tls_uri,),
        bind="simple",
        bind_dn=server.reader,
        password_file=password,
        ca_file=server.ca_file,
        file="s.toml",
    )
    reader = ContactReader(settings.attributes)
    with open_directory(settings, lambda phase: None) as directory:
        found = {each.uid: each for each in read_accounts(directory, settings, Need.ALL, NOW)}
        contacts = directory.entries(settings.accounts_base, "(uid=*)", reader.attributes)
        return {
            "accounts": {uid: each._replace(created=None) for uid, each in found.items()},
            "created": {uid for uid, each in found.items() if each.created},
            "contacts": [reader.contact(each, each.text("uid") or "") for each in contacts],
            "people": list(read_people(directory, settings)),
        }


def test_the_documented_rules_show_all_that_is_read(
    start_slapd: StartSlapd, tmp_path: Path
) -> None:
    tree = TREE + FULL
    rules = [
        "access to attrs=userPassword by anonymous auth by * none",
        *rules_of("README.md"),
        *rules_of("docs/notifications.md"),
        "access to * by * none",
    ]
    password = tmp_path / "password"
    password.write_text(slapd.PASSWORD)
    password.chmod(0o600)

    strict = seen(start_slapd(tree, "".join(f"{each}\n" for each in rules)), password)
    open_to_all = seen(start_slapd(tree), password)

    assert strict == open_to_all
    assert "4000150" in str(strict["created"])
