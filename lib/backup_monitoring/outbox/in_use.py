"""Distinguishes an outbox that was never used from one that is lost, by a note beside it.

The first use of an outbox creates it, silently. Without the note, the next use of one that was
deleted, cut off or misspelt would do the same: nobody would miss the mails that waited in it.
"""

import os
from pathlib import Path

from backup_monitoring.outbox.outbox_errors import OutboxError, make_error
from backup_monitoring.outbox.shared_file import create_file
from backup_monitoring.settings import DATABASE_SUFFIXES, open_regular, refuse_irregular

NOTE = "outbox-in-use"  # beside the outbox, with its name in it: a folder has one outbox


def refuse_lost(file: Path) -> None:
    """Raise OutboxError if *file* is missing or empty, though its folder had an outbox."""
    try:
        if not file.parent.exists():
            remedy = "create it, for example by the unit, or correct [notify] outbox"
            raise OutboxError(str(file.parent), "the folder does not exist", remedy)
        missing = _find_missing(file)
        known = _read_note(file) if missing else None
    except OSError as error:
        raise make_error(file, error) from None
    if known is None:
        return
    begin = f"to begin a new outbox, delete {file.with_name(NOTE)}"
    if known != file.name:
        problem = f"{missing}, and the outbox in this folder was {known}"
        raise OutboxError(str(file), problem, f"correct [notify] outbox; {begin}")
    problem = f"{missing}, though it was in use: its mails are lost"
    raise OutboxError(str(file), problem, f"restore it from a backup; {begin}")


def refuse_unused(file: Path) -> None:
    """Raise OutboxError if *file* is missing or empty, whether its folder had an outbox or not."""
    refuse_lost(file)
    missing = _find_missing(file)
    if missing:
        problem = f"{missing}: notify_backup has never used it"
        remedy = "enable its timer (notify_backup --deliver), or correct [notify] outbox"
        raise OutboxError(str(file), problem, remedy)


def record_use(file: Path) -> None:
    """Write the note, unless it is there; OSError if it cannot be written."""
    if _read_note(file) == file.name:
        return
    note = file.with_name(NOTE)
    create_file(note)
    # Members of the folder's group could put a link there, to have another file overwritten.
    with os.fdopen(open_regular(note, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW), "wb") as stream:
        stream.write(os.fsencode(file.name))


def _find_missing(file: Path) -> str | None:
    """Return what is wrong with *file* in words, None if it has contents."""
    refuse_irregular(file, DATABASE_SUFFIXES)
    try:
        return None if file.stat().st_size else "is empty"
    except FileNotFoundError:
        return "does not exist"


def _read_note(file: Path) -> str | None:
    """Return the name of the outbox in the folder of *file*, None if there was none."""
    try:
        stream = os.fdopen(open_regular(file.with_name(NOTE)), "rb")
    except FileNotFoundError:
        return None
    with stream:
        name = os.fsdecode(stream.read())
    return name or file.name  # empty: a process was killed while it wrote it
