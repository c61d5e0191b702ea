"""Reads a password from a file that other users cannot read."""

import os
from pathlib import Path

from backup_monitoring.model import SettingsError
from backup_monitoring.settings import open_regular


def read_password(file: Path) -> str:
    """Return the first line of *file*.

    Raises:
        SettingsError: it cannot be read, is empty, or others can read it.
    """
    try:
        # Windows' editors write a byte order mark.
        with os.fdopen(open_regular(file), encoding="utf-8-sig") as stream:
            open_to_others = os.fstat(stream.fileno()).st_mode & 0o007
            line = stream.readline(4096).rstrip("\r\n")
    except OSError as error:
        raise SettingsError(
            str(file),
            f"cannot read the password ({error.strerror})",
            "check that the file exists and that this user can read it",
        ) from None
    except UnicodeDecodeError:
        raise _make_encoding_error(file) from None
    if "\0" in line:  # UTF-16 without its mark
        raise _make_encoding_error(file)
    if open_to_others:
        raise SettingsError(str(file), "other users can read this password", f"chmod o= {file}")
    if not line:
        raise SettingsError(str(file), "is empty", "write the password into its first line")
    return line


def _make_encoding_error(file: Path) -> SettingsError:
    return SettingsError(str(file), "cannot read the password (not UTF-8)", "write it in UTF-8")
