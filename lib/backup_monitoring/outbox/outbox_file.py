"""Opens the outbox's SQLite file, and creates it if it does not exist.

It has a truncated rollback journal, not a write-ahead log: the log's two files would belong to the
first user who opens them, and another user of the group could not. ``synchronous = FULL``: what
was queued survives a power cut.
"""

import os
import sqlite3
from enum import Enum, auto
from pathlib import Path
from urllib.parse import quote

from backup_monitoring.outbox.in_use import NOTE, record_use, refuse_lost, refuse_unused
from backup_monitoring.outbox.outbox_errors import BUSY, OutboxError, make_error
from backup_monitoring.outbox.shared_file import create_file
from backup_monitoring.settings import open_regular

LAYOUT = 6  # of the tables: PRAGMA user_version
_TABLES = """
CREATE TABLE mails (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, address TEXT NOT NULL,
    recipient TEXT NOT NULL, role TEXT NOT NULL, reseller TEXT NOT NULL,
    account TEXT NOT NULL COLLATE NOCASE, task TEXT NOT NULL, kind TEXT NOT NULL,
    state TEXT NOT NULL, host TEXT NOT NULL, thread TEXT NOT NULL, person TEXT NOT NULL DEFAULT '',
    raw BLOB NOT NULL, draft TEXT NOT NULL DEFAULT '', status TEXT NOT NULL, ready REAL,
    attempts INTEGER NOT NULL DEFAULT 0, first_try REAL, next_try REAL NOT NULL,
    customer TEXT NOT NULL DEFAULT '', error TEXT NOT NULL DEFAULT '',
    noticed INTEGER NOT NULL DEFAULT 0,
    unanswered INTEGER NOT NULL DEFAULT 0, entry TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL, done REAL, UNIQUE (key, address)
);
CREATE INDEX mails_due ON mails (status, next_try);
CREATE INDEX mails_done ON mails (done);
CREATE INDEX mails_about ON mails (account, task, status);
CREATE TABLE digests (
    id INTEGER PRIMARY KEY, role TEXT NOT NULL, reseller TEXT NOT NULL,
    recipient TEXT NOT NULL, person TEXT NOT NULL, account TEXT NOT NULL COLLATE NOCASE,
    task TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, event TEXT NOT NULL,
    status TEXT NOT NULL, at REAL NOT NULL, mail INTEGER, note TEXT NOT NULL DEFAULT '',
    draft TEXT NOT NULL DEFAULT '', purpose TEXT NOT NULL DEFAULT ''
);
CREATE INDEX digests_about ON digests (account, task, status);
CREATE INDEX digests_mail ON digests (mail);
CREATE TABLE events (
    account TEXT NOT NULL COLLATE NOCASE, task TEXT NOT NULL, kind TEXT NOT NULL,
    state TEXT NOT NULL, minute INTEGER NOT NULL, comment TEXT NOT NULL,
    created REAL NOT NULL, PRIMARY KEY (account, task)
) WITHOUT ROWID;
CREATE TABLE sent (
    recipient TEXT NOT NULL, role TEXT NOT NULL, account TEXT NOT NULL COLLATE NOCASE,
    task TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, first_id TEXT NOT NULL,
    last_id TEXT NOT NULL, at REAL NOT NULL, person TEXT NOT NULL,
    refused INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (account, task, recipient, role)
) WITHOUT ROWID;
CREATE TABLE failing (
    account TEXT NOT NULL COLLATE NOCASE, task TEXT NOT NULL, host TEXT NOT NULL,
    customer TEXT NOT NULL, at REAL NOT NULL, phase TEXT NOT NULL, PRIMARY KEY (account, task)
) WITHOUT ROWID;
CREATE TABLE storms (
    host TEXT NOT NULL, task TEXT NOT NULL, since REAL NOT NULL, began REAL NOT NULL,
    customers INTEGER NOT NULL, total INTEGER, by_outcomes INTEGER NOT NULL,
    sent INTEGER NOT NULL, held TEXT NOT NULL, announced INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (host, task)
) WITHOUT ROWID;
CREATE TABLE problems (
    account TEXT NOT NULL COLLATE NOCASE, task TEXT NOT NULL, state TEXT NOT NULL,
    since REAL NOT NULL, computers TEXT NOT NULL, last_sent REAL, status TEXT NOT NULL,
    PRIMARY KEY (account, task)
) WITHOUT ROWID;
CREATE TABLE undeliverable (
    recipient TEXT NOT NULL, entry TEXT NOT NULL, since REAL NOT NULL, account TEXT NOT NULL,
    reason TEXT NOT NULL, PRIMARY KEY (recipient, entry)
) WITHOUT ROWID;
CREATE TABLE calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, since REAL NOT NULL
);
CREATE TABLE day_problems (
    recipient TEXT NOT NULL, account TEXT NOT NULL COLLATE NOCASE, task TEXT NOT NULL,
    at REAL NOT NULL, PRIMARY KEY (recipient, account, task)
) WITHOUT ROWID;
CREATE TABLE summaries (
    recipient TEXT NOT NULL, role TEXT NOT NULL, reseller TEXT NOT NULL, what TEXT NOT NULL,
    week TEXT NOT NULL, PRIMARY KEY (recipient, role, reseller, what)
) WITHOUT ROWID;
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, action TEXT NOT NULL,
    account TEXT NOT NULL COLLATE NOCASE, task TEXT NOT NULL, kind TEXT NOT NULL,
    state TEXT NOT NULL, address TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE INDEX decisions_about ON decisions (account);
CREATE TABLE spooled (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


def open_outbox(file: Path) -> sqlite3.Connection:
    """Return a connection to the outbox *file* in autocommit mode; its first use creates it.

    A new file is 0660 and belongs to its folder's group if this user may set that.

    Raises:
        OutboxError: it is lost, cannot be opened or created, or has another layout: then it is not
            changed, and its mails wait.
    """
    refuse_lost(file)
    try:
        create_file(file)
        db = connect_outbox(file, "rw")
        db.execute("PRAGMA journal_mode = TRUNCATE")
        db.execute("PRAGMA synchronous = FULL")
        _create_tables(db, file)
        record_use(file)
    except (OSError, sqlite3.Error) as error:
        raise make_error(file, error) from None
    return db


def open_read_only(file: Path) -> sqlite3.Connection:
    """Return a read-only connection to the outbox *file*.

    Raises:
        OutboxError: it is missing or empty, or has another layout.
        sqlite3.Error: it cannot be read.
    """
    refuse_unused(file)
    db = connect_outbox(file, "ro")
    try:
        _check_layout(db, file)
    except BaseException:
        db.close()
        raise
    return db


class OutboxAccess(Enum):
    """What came of trying an outbox."""

    WRITABLE = auto()
    UNUSED = auto()  # no use has created it yet
    UNDECIDED = auto()  # a transaction is in progress, or was interrupted


def try_outbox(file: Path) -> OutboxAccess:
    """Begin a transaction in the outbox *file* and roll it back; nothing is created or changed.

    Raises:
        OutboxError: it is lost, cannot be opened for writing, or has another layout.
    """
    refuse_lost(file)
    journal = file.with_name(f"{file.name}-journal")
    beside = (file.with_name(NOTE), name_lock(file))
    try:
        # SQLite itself begins a transaction in a file that it cannot write, too.
        for flag, files in ((os.O_RDONLY, beside), (os.O_RDWR, (file, journal))):
            for each in files:
                if each.exists():
                    os.close(open_regular(each, flag))
        if not file.exists() or not file.stat().st_size:
            return OutboxAccess.UNUSED
        if journal.exists() and journal.stat().st_size:
            return OutboxAccess.UNDECIDED  # SQLite would undo an interrupted one
        db = connect_outbox(file, "rw")
        try:
            _check_layout(db, file)
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
        finally:
            db.close()
    except (OSError, sqlite3.Error) as error:
        raise make_error(file, error) from None
    return OutboxAccess.WRITABLE


def name_lock(file: Path) -> Path:
    """Return the file that is locked during a delivery from the outbox *file*."""
    return file.with_name(f"{file.name}.lock")


def connect_outbox(file: Path, mode: str) -> sqlite3.Connection:
    """Return a connection to *file* in autocommit mode; *mode*: ``ro`` or ``rw``."""
    uri = f"file:{quote(os.fsencode(file.absolute()))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None)


def _create_tables(db: sqlite3.Connection, file: Path) -> None:
    """Create the tables in an empty file; OutboxError if it has others."""
    if db.execute("PRAGMA user_version").fetchone()[0] == LAYOUT:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        layout = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if layout or tables:
            _check_layout(db, file)  # another process may have just created them
        else:
            for statement in _TABLES.strip().split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {LAYOUT}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _check_layout(db: sqlite3.Connection, file: Path) -> None:
    layout = db.execute("PRAGMA user_version").fetchone()[0]
    if layout == 0:
        remedy = "name another file as [notify] outbox"
        raise OutboxError(str(file), "is not an outbox", remedy)
    if layout > LAYOUT:
        problem = f"has layout {layout}, written by a newer version"
        remedy = "install that version again, or restore the outbox of this one"
        raise OutboxError(str(file), problem, remedy)
    if layout < LAYOUT:
        problem = f"has layout {layout}, written by an older version"
        remedy = f"deliver its mails with that version, then delete it and {NOTE} beside it"
        raise OutboxError(str(file), problem, remedy)
