"""Accounts on no backup server: found in an LDIF file and on a real server alike."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from backup_monitoring.directory.opening import open_directory
from backup_monitoring.directory.unassigned import find_unassigned
from backup_monitoring.model.findings import Finding
from backup_monitoring.settings.directory import DirectorySettings
from backup_monitoring.settings.load import read_settings
from backup_monitoring.store.collector import CollectorRun, collect
from backup_monitoring.store.store_file import count_findings, open_store
from integration import slapd
from integration.conftest import Place

AT = datetime(2026, 11, 25, 3, tzinfo=UTC)
SERVERS = ("backup-01", "Backup-02", "ba(ck)*up\\3", "büro")
NO_HOST = "no host"
LONG = "x" * 100


def account(uid: str, *lines: str, active: str = "TRUE") -> str:
    classes = "".join(
        f"objectClass: {name}\n" for name in ("top", "account", "sstBackup", "sstProvisioning")
    )
    said = "".join(f"{line}\n" for line in (*lines, f"uid: {uid}", f"sstIsActive: {active}"))
    return f"dn: uid={uid},{slapd.ACCOUNTS}\n{classes}{said}\n"


def none_of(hosts: str) -> str:
    return f"host {hosts}: not one of the servers"


# What an entry says, and what is wrong with it for SERVERS.
CASES: list[tuple[str, tuple[str, ...], str | None]] = [
    ("this one's", ("host: backup-01",), None),
    ("another one's", ("host: backup-02",), None),
    ("in another case", ("host: BACKUP-01",), None),
    ("no host", (), NO_HOST),
    ("an unknown one", ("host: backup-03",), none_of("'backup-03'")),
    ("a longer name", ("host: backup-01.example.org",), none_of("'backup-01.example.org'")),
    ("one of two is known", ("host: backup-03", "host: backup-01"), None),
    ("two unknown", ("host: backup-03", "host: backup-04"), none_of("'backup-03', 'backup-04'")),
    (
        "many unknown",
        tuple(f"host: b{number}" for number in range(5)),
        none_of("'b0', 'b1', 'b2' and 2 more"),
    ),
    ("a star", ("host: *",), none_of("'*'")),
    ("a filter", ("host: backup-01)(uid=*",), none_of("'backup-01)(uid=*'")),
    ("escapes", ("host: \\2a",), none_of(r"'\\2a'")),
    ("a name with signs", ("host: ba(ck)*up\\3",), None),
    ("what the signs would stand for", ("host: back-and-up3",), none_of("'back-and-up3'")),
    ("an umlaut", ("host:: YsO8cm8=",), None),
    ("controls", ("host:: YQobWzMxbWI=",), none_of(r"'a\n\x1b[31mb'")),
    ("a long one", (f"host: {LONG}",), none_of(f"'{LONG[:80]}'")),
    ("not provisioned yet", ("sstProvisioningMode: add", "sstProvisioningState: 0"), NO_HOST),
    ("deleted", ("sstProvisioningMode: deleted",), None),
    ("cancelled", ("sstCancellationDate: 20261125T025959Z",), None),
    ("cancelled later", ("sstCancellationDate: 20261125T030001Z",), NO_HOST),
    ("no files", ("objectClass: sstS3Bucket",), None),
]
UIDS = [f"4000{number}" for number in range(100, 100 + len(CASES))]
INACTIVE = account("4000998", active="FALSE")
# another kind of entry, beside the accounts
OTHER = f"dn: uid=4000999,{slapd.ACCOUNTS}\nobjectClass: account\nuid: 4000999\n\n"
TREE = slapd.TREE + "".join(
    account(uid, *lines) for uid, (_, lines, _) in zip(UIDS, CASES, strict=True)
)
TREE += INACTIVE + OTHER


def found(settings: DirectorySettings) -> list[Finding]:
    with open_directory(settings, lambda phase: None) as directory:
        return list(find_unassigned(directory, settings, AT))


def finding(uid: str, problem: str) -> Finding:
    return Finding("unassigned", f"uid={uid},{slapd.ACCOUNTS}", f"on no backup server: {problem}")


def collected(settings: DirectorySettings, folder: Path) -> CollectorRun:
    (folder / "store").mkdir()
    file = folder / "settings.toml"
    file.write_text('[directory]\nuri = "ldap://localhost"\n[store]\nfolder = "store"\n')
    whole = read_settings(file)._replace(directory=settings)
    return collect(whole, AT, lambda phase: None, lambda each, _: each, given_time=False)


@pytest.mark.parametrize(
    ("uid", "problem"),
    [
        pytest.param(uid, problem, id=name)
        for uid, (name, _, problem) in zip(UIDS, CASES, strict=True)
    ],
)
def test_one_account(place: Place, uid: str, problem: str | None) -> None:
    every = found(place(TREE)._replace(host="backup-01", servers=SERVERS))

    said = [each for each in every if each.where.startswith(f"uid={uid},")]
    assert said == ([finding(uid, problem)] if problem else [])


def test_nothing_else_is_found(place: Place) -> None:
    expected = [
        finding(uid, problem) for uid, (_, _, problem) in zip(UIDS, CASES, strict=True) if problem
    ]

    # host says who collects, servers alone what is found
    for host in ("backup-01", None):
        assert found(place(TREE)._replace(host=host, servers=SERVERS)) == expected


def test_with_host_alone_only_those_without_one_are_found(place: Place) -> None:
    expected = [
        finding(uid, NO_HOST)
        for uid, (_, _, problem) in zip(UIDS, CASES, strict=True)
        if problem == NO_HOST
    ]

    assert len(expected) == 3
    assert found(place(TREE)._replace(host="backup-01")) == expected


def test_without_host_and_servers_nothing_is_asked(place: Place) -> None:
    assert found(place(TREE)._replace(accounts_base=f"ou=nowhere,{slapd.SUFFIX}")) == []


def test_the_filter_and_the_names_are_the_settings(place: Place) -> None:
    settings = place(TREE)._replace(
        host="backup-01", accounts_filter=f"(|(uid={UIDS[3]})(uid={UIDS[0]}))"
    )
    named = settings._replace(attributes=settings.attributes._replace(host="description"))

    assert found(settings) == [finding(UIDS[3], NO_HOST)]
    assert found(named) == [finding(uid, "no description") for uid in (UIDS[0], UIDS[3])]


def test_the_rest_is_counted(place: Place) -> None:
    uids = [f"{number:07}" for number in range(1003)]
    settings = place(slapd.TREE + "".join(map(account, uids)))._replace(host="backup-01")

    every = found(settings)

    assert every[:1000] == [finding(uid, NO_HOST) for uid in uids[:1000]]
    assert every[1000:] == [
        Finding("unassigned", settings.accounts_base, "and 3 more on no backup server")
    ]
    of_1000 = settings._replace(accounts_filter="(!(|(uid=0000000)(uid=0000001)(uid=0000002)))")
    assert found(of_1000) == [finding(uid, NO_HOST) for uid in uids[3:]]


def test_a_pass_has_its_accounts_and_the_findings(place: Place, tmp_path: Path) -> None:
    tree = slapd.TREE + account("4000101", "host: backup-01") + account("4000102", "host: b-2")
    tree += account("4000103", "host: b-3") + account("4000104")
    settings = place(tree)._replace(host="backup-01", servers=("backup-01", "b-2"))

    made = collected(settings, tmp_path)

    assert made.accounts == 1
    assert [each for each in made.findings if each.kind == "unassigned"] == [
        finding("4000103", none_of("'b-3'")),
        finding("4000104", NO_HOST),
    ]


@pytest.mark.server
def test_a_search_that_fails_does_not_end_the_run(on_server: Place, tmp_path: Path) -> None:
    tree = slapd.TREE + account("5000101", "host: backup-01") + "".join(map(account, UIDS))
    settings = on_server(tree)._replace(
        bind="simple", bind_dn=slapd.HURRIED, password=slapd.PASSWORD, host="backup-01"
    )

    made = collected(settings, tmp_path)

    assert made.accounts == 1
    [said] = [each for each in made.failed if not each.startswith("storage")]
    assert said.startswith("accounts on no backup server: ")
    assert "administrative limit" in said
    [noted] = [each for each in made.findings if each.kind == "unassigned"]
    assert noted.where == settings.accounts_base
    assert noted.problem.startswith("cannot search for accounts on no backup server: ")
    state = open_store(tmp_path / "store")
    meta = state.meta()
    assert (meta.directory_read, meta.directory_error) == (AT, None)
    assert count_findings(list(state.findings()))["unassigned"] == 1
    state.close()
