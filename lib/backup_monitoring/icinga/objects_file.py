"""The file of objects: what would change in it, and its replacement as a whole."""

import filecmp
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, NamedTuple

from backup_monitoring.icinga.object_formats import FORMATS
from backup_monitoring.model import MonitoringError
from backup_monitoring.settings import create_new, refuse_irregular
from backup_monitoring.tasks import TASKS

_LISTED = 20
_TASKS = sorted(TASKS)


class ObjectsError(MonitoringError):
    """The objects' file cannot be read or written."""


class ObjectsDiff(NamedTuple):
    """What changes in a file.

    Args:
        total: number of services in it afterwards. changed: whether anything differs.
        added, removed: names of services, sorted.
    """

    total: int
    changed: bool
    added: list[str]
    removed: list[str]

    def format_lines(self) -> list[str]:
        """Return the difference as lines, the first names of each kind listed."""
        if not self.changed:
            return ["nothing changes"]
        lines = []
        for word, names in (("new", self.added), ("gone", self.removed)):
            lines += [f"{word}: {name}" for name in names[:_LISTED]]
            lines += [f"... and {len(names) - _LISTED} more {word}"] * (len(names) > _LISTED)
        return lines or ["the same services, with other contents"]


def diff_objects(output: Path, pieces: Iterable[str], form: str) -> ObjectsDiff:
    """Return what would change in *output*; needs no right to write there.

    Args:
        pieces: the new text. form: the name of its format.

    Raises:
        ObjectsError: it cannot be read.
    """
    try:
        # A file without a name: nothing is left, even of a process that is killed.
        with tempfile.TemporaryFile("w", encoding="utf-8") as stream:
            _write(stream, pieces)
            return _compare(Path(f"/proc/self/fd/{stream.fileno()}"), output, form)
    except OSError as error:
        raise _make_write_error(Path("a temporary file"), error) from None


def replace_objects(output: Path, pieces: Iterable[str], form: str) -> ObjectsDiff:
    """Write *pieces* to *output*, as a whole or not at all; return what changes.

    Args:
        pieces: the new text. form: the name of its format.

    Raises:
        ObjectsError: the file or its folder cannot be read or written.
    """
    if not output.parent.is_dir() or not os.access(output.parent, os.W_OK):
        remedy = "create the folder, and let this user write there"
        raise ObjectsError(str(output.parent), "does not exist, or cannot be written", remedy)
    # Only within a file system a file replaces another one at once.
    new = output.with_name(f".{output.name}.new")
    try:
        with create_new(new) as stream:
            _write(stream, pieces)
            diff = _compare(new, output, form)
            new.replace(output)
    except OSError as error:
        raise _make_write_error(new, error) from None
    return diff


def _write(stream: IO[str], pieces: Iterable[str]) -> None:
    stream.writelines(pieces)
    stream.flush()
    os.fsync(stream.fileno())


def _make_write_error(file: Path, error: OSError) -> ObjectsError:
    remedy = "let this user write there, and see whether the disk is full"
    return ObjectsError(str(file), f"cannot be written ({error.strerror})", remedy)


def _compare(new: Path, output: Path, form: str) -> ObjectsDiff:
    new_names = _read_names(new, form)
    total = sum(tasks.bit_count() for tasks in new_names.values())
    try:
        refuse_irregular(output)
        if output.exists() and filecmp.cmp(output, new, shallow=False):
            return ObjectsDiff(total, False, [], [])
        old_names = _read_names(output, form) if output.exists() else {}
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        remedy = "let this user read it, or remove it"
        raise ObjectsError(str(output), f"cannot be read ({why})", remedy) from None
    return ObjectsDiff(
        total, True, _subtract(new_names, old_names), _subtract(old_names, new_names)
    )


def _read_names(file: Path, form: str) -> dict[str, int]:
    """Return the accounts' names in *file*, each with a bit per task: that needs little memory."""
    _, service_pattern, host_pattern = FORMATS[form]
    names: dict[str, int] = {}
    service = host = None
    with file.open(encoding="utf-8") as stream:
        for line in stream:
            service = service_pattern.search(line) or service
            host = host_pattern.search(line) or host
            if service and host:
                # The service of an account's own host has only the task's name.
                account, _, task = service[1].rpartition("-")
                if task in TASKS:
                    account = account or host[1]
                    names[account] = names.get(account, 0) | 1 << _TASKS.index(task)
                service = host = None
    return names


def _subtract(names: dict[str, int], others: dict[str, int]) -> list[str]:
    """Return the services of *names* that *others* lack, sorted."""
    services = []
    for account, tasks in names.items():
        lacking = tasks & ~others.get(account, 0)
        services += [f"{account}-{task}" for bit, task in enumerate(_TASKS) if lacking >> bit & 1]
    return sorted(services)
