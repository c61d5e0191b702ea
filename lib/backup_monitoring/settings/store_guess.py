"""Finds the folder of the store in the settings file without parsing all of it."""

import os
import stat
from zlib import crc32

DEFAULT_FILE = "/etc/backup-monitoring/backup-monitoring.toml"
FILE_VARIABLE = "BACKUP_MONITORING_CONFIG"


def digest_settings(data: bytes) -> str:
    """Return a short text that is the same only for the same content of a settings file."""
    return f"{len(data)}-{crc32(data):08x}"


def read_if_regular(file: str) -> bytes | None:
    """Return the content of *file*, None if it is not a regular file or cannot be read.

    A pipe could be read only once, and whoever reads all settings may need it.
    """
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):  # noqa: PTH116 - pathlib is not loaded yet
            return None
        with open(file, "rb") as stream:  # noqa: PTH123 - as above
            return stream.read()
    except OSError:
        return None


def guess_store_folder(file: str) -> tuple[str, str] | None:
    """Return the folder that [store] folder seems to name, and the file's digest; None: unclear.

    Only a guess, since TOML can be written in other ways: a store says by the digest of which
    settings it is.
    """
    data = read_if_regular(file)
    if data is None:
        return None
    section = b""
    for line in map(bytes.strip, data.splitlines()):
        if line.startswith(b"["):
            section = line
        elif section == b"[store]" and line.startswith(b"folder"):
            key, _, value = line.partition(b"=")
            value = value.strip()
            plain = value[1:-1]
            is_plain = value[:1] == value[-1:] == b'"' and not {*b'"\\\0'} & {*plain}
            if key.strip() != b"folder" or not is_plain or not plain:
                return None
            return os.path.join(os.path.dirname(file), os.fsdecode(plain)), digest_settings(data)  # noqa: PTH118, PTH120
    return None
