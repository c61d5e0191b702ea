"""Reads one verdict from the state file, loading nothing but SQLite and JSON for it."""

import json
import os
import sqlite3
import stat
import time
from urllib.parse import quote

from backup_monitoring.store.layout import LAYOUT, STATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Found = tuple[str, str, int, str, str | None, list[Any]]

_STATES = (("OK", 0), ("UNKNOWN", 3), ("WARNING", 1), ("CRITICAL", 2))  # by badness
_SLACK = 600  # seconds, as CLOCK_SLACK
_QUERY = """
SELECT uid, badness, verdict FROM accounts JOIN verdicts ON account = id
WHERE key = ? AND task = ? LIMIT 2
"""
_DAMAGE = (AttributeError, LookupError, RecursionError, TypeError, ValueError)


def read_quickly(folder: str, digest: str, uid: str, task: str) -> "Found | None":
    """Return the verdict of *task* on the account *uid*, if that is all there is to say.

    Args:
        folder: perhaps a store's. digest: of the settings file that seems to name it.

    Returns:
        The account's uid, the state's name and exit code, summary, computer and metrics. None:
        the store is not of these settings, it is too old or damaged, or there is not exactly one
        such account. Raises nothing.
    """
    file = os.path.join(folder, STATE)  # noqa: PTH118 - pathlib is not loaded yet
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):  # noqa: PTH116 - as above
            return None  # to open a pipe waits for its other end
        db = sqlite3.connect(f"file:{quote(os.fsencode(file))}?mode=ro&immutable=1", uri=True)
        try:
            return _read(db, digest, uid, task)
        finally:
            db.close()
    except (sqlite3.Error, OSError, *_DAMAGE):
        return None  # the check itself says what is wrong


def _read(db: sqlite3.Connection, digest: str, uid: str, task: str) -> "Found | None":
    if db.execute("PRAGMA user_version").fetchone()[0] != LAYOUT:
        return None
    meta = dict(db.execute("SELECT key, value FROM meta"))
    if meta["digest"] != digest:
        return None
    now = time.time()
    for part in ("directory", "storage"):
        age = now - meta[f"{part}_read"]
        if not -_SLACK <= age <= meta[f"{part}_max_age"]:
            return None
    key = uid.encode("utf-8", "backslashreplace").decode().lower()
    rows = db.execute(_QUERY, (key, task)).fetchall()
    if len(rows) != 1:
        return None
    name, badness, text = rows[0]
    summary, computer, metrics, *_ = json.loads(text)
    if badness not in range(4) or {*map(type, (name, summary, computer or ""))} != {str}:
        return None
    if name.lower() != key:
        return None
    return (name, *_STATES[badness], summary, computer, metrics)
