"""Reads the settings file into typed parts, or names the key that is wrong."""

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
    parse_patience,
    parse_quota,
    parse_schedule,
    parse_status,
    parse_unused,
)
from backup_monitoring.settings.toml_table import Setting, Table
from backup_monitoring.tasks import Policies

DEFAULT_FILE = Path("/etc/backup-monitoring/backup-monitoring.toml")
FILE_VARIABLE = "BACKUP_MONITORING_CONFIG"


class Settings(NamedTuple):
    """All settings: where accounts and files are, and the rules' policies."""

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
    """Return the file to read: *option*, else the environment's, else the system's."""
    return Path(option or environment.get(FILE_VARIABLE) or DEFAULT_FILE)


def read_settings(file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read *file*; relative paths in it are relative to its folder.

    Raises:
        SettingsError: the file or a key of it, what is wrong, and what to do.
    """
    root = Table(file, "", _read_toml(file), [])
    directory = parse_directory(root.table("directory"), environment)
    settings = Settings(
        file=file,
        directory=directory,
        homes=parse_homes(root.table("homes")),
        store=parse_store(root.table("store")),
        notify=parse_notify(root.table("notify"), environment),
        icinga=parse_icinga(root.table("icinga"), environment),
        monitoring=parse_monitoring(root.table("monitoring")),
        policies=Policies(
            quota=parse_quota(root.table("quota")),
            warn_after=parse_patience(root.table("warn_after")),
            schedule=parse_schedule(root.table("schedule")),
            status=parse_status(root.table("status")),
            client=parse_client(root.table("client")),
            unused=parse_unused(root.table("unused")),
        ),
        in_effect=(),
    )
    root.finish()
    return settings._replace(in_effect=tuple(root.in_effect))


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            str(file),
            "no such settings file",
            "name one by --config, or start from the annotated example, "
            "share/backup-monitoring/backup-monitoring.toml of this installation",
        ) from None
    except OSError as error:
        raise SettingsError(
            str(file), f"cannot be read ({error.strerror})", "name a file that this user may read"
        ) from None
    except RecursionError:
        raise SettingsError(str(file), "no TOML: nested too deeply", "correct it") from None
    except ValueError as error:  # of tomllib and of the encoding; also of a number too long for int
        raise SettingsError(str(file), f"no TOML: {error}", "correct that place") from None
