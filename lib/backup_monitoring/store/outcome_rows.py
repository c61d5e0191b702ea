"""The table of outcomes in the state file: what became of each account's last backups."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from backup_monitoring.model import Contact, LastOutcome, name_customer
from backup_monitoring.store.schema import write_text

# Of each account and task the newest success and the newest failure, see `Verdict.outcomes`.
OUTCOME_TABLE = """
CREATE TABLE outcomes (
    account INTEGER, task TEXT, failed INTEGER, at REAL,
    PRIMARY KEY (account, task, failed)
) WITHOUT ROWID;
"""
# An entry is the list of its type's fields.
_CUSTOMERS = f"json_extract(people.entry, '$[{Contact._fields.index('customers')}]')"
_OF_HOST = (
    "LEFT JOIN people ON kind = 'Contact' AND people.key = accounts.key WHERE in_scope "
    "AND substr(coalesce(hosts, '') || char(10), 1, length(?1) + 1) = ?1 || char(10)"
)


def make_outcome_rows(
    account: int, task: str, outcomes: Iterable[LastOutcome]
) -> Iterator[tuple[object, ...]]:
    """Yield the rows of the account with the id *account*."""
    for outcome in outcomes:
        yield account, task, outcome.failed, outcome.at.timestamp()


def read_outcomes(
    db: sqlite3.Connection, host: str, task: str, since: datetime
) -> Iterator[LastOutcome]:
    """Yield the outcomes of the accounts of *host* that are not older, with their customers.

    Raises what is in UNREADABLE.
    """
    rows = db.execute(
        f"SELECT {_CUSTOMERS}, accounts.key, failed, at FROM outcomes "  # noqa: S608 - ours
        f"JOIN accounts ON id = account {_OF_HOST} AND task = ?2 AND at >= ?3",
        (write_text(host), task, since.timestamp()),
    )
    for customers, key, failed, at in rows:
        customer = _name_customer(customers, key)
        yield LastOutcome(bool(failed), datetime.fromtimestamp(at, UTC), customer)


def count_customers(db: sqlite3.Connection, host: str) -> int:
    """Return how many customers have accounts on *host*; raises what is in UNREADABLE."""
    rows = db.execute(
        f"SELECT {_CUSTOMERS}, accounts.key FROM accounts {_OF_HOST}",  # noqa: S608 - ours
        (write_text(host),),
    )
    return len({_name_customer(customers, key) for customers, key in rows})


def _name_customer(customers: str | None, key: str) -> str:
    """Return whose account *key* is, by the JSON list of its customers."""
    return name_customer(json.loads(customers) if customers else (), key)
