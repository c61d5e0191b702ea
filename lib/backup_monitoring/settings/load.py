"""Reads the settings file."""

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from backup_monitoring.model import SettingsError, is_utf16
from backup_monitoring.settings.directory import DirectorySettings, complete_directory
from backup_monitoring.settings.homes import HomesSettings, complete_homes
from backup_monitoring.settings.icinga import IcingaSettings, complete_icinga
from backup_monitoring.settings.monitoring import MonitoringPolicy
from backup_monitoring.settings.notify import NotifySettings, complete_notify
from backup_monitoring.settings.overview import OverviewSettings
from backup_monitoring.settings.sections import read_section
from backup_monitoring.settings.store import StoreSettings
from backup_monitoring.settings.store_guess import (
    DEFAULT_FILE,
    FILE_VARIABLE,
    digest_settings,
)
from backup_monitoring.settings.toml_table import Setting, Table, Taken, write_toml
from backup_monitoring.tasks import SECTIONS, Policies


class Settings(NamedTuple):
    """All settings: a field per section, in the order of the file, and the tasks' policies.

    Args:
        digest: of the file's content. taken: each of them, with its origin.
    """

    file: Path
    digest: str
    directory: DirectorySettings
    homes: HomesSettings
    store: StoreSettings
    policies: Policies
    monitoring: MonitoringPolicy
    notify: NotifySettings
    icinga: IcingaSettings
    overview: OverviewSettings
    taken: tuple[Taken, ...]

    @property
    def in_effect(self) -> list[Setting]:
        """Each setting as text, for ``backup_settings``."""
        return [Setting(name, key, write_toml(value), by) for name, key, value, by in self.taken]


# What is checked across the keys of a section, and what comes from elsewhere.
_COMPLETE: Mapping[str, Callable[[Table, Any, Mapping[str, str]], Any]] = {
    "directory": complete_directory,
    "homes": complete_homes,
    "notify": complete_notify,
    "icinga": complete_icinga,
}


def list_sections() -> dict[str, type]:
    """Return the type of each section, by its name, in the order of the file."""
    sections: dict[str, type] = {}
    for field, kind in Settings.__annotations__.items():
        if kind is Policies:
            sections |= SECTIONS
        elif hasattr(kind, "_fields"):
            sections[field] = kind
    return sections


def find_settings_file(option: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the settings file: *option*, else the environment's, else the default."""
    return Path(option or environment.get(FILE_VARIABLE) or DEFAULT_FILE)


def read_settings(file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings in *file*; relative paths in it are relative to its folder.

    Args:
        environment: may contain the passwords of the directory, the API and the mail server.

    Raises:
        SettingsError: the file cannot be read, is not TOML, or a key or value is wrong.
    """
    data = _read_file(file)
    root = Table(file, "", _parse_toml(file, data), [])
    values: dict[str, Any] = {}
    for name, section in list_sections().items():
        table = root.take_table(name)
        values[name] = read_section(table, section)
        if name in _COMPLETE:
            values[name] = _COMPLETE[name](table, values[name], environment)
    policies = Policies(*(values.pop(name) for name in SECTIONS))
    root.reject_unknown_keys()
    return Settings(
        file=file,
        digest=digest_settings(data),
        policies=policies,
        taken=tuple(root.taken),
        **values,
    )


def _read_file(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise SettingsError(
            str(file),
            "no such settings file",
            "name one with --config, or start from the annotated example, "
            "share/backup-monitoring/backup-monitoring.toml of this installation",
        ) from None
    except OSError as error:
        raise SettingsError(
            str(file), f"cannot be read ({error.strerror})", "let this user read it"
        ) from None


def _parse_toml(file: Path, data: bytes) -> dict[str, object]:
    if is_utf16(data):
        remedy = "convert it, for example by iconv -f UTF-16 -t UTF-8"
        raise SettingsError(str(file), "is not UTF-8, but UTF-16", remedy)
    try:
        # Windows' editors write a byte order mark.
        return tomllib.loads(str(data, "utf-8-sig").replace("\r\n", "\n"))
    except RecursionError:
        raise SettingsError(str(file), "not valid TOML: nested too deeply", "correct it") from None
    except ValueError as error:  # of tomllib and of the encoding; also of a number too long for int
        raise SettingsError(str(file), f"not valid TOML: {error}", "correct it") from None
