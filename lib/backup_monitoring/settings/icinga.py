"""Section [icinga]: where check results are sent."""

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, NamedTuple

from backup_monitoring.model import Key, parse_text
from backup_monitoring.settings.forms import declare_ca_file
from backup_monitoring.settings.toml_table import Table

ACCOUNT_PLACEHOLDER = "{account}"
PASSWORD_VARIABLE = "BACKUP_MONITORING_ICINGA_PASSWORD"  # noqa: S105 - a name, not a secret
_LAST_PORT = 65535
_URL = re.compile(
    r"https://([A-Za-z0-9._-]+|\[(?P<address>[0-9A-Fa-f:.]+)\])(:(?P<port>[0-9]{1,5}))?/?"
)

# Without what ends a value or begins a comment or a macro in Nagios's and Icinga's files.
_LINK = re.compile(r"(https?://|/)[A-Za-z0-9._~:/?#\[\]@!&()*+,=%-]*")


def _parse_url(value: object) -> str:
    text = parse_text(value)
    parts = _URL.fullmatch(text)
    if not parts or (parts["address"] and not _is_address(parts["address"])):
        raise ValueError('not a valid URL; write "https://HOST:5665" or "https://[ADDRESS]:5665"')
    if parts["port"] and not 0 < int(parts["port"]) <= _LAST_PORT:
        raise ValueError(f"not a valid URL; its port must be from 1 to {_LAST_PORT}")
    return text.rstrip("/")


def _parse_link(value: object) -> str:
    text = parse_text(value)
    if not _LINK.fullmatch(text.replace(ACCOUNT_PLACEHOLDER, "")):
        raise ValueError(f'not a valid link; write "https://HOST/{ACCOUNT_PLACEHOLDER}.html"')
    return text


def _is_address(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


class IcingaSettings(NamedTuple):
    """[icinga]: for `submit_backup_results` and `generate_backup_objects`.

    Results are sent to Icinga 2's API, or to one of Nagios's two interfaces.

    Args:
        password: from the environment; never printed.
    """

    url: Annotated[
        str,
        Key(
            "URL of the API, `https://HOST:5665`, or `https://[ADDRESS]:5665` for IPv6. Its "
            "certificate is verified",
            "Icinga 2's API",
            parse=_parse_url,
            example="https://icinga.example.org:5665",
        ),
    ] = ""
    ca_file: Annotated[Path | None, declare_ca_file("/var/lib/icinga2/certs/ca.crt")] = None
    user: Annotated[str, Key("name of the ApiUser", example="submit")] = ""
    password_file: Annotated[
        Path | None,
        Key(
            f"file whose first line is the password. `${PASSWORD_VARIABLE}` takes precedence",
            f"or set ${PASSWORD_VARIABLE}",
            example="icinga-password",
        ),
    ] = None
    password: str = ""
    ttl: Annotated[
        timedelta,
        Key(
            "a service without a result for this long becomes UNKNOWN. Allow at least three "
            "collector runs",
            "a service without a result for this long is UNKNOWN",
        ),
    ] = timedelta(minutes=30)
    retry_for: Annotated[
        timedelta,
        Key(
            "how long results are retried while the API does not answer, for example during a "
            "reload of Icinga",
            "how long results are retried while the API does not answer",
        ),
    ] = timedelta(minutes=1)
    notes_url: Annotated[
        str,
        Key(
            "link of each service to more about its account, written by `generate_backup_objects`. "
            "`{account}` is the account's name in objects",
            "link of each service, {account} is its account",
            parse=_parse_link,
            example="https://noc.example.org/backup/{account}.html",
        ),
    ] = ""
    action_url: Annotated[
        str,
        Key(
            "the same: a link to where something can be done about it",
            "and where something can be done about it",
            parse=_parse_link,
            example="https://admin.example.org/accounts/{account}",
        ),
    ] = ""
    host_name: Annotated[
        str,
        Key("host of accounts whose entry names no backup server"),
    ] = "backup-server"
    command_file: Annotated[
        Path | None,
        Key(
            "Nagios's command pipe",
            "for Nagios: its command pipe,",
            example="/var/lib/nagios4/rw/nagios.cmd",
        ),
    ] = None
    spool: Annotated[
        Path | None,
        Key(
            "Nagios's folder of check results (`check_result_path`)",
            "or its folder of check results",
            example="/var/lib/nagios4/spool/checkresults",
        ),
    ] = None

    @property
    def has_destination(self) -> bool:
        """Whether results are to be submitted at all."""
        return bool(self.url or self.spool or self.command_file)

    def __repr__(self) -> str:
        """Return a text without the password."""
        return f"IcingaSettings(url={self.url!r}, user={self.user!r})"


def complete_icinga(
    table: Table, settings: IcingaSettings, environment: Mapping[str, str]
) -> IcingaSettings:
    """Return *settings* with the password of the *environment*."""
    return settings._replace(password=environment.get(PASSWORD_VARIABLE, ""))
