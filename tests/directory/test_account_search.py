"""Accounts: what their entries say, and what is out of sense."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backup_monitoring.directory.account_search import read_accounts, read_known_accounts
from backup_monitoring.directory.entries import Entry
from backup_monitoring.directory.ldif import LdifDirectory
from backup_monitoring.directory.opening import open_directory
from backup_monitoring.model.accounts import Account, AccountStatus
from backup_monitoring.model.errors import DirectoryError, SettingsError
from backup_monitoring.model.needs import Need
from backup_monitoring.settings.directory import AttributeNames, DirectorySettings

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BASE = "ou=accounts,ou=backup,ou=services,dc=stoney-cloud,dc=org"
USUAL = {
    "objectClass": ["top", "account", "sstBackup"],
    "uid": ["4000101"],
    "homeDirectory": ["/home/4000101"],
    "host": ["backup-01"],
    "createTimestamp": ["20250301101500Z"],
    "sstIsActive": ["TRUE"],
    "sstQuota": ["1000"],
    "sstBackupSize": ["400"],
    "sstIncrementSize": ["100"],
    "sstNotificationWarningLevel": ["80"],
    "sstBackupWarningOn": ["TRUE"],
    "sstBackupWarningDays": ["1"],
    "sstBackupWarningNumbers": ["2"],
    "sstBackupLastSuccessfulBackup": ["web01:20261123T194137Z"],
}


Changes = dict[str, str | list[str] | None]


def entry(name: str = "uid=4000101", **changes: str | list[str] | None) -> str:
    return changed(name, changes)


def changed(name: str, changes: Changes) -> str:
    values: dict[str, list[str]] = dict(USUAL)
    for key, value in changes.items():
        values[key] = [value] if isinstance(value, str) else value or []
    lines = [f"{key}: {value}" for key, all_ in values.items() for value in all_]
    return "\n".join([f"dn: {name},{BASE}", *lines]) + "\n\n"


def read(
    path: Path,
    *entries: str,
    need: Need = Need.ALL,
    uids: Sequence[str] | None = None,
    settings: DirectorySettings | None = None,
) -> list[Account]:
    file = path / "directory.ldif"
    file.write_text(f"dn: {BASE}\nou: accounts\n\n" + "".join(entries))
    settings = settings or DirectorySettings(uri=(f"ldif:{file}",))
    with open_directory(settings, lambda phase: None) as directory:
        return list(read_accounts(directory, settings, need, NOW, uids))


def test_all_that_an_entry_says(tmp_path: Path) -> None:
    (account,) = read(tmp_path, entry())

    assert account == Account(
        "4000101",
        f"uid=4000101,{BASE}",
        hosts=("backup-01",),
        home="/home/4000101",
        created=datetime(2025, 3, 1, 10, 15, tzinfo=UTC),
        used=500,
        capacity=1000,
        quota_threshold=80,
        warning_numbers=2,
        warning_days=1,
        last_successes={"web01": datetime(2026, 11, 23, 19, 41, 37, tzinfo=UTC)},
    )


def test_only_what_is_needed_is_asked(tmp_path: Path) -> None:
    (account,) = read(tmp_path, entry(), need=Need.CREATED)

    assert account == Account(
        "4000101", f"uid=4000101,{BASE}", created=datetime(2025, 3, 1, 10, 15, tzinfo=UTC)
    )


CORE = ["uid", "sstCancellationDate", "sstProvisioningMode", "sstProvisioningState"]


@pytest.mark.parametrize(
    ("settings", "need", "uids", "attributes"),
    [
        pytest.param(DirectorySettings(), Need.CREATED, None, [*CORE, "createTimestamp"], id="all"),
        pytest.param(
            DirectorySettings(accounts_filter="(uid=*)"),
            *(Need.HOME, None, [*CORE, "objectClass", "homeDirectory", "uidNumber"]),
            id="a filter that may let others in",
        ),
        pytest.param(
            DirectorySettings(),
            *(Need.NOTHING, ["4000101"], [*CORE, "sstIsActive", "objectClass"]),
            id="by name, active or not",
        ),
    ],
)
def test_no_more_is_asked_of_the_directory_than_it_takes(
    settings: DirectorySettings, need: Need, uids: list[str] | None, attributes: list[str]
) -> None:
    asked: list[Sequence[str]] = []

    class Asked(LdifDirectory):
        def entries(
            self, base: str, ldap_filter: str, attributes: Sequence[str]
        ) -> Iterator[Entry]:
            asked.append(attributes)
            return iter(())

    directory = Asked(settings._replace(uri=("ldif:none",)), lambda phase: None)
    list(read_accounts(directory, settings, need, NOW, uids))

    assert asked == [attributes]


@pytest.mark.parametrize(
    ("change", "field", "expected", "says"),
    [
        ({"sstQuota": "0"}, "quota_missing", "sstQuota", None),
        ({"sstQuota": None}, "quota_missing", "sstQuota", None),
        ({"sstBackupSize": None}, "quota_missing", "sstBackupSize", None),
        ({"sstBackupSize": None, "sstQuota": None}, "quota_missing", "sstBackupSize", None),
        ({"sstIncrementSize": None}, "used", 400, None),
        ({"sstIncrementSize": None}, "quota_missing", None, None),
        ({"sstIncrementSize": "0"}, "used", 400, None),
        ({"sstBackupSize": "0"}, "used", 100, None),
        ({"sstBackupSize": "-1"}, "used", None, "sstBackupSize '-1': not a whole number of 0"),
        ({"sstIncrementSize": "-1"}, "used", None, "sstIncrementSize '-1'"),
        ({"sstIncrementSize": "-1"}, "quota_missing", "sstIncrementSize", "sstIncrementSize '-1'"),
        ({"sstQuota": "1_000"}, "capacity", None, "sstQuota '1_000'"),
        ({"sstQuota": "١٢"}, "capacity", None, "sstQuota '١٢'"),
        ({"sstQuota": "9" * 20}, "capacity", None, "'99999999999999999999': number too large"),
        ({"sstQuota": "9" * 19}, "capacity", int("9" * 19), None),
        ({"sstQuota": "+5"}, "capacity", None, "sstQuota '+5'"),
        ({"sstQuota": "007"}, "capacity", 7, None),
        ({"sstQuota": ["1", "2"]}, "capacity", None, "one of 2 values"),
        ({"sstNotificationWarningLevel": "100"}, "quota_threshold", 100, None),
        ({"sstNotificationWarningLevel": "1"}, "quota_threshold", 1, None),
        ({"sstNotificationWarningLevel": "0"}, "quota_threshold", None, "from 1 to 100"),
        ({"sstNotificationWarningLevel": "101"}, "quota_threshold", None, "from 1 to 100"),
        ({"sstNotificationWarningLevel": "85 %"}, "quota_threshold", None, "'85 %'"),
        ({"sstBackupWarningDays": "99"}, "warning_days", 99, None),
        ({"sstBackupWarningDays": "100"}, "warning_days", None, "from 0 to 99"),
        ({"sstBackupWarningNumbers": "-1"}, "warning_numbers", None, "from 0 to 99"),
        ({"sstBackupWarningNumbers": "0"}, "warning_numbers", 0, None),
        ({"sstBackupWarningDays": "x" * 99}, "warning_days", None, f" '{'x' * 80}': not"),
        ({"homeDirectory": None}, "home", None, None),
        ({"host": ["a", "b"]}, "hosts", ("a", "b"), None),
        ({"createTimestamp": None}, "created", None, None),
        ({"createTimestamp": "yesterday"}, "created", None, "createTimestamp 'yesterday'"),
        ({"sstBackupLastSuccessfulBackup": "0"}, "last_successes", {}, None),
        ({"sstBackupLastSuccessfulBackup": "web01"}, "last_successes", {}, "'web01'"),
        ({"sstBackupLastSuccessfulBackup": "web01:never"}, "last_successes", {}, "not computer:"),
        (
            {"sstBackupLastSuccessfulBackup": "20261101T000000Z"},
            *("last_successes", {}, "not computer:"),
        ),
        (
            {"sstBackupLastSuccessfulBackup": ["a:b:20261101T000000Z", "a:b:20261102T000000Z"]},
            "last_successes",
            {"a:b": datetime(2026, 11, 2, tzinfo=UTC)},
            None,
        ),
        ({"sstProvisioningMode": "add", "sstProvisioningState": "0"}, "provisioned", False, None),
        ({"sstProvisioningMode": "modify", "sstProvisioningState": "0"}, "provisioned", True, None),
        ({"sstProvisioningMode": "add"}, "provisioned", True, None),
    ],
)
def test_values(
    tmp_path: Path,
    change: Changes,
    field: str,
    expected: object,
    says: str | None,
) -> None:
    (account,) = read(tmp_path, changed("uid=4000101", change))

    assert getattr(account, field) == expected
    if says is None:
        assert account.findings == ()
    else:
        (finding,) = account.findings
        assert (finding.kind, finding.where) == ("attribute", account.dn)
        assert says in finding.problem


@pytest.mark.parametrize(
    ("change", "status", "in_a_run_over_all"),
    [
        ({}, AccountStatus.ACTIVE, True),
        ({"sstIsActive": "true"}, AccountStatus.ACTIVE, True),
        ({"sstIsActive": "FALSE"}, AccountStatus.INACTIVE, False),
        ({"sstIsActive": None}, AccountStatus.UNCLEAR, False),
        ({"sstIsActive": "yes"}, AccountStatus.UNCLEAR, False),
        ({"sstIsActive": ["TRUE", "FALSE"]}, AccountStatus.UNCLEAR, True),
        ({"sstIsActive": None, "sstProvisioningMode": "deleted"}, AccountStatus.INACTIVE, False),
        (
            {"sstIsActive": None, "sstCancellationDate": "20261124T120000Z"},
            AccountStatus.INACTIVE,
            False,
        ),
        ({"sstCancellationDate": "20261124T120000Z"}, AccountStatus.INACTIVE, False),
        ({"sstCancellationDate": "20261124T120001Z"}, AccountStatus.ACTIVE, True),
        ({"sstCancellationDate": "soon"}, AccountStatus.ACTIVE, True),
        ({"sstProvisioningMode": "delete"}, AccountStatus.INACTIVE, False),
        ({"sstProvisioningMode": "DELETED"}, AccountStatus.INACTIVE, False),
        ({"sstProvisioningMode": "modified"}, AccountStatus.ACTIVE, True),
        ({"objectClass": ["top", "SSTS3Bucket"]}, AccountStatus.NO_FILES, False),
        ({"objectClass": ["top", "account"]}, AccountStatus.ACTIVE, False),
    ],
)
def test_keeping(
    tmp_path: Path,
    change: Changes,
    status: AccountStatus,
    in_a_run_over_all: bool,
) -> None:
    (named,) = read(tmp_path, changed("uid=4000101", change), uids=["4000101"])
    over_all = read(tmp_path, changed("uid=4000101", change))

    assert named.status is status
    assert [a.status for a in over_all] == [AccountStatus.ACTIVE] * in_a_run_over_all


@pytest.mark.parametrize(
    ("active", "says"),
    [
        (None, "sstIsActive: missing"),
        ("yes", "sstIsActive 'yes': not TRUE or FALSE"),
        (["TRUE", "FALSE"], "sstIsActive 'FALSE': one of 2 values where one is allowed"),
    ],
)
def test_what_does_not_say_that_it_is_active_is_a_finding(
    tmp_path: Path, active: str | list[str] | None, says: str
) -> None:
    (account,) = read(tmp_path, entry(sstIsActive=active), uids=["4000101"])

    assert [each.problem for each in account.findings] == [says]


def test_an_own_filter_lets_accounts_without_files_in(tmp_path: Path) -> None:
    settings = DirectorySettings(
        uri=(f"ldif:{tmp_path / 'directory.ldif'}",), accounts_filter="(uid=*)"
    )

    (account,) = read(tmp_path, entry(objectClass="sstS3Bucket"), settings=settings)

    assert account.status is AccountStatus.NO_FILES


def test_a_wrong_filter_is_named_as_it_was_written(tmp_path: Path) -> None:
    settings = DirectorySettings(
        uri=(f"ldif:{tmp_path / 'directory.ldif'}",), accounts_filter="(uid=*"
    )

    with pytest.raises(SettingsError, match=r"filter '\(uid=\*': not valid"):
        read(tmp_path, entry(), settings=settings)


def test_only_the_accounts_of_this_host(tmp_path: Path) -> None:
    settings = DirectorySettings(uri=(f"ldif:{tmp_path / 'directory.ldif'}",), host="backup-02")
    other = entry("uid=2", uid="2", host=["backup-01", "BACKUP-02"])

    over_all = read(tmp_path, entry(), other, settings=settings)
    named = read(tmp_path, entry(), other, settings=settings, uids=["4000101"])

    assert [a.uid for a in over_all] == ["2"]
    assert [a.uid for a in named] == ["4000101"]


@pytest.mark.parametrize("uid", ["*", "4000101)(uid=*", "\\2a", "", "\udcff", "a\nb", "\0"])
def test_a_name_is_only_a_name(tmp_path: Path, uid: str) -> None:
    assert read(tmp_path, entry(), uids=[uid]) == []


def test_many_names(tmp_path: Path) -> None:
    uids = [str(n) for n in range(250)]

    found = read(tmp_path, *(entry(f"uid={uid}", uid=uid) for uid in uids), uids=[*uids, "7", "x"])

    assert [a.uid for a in found] == uids


def test_two_entries_with_one_uid_have_a_finding(tmp_path: Path) -> None:
    first, second = read(tmp_path, entry(), entry("cn=again"))

    assert first.findings == ()
    assert [f.where for f in second.findings] == [f"cn=again,{BASE}"]
    assert "another entry has it" in second.findings[0].problem


def test_of_two_names_the_one_that_was_asked_for_counts(tmp_path: Path) -> None:
    both = entry(uid=["4000101", "old"])

    assert [a.uid for a in read(tmp_path, both, uids=["old"])] == ["old"]
    assert [a.uid for a in read(tmp_path, both, uids=["OLD"])] == ["old"]
    assert [a.uid for a in read(tmp_path, both)] == ["4000101"]


def test_an_account_without_a_name_has_its_dn(tmp_path: Path) -> None:
    (account,) = read(tmp_path, entry("cn=x", uid=None))

    assert account.uid == account.dn == f"cn=x,{BASE}"
    assert account.findings[0].problem == "uid: missing"


def test_other_names_and_aliases(tmp_path: Path) -> None:
    settings = DirectorySettings(
        uri=(f"ldif:{tmp_path / 'directory.ldif'}",),
        attributes=AttributeNames(uid="userid", used=("sstVolumeUsed",), capacity="SSTQUOTA"),
    )

    (account,) = read(tmp_path, entry(sstVolumeUsed="7"), settings=settings)

    assert (account.uid, account.used, account.capacity) == ("4000101", 7, 1000)


def test_the_password_is_never_asked_for(tmp_path: Path) -> None:
    settings = DirectorySettings(
        uri=(f"ldif:{tmp_path / 'directory.ldif'}",),
        attributes=AttributeNames(home="UserPassword"),
    )

    with pytest.raises(SettingsError, match="UserPassword"):
        read(tmp_path, entry(), settings=settings)


STATE = "vucsn-5fd0c8f2000000010000"


def with_state(*names: str) -> str:
    """Return the usual entry as 389 Directory Server exports it with the state of *names*."""
    text = entry()
    for name in names:
        text = text.replace(f"\n{name}: ", f"\n{name};{STATE}: ")
    return text


def read_known(file: Path) -> list[tuple[Account, bool]]:
    settings = DirectorySettings(uri=(f"ldif:{file}",))
    with open_directory(settings, lambda phase: None) as directory:
        return [each[:2] for each in read_known_accounts(directory, settings, NOW, ())]


def test_values_with_replication_state_are_a_finding_that_names_them(tmp_path: Path) -> None:
    (account,) = read(tmp_path, with_state("sstIsActive", "sstQuota"), uids=["4000101"])

    assert account.status is AccountStatus.UNCLEAR
    assert [each.problem for each in account.findings if each.kind == "attribute"] == [
        f"sstIsActive;{STATE}, sstQuota;{STATE}: not read, because of the options; export without "
        "replication state (389 Directory Server: db2ldif without -r)",
        "sstIsActive: missing",
    ]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        pytest.param("sstQuota: 1000\nsstQuota;deletedattribute;deleted: 1", 1, id="deleted"),
        pytest.param(f"host: b\nhost;{STATE}: c", 1, id="one value of two"),
        pytest.param("sstQuota;x-other: 1\nsstQuota: 2", 0, id="another"),
    ],
)
def test_other_options(tmp_path: Path, value: str, names: int) -> None:
    name = value.partition(":")[0].partition(";")[0]
    (account,) = read(tmp_path, changed("uid=4000101", {name: None}).strip() + f"\n{value}\n\n")

    assert account.status is AccountStatus.ACTIVE
    assert len(account.findings) == names


def test_a_whole_export_with_replication_state_is_an_error_that_names_it(tmp_path: Path) -> None:
    state = with_state(*USUAL)
    (tmp_path / "directory.ldif").write_text(f"dn: {BASE}\nou: accounts\n\n{state}")

    with pytest.raises(DirectoryError) as raised:
        read_known(tmp_path / "directory.ldif")

    assert raised.value.where == BASE
    assert raised.value.problem.startswith(
        f"no account in scope; objectClass;{STATE}, uid;{STATE}, "
    )
    assert "db2ldif without -r" in raised.value.remedy


def test_beside_other_accounts_it_is_a_finding(tmp_path: Path) -> None:
    second = entry("uid=2", uid="2")
    (tmp_path / "directory.ldif").write_text(
        f"dn: {BASE}\nou: accounts\n\n{with_state(*USUAL)}{second}"
    )

    (first, in_scope), (other, _) = read_known(tmp_path / "directory.ldif")

    assert (first.status, in_scope, other.uid) == (AccountStatus.UNCLEAR, False, "2")
    assert f", uid;{STATE}, " in first.findings[0].problem


def test_a_name_with_a_comma(tmp_path: Path) -> None:
    named = entry("uid=Muster\\, Anna", uid="Muster, Anna")

    assert [a.uid for a in read(tmp_path, entry(), named, uids=["muster, anna"])] == [
        "Muster, Anna"
    ]
