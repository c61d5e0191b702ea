"""Section [homes]: where home directories are, and the names of the files in them."""

import re
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.model import SettingsError
from backup_monitoring.settings.toml_table import (
    Names,
    Table,
    parse_file_names,
    parse_path,
    parse_text,
    parse_whole,
)

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PLACEHOLDERS = ("home", "uid", "last1", "last3", "mid3")


class HomesSettings(NamedTuple):
    """[homes]: where home directories are, and the names of the clients' files.

    Args:
        root: prefix of every home directory; '/' for the server itself.
        path: template of a home directory: ``{home}``, ``{uid}``, and of the uid's digits
            ``{last1}``, ``{last3}``, ``{mid3}`` (the three before the last three).
        incoming: the folder with the computers' folders, below the home directory.
        depth: greatest number of folders between *incoming* and a report folder.
        report_folders, start_files, end_files, schedule_files: names; the first that exists is
            used.
    """

    root: Path = Path("/")
    path: str = "{home}"
    incoming: str = "incoming"
    depth: int = 3
    report_folders: Names = (".sepiola_backup",)
    start_files: Names = ("backupStarted.xml",)
    end_files: Names = ("backupEnded.xml",)
    schedule_files: Names = ("scheduler.xml",)


def check_template(template: str, where: str) -> None:
    """Raise SettingsError if *template* is not a valid ``[homes] path``.

    Args:
        where: file and key, for the message.
    """
    remedy = "use " + ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
    for name in PLACEHOLDER.findall(template):
        if name not in _PLACEHOLDERS:
            raise SettingsError(where, f"unknown placeholder {{{name}}}", remedy)
    rest = PLACEHOLDER.sub("", template)
    if "{" in rest or "}" in rest:
        raise SettingsError(where, "unbalanced brace", remedy)
    if ".." in template.split("/") or "\0" in template:
        raise SettingsError(where, "not a valid path", "write it without '..'")
    if not template.startswith(("/", "{home}")):
        raise SettingsError(where, "not an absolute path", "begin it with / or {home}")


def parse_homes(table: Table) -> HomesSettings:
    """Return the settings of section [homes]; SettingsError names the first bad key."""
    default = HomesSettings()
    path = table.take("path", parse_text, default.path)
    check_template(path, f"{table.file}: [homes] path")

    def take_names(key: str, names: Names) -> Names:
        return table.take(key, parse_file_names, names)

    return HomesSettings(
        root=table.take("root", lambda v: parse_path(table.file.parent, v), default.root),
        path=path,
        incoming=table.take("incoming", _parse_folder, default.incoming),
        depth=table.take("depth", parse_whole(1, 10), default.depth),
        report_folders=take_names("report_folders", default.report_folders),
        start_files=take_names("start_files", default.start_files),
        end_files=take_names("end_files", default.end_files),
        schedule_files=take_names("schedule_files", default.schedule_files),
    )


def _parse_folder(value: object) -> str:
    text = parse_text(value)
    if not text or text.startswith("/") or ".." in text.split("/") or "\0" in text:
        raise ValueError("not a folder below the home directory; write a relative path")
    return text
