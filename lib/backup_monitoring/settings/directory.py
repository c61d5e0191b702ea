"""Section [directory]: the LDAP servers or the LDIF file, and where the entries are."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from backup_monitoring.settings.toml_table import (
    Names,
    Table,
    parse_flag,
    parse_names,
    parse_optional_text,
    parse_path,
    parse_span,
    parse_text,
    parse_whole,
    write_toml,
)

PASSWORD_VARIABLE = "BACKUP_MONITORING_LDAP_PASSWORD"  # noqa: S105 - a name, not a secret
SUFFIX = "dc=stoney-cloud,dc=org"
BASES = {  # relative to the suffix
    "accounts_base": "ou=accounts,ou=backup,ou=services",
    "people_base": "ou=people",
    "customers_base": "ou=customers",
    "reseller_settings_base": "ou=reseller,ou=configuration,ou=backup,ou=services",
}


class AttributeNames(NamedTuple):
    """[directory.attributes]: the name of each attribute in the directory's schema.

    Args:
        used: the sum of these is the used space; only the first must have a value.
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
    """[directory]: the servers or the file, how to bind, and where the entries are.

    Args:
        uri: ``ldap://``, ``ldaps://``, ``ldapi://`` or ``ldif:FILE``; tried in order.
        start_tls: encrypt an ``ldap://`` connection before anything else is sent.
        ca_file: certificates of the authorities to trust; None: the system's.
        verify: check the server's certificate and host name.
        bind: simple, external (SASL EXTERNAL on ``ldapi://``) or anonymous.
        password: of *bind_dn*, '' if it is in *password_file*; never printed.
        password_file: read only by programs that connect to the directory.
        timeout: of every single wait for the server.
        page_size: entries per page of a search result.
        accounts_base, people_base, ...: distinguished names.
        accounts_filter: which entries below *accounts_base* are accounts.
        host: only the accounts of this backup server; None: all.
        servers: all backup servers, this one included; empty: unknown.
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
        """Return a text without the password."""
        return f"DirectorySettings(uri={self.uri!r}, bind_dn={self.bind_dn!r})"


def parse_directory(table: Table, environment: Mapping[str, str]) -> DirectorySettings:
    """Return the settings of section [directory]; SettingsError names the first bad key.

    Args:
        environment: may contain the password, as ``PASSWORD_VARIABLE``.
    """
    default, folder = DirectorySettings(), table.file.parent

    def parse_uris(value: object) -> tuple[str, ...]:
        return tuple(_parse_uri(uri, folder) for uri in parse_names(value))

    settings = DirectorySettings(
        uri=table.take("uri", parse_uris, default.uri),
        start_tls=table.take("start_tls", parse_flag, default.start_tls),
        ca_file=table.take("ca_file", lambda v: parse_path(folder, v), None),
        verify=table.take("verify", parse_flag, default.verify),
        timeout=table.take("timeout", parse_span, default.timeout),
        page_size=table.take("page_size", parse_whole(10, 100_000), default.page_size),
        host=table.take("host", parse_optional_text, None),
        servers=table.take("servers", _parse_servers, (), lambda names: write_toml(names or None)),
        attributes=_parse_attributes(table.take_table("attributes")),
        accounts_filter=table.take("accounts_filter", parse_text, default.accounts_filter),
        file=str(table.file),
        **_parse_bases(table),
        **_parse_bind(table, environment),
    )
    _check_directory(table, settings)
    return settings


def _check_directory(table: Table, settings: DirectorySettings) -> None:
    if not settings.uri:
        raise table.error("uri", "is not set", 'name the directory: "ldaps://HOST"')
    if any("@" in uri for uri in settings.uri if uri.startswith(("ldap://", "ldaps://"))):
        # It would be ignored, and a password in it would be printed with the server's name.
        raise table.error("uri", "must not contain a user", "use bind_dn and password_file")
    if table.has("password_file") and settings.bind == "anonymous" and not settings.bind_dn:
        # An anonymous bind would succeed, and silently see less.
        raise table.error("password_file", "requires bind_dn", "set both, or neither")
    if settings.start_tls and not all(uri.startswith("ldap://") for uri in settings.uri):
        raise table.error("start_tls", "requires ldap://", "remove it, or use ldap://")
    if settings.timeout <= timedelta(0):
        raise table.error("timeout", "must be greater than zero", 'write for example "5s"')
    names = {name.casefold() for name in settings.servers}
    if settings.host and names and settings.host.casefold() not in names:
        problem = f"does not contain {settings.host!r}, the value of host"
        raise table.error("servers", problem, "name all backup servers")


def _parse_bases(table: Table) -> dict[str, Any]:
    suffix = table.take("suffix", parse_text, SUFFIX)
    bases = {
        key: table.take(key, parse_text, f"{relative},{suffix}") for key, relative in BASES.items()
    }
    return {"suffix": suffix, **bases}


def _parse_servers(value: object) -> tuple[str, ...]:
    names = parse_names(value)
    # An LDAP server cannot compare with an empty value: it would find no account instead of all.
    if not all(name.strip() and name.isprintable() for name in names):
        raise ValueError("not a list of server names")
    return names


def _parse_uri(text: str, folder: Path) -> str:
    scheme, colon, rest = text.partition(":")
    if scheme == "ldif" and colon and rest:
        return f"ldif:{parse_path(folder, rest)}"
    if scheme in ("ldap", "ldaps", "ldapi") and rest.startswith("//"):
        return text
    raise ValueError(
        'not a valid URI; write "ldaps://HOST", "ldap://HOST", "ldapi://SOCKET" or "ldif:FILE"'
    )


def _parse_bind(table: Table, environment: Mapping[str, str]) -> dict[str, Any]:
    dn = table.take("bind_dn", parse_text, "")
    file = table.take("password_file", lambda v: parse_path(table.file.parent, v), None)
    bind = table.take("bind", parse_text, "simple" if dn else "anonymous")
    if bind not in ("simple", "external", "anonymous"):
        raise table.error(
            "bind", f"{bind!r} is not a kind of bind", "use simple, external or anonymous"
        )
    if bind != "simple":
        return {"bind": bind, "bind_dn": dn, "password": ""}
    if not dn:
        raise table.error("bind_dn", "is not set", "name the entry for the simple bind")
    password = environment.get(PASSWORD_VARIABLE, "")
    if not password and file is None:
        # RFC 4513, 5.1.2: a name without a password is an "unauthenticated bind", which
        # servers may accept, and which then sees less.
        raise table.error(
            "password_file", "is not set", f"name the password's file, or set ${PASSWORD_VARIABLE}"
        )
    return {"bind": bind, "bind_dn": dn, "password": password, "password_file": file}


def _parse_attributes(table: Table) -> AttributeNames:
    default = AttributeNames()
    names: dict[str, Any] = {
        key: table.take(key, parse_text, getattr(default, key))
        for key in AttributeNames._fields
        if key != "used"
    }
    return AttributeNames(used=table.take("used", parse_names, default.used), **names)
