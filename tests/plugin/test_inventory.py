"""The inventory: programs, computers and accounts, as a table and as JSON."""

from typing import Any

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.uploads import Client, Computer, History, Uploads
from backup_monitoring.plugin.inventory import Inventory
from backup_monitoring.tasks.client_counts import ClientCounts
from cases import PERL, at, end, start, uploads

STARTED = "2026-11-23T20:00+01:00"
OLD = Client("Old|Client", "1.9", "")
RETIRED = History(retired=at("2026-11-20T00:00+00:00"))
GONE = History(at("2026-11-01T00:00+00:00"), gone=at("2026-11-20T00:00+00:00"))


def counted(*homes: tuple[Account, Uploads]) -> Inventory:
    counts = ClientCounts(at("2026-11-24T12:00+01:00"))
    for account, found in homes:
        counts.add(account, found)
    return Inventory(counts)


def programs(inventory: Inventory) -> Any:
    return inventory.list_parts()["inventory"]


def machine(name: str, client: Client | None = PERL) -> Computer:
    return Computer(name, start(STARTED, client))


def test_computers_and_accounts_are_counted_by_program() -> None:
    inventory = counted(
        (Account("1", ""), uploads(machine("a"), machine("b"), machine("c", OLD))),
        (Account("2", ""), uploads(machine("a"), machine("b", None))),
    )

    assert inventory.to_table().splitlines() == [
        "identifier                 version  operating system  computers  accounts",
        "-                          -        -                         1         1",
        "Old¦Client                 1.9      -                         1         1",
        "Online Backup Perl Script  2.0.11   linux                     3         2",
    ]
    assert programs(inventory)[1:] == [
        {
            "identifier": "Old¦Client",
            "version": "1.9",
            "operating_system": "",
            "computers": 1,
            "accounts": 1,
        },
        {
            "identifier": "Online Backup Perl Script",
            "version": "2.0.11",
            "operating_system": "linux",
            "computers": 3,
            "accounts": 2,
        },
    ]


def test_only_computers_in_use_are_counted() -> None:
    inventory = counted(
        (
            Account("1", ""),
            uploads(
                machine("gone")._replace(history=GONE),
                machine("retired")._replace(history=RETIRED),
                machine("here"),
                *(
                    machine(name)._replace(history=History(at("2026-11-01T00:00+00:00")))
                    for name in ("known", "known too", "known as well")
                ),
                Computer("without a report"),
            ),
        )
    )

    (program,) = programs(inventory)
    assert (program["identifier"], program["computers"]) == ("Online Backup Perl Script", 4)


def test_the_newest_report_names_the_program() -> None:
    updated = Computer("a", start("2026-11-22T20:00+01:00", OLD), end(STARTED, client=PERL))

    (program,) = programs(counted((Account("1", ""), uploads(updated))))

    assert program["version"] == "2.0.11"


def test_homes_that_could_not_be_read_completely_are_counted() -> None:
    account = Account("1", "")
    new = Account("2", "", provisioned=False)
    lost, refused = Uploads(missing="/home/1"), Uploads(refused="/home/1: no")
    part = Uploads((machine("a"),), cut_short="more than 256 computers")

    def last(*homes: tuple[Account, Uploads]) -> str:
        return counted(*homes).to_table().splitlines()[-1]

    assert last((account, lost), (account, refused), (account, part)) == (
        "(incomplete: 3 accounts could not be read completely; see -v)"
    )
    assert last((account, part)) == ("(incomplete: 1 account could not be read completely; see -v)")
    assert last((new, lost), (account, uploads())).startswith("identifier")
