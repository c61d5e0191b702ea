"""Opens the outbox's file, and makes it where there is none.

A rollback journal that is truncated, not a write-ahead log: its two files would belong to whoever
came first, and another user of the group could not open them. ``synchronous = FULL``: what was
queued is still there after a power cut.
"""

import os
import sqlite3
import stat
from pathlib import Path
from urllib.parse import quote

from backup_monitoring.model import MonitoringError

LAYOUT = 2
BUSY = 5.0  # seconds that a process waits for another one's transaction
_TABLES = """
CREATE TABLE mails (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, address TEXT NOT NULL,
    recipient TEXT NOT NULL, role TEXT NOT NULL, reseller TEXT NOT NULL,
    account TEXT NOT NULL COLLATE NOCASE, task TEXT NOT NULL, kind TEXT NOT NULL,
    state TEXT NOT NULL, host TEXT NOT NULL, at REAL, sender TEXT NOT NULL, thread TEXT NOT NULL,
    raw BLOB NOT NULL, draft TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL, not_before REAL NOT NULL,
    ready REAL, attempts INTEGER NOT NULL DEFAULT 0, first_try REAL, next_try REAL NOT NULL,
    error TEXT NOT NULL DEFAULT '', noticed INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL, done REAL, UNIQUE (key, address)
);
CREATE INDEX mails_due ON mails (status, next_try);
CREATE INDEX mails_about ON mails (account, task, status);
CREATE TABLE digests (
    id INTEGER PRIMARY KEY, role TEXT NOT NULL, reseller TEXT NOT NULL,
    recipient TEXT NOT NULL, person TEXT NOT NULL, account TEXT NOT NULL COLLATE NOCASE,
    task TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, event TEXT NOT NULL,
    status TEXT NOT NULL, at REAL NOT NULL, mail INTEGER
);
CREATE INDEX digests_about ON digests (account, task, status);
CREATE INDEX digests_mail ON digests (mail);
CREATE TABLE events (
    account TEXT NOT NULL COLLATE NOCASE, task TEXT NOT NULL, kind TEXT NOT NULL,
    state TEXT NOT NULL, minute INTEGER NOT NULL, created REAL NOT NULL,
    PRIMARY KEY (account, task, kind, state, minute)
) WITHOUT ROWID;
CREATE TABLE told (
    recipient TEXT NOT NULL, role TEXT NOT NULL, account TEXT NOT NULL COLLATE NOCASE,
    task TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, first_id TEXT NOT NULL,
    last_id TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (recipient, role, account, task)
) WITHOUT ROWID;
CREATE TABLE failing (
    account TEXT NOT NULL COLLATE NOCASE, task TEXT NOT NULL, host TEXT NOT NULL,
    at REAL NOT NULL, phase TEXT NOT NULL, PRIMARY KEY (account, task)
) WITHOUT ROWID;
CREATE TABLE storms (
    host TEXT NOT NULL, task TEXT NOT NULL, since REAL NOT NULL, accounts TEXT NOT NULL,
    total INTEGER, told INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (host, task)
) WITHOUT ROWID;
CREATE TABLE problems (
    account TEXT NOT NULL COLLATE NOCASE, task TEXT NOT NULL, state TEXT NOT NULL,
    since REAL NOT NULL, computers TEXT NOT NULL, find_last_sent REAL, status TEXT NOT NULL,
    PRIMARY KEY (account, task)
) WITHOUT ROWID;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
# What makes an older layout the next one, by its number. In which role somebody was told, the first
# did not say; the rule decides who is found in which, so both do no harm.
_TAKEN_OVER = {
    1: """
ALTER TABLE mails ADD COLUMN draft TEXT NOT NULL DEFAULT '';
ALTER TABLE told RENAME TO told_before;
CREATE TABLE told (
    recipient TEXT NOT NULL, role TEXT NOT NULL, account TEXT NOT NULL COLLATE NOCASE,
    task TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, first_id TEXT NOT NULL,
    last_id TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (recipient, role, account, task)
) WITHOUT ROWID;
INSERT INTO told SELECT recipient, 'CUSTOMER', account, task, kind, state, first_id, last_id, at
    FROM told_before WHERE state != 'UNKNOWN' AND first_id != '';
INSERT INTO told SELECT recipient, 'RESELLER', account, task, kind, state, first_id, last_id, at
    FROM told_before WHERE state != 'UNKNOWN';
DROP TABLE told_before;
"""
}


class OutboxError(MonitoringError):
    """The outbox cannot be used: what was to be queued is not."""


def make_error(file: Path, error: Exception) -> OutboxError:
    """Return *error* as our own, with what can be done about it."""
    text = str(error)
    if "locked" in text:
        return OutboxError(str(file), f"busy for {BUSY:g} s", "see who holds it (fuser)")
    if "full" in text or "disk I/O" in text:
        return OutboxError(str(file), f"cannot be written ({text})", "make room on its disk")
    return OutboxError(
        str(file),
        f"cannot be used ({text})",
        "see that this user's group may write the file and its folder",
    )


def open_outbox(file: Path) -> sqlite3.Connection:
    """Return the outbox, made where there is none; in autocommit mode.

    The file is 0660 and of its folder's group, where this user may give it that.

    Raises:
        OutboxError: it cannot be opened or made, or is of a layout that is not known here: then
            nothing is changed in it, and its mails wait.
    """
    try:
        make_file(file)
        db = _connected(file, "rw")
        db.execute("PRAGMA journal_mode = TRUNCATE")
        db.execute("PRAGMA synchronous = FULL")
        _take_over(db, file)
    except (OSError, sqlite3.Error) as error:
        raise make_error(file, error) from None
    return db


def read_outbox(file: Path) -> sqlite3.Connection:
    """Return the outbox for reading alone; OutboxError where there is none that is known here."""
    try:
        db = _connected(file, "ro")
        layout = db.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        raise make_error(file, error) from None
    if layout not in (LAYOUT, *_TAKEN_OVER):
        raise _unknown(file, layout)
    return db


def _connected(file: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(os.fsencode(file.absolute()))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None)


def make_file(file: Path) -> None:
    """Make *file*, empty, where it is not there: 0660, and of its folder's group."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        stream = os.open(file, flags, 0o660)
    except FileExistsError:
        return
    try:
        os.fchmod(stream, 0o660)  # whatever the umask
        folder = file.parent.stat()
        if folder.st_mode & stat.S_IWGRP and folder.st_gid != os.fstat(stream).st_gid:
            _give(stream, folder.st_gid)
    finally:
        os.close(stream)


def _give(stream: int, group: int) -> None:
    try:
        os.fchown(stream, -1, group)
    except PermissionError:  # not a member: then the file is this user's own, as in /tmp
        return


def _take_over(db: sqlite3.Connection, file: Path) -> None:
    layout = db.execute("PRAGMA user_version").fetchone()[0]
    if layout == LAYOUT:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        layout = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if layout == 0 and not tables:
            for statement in _TABLES.strip().split(";\n"):
                db.execute(statement)
        else:  # unless another process did it just now
            while layout != LAYOUT:
                if layout not in _TAKEN_OVER:
                    raise _unknown(file, layout)
                for statement in _TAKEN_OVER[layout].strip().split(";\n"):
                    db.execute(statement)
                layout += 1
        db.execute(f"PRAGMA user_version = {LAYOUT}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _unknown(file: Path, layout: int) -> OutboxError:
    problem = f"of layout {layout}, not {LAYOUT}"
    if layout == 0:
        return OutboxError(str(file), "is no outbox", "name another file as [notify] outbox")
    remedy = "deliver what waits with the version that made it, then move the file away"
    return OutboxError(str(file), problem, remedy)
