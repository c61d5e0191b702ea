"""The statements of held accounts: which rows of theirs go, and which stay from the run before."""

from backup_monitoring.store.schema import ACCOUNT_COLUMNS

_COLUMNS = ", ".join(ACCOUNT_COLUMNS)
_OF_HELD = "key IN (SELECT key FROM held)"
DELETE_HELD = (
    *(
        f"DELETE FROM {table} WHERE account IN (SELECT id FROM accounts WHERE {_OF_HELD})"  # noqa: S608
        for table in ("homes", "computers", "verdicts", "outcomes")
    ),
    # Those that the directory shows, but not as accounts to monitor.
    f"DELETE FROM accounts WHERE NOT in_scope AND {_OF_HELD}",  # noqa: S608
    # If the accounts are those of the last run, some are no longer held: they were accepted.
    f"DELETE FROM accounts WHERE lost_reason = 'ENTRY' AND NOT {_OF_HELD}",  # noqa: S608
    "UPDATE accounts SET lost_since = NULL, lost_reason = NULL WHERE lost_reason IS NOT NULL",
)
COPY_HELD = (
    f"INSERT INTO main.accounts SELECT NULL, {_COLUMNS} FROM old.accounts WHERE in_scope "  # noqa: S608
    f"AND {_OF_HELD} AND key NOT IN (SELECT key FROM main.accounts) ORDER BY id",
    "INSERT OR IGNORE INTO main.people SELECT * FROM old.people "  # noqa: S608
    f"WHERE kind = 'Contact' AND {_OF_HELD}",
)
MARK_HELD = (
    "UPDATE accounts SET in_scope = 1, (lost_since, lost_reason) = "  # noqa: S608
    f"(SELECT since, reason FROM held WHERE held.key = accounts.key) WHERE {_OF_HELD}"
)
