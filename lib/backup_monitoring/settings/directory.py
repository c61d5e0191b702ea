"""Section [directory]: the LDAP servers or the LDIF file, and where the entries are."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

from backup_monitoring.model import Key, parse_text
from backup_monitoring.settings.forms import Names, declare_ca_file, parse_names, parse_path
from backup_monitoring.settings.toml_table import Table

PASSWORD_VARIABLE = "BACKUP_MONITORING_LDAP_PASSWORD"  # noqa: S105 - a name, not a secret
SUFFIX = "dc=stoney-cloud,dc=org"
_BINDS = ("simple", "external", "anonymous")


def _parse_uris(value: object) -> Names:
    return tuple(map(_parse_uri, parse_names(value)))


def _parse_uri(text: str) -> str:
    scheme, colon, rest = text.partition(":")
    if scheme == "ldif" and colon and rest:
        return f"ldif:{parse_path(rest)}"
    if scheme in ("ldap", "ldaps", "ldapi") and rest.startswith("//"):
        return text
    raise ValueError(
        'not a valid URI; write "ldaps://HOST", "ldap://HOST", "ldapi://SOCKET" or "ldif:FILE"'
    )


def _resolve_uris(folder: Path, uris: Names) -> Names:
    files = (uri.removeprefix("ldif:") for uri in uris)
    return tuple(
        uri if file == uri else f"ldif:{folder / file}"
        for uri, file in zip(uris, files, strict=True)
    )


def _parse_servers(value: object) -> Names:
    names = parse_names(value)
    # An LDAP server cannot compare with an empty value: it would find no account instead of all.
    if not all(name.strip() and name.isprintable() for name in names):
        raise ValueError("not a list of server names")
    return names


def _parse_bind(value: object) -> str:
    if parse_text(value) not in _BINDS:
        raise ValueError("not a kind of bind; use simple, external or anonymous")
    return parse_text(value)


def _derive_bind(default: str, values: Mapping[str, str]) -> str:
    return "simple" if values["bind_dn"] else default


def _derive_base(default: str, values: Mapping[str, str]) -> str:
    return f"{default.removesuffix(SUFFIX)}{values['suffix']}"


class AttributeNames(NamedTuple):
    """[directory.attributes]: the name of each attribute in the directory's schema."""

    uid: Annotated[str, Key("the account's name")] = "uid"
    used: Annotated[
        Names,
        Key(
            "bytes; the sum is the used space. Only the first must have a value",
            "bytes; the sum is the used space",
        ),
    ] = ("sstBackupSize", "sstIncrementSize")
    capacity: Annotated[str, Key("bytes")] = "sstQuota"
    quota_threshold: Annotated[str, Key("percent, 1 to 100")] = "sstNotificationWarningLevel"
    warning_on: Annotated[
        str,
        Key(
            "TRUE or FALSE: whether the customer wants warnings. Changes no state",
            "TRUE or FALSE; changes no state",
        ),
    ] = "sstBackupWarningOn"
    warning_numbers: Annotated[str, Key("0 to 99; 0 is off")] = "sstBackupWarningNumbers"
    warning_days: Annotated[str, Key("0 to 99; 0 is off")] = "sstBackupWarningDays"
    last_success: Annotated[str, Key("`computer:YYYYMMDDTHHMMSSZ`, or `0`")] = (
        "sstBackupLastSuccessfulBackup"
    )
    active: Annotated[str, Key("TRUE or FALSE")] = "sstIsActive"
    cancellation: Annotated[
        str,
        Key(
            "time (UTC) from which on the account is no longer active",
            "from then on (UTC) no longer active",
        ),
    ] = "sstCancellationDate"
    provisioning_mode: Annotated[
        str, Key("`add`, `modify`, `delete`, `added`, `modified`, `deleted`", "")
    ] = "sstProvisioningMode"
    provisioning_state: Annotated[str, Key("`0` while a change is pending")] = (
        "sstProvisioningState"
    )
    home: Annotated[str, Key("path of the account's home directory")] = "homeDirectory"
    uid_number: Annotated[
        str,
        Key(
            "number of the account's Unix user, who owns the home directory "
            "([more](rules.md#whose-reports))",
            "number of the Unix user who owns the home directory",
        ),
    ] = "uidNumber"
    host: Annotated[str, Key("backup servers of the account")] = "host"
    created: Annotated[str, Key("when the entry was created")] = "createTimestamp"
    name: Annotated[str, Key("the account's name, for mails")] = "cn"
    mail: Annotated[str, Key("the account's own mail addresses")] = "mail"
    medium: Annotated[
        str,
        Key(
            "`mail`: the account's own addresses are notified",
            "mail: its own addresses are notified",
        ),
    ] = "sstNotificationWarningMedium"
    language: Annotated[str, Key("language of mails, for example `de-CH`")] = "preferredLanguage"
    person: Annotated[str, Key("person who is notified otherwise")] = "sstBelongsToPersonUID"
    customer: Annotated[str, Key("customer who owns the account")] = "sstBelongsToCustomerUID"
    reseller: Annotated[str, Key("reseller of that customer")] = "sstBelongsToResellerUID"


class DirectorySettings(NamedTuple):
    """[directory]: where the accounts are read from.

    Args:
        password: of *bind_dn*, '' if it is in *password_file*; never printed.
        file: the settings file, for messages.
    """

    uri: Annotated[
        Names,
        Key(
            "servers, tried in order until one can be used: `ldaps://HOST[:PORT]`, "
            "`ldap://HOST[:PORT]`, `ldapi://PATH` (`%2F` for `/`; without a path "
            "`/var/run/slapd/ldapi`). Or a single `ldif:FILE`, as `slapcat` or "
            "`ldapsearch` writes it, in UTF-8",
            "(1) one server, or a list that is tried in order:\n"
            "    ldaps://, ldap://, ldapi:// or ldif:FILE",
            parse=_parse_uris,
            resolve=_resolve_uris,
            unset="must be set",
            example="ldaps://ldap.example.org",
            preset=True,
        ),
    ] = ()
    suffix: Annotated[
        str,
        Key(
            "suffix of the directory; the default bases are relative to it",
            "(2) suffix of the default bases below",
            example="dc=example,dc=org",
            preset=True,
        ),
    ] = SUFFIX
    bind_dn: Annotated[
        str,
        Key(
            "entry to bind as; empty: anonymous",
            "(3) can read all accounts; without it: anonymous",
            example="cn=monitoring,dc=example,dc=org",
            preset=True,
        ),
    ] = ""
    password_file: Annotated[
        Path | None,
        Key(
            "file whose first line is the password. It is rejected if others can read it "
            f"(`chmod o=`). The environment's `${PASSWORD_VARIABLE}` takes precedence",
            f"(4) a single line, chmod 640; or set\n    ${PASSWORD_VARIABLE}",
            example="password",
            preset=True,
        ),
    ] = None
    password: str = ""
    bind: Annotated[
        str,
        Key(
            'with `"external"` (SASL EXTERNAL over `ldapi://`) the server identifies you by your '
            "user id",
            'or "external" (over ldapi://), "anonymous"',
            choices=_BINDS,
            parse=_parse_bind,
            derive=_derive_bind,
            unset='with `bind_dn`, else `"anonymous"`',
        ),
    ] = "anonymous"
    start_tls: Annotated[
        bool, Key("encrypt an `ldap://` connection before anything else is sent", "encrypt ldap://")
    ] = False
    ca_file: Annotated[Path | None, declare_ca_file()] = None
    verify: Annotated[
        bool,
        Key(
            "verify the server's certificate and its host name. `false` trusts any server: use it "
            "only to find out what is wrong",
            "false trusts any server: for debugging only",
        ),
    ] = True
    timeout: Annotated[
        timedelta,
        Key(
            "time limit of every single wait for the server, and of the TLS handshake and the "
            "bind as a whole",
            "of every single wait for the server",
        ),
    ] = timedelta(seconds=5)
    page_size: Annotated[
        int, Key("entries per page of a search result", least=10, most=100_000)
    ] = 5000
    accounts_base: Annotated[
        str, Key("accounts are directly below this entry", "", derive=_derive_base)
    ] = f"ou=accounts,ou=backup,ou=services,{SUFFIX}"
    people_base: Annotated[
        str,
        Key("persons are below this entry; for `notify_backup`", derive=_derive_base),
    ] = f"ou=people,{SUFFIX}"
    customers_base: Annotated[
        str,
        Key("customers are below this entry; for `notify_backup`", derive=_derive_base),
    ] = f"ou=customers,{SUFFIX}"
    reseller_settings_base: Annotated[
        str,
        Key(
            "the resellers' settings for the backup service are below this entry; for "
            "`notify_backup`",
            "",
            derive=_derive_base,
        ),
    ] = f"ou=reseller,ou=configuration,ou=backup,ou=services,{SUFFIX}"
    accounts_filter: Annotated[
        str,
        Key(
            "which of these entries are accounts (RFC 4515)",
            "which entries are accounts",
        ),
    ] = "(objectClass=sstBackup)"
    host: Annotated[
        str | None,
        Key(
            "read only the accounts of this backup server (attribute `host`). `-a UID` finds the "
            "others all the same",
            "read only the accounts of this backup server",
            unset="all",
            example="backup-01",
        ),
    ] = None
    servers: Annotated[
        Names,
        Key(
            "names of all backup servers, this one included. An active account on none of them is "
            "a [finding](operations.md#accounts-on-no-server). Case does not matter",
            "all of them; an account on none is a finding",
            parse=_parse_servers,
            example=("backup-01", "backup-02"),
        ),
    ] = ()
    attributes: Annotated[
        AttributeNames,
        Key(
            "The attributes' names in your schema, and what their values mean. Case does not "
            "matter.",
            "the names in your schema",
        ),
    ] = AttributeNames()
    file: str = ""

    def __repr__(self) -> str:
        """Return a text without the password."""
        return f"DirectorySettings(uri={self.uri!r}, bind_dn={self.bind_dn!r})"


def complete_directory(
    table: Table, settings: DirectorySettings, environment: Mapping[str, str]
) -> DirectorySettings:
    """Return *settings* with their password; SettingsError if keys contradict each other.

    Args:
        environment: may contain the password, as ``PASSWORD_VARIABLE``.
    """
    settings = settings._replace(file=str(table.file))
    if settings.bind == "simple":
        settings = settings._replace(password=environment.get(PASSWORD_VARIABLE, ""))
        _check_simple_bind(table, settings)
    else:
        settings = settings._replace(password_file=None)
    _check_directory(table, settings)
    return settings


def _check_simple_bind(table: Table, settings: DirectorySettings) -> None:
    if not settings.bind_dn:
        raise table.error("bind_dn", "is not set", "name the entry for the simple bind")
    if not settings.password and settings.password_file is None:
        # RFC 4513, 5.1.2: a name without a password is an "unauthenticated bind", which
        # servers may accept, and which then sees less.
        raise table.error(
            "password_file", "is not set", f"name the password's file, or set ${PASSWORD_VARIABLE}"
        )


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
