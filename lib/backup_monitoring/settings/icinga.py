"""Section [icinga]: where check results are sent."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.settings.toml_table import Table, parse_path, parse_span, parse_text

PASSWORD_VARIABLE = "BACKUP_MONITORING_ICINGA_PASSWORD"  # noqa: S105 - a name, not a secret
_LAST_PORT = 65535


class IcingaSettings(NamedTuple):
    """[icinga]: Icinga 2's API, or Nagios's files.

    Args:
        url: ``https://HOST:5665``; '' for none.
        ca_file: certificates of the authorities to trust; None: the system's.
        user: of the API. password: from the environment; never printed.
        password_file: read only by programs that connect to the API.
        ttl: after this time without a further result Icinga turns a service UNKNOWN.
        host_name: the host of accounts whose entry names no backup server.
        command_file: Nagios's command pipe. spool: its folder of check results.
    """

    url: str = ""
    ca_file: Path | None = None
    user: str = ""
    password: str = ""
    password_file: Path | None = None
    ttl: timedelta = timedelta(minutes=30)
    host_name: str = "backup-server"
    command_file: Path | None = None
    spool: Path | None = None

    def __repr__(self) -> str:
        """Return a text without the password."""
        return f"IcingaSettings(url={self.url!r}, user={self.user!r})"


def parse_icinga(table: Table, environment: Mapping[str, str]) -> IcingaSettings:
    """Return the settings of section [icinga]; SettingsError names the first bad key.

    Args:
        environment: may contain the password, as ``PASSWORD_VARIABLE``.
    """
    default, folder = IcingaSettings(), table.file.parent

    def take_path(key: str) -> Path | None:
        return table.take(key, lambda value: parse_path(folder, value), None)

    return IcingaSettings(
        url=table.take("url", _parse_url, default.url),
        ca_file=take_path("ca_file"),
        user=table.take("user", parse_text, default.user),
        password=environment.get(PASSWORD_VARIABLE, ""),
        password_file=take_path("password_file"),
        ttl=table.take("ttl", parse_span, default.ttl),
        host_name=table.take("host_name", parse_text, default.host_name),
        command_file=take_path("command_file"),
        spool=take_path("spool"),
    )


def _parse_url(value: object) -> str:
    text = parse_text(value)
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?", text):
        raise ValueError('not a valid URL; write "https://HOST:5665"')
    port = text.rstrip("/").rpartition(":")[2]
    if port.isdigit() and not 0 < int(port) <= _LAST_PORT:
        raise ValueError(f"not a valid URL; its port must be from 1 to {_LAST_PORT}")
    return text.rstrip("/")
