"""Finds files of the settings that the shipped units hide from the programs."""

import os
from collections.abc import Iterator
from pathlib import Path

from backup_monitoring.settings import Settings

# What backup-monitoring-collect and -deliver hide, and what they show of it. A test compares.
HIDDEN = ("/etc", "/var", "/srv", "/mnt", "/media", "/home", "/root", "/tmp")  # noqa: S108 - each has its own
SHOWN = (
    *("/etc/backup-monitoring", "/etc/ssl", "/etc/ca-certificates"),
    *("/etc/pki/ca-trust", "/etc/pki/tls/certs"),
    *("/usr/local/share/ca-certificates", "/var/lib/backup-monitoring"),
)


def list_hidden_files(settings: Settings) -> Iterator[str]:
    """Yield a sentence about each file or folder that a program reads, but not in its unit.

    A link is followed: its end must be visible, too. The units read the settings in
    /etc/backup-monitoring: other settings have none.
    """
    if not settings.file.is_relative_to(SHOWN[0]):
        return
    directory, notify = settings.directory, settings.notify
    named = (
        ("[directory] ca_file", "collect", directory.ca_file),
        ("[directory] password_file", "collect", directory.password_file),
        ("[notify] ca_file", "deliver", notify.ca_file),
        ("[notify] password_file", "deliver", notify.password_file),
        ("[notify] templates", "deliver", notify.templates),
    )
    for key, unit, file in named:
        if file is not None and any(map(_is_hidden, (file, Path(os.path.realpath(file))))):
            yield (
                f"{key}: the unit backup-monitoring-{unit} does not show {file} to the program; "
                f"move it to {SHOWN[0]}, or add BindReadOnlyPaths={file} by `systemctl edit`"
            )


def _is_hidden(file: Path) -> bool:
    absolute = file.absolute()
    return _is_below(absolute, HIDDEN) and not _is_below(absolute, SHOWN)


def _is_below(file: Path, folders: tuple[str, ...]) -> bool:
    return any(file.is_relative_to(folder) for folder in folders)
