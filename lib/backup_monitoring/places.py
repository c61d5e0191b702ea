"""Where the accounts and their files are: the settings of directory and storage."""

from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

Names = tuple[str, ...]

SUFFIX = "dc=stoney-cloud,dc=org"
BASES = {
    "accounts_base": "ou=accounts,ou=backup,ou=services",
    "people_base": "ou=people",
    "customers_base": "ou=customers",
    "resellers_base": "ou=reseller",
    "reseller_settings_base": "ou=reseller,ou=configuration,ou=backup,ou=services",
}


class AttributeNames(NamedTuple):
    """[directory.attributes]: the names in the directory's schema, one word of ours each.

    Args:
        used: its values are summed; the first attribute must be there, a further one may not.
    """

    uid: str = "uid"
    name: str = "cn"
    used: Names = ("sstBackupSize", "sstIncrementSize")
    capacity: str = "sstQuota"
    quota_threshold: str = "sstNotificationWarningLevel"
    warning_on: str = "sstBackupWarningOn"
    warning_numbers: str = "sstBackupWarningNumbers"
    warning_days: str = "sstBackupWarningDays"
    last_success: str = "sstBackupLastSuccessfulBackup"
    active: str = "sstIsActive"
    cancellation: str = "sstCancellationDate"
    provisioning_mode: str = "sstProvisioningMode"
    provisioning_state: str = "sstProvisioningState"
    home: str = "homeDirectory"
    host: str = "host"
    created: str = "createTimestamp"
    mail: str = "mail"
    medium: str = "sstNotificationWarningMedium"
    language: str = "preferredLanguage"
    person: str = "sstBelongsToPersonUID"
    customer: str = "sstBelongsToCustomerUID"
    reseller: str = "sstBelongsToResellerUID"


class DirectorySettings(NamedTuple):
    """[directory]: the servers or the file, how to bind, where entries stand.

    Args:
        uri: tried in order; ``ldap://``, ``ldaps://``, ``ldapi://`` or ``ldif:FILE``.
        start_tls: protect an ``ldap://`` connection before anything is sent over it.
        ca_file: certificates of the authorities to trust; None: the system's.
        verify: check the server's certificate and its host name.
        bind: simple, external (SASL EXTERNAL on ``ldapi://``) or anonymous.
        password: of *bind_dn*, '' where it stands in *password_file*; never printed.
        password_file: read only by those who ask the directory.
        timeout: bound of every wait for the server.
        page_size: entries asked for at once.
        accounts_base: and its siblings: distinguished names.
        accounts_filter: which entries below *accounts_base* are accounts.
        host: only the accounts of this backup server; None: all.
        servers: all backup servers, this one included; empty: not known.
        file: the settings file, for messages.
    """

    uri: Names = ()
    start_tls: bool = False
    ca_file: Path | None = None
    verify: bool = True
    bind: str = "anonymous"
    bind_dn: str = ""
    password: str = ""
    password_file: Path | None = None
    timeout: timedelta = timedelta(seconds=5)
    page_size: int = 5000
    suffix: str = SUFFIX
    accounts_base: str = f"{BASES['accounts_base']},{SUFFIX}"
    people_base: str = f"{BASES['people_base']},{SUFFIX}"
    customers_base: str = f"{BASES['customers_base']},{SUFFIX}"
    resellers_base: str = f"{BASES['resellers_base']},{SUFFIX}"
    reseller_settings_base: str = f"{BASES['reseller_settings_base']},{SUFFIX}"
    accounts_filter: str = "(objectClass=sstBackup)"
    host: str | None = None
    servers: Names = ()
    attributes: AttributeNames = AttributeNames()
    file: str = ""

    def __repr__(self) -> str:
        """Return what may be printed: never the password."""
        return f"DirectorySettings(uri={self.uri!r}, bind_dn={self.bind_dn!r})"


class StorageSettings(NamedTuple):
    """[storage]: where an account's folder is, and what the clients call their files.

    Args:
        root: put before every home; '/' for the server itself.
        home: template of the account's folder: ``{home}``, ``{uid}``, and of the uid's digits
            ``{last1}``, ``{last3}``, ``{mid3}`` (the three before the last three).
        incoming: the folder with the computers' folders, below the account's.
        depth: folders between *incoming* and a report folder, at most.
        report_folders, start_files, end_files, schedule_files: names; the first that is there
            counts.
    """

    root: Path = Path("/")
    home: str = "{home}"
    incoming: str = "incoming"
    depth: int = 3
    report_folders: Names = (".sepiola_backup",)
    start_files: Names = ("backupStarted.xml",)
    end_files: Names = ("backupEnded.xml",)
    schedule_files: Names = ("scheduler.xml",)


class StoreSettings(NamedTuple):
    """[store]: where the collector keeps what it has seen, and how old that may be.

    Args:
        folder: None: no store, everything is read live.
        max_age: of the last reading of the storage. directory_max_age: of the directory.
        keep: how long the past is kept.
    """

    folder: Path | None = None
    max_age: timedelta = timedelta(minutes=30)
    directory_max_age: timedelta = timedelta(hours=4)
    keep: timedelta = timedelta(days=400)
