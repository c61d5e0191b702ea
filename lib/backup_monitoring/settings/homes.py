"""Section [homes]: where an account's home directory is, and the names of the clients' files."""

import re
from pathlib import Path
from typing import NamedTuple, cast

from backup_monitoring.model import SettingsError
from backup_monitoring.settings.toml_table import (
    Names,
    Table,
    get_default,
    parse_file_names,
    parse_path,
    parse_text,
    parse_whole,
)

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


_KNOWN = ("home", "uid", "last1", "last3", "mid3")


class HomesSettings(NamedTuple):
    """[homes]: where an account's folder is, and what the clients call their files.

    Args:
        root: put before every home; '/' for the server itself.
        path: template of the account's folder: ``{home}``, ``{uid}``, and of the uid's digits
            ``{last1}``, ``{last3}``, ``{mid3}`` (the three before the last three).
        incoming: the folder with the computers' folders, below the account's.
        depth: folders between *incoming* and a report folder, at most.
        report_folders, start_files, end_files, schedule_files: names; the first that is there
            counts.
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
    """Check ``[homes] path``.

    Args:
        template: the setting. where: file and key, for the message.

    Raises:
        SettingsError: a placeholder is unknown, a brace is open, or the path leads upwards.
    """
    remedy = "use " + ", ".join(f"{{{name}}}" for name in _KNOWN)
    for name in PLACEHOLDER.findall(template):
        if name not in _KNOWN:
            raise SettingsError(where, f"no such placeholder {{{name}}}", remedy)
    rest = PLACEHOLDER.sub("", template)
    if "{" in rest or "}" in rest:
        raise SettingsError(where, "a brace without its other one", remedy)
    if ".." in template.split("/") or "\0" in template:
        raise SettingsError(where, "leads out of its folder", "write a path without '..'")
    if not template.startswith(("/", "{home}")):
        raise SettingsError(where, "no absolute path", "begin with / or {home}")


def parse_homes(table: Table) -> HomesSettings:
    """Return the settings of section [homes]; SettingsError names the first bad key."""
    root = table.take("root", lambda v: parse_path(table.file.parent, v), Path("/"))
    path = table.take("path", parse_text, "{home}")
    check_template(path, f"{table.file}: [homes] path")
    incoming = table.take("incoming", _folder, "incoming")
    depth = table.take("depth", parse_whole(1, 10), 3)
    lists = ("report_folders", "start_files", "end_files", "schedule_files")
    names = {
        key: table.take(
            key, parse_file_names, cast("tuple[str, ...]", get_default(HomesSettings, key))
        )
        for key in lists
    }
    return HomesSettings(root=root, path=path, incoming=incoming, depth=depth, **names)


def _folder(value: object) -> str:
    text = parse_text(value)
    if not text or text.startswith("/") or ".." in text.split("/") or "\0" in text:
        raise ValueError("no folder below the account's")
    return text
