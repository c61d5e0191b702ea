"""Creates files that all members of their folder's group may write."""

import os
import stat
from pathlib import Path


def create_file(file: Path) -> None:
    """Create *file*, empty, 0660 and of its folder's group; leave an existing one alone."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        stream = os.open(file, flags, 0o660)
    except FileExistsError:
        return
    try:
        os.fchmod(stream, 0o660)  # whatever the umask
        folder = file.parent.stat()
        if folder.st_mode & stat.S_IWGRP and folder.st_gid != os.fstat(stream).st_gid:
            _change_group(stream, folder.st_gid)
    finally:
        os.close(stream)


def _change_group(stream: int, group: int) -> None:
    try:
        os.fchown(stream, -1, group)
    except PermissionError:  # not a member: the file stays with this user's group, as in /tmp
        return
