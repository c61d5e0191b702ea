"""Tries the folders and files that the settings name, as the programs use them; leaves none."""

import errno
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from backup_monitoring.model import Files, MonitoringError, format_time
from backup_monitoring.selftest.part_lines import Outcome, PartLine
from backup_monitoring.settings import NotifySettings, OverviewSettings, StoreSettings

# What a file system says that cannot have files without a name.
_UNKNOWN = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)


def try_folder(folder: Path, remedy: str, create: str | None = None) -> None:
    """Write a file without a name into *folder*: it is gone as soon as it is closed.

    Raises:
        MonitoringError: that fails; *remedy* is its remedy, or *create* if it is missing.
    """
    try:
        os.close(os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        _write_nameless(folder)
    except OSError as error:
        problem = f"no file can be written there ({error.strerror})"
        is_missing = isinstance(error, FileNotFoundError)
        raise MonitoringError(str(folder), problem, (is_missing and create) or remedy) from None


def _write_nameless(folder: Path) -> None:
    try:
        file = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in _UNKNOWN and os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            return
        raise
    try:
        os.write(file, bytes(4096))
    finally:
        os.close(file)


def try_store(settings: StoreSettings, now: datetime, *, writes: bool) -> Iterator[PartLine]:
    """Try the store, as the collector if *writes*, else as a check.

    Raises:
        MonitoringError: it cannot be used.
    """
    from backup_monitoring.store import open_store, try_store_files

    folder = settings.folder
    assert folder is not None  # noqa: S101 - the caller has checked it
    if writes:
        create = "start backup-monitoring-collect, whose unit creates it, or correct [store] folder"
        try_folder(folder, "give it to the collector's user", create)
        has_state = try_store_files(folder)
        yield PartLine(Outcome.OK, "store", f"{folder}: a file was written, and is gone again")
        if not has_state:
            text = f"{folder}: no run has ended yet; run collect_backup_state, or enable its timer"
            yield PartLine(Outcome.NOTE, "store", text)
            return
    state = open_store(folder)
    try:
        read = state.meta().started
        state.check_age(settings, Files.ALL, now)
    finally:
        state.close()
    at = "never" if read is None else format_time(read, UTC)
    yield PartLine(Outcome.OK, "store", f"{folder}: can be read; the last run was {at}")


def try_notifier_outbox(
    settings: NotifySettings, now: datetime, *, writes: bool
) -> Iterator[PartLine]:
    """Try the outbox, as the notifier if *writes*, else as check_backup_monitoring.

    Raises:
        MonitoringError: it cannot be used.
    """
    from backup_monitoring.outbox import OutboxAccess, read_status, try_outbox

    file = settings.outbox
    assert file is not None  # noqa: S101 - the caller has checked it
    if not writes:
        read_status(file, settings, now)
        yield PartLine(Outcome.OK, "outbox", f"{file}: can be read")
        return
    access = try_outbox(file)
    try_folder(file.parent, "give this user's group write permission for it")
    if access is OutboxAccess.UNUSED:
        text = f"{file.parent}: a file was written, and is gone again; no use has begun {file.name}"
        yield PartLine(Outcome.OK, "outbox", text)
    elif access is OutboxAccess.UNDECIDED:
        text = f"{file}: a transaction is in progress, or was interrupted; try again"
        yield PartLine(Outcome.NOT_TRIED, "outbox", text)
    else:
        text = f"{file}: a transaction was begun, and nothing was changed"
        yield PartLine(Outcome.OK, "outbox", text)


def try_notifier_log(file: Path) -> Iterator[PartLine]:
    """Try the notifier's log *file*.

    Raises:
        MonitoringError: it cannot be written.
    """
    from backup_monitoring.outbox import try_log

    try:
        exists = try_log(file)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise MonitoringError(str(file), problem, "give it to the group of its folder") from None
    if not exists:
        remedy = "create it and give it to this user's group, or correct [notify] log"
        try_folder(file.parent, remedy)
    text = "can be written" if exists else "its folder can be written, no use has begun the file"
    yield PartLine(Outcome.OK, "log", f"{file}: {text}")


def try_nagios(spool: Path | None, pipe: Path | None) -> Iterator[PartLine]:
    """Try the interface of Nagios that submit_backup_results uses.

    Raises:
        MonitoringError: it cannot be written.
    """
    if spool is not None:
        remedy = (
            "set [icinga] spool to check_result_path of nagios.cfg, and let this user write there"
        )
        try_folder(spool, remedy)
        yield PartLine(Outcome.OK, "nagios", f"{spool}: a file was written, and is gone again")
    elif pipe is not None:
        from backup_monitoring.icinga import try_pipe

        try_pipe(pipe)
        yield PartLine(
            Outcome.OK, "nagios", f"{pipe}: opened, Nagios reads it; nothing was written"
        )


def try_overview(settings: OverviewSettings) -> Iterator[PartLine]:
    """Try the folders that backup_overview writes into.

    Raises:
        MonitoringError: one cannot be written, or the page's has files of others.
    """
    from backup_monitoring.overview import is_page_folder

    file = settings.metrics_file
    for folder in (settings.folder, None if file is None else file.parent):
        if folder is not None:
            try_folder(folder, "create it, and let the user of backup_overview write there")
            if folder == settings.folder:
                is_page_folder(folder)  # raises if it has files of others
            text = f"{folder}: a file was written, and is gone again"
            yield PartLine(Outcome.OK, "overview", text)


def _list_folder(folder: Path) -> None:
    try:
        list(folder.iterdir())
    except OSError as error:
        remedy = "correct [notify] templates, or let this user read it"
        problem = f"cannot be read ({error.strerror})"
        raise MonitoringError(str(folder), problem, remedy) from None


def try_messages(settings: NotifySettings) -> Iterator[PartLine]:
    """Compose a mail of every kind and language, and send none.

    Raises:
        MonitoringError: none can be composed.
    """
    from backup_monitoring.mail import preview_messages

    if settings.templates is not None:
        _list_folder(settings.templates)
    complaints: dict[str, None] = {}
    count = 0
    for _, mail in preview_messages("nobody@example.org", settings):
        count += 1
        complaints |= dict.fromkeys(mail.complaints)
    if complaints:
        first, *others = complaints
        more = f" (and {len(others)} more)" if others else ""
        yield PartLine(Outcome.FAILED, "messages", first + more)
    else:
        yield PartLine(Outcome.OK, "messages", f"{count} mails of all kinds composed, none sent")
