"""Made-up accounts: complete entries for a directory, and the files of their computers."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from integration.slapd import ACCOUNTS, SUFFIX, TREE

FIRST_UID = 4000101
ONE_FAILS = 100  # of so many accounts, the first one
NOW = datetime.fromisoformat("2026-11-24T12:00:00+01:00")

# Every attribute that an account of the service has, not only those that are read: a server's
# time depends on the whole entry.
_ENTRY = f"""\
dn: uid={{uid}},{ACCOUNTS}
objectClass: top
objectClass: account
objectClass: posixAccount
objectClass: shadowAccount
objectClass: sstBackup
objectClass: sstProvisioning
objectClass: sstRelationship
uid: {{uid}}
uidNumber: {{uid}}
gidNumber: {{uid}}
cn: Account number {{uid}}
homeDirectory: /home/{{uid}}
host: backup-01
sstIsActive: TRUE
sstUseSelfcare: FALSE
sstUseSSH: TRUE
sstQuota: {{capacity}}
sstBackupSize: {{used}}
sstIncrementSize: {{increments}}
sstBackupIntervalHourly: 0
sstBackupIntervalDaily: 7
sstBackupIntervalWeekly: 4
sstBackupIntervalMonthly: 3
sstBackupIntervalYearly: 0
sstBackupLastSuccessfulBackup: web01:20261123T194137Z
sstBackupWarningOn: TRUE
sstBackupWarningDays: 1
sstBackupWarningNumbers: 0
sstNotificationWarningLevel: 85
sstNotificationWarningMedium: mail
mail: account{{uid}}@example.org
mail: it{{uid}}@example.org
preferredLanguage: de-CH
sstProvisioningMode: add
sstProvisioningExecutionDate: 0
sstProvisioningState: 20250301T101500Z
sstBelongsToResellerUID: 4000000
sstBelongsToCustomerUID: 4000001
sstBelongsToPersonUID: 4000002

"""
_BASES = ("ou=people", "ou=customers", "ou=configuration,ou=backup,ou=services")
_SETTINGS = f"uid=4000000,ou=reseller,{_BASES[-1]},{SUFFIX}"
_PEOPLE = f"""\
dn: ou=reseller,{_BASES[-1]},{SUFFIX}
objectClass: organizationalUnit
ou: reseller

dn: {_SETTINGS}
objectClass: sstServiceConfigurationObjectClass
uid: 4000000

dn: ou=notifications,{_SETTINGS}
objectClass: organizationalUnit
objectClass: sstNotificationObjectClass
ou: notifications
sstMailTo: Support Reseller Ltd. <support@reseller.example.org>
sstNotificationWarning: quota
sstNotificationWarning: schedule
sstNotificationWarning: unsuccessful

dn: uid=4000001,ou=customers,{SUFFIX}
objectClass: top
objectClass: sstCustomer
uid: 4000001
sstIsCompany: TRUE
o: Customer Ltd.

dn: uid=4000002,ou=people,{SUFFIX}
objectClass: top
objectClass: sstPerson
uid: 4000002
givenName: Anna
sn: Meier
mail: anna.meier@example.org
preferredLanguage: de-CH

"""
_HEAD = '<?xml version="1.0"?>\n \n'
_SCHEMA = (
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:schemaLocation="http://xml.example.org/schema/{0} {0}.xsd"'
)
_CLIENT = """\
    <client>
        <identifier>Online Backup Perl Script</identifier>
        <version>{version}</version>
        <operatingsystem>linux</operatingsystem>
    </client>
"""
_START = f"""\
{_HEAD}<backup_started
{_SCHEMA.format("backup_started")}>
\t<startdate>{{date}}</startdate>
\t<id>{{id}}</id>
{_CLIENT}</backup_started>"""
_END = f"""\
{_HEAD}<backup_ended
{_SCHEMA.format("backup_ended")}>
\t<enddate>{{date}}</enddate>
\t<id>{{id}}</id>
\t<success>1</success>
{_CLIENT}</backup_ended>"""
_SCHEDULE = f"""\
{_HEAD}<online_backup_schedule
{_SCHEMA.format("online_backup_schedule")}>
    <custom_online_backup>
        <minutes>
            <minute_selected>{{minute}}</minute_selected>
        </minutes>
        <hours>
            <hour_selected>{{hour}}</hour_selected>
        </hours>
        <days_of_month>
            <every_day_of_month>*</every_day_of_month>
        </days_of_month>
        <months>
            <everymonth>*</everymonth>
        </months>
        <days_of_week>
            <every_day_of_week>*</every_day_of_week>
        </days_of_week>
        <timezone>+01:00</timezone>
    </custom_online_backup>
{_CLIENT}</online_backup_schedule>"""


def uids(count: int) -> Iterator[str]:
    """Yield the uids of *count* accounts."""
    return map(str, range(FIRST_UID, FIRST_UID + count))


def write_entries(file: Path, count: int) -> None:
    """Write the usual tree with *count* accounts, one in `ONE_FAILS` of them above its limit."""
    with file.open("w", encoding="utf-8") as stream:
        stream.write(TREE)
        for base in _BASES:
            unit = base[3:].partition(",")[0]
            stream.write(f"dn: {base},{SUFFIX}\nobjectClass: organizationalUnit\nou: {unit}\n\n")
        stream.write(_PEOPLE)
        for number, uid in enumerate(uids(count)):
            capacity = (10 + number % 90) * 2**30
            used = capacity * (number % 70 if number % ONE_FAILS else 88) // 100
            stream.write(
                _ENTRY.format(uid=uid, capacity=capacity, used=used, increments=capacity // 100)
            )


def computers(number: int) -> int:
    """Return how many computers the account with this *number* has: 1, every second one 2."""
    return 1 + number % 2


def write_homes(root: Path, count: int) -> None:
    """Write below *root* the homes of *count* accounts, with three files a computer.

    Every night has its 12 hours, every hour its 12 times that people choose, every program its
    versions: some schedules are alike, as on a server.
    """
    choices = Random(1)  # the same files each time
    for number, uid in enumerate(uids(count)):
        for computer in range(computers(number)):
            name = f"host{(number + 50 * computer) % 97:02}"
            _write_reports(root / "home" / uid / "incoming" / name / ".sepiola_backup", choices)


def _write_reports(folder: Path, choices: Random) -> None:
    folder.mkdir(parents=True)
    hours, minute = choices.randrange(12), choices.randrange(0, 60, 5)
    version = choices.choice(("2.0.9", "2.0.10", "2.0.11", "2.0.11", "2.0.11"))
    started = datetime.fromisoformat("2026-11-23T18:00:04+01:00")
    started += timedelta(hours=hours, minutes=minute)
    ended = started + timedelta(seconds=choices.randrange(60, 9000))
    client = {"id": choices.randrange(100_000, 999_999_999), "version": version}
    texts = {
        "backupStarted.xml": _START.format(date=started.isoformat(), **client),
        "backupEnded.xml": _END.format(date=ended.isoformat(), **client),
        "scheduler.xml": _SCHEDULE.format(minute=minute, hour=started.hour, **client),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
