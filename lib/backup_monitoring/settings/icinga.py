"""Section [icinga] of the settings: where results are handed to."""

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
        url: ``https://HOST:5665``; '' for none. ca_file: None: the system's authorities.
        user: of the API. password: from the environment; password_file: read when it is needed.
        ttl: after which Icinga turns a service UNKNOWN that got no further result.
        host_name: host of accounts whose entry names no backup server.
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
        """Return what may be printed: never the password."""
        return f"IcingaSettings(url={self.url!r}, user={self.user!r})"


def parse_icinga(table: Table, environment: Mapping[str, str]) -> IcingaSettings:
    """Return what section [icinga] says.

    Raises:
        SettingsError: the file or a key of it, what is wrong, and what to do.
    """
    default, folder = IcingaSettings(), table.file.parent

    def path(key: str) -> Path | None:
        return table.take(key, lambda value: parse_path(folder, value), None)

    return IcingaSettings(
        url=table.take("url", _url, default.url),
        ca_file=path("ca_file"),
        user=table.take("user", parse_text, default.user),
        password=environment.get(PASSWORD_VARIABLE, ""),
        password_file=path("password_file"),
        ttl=table.take("ttl", parse_span, default.ttl),
        host_name=table.take("host_name", parse_text, default.host_name),
        command_file=path("command_file"),
        spool=path("spool"),
    )


def _url(value: object) -> str:
    text = parse_text(value)
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?", text):
        raise ValueError('not "https://HOST:5665"')
    port = text.rstrip("/").rpartition(":")[2]
    if port.isdigit() and not 0 < int(port) <= _LAST_PORT:
        raise ValueError(f"its port is not from 1 to {_LAST_PORT}")
    return text.rstrip("/")
