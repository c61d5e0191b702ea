"""Section [homes]: where home directories are, and the names of the files in them."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

from backup_monitoring.model import Key, SettingsError, parse_duration, parse_text
from backup_monitoring.settings.forms import Names, parse_names
from backup_monitoring.settings.toml_table import Table

PLACEHOLDER = r"\{([^{}]*)\}"  # compiled where a template is not the default
_PLACEHOLDERS = ("home", "uid", "last1", "last3", "mid3")


def _parse_folder(value: object) -> str:
    text = parse_text(value)
    if not text or text.startswith("/") or ".." in text.split("/") or "\0" in text:
        raise ValueError("not a folder below the home directory; write a relative path")
    return text


def _parse_file_names(value: object) -> Names:
    names = parse_names(value)
    if any(not name or "/" in name or name in (".", "..") or "\0" in name for name in names):
        raise ValueError("not a list of file names; write them without a path")
    return names


def _parse_timeout(value: object) -> timedelta:
    timeout = parse_duration(parse_text(value))
    if not timedelta(seconds=1) <= timeout <= timedelta(minutes=1):
        raise ValueError("not a duration from 1s to 1m")
    return timeout


class HomesSettings(NamedTuple):
    """[homes]: where home directories are, and the names of the files in them."""

    root: Annotated[Path, Key("prefix of every home directory, for a mount or a test tree")] = Path(
        "/"
    )
    path: Annotated[
        str,
        Key(
            "template of a home directory: `{home}` (the entry's), `{uid}`, and of the uid's "
            "digits `{last1}`, `{last3}`, `{mid3}` (the three before the last three)",
            "or made of the uid's digits, for example\n"
            '"/var/backup/{last1}/{last3}/{mid3}/{uid}/chroot{home}"',
        ),
    ] = "{home}"
    incoming: Annotated[
        str,
        Key(
            "folder below the home directory that contains the computers' folders",
            "below the home directory; contains the computers' folders",
            parse=_parse_folder,
        ),
    ] = "incoming"
    depth: Annotated[
        int,
        Key(
            "greatest number of folders from `incoming` down to a computer's",
            least=1,
            most=10,
        ),
    ] = 3
    report_folders: Annotated[
        Names,
        Key(
            "names of the folder with a computer's reports; the first that exists is used",
            "of a computer's reports; the first that exists is used",
            parse=_parse_file_names,
        ),
    ] = (".sepiola_backup",)
    start_files: Annotated[
        Names,
        Key(
            "names of the start report; the first that exists is used",
            "",
            parse=_parse_file_names,
        ),
    ] = ("backupStarted.xml",)
    end_files: Annotated[
        Names,
        Key(
            "names of the end report; the first that exists is used",
            "",
            parse=_parse_file_names,
        ),
    ] = ("backupEnded.xml",)
    schedule_files: Annotated[
        Names,
        Key(
            "names of the schedule; the first that exists is used",
            "",
            parse=_parse_file_names,
        ),
    ] = ("scheduler.xml",)
    timeout: Annotated[
        timedelta,
        Key(
            "if a home directory is not read by then, its accounts are UNKNOWN, and the others "
            "are read without it; 1s to 1m. [More](operations.md#homes-that-do-not-answer)",
            "for one home directory; if it does not answer, its accounts are UNKNOWN",
            parse=_parse_timeout,
        ),
    ] = timedelta(seconds=10)


def check_template(template: str, where: str) -> None:
    """Raise SettingsError if *template* is not a valid ``[homes] path``.

    Args:
        where: file and key, for the message.
    """
    remedy = "use " + ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
    for name in re.findall(PLACEHOLDER, template):
        if name not in _PLACEHOLDERS:
            raise SettingsError(where, f"unknown placeholder {{{name}}}", remedy)
    rest = re.sub(PLACEHOLDER, "", template)
    if "{" in rest or "}" in rest:
        raise SettingsError(where, "unbalanced brace", remedy)
    if ".." in template.split("/") or "\0" in template:
        raise SettingsError(where, "not a valid path", "write it without '..'")
    if not template.startswith(("/", "{home}")):
        raise SettingsError(where, "not an absolute path", "begin it with / or {home}")


def complete_homes(
    table: Table, settings: HomesSettings, environment: Mapping[str, str]
) -> HomesSettings:
    """Return *settings*; SettingsError if its template is not valid."""
    if table.has("path"):
        check_template(settings.path, f"{table.file}: [homes] path")
    return settings
