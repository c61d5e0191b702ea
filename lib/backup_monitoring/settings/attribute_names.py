"""Section [directory.attributes]: the names of the directory's attributes."""

from typing import Annotated, NamedTuple

from backup_monitoring.model import Key
from backup_monitoring.settings.forms import Names


class AttributeNames(NamedTuple):
    """[directory.attributes]: the name of each attribute in the directory's schema."""

    uid: Annotated[str, Key("the account's name")] = "uid"
    used: Annotated[
        Names,
        Key(
            "bytes; the sum is the used space. Only the first must have a value",
            "bytes; the sum is the used space",
        ),
    ] = ("sstBackupSize", "sstIncrementSize")
    capacity: Annotated[str, Key("bytes")] = "sstQuota"
    quota_threshold: Annotated[str, Key("percent, 1 to 100")] = "sstNotificationWarningLevel"
    warning_on: Annotated[
        str,
        Key(
            "TRUE or FALSE: whether the customer wants warnings. Changes no state",
            "TRUE or FALSE; changes no state",
        ),
    ] = "sstBackupWarningOn"
    warning_numbers: Annotated[str, Key("0 to 99; 0 is off")] = "sstBackupWarningNumbers"
    warning_days: Annotated[str, Key("0 to 99; 0 is off")] = "sstBackupWarningDays"
    last_success: Annotated[str, Key("`computer:YYYYMMDDTHHMMSSZ`, or `0`")] = (
        "sstBackupLastSuccessfulBackup"
    )
    active: Annotated[str, Key("TRUE or FALSE")] = "sstIsActive"
    cancellation: Annotated[
        str,
        Key(
            "time (UTC) from which on the account is no longer active",
            "from then on (UTC) no longer active",
        ),
    ] = "sstCancellationDate"
    provisioning_mode: Annotated[
        str, Key("`add`, `modify`, `delete`, `added`, `modified`, `deleted`", "")
    ] = "sstProvisioningMode"
    provisioning_state: Annotated[str, Key("`0` while a change is pending")] = (
        "sstProvisioningState"
    )
    home: Annotated[str, Key("path of the account's home directory")] = "homeDirectory"
    host: Annotated[str, Key("backup servers of the account")] = "host"
    created: Annotated[str, Key("when the entry was created")] = "createTimestamp"
    name: Annotated[str, Key("the account's name, for mails")] = "cn"
    mail: Annotated[str, Key("the account's own mail addresses")] = "mail"
    medium: Annotated[
        str,
        Key(
            "`mail`: the account's own addresses are notified",
            "mail: its own addresses are notified",
        ),
    ] = "sstNotificationWarningMedium"
    language: Annotated[str, Key("language of mails, for example `de-CH`")] = "preferredLanguage"
    person: Annotated[str, Key("person who is notified otherwise")] = "sstBelongsToPersonUID"
    customer: Annotated[str, Key("customer who owns the account")] = "sstBelongsToCustomerUID"
    reseller: Annotated[str, Key("reseller of that customer")] = "sstBelongsToResellerUID"
