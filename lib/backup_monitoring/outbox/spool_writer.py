"""Writes a call of the hook into the spool, a folder beside the outbox: a file per call.

The hook is a process per notification, hundreds at once: it waits for nobody, and loads as little
as possible. A file's name is the number and the id of the boot, and CLOCK_BOOTTIME: in the order of
their names, calls are in the order in which they were made, whatever the wall clock did.
"""

import errno
import os

from backup_monitoring.model import MonitoringError

FOLDER = "spool"
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
BOOT = ".boot"  # a link in the spool to nothing: the number and the id of the last known boot
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


class SpoolError(MonitoringError):
    """A call could not be written: nothing was spooled."""


def write_call(outbox: str, data: bytes, at: int) -> None:
    """Write *data* as a file into the spool of *outbox*, which need not exist yet.

    When this returns, the file survives a power cut.

    Args:
        outbox: absolute.
        at: when the call was made, CLOCK_BOOTTIME in nanoseconds.

    Raises:
        SpoolError: the spool cannot be written.
    """
    parent = os.path.dirname(outbox)  # noqa: PTH120 - pathlib is not loaded yet
    folder = f"{parent}/{FOLDER}"
    try:
        if not os.path.isdir(folder):  # noqa: PTH112 - as above
            _create_folder(parent, folder)
        name = f"{_name_boot(folder)}-{at:020d}-{os.urandom(4).hex()}"
        _write_file(folder, name, data)
        _sync(folder)
    except OSError as error:
        raise _make_error(parent, folder, error) from None


def _create_folder(parent: str, folder: str) -> None:
    """Create *folder* for the users of *parent*, the outbox's folder.

    The setgid bit and the group are inherited. chmod would remove that bit, and the units may not
    set it: so only the umask is changed.
    """
    status = os.stat(parent)  # noqa: PTH116 - as above
    mask = os.umask(0)
    try:
        os.mkdir(folder, status.st_mode & 0o770)  # noqa: PTH102 - as above
    except FileExistsError:  # another hook was quicker
        return
    finally:
        os.umask(mask)
    _share(folder, status)
    _sync(parent)


def _name_boot(folder: str) -> str:
    """Return the number and the id of this boot; the number grows with each boot.

    Hooks that find a new boot at the same time all write the same.
    """
    with open(_BOOT_ID, encoding="ascii") as stream:  # noqa: PTH123 - as above
        boot = stream.read().strip()
    try:
        known = os.readlink(f"{folder}/{BOOT}")  # noqa: PTH115 - as above
    except OSError:  # a new spool, or something else in the link's place
        known = ""
    number, _, last = known.partition("-")
    if last == boot:
        return known
    if not number.isdecimal():
        numbers = (name.partition("-")[0] for name in os.listdir(folder))  # noqa: PTH208 - as above
        number = max(filter(str.isdecimal, numbers), default="0")
    new = f"{int(number) + 1:08d}-{boot}"
    temporary = f"{folder}/{BOOT}-{os.urandom(4).hex()}"
    os.symlink(new, temporary)  # noqa: PTH211 - as above
    os.rename(temporary, f"{folder}/{BOOT}")  # noqa: PTH104 - as above
    return new


def _write_file(folder: str, name: str, data: bytes) -> None:
    temporary = f"{folder}/.{name}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    stream = os.open(temporary, flags, 0o640)
    try:
        try:
            os.fchmod(stream, 0o640)  # whatever the umask
            _share(stream, os.stat(folder))  # noqa: PTH116 - as above
            while data:
                data = data[os.write(stream, data) :]
            os.fsync(stream)
        finally:
            os.close(stream)
        os.rename(temporary, f"{folder}/{name}")  # noqa: PTH104 - as above
    except OSError:
        os.unlink(temporary)  # noqa: PTH108 - as above
        raise


def _share(file: str | int, folder: os.stat_result) -> None:
    """Give *file* the group of its *folder*, if that group may write there."""
    if folder.st_mode & 0o020 and os.stat(file).st_gid != folder.st_gid:  # noqa: PTH116 - as above
        try:
            os.chown(file, -1, folder.st_gid)
        except PermissionError:  # not a member: the file stays with this user's group, as in /tmp
            return


def _sync(folder: str) -> None:
    stream = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(stream)
    finally:
        os.close(stream)


def _make_error(parent: str, folder: str, error: OSError) -> SpoolError:
    if error.filename == _BOOT_ID:
        remedy = "let the monitoring system's unit see /proc/sys"
        return SpoolError(_BOOT_ID, f"cannot be read ({error.strerror})", remedy)
    if not os.path.isdir(parent):  # noqa: PTH112 - as above
        remedy = "create it, for example by the unit, or correct [notify] outbox"
        return SpoolError(parent, "the folder does not exist", remedy)
    remedy = (
        "check its disk, and free space on it"
        if error.errno in _DISK
        else "give this user's group write permission for the folder, or add the user to its group "
        "and restart its daemon"
    )
    return SpoolError(folder, f"cannot be written ({error.strerror})", remedy)
