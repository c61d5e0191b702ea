"""Section [directory]: the LDAP servers or the LDIF file, and where entries are."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from backup_monitoring.settings.toml_table import (
    Names,
    Table,
    get_default,
    parse_flag,
    parse_names,
    parse_optional_text,
    parse_path,
    parse_span,
    parse_text,
    parse_whole,
    write_toml,
)

SUFFIX = "dc=stoney-cloud,dc=org"


BASES = {
    "accounts_base": "ou=accounts,ou=backup,ou=services",
    "people_base": "ou=people",
    "customers_base": "ou=customers",
    "reseller_settings_base": "ou=reseller,ou=configuration,ou=backup,ou=services",
}


class AttributeNames(NamedTuple):
    """[directory.attributes]: the names in the directory's schema, one word of ours each.

    Args:
        used: its values are summed; the first attribute must be there, a further one may not.
    """

    uid: str = "uid"
    name: str = "cn"
    used: Names = ("sstBackupSize", "sstIncrementSize")
    capacity: str = "sstQuota"
    quota_threshold: str = "sstNotificationWarningLevel"
    warning_on: str = "sstBackupWarningOn"
    warning_numbers: str = "sstBackupWarningNumbers"
    warning_days: str = "sstBackupWarningDays"
    last_success: str = "sstBackupLastSuccessfulBackup"
    active: str = "sstIsActive"
    cancellation: str = "sstCancellationDate"
    provisioning_mode: str = "sstProvisioningMode"
    provisioning_state: str = "sstProvisioningState"
    home: str = "homeDirectory"
    host: str = "host"
    created: str = "createTimestamp"
    mail: str = "mail"
    medium: str = "sstNotificationWarningMedium"
    language: str = "preferredLanguage"
    person: str = "sstBelongsToPersonUID"
    customer: str = "sstBelongsToCustomerUID"
    reseller: str = "sstBelongsToResellerUID"


class DirectorySettings(NamedTuple):
    """[directory]: the servers or the file, how to bind, where entries stand.

    Args:
        uri: tried in order; ``ldap://``, ``ldaps://``, ``ldapi://`` or ``ldif:FILE``.
        start_tls: protect an ``ldap://`` connection before anything is sent over it.
        ca_file: certificates of the authorities to trust; None: the system's.
        verify: check the server's certificate and its host name.
        bind: simple, external (SASL EXTERNAL on ``ldapi://``) or anonymous.
        password: of *bind_dn*, '' where it stands in *password_file*; never printed.
        password_file: read only by those who ask the directory.
        timeout: bound of every wait for the server.
        page_size: entries asked for at once.
        accounts_base: and its siblings: distinguished names.
        accounts_filter: which entries below *accounts_base* are accounts.
        host: only the accounts of this backup server; None: all.
        servers: all backup servers, this one included; empty: not known.
        file: the settings file, for messages.
    """

    uri: Names = ()
    start_tls: bool = False
    ca_file: Path | None = None
    verify: bool = True
    bind: str = "anonymous"
    bind_dn: str = ""
    password: str = ""
    password_file: Path | None = None
    timeout: timedelta = timedelta(seconds=5)
    page_size: int = 5000
    suffix: str = SUFFIX
    accounts_base: str = f"{BASES['accounts_base']},{SUFFIX}"
    people_base: str = f"{BASES['people_base']},{SUFFIX}"
    customers_base: str = f"{BASES['customers_base']},{SUFFIX}"
    reseller_settings_base: str = f"{BASES['reseller_settings_base']},{SUFFIX}"
    accounts_filter: str = "(objectClass=sstBackup)"
    host: str | None = None
    servers: Names = ()
    attributes: AttributeNames = AttributeNames()
    file: str = ""

    def __repr__(self) -> str:
        """Return what may be printed: never the password."""
        return f"DirectorySettings(uri={self.uri!r}, bind_dn={self.bind_dn!r})"


PASSWORD_VARIABLE = "BACKUP_MONITORING_LDAP_PASSWORD"  # noqa: S105 - a name, not a secret


def parse_directory(table: Table, environment: Mapping[str, str]) -> DirectorySettings:
    """Return the settings of section [directory]; SettingsError names the first bad key.

    Args:
        environment: may hold the password, as ``PASSWORD_VARIABLE``.
    """
    folder = table.file.parent

    def uri(value: object) -> tuple[str, ...]:
        return tuple(_one_uri(each, folder) for each in parse_names(value))

    bases = _bases(table)
    accounts_filter = get_default(DirectorySettings, "accounts_filter")
    attributes = _attributes(table.table("attributes"))
    made = DirectorySettings(
        uri=table.take("uri", uri, ()),
        start_tls=table.take("start_tls", parse_flag, False),
        ca_file=table.take("ca_file", lambda v: parse_path(folder, v), None),
        verify=table.take("verify", parse_flag, True),
        timeout=table.take("timeout", parse_span, timedelta(seconds=5)),
        page_size=table.take("page_size", parse_whole(10, 100_000), 5000),
        host=table.take("host", parse_optional_text, None),
        servers=table.take("servers", _servers, (), lambda names: write_toml(names or None)),
        attributes=attributes,
        accounts_filter=table.take("accounts_filter", parse_text, accounts_filter),
        file=str(table.file),
        **bases,
        **_bind(table, environment),
    )
    _check_directory(table, made)
    return made


def _bases(table: Table) -> dict[str, Any]:
    suffix = table.take("suffix", parse_text, get_default(DirectorySettings, "suffix"))
    below = {
        key: table.take(key, parse_text, f"{relative},{suffix}") for key, relative in BASES.items()
    }
    return {"suffix": suffix, **below}


def _check_directory(table: Table, made: DirectorySettings) -> None:
    if not made.uri:
        raise table.error("uri", "is missing", 'say where the directory is: "ldaps://HOST"')
    if any("@" in uri for uri in made.uri if uri.startswith(("ldap://", "ldaps://"))):
        # It would not be used; and a password there would be printed with the server's name.
        raise table.error("uri", "has a name before an @", "write bind_dn and password_file")
    if table.has("password_file") and made.bind == "anonymous" and not made.bind_dn:
        # An anonymous reader sees less, and is not told.
        raise table.error("password_file", "is without bind_dn", "write both, or neither")
    if made.start_tls and not all(uri.startswith("ldap://") for uri in made.uri):
        raise table.error("start_tls", "is for ldap:// only", "remove it, or use ldap://")
    if made.timeout <= timedelta(0):
        raise table.error("timeout", "is no time at all", 'write "5s"')
    names = {name.casefold() for name in made.servers}
    if made.host and names and made.host.casefold() not in names:
        raise table.error("servers", f"has no {made.host!r}, which is host", "name all servers")


def _servers(value: object) -> tuple[str, ...]:
    names = parse_names(value)
    # An LDAP server cannot compare with nothing: it would find no account instead of all.
    if not all(name.strip() and name.isprintable() for name in names):
        raise ValueError("not a list of servers' names")
    return names


def _one_uri(text: str, folder: Path) -> str:
    scheme, colon, rest = text.partition(":")
    if scheme == "ldif" and colon and rest:
        return f"ldif:{parse_path(folder, rest)}"
    if scheme in ("ldap", "ldaps", "ldapi") and rest.startswith("//"):
        return text
    raise ValueError('none of "ldap://HOST", "ldaps://HOST", "ldapi://SOCKET", "ldif:FILE"')


def _bind(table: Table, environment: Mapping[str, str]) -> dict[str, Any]:
    dn = table.take("bind_dn", parse_text, "")
    file = table.take("password_file", lambda v: parse_path(table.file.parent, v), None)
    bind = table.take("bind", parse_text, "simple" if dn else "anonymous")
    if bind not in ("simple", "external", "anonymous"):
        raise table.error("bind", f"{bind!r} is unknown", "use simple, external or anonymous")
    if bind != "simple":
        return {"bind": bind, "bind_dn": dn, "password": ""}
    if not dn:
        raise table.error("bind_dn", "is missing", "a simple bind needs the reader's entry")
    password = environment.get(PASSWORD_VARIABLE, "")
    if not password and file is None:
        # RFC 4513, 5.1.2: a name without a password is an "unauthenticated bind", which
        # servers may accept and which then sees less.
        raise table.error(
            "password_file", "no password", f"name its file here, or set ${PASSWORD_VARIABLE}"
        )
    return {"bind": bind, "bind_dn": dn, "password": password, "password_file": file}


def _attributes(table: Table) -> AttributeNames:
    names: dict[str, object] = {
        key: table.take(
            key,
            parse_names if key == "used" else parse_text,  # type: ignore[arg-type]
            get_default(AttributeNames, key),
        )
        for key in _field_names(AttributeNames)
    }
    return AttributeNames(**names)  # type: ignore[arg-type]


def _field_names(kind: type[AttributeNames]) -> list[str]:
    return list(kind._fields)
