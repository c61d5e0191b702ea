"""Reads the settings file."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.model import SettingsError
from backup_monitoring.settings.directory import DirectorySettings, parse_directory
from backup_monitoring.settings.homes import HomesSettings, parse_homes
from backup_monitoring.settings.icinga import IcingaSettings, parse_icinga
from backup_monitoring.settings.monitoring import MonitoringPolicy, parse_monitoring
from backup_monitoring.settings.notify import NotifySettings, parse_notify
from backup_monitoring.settings.store import StoreSettings, parse_store
from backup_monitoring.settings.task_sections import (
    parse_client,
    parse_quota,
    parse_schedule,
    parse_status,
    parse_unused,
    parse_warn_after,
)
from backup_monitoring.settings.toml_table import Setting, Table
from backup_monitoring.tasks import Policies

DEFAULT_FILE = Path("/etc/backup-monitoring/backup-monitoring.toml")
FILE_VARIABLE = "BACKUP_MONITORING_CONFIG"


class Settings(NamedTuple):
    """All settings; *in_effect* lists each of them as text, for ``backup_settings``."""

    file: Path
    directory: DirectorySettings
    homes: HomesSettings
    store: StoreSettings
    notify: NotifySettings
    icinga: IcingaSettings
    monitoring: MonitoringPolicy
    policies: Policies
    in_effect: tuple[Setting, ...]


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
    root = Table(file, "", _read_toml(file), [])
    settings = Settings(
        file=file,
        directory=parse_directory(root.take_table("directory"), environment),
        homes=parse_homes(root.take_table("homes")),
        store=parse_store(root.take_table("store")),
        notify=parse_notify(root.take_table("notify"), environment),
        icinga=parse_icinga(root.take_table("icinga"), environment),
        monitoring=parse_monitoring(root.take_table("monitoring")),
        policies=Policies(
            quota=parse_quota(root.take_table("quota")),
            warn_after=parse_warn_after(root.take_table("warn_after")),
            schedule=parse_schedule(root.take_table("schedule")),
            status=parse_status(root.take_table("status")),
            client=parse_client(root.take_table("client")),
            unused=parse_unused(root.take_table("unused")),
        ),
        in_effect=(),
    )
    root.reject_unknown_keys()
    return settings._replace(in_effect=tuple(root.in_effect))


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
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
    except RecursionError:
        raise SettingsError(str(file), "not valid TOML: nested too deeply", "correct it") from None
    except ValueError as error:  # of tomllib and of the encoding; also of a number too long for int
        raise SettingsError(str(file), f"not valid TOML: {error}", "correct it") from None
