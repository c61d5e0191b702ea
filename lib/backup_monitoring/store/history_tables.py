"""The layout of the collector's own file."""

import os
import sqlite3
from pathlib import Path

from backup_monitoring.settings import DATABASE_SUFFIXES, refuse_irregular
from backup_monitoring.store.loss_table import LOSS_TABLES
from backup_monitoring.store.size_table import SIZE_TABLE

LAYOUT = 4
# Most rows have more than 1 KiB. A table WITHOUT ROWID would give each of these another page.
_COMPUTERS = """
CREATE TABLE computers (key TEXT, name BLOB, tracked TEXT, gone REAL, PRIMARY KEY (key, name));
CREATE INDEX computers_gone ON computers (gone) WHERE gone IS NOT NULL;
"""
_TABLES = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
{SIZE_TABLE} {_COMPUTERS} {LOSS_TABLES}
"""
_LAYOUT_BEFORE = 3
_FROM_LAYOUT_BEFORE = f"""
ALTER TABLE accounts RENAME TO accounts_before;
ALTER TABLE computers RENAME TO computers_before;
{SIZE_TABLE} {_COMPUTERS}
INSERT INTO accounts (key, sizes, seen)
SELECT key, replace(replace(replace(sizes, '],[', ','), '[[', '['), ']]', ']'), seen
FROM accounts_before;
INSERT INTO computers SELECT key, name, tracked, gone FROM computers_before;
DROP TABLE accounts_before;
DROP TABLE computers_before;
"""  # noqa: S608 - ours
_INCREMENTAL = 2  # of PRAGMA auto_vacuum
_FEW_PAGES = 256  # 1 MiB
_MOST_FREED_PAGES = 16_384  # 64 MiB: moving more would make one run much longer than others


def open_tables(file: Path) -> tuple[sqlite3.Connection, int]:
    """Return the open *file* and its layout; one that is new, or of the layout before, gets ours.

    Raises:
        OSError, sqlite3.Error: it cannot be opened or written.
    """
    refuse_irregular(file, DATABASE_SUFFIXES)
    # Other users need no access; SQLite creates its side files with the same mode.
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(file, isolation_level=None, timeout=5)
    try:
        layout = _read_pragma(db, "user_version")
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if layout == 0 and tables == 0:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            db.execute("PRAGMA journal_mode = WAL")
            layout = _change_layout(db, _TABLES)
        elif layout == _LAYOUT_BEFORE:
            layout = _change_layout(db, _FROM_LAYOUT_BEFORE)
        if layout == LAYOUT and _read_pragma(db, "auto_vacuum") != _INCREMENTAL:
            db.executescript("PRAGMA auto_vacuum = INCREMENTAL; VACUUM;")
    except sqlite3.Error:
        db.close()
        raise
    return db, layout


def _change_layout(db: sqlite3.Connection, statements: str) -> int:
    db.executescript(f"BEGIN; {statements} PRAGMA user_version = {LAYOUT}; COMMIT;")
    return LAYOUT


def _read_pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def shrink_file(db: sqlite3.Connection) -> None:
    """Let the file end earlier if much of it is not in use; the transaction's commit does it."""
    unused = _read_pragma(db, "freelist_count")
    if unused > max(_FEW_PAGES, _read_pragma(db, "page_count") // 4):
        for _ in range(min(unused, _MOST_FREED_PAGES)):
            # Python's sqlite3 lets the pragma do one step only, whatever its argument is.
            db.execute("PRAGMA incremental_vacuum(1)")
