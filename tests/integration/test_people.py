"""People, read from an LDIF file and from a real server, at once and one by one."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backup_monitoring.directory.base import Directory
from backup_monitoring.directory.opening import open_directory
from backup_monitoring.directory.people_reader import (
    ContactReader,
    LivePeople,
    MissingBase,
    read_people,
)
from backup_monitoring.model.errors import DirectoryError
from backup_monitoring.model.notices import Event, EventKind
from backup_monitoring.model.people import Contact, Customer, People, Person, Reseller
from backup_monitoring.model.verdicts import State
from backup_monitoring.notify.recipients import find_recipients
from backup_monitoring.settings.directory import DirectorySettings
from backup_monitoring.settings.load import read_settings
from backup_monitoring.settings.notify import NotifySettings
from backup_monitoring.store.collector import CollectorRun, collect
from backup_monitoring.store.store_file import StoreFile
from integration import slapd
from integration.conftest import Place, StartSlapd
from people import PeopleTable

S = slapd.SUFFIX
SETTINGS_BASE = f"ou=reseller,ou=configuration,ou=backup,ou=services,{S}"
AT = datetime(2026, 11, 25, 3, tzinfo=UTC)
POLICY = NotifySettings(operator="operations@example.org")


def units(*dns: str) -> str:
    return "".join(
        f"dn: {dn}\nobjectClass: organizationalUnit\nou: {dn[3:].partition(',')[0]}\n\n"
        for dn in dns
    )


def entry(dn: str, classes: str, *lines: str) -> str:
    named = "".join(f"objectClass: {name}\n" for name in classes.split())
    return f"dn: {dn}\n{named}" + "".join(f"{line}\n" for line in lines) + "\n"


def account(uid: str, *lines: str) -> str:
    return entry(
        f"uid={uid},{slapd.ACCOUNTS}",
        "top account sstBackup sstRelationship",
        f"uid: {uid}",
        "host: backup-01",
        "sstIsActive: TRUE",
        "sstNotificationWarningMedium: mail",
        *lines,
    )


def settings_of(uid: str, *lines: str) -> str:
    dn = f"uid={uid},{SETTINGS_BASE}"
    return entry(dn, "sstServiceConfigurationObjectClass", f"uid: {uid}", *lines)


def notifications(uid: str, *lines: str) -> str:
    return entry(
        f"ou=notifications,uid={uid},{SETTINGS_BASE}",
        "organizationalUnit sstNotificationObjectClass sstRelationship",
        "ou: notifications",
        *lines,
    )


ACCOUNTS = (
    account(
        "4000101",
        "cn:: QcOkIGFjY291bnQ=",
        "sstBackupWarningOn: TRUE",
        "sstBackupWarningNumbers: 0",
        "sstBackupWarningDays: 1",
        "mail: own@example.org",
        "mail: it@example.org",
        "preferredLanguage: de-CH",
        "sstBelongsToPersonUID: 4000002",
        "sstBelongsToCustomerUID: 4000001",
        "sstBelongsToCustomerUID: 4000011",
        "sstBelongsToResellerUID: 4000000",
    )
    + account(
        "4000102",
        "sstBackupWarningOn: TRUE",
        "sstBelongsToPersonUID: 4000002",
        "sstBelongsToResellerUID: 4000099",
    )
    + account("4000103", "sstBackupWarningOn: FALSE", "sstBelongsToResellerUID: 4000020")
    + account("4000104", "sstBelongsToPersonUID: 4999999")
)
PEOPLE = (
    entry(
        f"uid=4000002,ou=people,{S}",
        "top sstPerson",
        "uid: 4000002",
        "sstGender: f",
        "givenName: Example",
        "sn: Customer",
        "sstTitle: Dr.",
        "mail: person@example.org",
        "mail: own@example.org",
        "preferredLanguage: fr-CH",
        "sstTimeZoneOffset: UTC+01",
        "userPassword: not for us",
    )
    # below a person, and beside persons: neither is one
    + entry(f"cn=role,uid=4000002,ou=people,{S}", "organizationalRole", "cn: role")
    + entry(f"uid=4000003,ou=people,{S}", "top account", "uid: 4000003")
    + entry(
        f"uid=4000004,ou=people,{S}",
        "top sstPerson",
        "uid: 4000004",
        "mail: informed@example.org",
    )
)
CUSTOMERS = (
    entry(
        f"uid=4000001,ou=customers,{S}",
        "top sstCustomer",
        "uid: 4000001",
        "o: Example Ltd.",
        "sstIsCompany: TRUE",
    )
    + entry(
        f"uid=4000011,ou=customers,{S}", "top sstCustomer", "uid: 4000011", "sstIsCompany: FALSE"
    )
    + entry(
        f"ou=address,uid=4000011,ou=customers,{S}",
        "organizationalUnit sstAddress",
        "ou: address",
        "givenName: Private",
        "sn: Customer",
        "mail: private@example.org",
    )
    + entry(
        f"ou=address,uid=4000001,ou=customers,{S}",
        "organizationalUnit sstAddress",
        "ou: address",
        "o: Another name",
    )
)
RESELLERS = (
    settings_of("4000000")
    + notifications(
        "4000000",
        "sstMailTo: Support <support@example.org>",
        "sstMailTo: second@example.org",
        "sstInformPersonUID: 4000004",
        "sstNotificationWarning: Quota",
        "sstNotificationWarning: unsuccessful",
    )
    + entry(
        f"ou=settings,uid=4000000,{SETTINGS_BASE}",
        "organizationalUnit sstServiceSettingsObjectClass",
        "ou: settings",
        "sstMailFrom: Reseller <from@example.org>",
        "preferredLanguage: it-CH",
    )
    + units(f"ou=templates,uid=4000000,{SETTINGS_BASE}")
    + units(f"ou=settings,ou=templates,uid=4000000,{SETTINGS_BASE}")
    + settings_of("4000009", "sstIsDefault: TRUE")
    + notifications("4000009", "sstMailTo: default@example.org", "sstNotificationWarning: quota")
    + settings_of("4000020")
)
BASES = units(
    f"ou=people,{S}",
    f"ou=customers,{S}",
    f"ou=reseller,{S}",
    f"ou=configuration,ou=backup,ou=services,{S}",
    SETTINGS_BASE,
)
TREE = slapd.TREE + BASES + ACCOUNTS + PEOPLE + CUSTOMERS + RESELLERS

CONTACT = Contact(
    "4000101",
    f"uid=4000101,{slapd.ACCOUNTS}",
    "Aä account",
    "TRUE",
    "mail",
    0,
    1,
    ("own@example.org", "it@example.org"),
    "de-CH",
    "4000002",
    ("4000001", "4000011"),
    ("4000000",),
    "backup-01",
)
EXPECTED_PERSON = Person(
    "4000002",
    f"uid=4000002,ou=people,{S}",
    "Example",
    "Customer",
    "Dr.",
    "f",
    "fr-CH",
    ("person@example.org", "own@example.org"),
)
EXPECTED_RESELLER = Reseller(
    "4000000",
    f"uid=4000000,{SETTINGS_BASE}",
    ("Support <support@example.org>", "second@example.org"),
    ("4000004",),
    frozenset({"quota", "unsuccessful"}),
    "Reseller <from@example.org>",
    "it-CH",
)
DEFAULT = Reseller(
    "4000009",
    f"uid=4000009,{SETTINGS_BASE}",
    ("default@example.org",),
    problems=frozenset({"quota"}),
    is_default=True,
)


@contextmanager
def opened(settings: DirectorySettings) -> Iterator[Directory]:
    with open_directory(settings, lambda phase: None) as directory:
        yield directory


def gathered(directory: Directory, settings: DirectorySettings) -> PeopleTable:
    reader = ContactReader(settings.attributes)
    found = directory.entries(settings.accounts_base, "(uid=*)", reader.attributes)
    contacts = [reader.contact(each, each.text("uid") or "") for each in found]
    others = [
        each for each in read_people(directory, settings) if not isinstance(each, MissingBase)
    ]
    return PeopleTable.of([*contacts, *others])


def collected(settings: DirectorySettings, folder: Path) -> CollectorRun:
    folder.mkdir(exist_ok=True)
    file = folder.parent / "settings.toml"
    file.write_text(
        f'[directory]\nuri = "ldap://localhost"\n[homes]\nroot = "nothing"\n'
        f'[store]\nfolder = "{folder}"\n'
    )
    whole = read_settings(file)._replace(directory=settings)
    return collect(whole, AT, lambda phase: None, lambda each, _: each, given_time=False)


def test_live_at_once_and_stored_are_the_same(place: Place, tmp_path: Path) -> None:
    settings = place(TREE)
    made = collected(settings, tmp_path / "store")
    state = StoreFile(tmp_path / "store" / "state.sqlite")
    with opened(settings) as directory:
        sources: list[People] = [
            LivePeople(directory, settings),
            gathered(directory, settings),
            state.people(),
        ]
        for people in sources:
            assert people.contact("4000101") == CONTACT
            assert people.contact("4000199") is None
            assert people.person("4000002") == EXPECTED_PERSON
            assert people.person("4000003") is None
            assert people.person("role") is None
            assert people.customer("4000001") == Customer(
                "4000001", f"uid=4000001,ou=customers,{S}", "Example Ltd."
            )
            assert people.customer("4000011") == Customer(
                "4000011", f"uid=4000011,ou=customers,{S}", "Private Customer"
            )
            assert people.customer("4000012") is None
            assert people.reseller("4000000") == EXPECTED_RESELLER
            assert people.reseller("4000099") == DEFAULT
            own = people.reseller("4000020")
            assert own is not None
            assert (own.uid, own.mail_to, own.problems) == ("4000020", (), frozenset())
    state.close()
    assert [each for each in made.findings if each.kind == "contacts"] == []


def find_addresses(people: People, uid: str) -> list[tuple[str, str, str, str]]:
    event = Event(uid, "quota", EventKind.PROBLEM, State.CRITICAL, AT, "97 % used")
    found = find_recipients(event, people, POLICY).recipients
    return [(each.role.value, each.address, each.name, each.language) for each in found]


def test_the_rule_over_real_entries(place: Place) -> None:
    settings = place(TREE)
    with opened(settings) as directory:
        sources: list[People] = [LivePeople(directory, settings), gathered(directory, settings)]
        for people in sources:
            assert find_addresses(people, "4000101") == [
                ("customer", "own@example.org", "Example Customer", "de-CH, fr-CH, it-CH"),
                ("customer", "it@example.org", "", "de-CH, fr-CH, it-CH"),
                ("reseller", "support@example.org", "Support", "it-CH"),
                ("reseller", "second@example.org", "", "it-CH"),
                ("reseller", "informed@example.org", "", "it-CH"),
            ]
            assert find_addresses(people, "4000102") == [
                ("customer", "person@example.org", "Example Customer", "fr-CH"),
                ("customer", "own@example.org", "Example Customer", "fr-CH"),
                ("reseller", "default@example.org", "", ""),
            ]
            # a reseller with settings of its own, and no notifications: not the default's
            assert find_addresses(people, "4000103") == []
            assert find_addresses(people, "4000104") == []


@pytest.mark.parametrize(
    "hostile", ["*", "4000002)(uid=*", "4000002,ou=x", "\\", "a\nb", "\0", "", " ", "ü", "\udcff"]
)
def test_a_hostile_uid_is_nobodys(place: Place, hostile: str) -> None:
    settings = place(TREE)
    with opened(settings) as directory:
        people = LivePeople(directory, settings)
        assert people.contact(hostile) is None
        assert people.person(hostile) is None
        assert people.customer(hostile) is None
        assert people.reseller(hostile) == DEFAULT


def test_bases_that_are_not_there_are_one_finding_each(place: Place, tmp_path: Path) -> None:
    settings = place(slapd.TREE + ACCOUNTS)

    made = collected(settings, tmp_path / "store")

    # the storage is not there in this test; the directory was read
    assert [each for each in made.failed if each.startswith("directory")] == []
    assert [each.where for each in made.findings if each.kind == "contacts"] == [
        settings.people_base,
        settings.customers_base,
        settings.reseller_settings_base,
    ]
    with opened(settings) as directory:
        people = LivePeople(directory, settings)
        assert people.person("4000002") is None
        assert people.reseller("4000000") is None
        assert find_addresses(people, "4000101") == [
            ("customer", "own@example.org", "", "de-CH"),
            ("customer", "it@example.org", "", "de-CH"),
        ]
        assert settings.people_base in people.unseen


@pytest.mark.server
@pytest.mark.parametrize(
    ("base", "says"),
    [
        pytest.param("hidden", "none is visible (the server has no entry", id="the base itself"),
        pytest.param("closed", "none is visible", id="what is below it"),
    ],
)
def test_what_the_server_hides_is_a_finding(
    on_server: Place, tmp_path: Path, base: str, says: str
) -> None:
    hidden = units(f"ou={base},{S}") + PEOPLE.replace("ou=people,", f"ou={base},")
    settings = on_server(TREE + hidden)._replace(people_base=f"ou={base},{S}")

    made = collected(settings, tmp_path / "store")

    assert [each for each in made.failed if each.startswith("directory")] == []
    [finding] = [each for each in made.findings if each.kind == "contacts"]
    assert finding.where == f"ou={base},{S}"
    assert says in finding.problem
    with opened(settings) as directory:
        assert LivePeople(directory, settings).person("4000002") is None


def test_bases_that_nobody_names_are_no_finding(place: Place, tmp_path: Path) -> None:
    made = collected(place(slapd.TREE + account("4000101")), tmp_path / "store")

    assert [each for each in made.findings if each.kind == "contacts"] == []


def test_an_accounts_base_that_is_not_there_is_an_error(place: Place) -> None:
    settings = place(TREE)._replace(accounts_base=f"ou=nowhere,{S}")
    with opened(settings) as directory:
        people = LivePeople(directory, settings)
        with pytest.raises(DirectoryError, match="nowhere"):
            people.contact("4000101")


@pytest.mark.server
def test_people_are_taken_over_while_the_server_is_away(
    start_slapd: StartSlapd, tmp_path: Path
) -> None:
    server = start_slapd(TREE)
    settings = DirectorySettings(uri=(server.local_uri,), bind="external", file="s.toml")
    collected(settings, tmp_path / "store")
    server.stop()

    made = collected(settings, tmp_path / "store")

    assert [each for each in made.failed if each.startswith("directory")] != []
    state = StoreFile(tmp_path / "store" / "state.sqlite")
    people = state.people()
    assert people.contact("4000101") == CONTACT
    assert people.person("4000002") == EXPECTED_PERSON
    assert people.reseller("4000000") == EXPECTED_RESELLER
    assert people.customer("4000011") is not None
    state.close()
