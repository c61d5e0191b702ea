"""Reads the settings file into typed parts, or names the key that is wrong."""

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

from backup_monitoring.errors import SettingsError
from backup_monitoring.homes import check_template
from backup_monitoring.model import FINDING_KINDS, Range, Threshold
from backup_monitoring.notify.settings import NotifySettings, parse_notify
from backup_monitoring.places import (
    BASES,
    AttributeNames,
    DirectorySettings,
    StorageSettings,
    StoreSettings,
)
from backup_monitoring.policies import (
    ClientPolicy,
    PatiencePolicy,
    Policies,
    QuotaPolicy,
    SchedulePolicy,
    ServicePolicy,
    StatusPolicy,
    UnusedPolicy,
)
from backup_monitoring.submit.settings import SubmitSettings, parse_icinga
from backup_monitoring.tables import (
    Setting,
    Table,
    parse_file_names,
    parse_flag,
    parse_names,
    parse_optional_span,
    parse_optional_text,
    parse_path,
    parse_percent,
    parse_span,
    parse_text,
    parse_whole,
    write_toml,
)

DEFAULT_FILE = Path("/etc/backup-monitoring/backup-monitoring.toml")
FILE_VARIABLE = "BACKUP_MONITORING_CONFIG"
PASSWORD_VARIABLE = "BACKUP_MONITORING_LDAP_PASSWORD"  # noqa: S105 - a name, not a secret


class Settings(NamedTuple):
    """All settings: where accounts and files are, and the rules' policies."""

    file: Path
    directory: DirectorySettings
    storage: StorageSettings
    store: StoreSettings
    notify: NotifySettings
    submit: SubmitSettings
    policies: Policies
    in_effect: tuple[Setting, ...]


def settings_file(option: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file to read: *option*, else the environment's, else the system's."""
    return Path(option or environment.get(FILE_VARIABLE) or DEFAULT_FILE)


def read_settings(file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read *file*; relative paths in it are relative to its folder.

    Raises:
        SettingsError: the file or a key of it, what is wrong, and what to do.
    """
    root = Table(file, "", _read_toml(file), [])
    directory = _directory(root.table("directory"), environment)
    settings = Settings(
        file=file,
        directory=directory,
        storage=_storage(root.table("storage")),
        store=_store(root.table("store")),
        notify=parse_notify(root.table("notify"), environment),
        submit=parse_icinga(root.table("icinga"), environment),
        policies=Policies(
            quota=_quota(root.table("quota")),
            patience=_patience(root.table("patience")),
            schedule=_schedule(root.table("schedule")),
            status=_status(root.table("status")),
            client=_client(root.table("client")),
            unused=_unused(root.table("unused")),
            service=_service(root.table("service")),
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


def _directory(table: Table, environment: Mapping[str, str]) -> DirectorySettings:
    folder = table.file.parent

    def uri(value: object) -> tuple[str, ...]:
        return tuple(_one_uri(each, folder) for each in parse_names(value))

    bases = _bases(table)
    accounts_filter = _default(DirectorySettings, "accounts_filter")
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
    suffix = table.take("suffix", parse_text, _default(DirectorySettings, "suffix"))
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
            _default(AttributeNames, key),
        )
        for key in _field_names(AttributeNames)
    }
    return AttributeNames(**names)  # type: ignore[arg-type]


def _storage(table: Table) -> StorageSettings:
    root = table.take("root", lambda v: parse_path(table.file.parent, v), Path("/"))
    home = table.take("home", parse_text, "{home}")
    check_template(home, f"{table.file}: [storage] home")
    incoming = table.take("incoming", _folder, "incoming")
    depth = table.take("depth", parse_whole(1, 10), 3)
    lists = ("report_folders", "start_files", "end_files", "schedule_files")
    names = {
        key: table.take(
            key, parse_file_names, cast("tuple[str, ...]", _default(StorageSettings, key))
        )
        for key in lists
    }
    return StorageSettings(root=root, home=home, incoming=incoming, depth=depth, **names)


def _store(table: Table) -> StoreSettings:
    default = StoreSettings()
    return StoreSettings(
        folder=table.take("folder", lambda v: parse_path(table.file.parent, v), None),
        max_age=table.take("max_age", parse_span, default.max_age),
        directory_max_age=table.take("directory_max_age", parse_span, default.directory_max_age),
        keep=table.take("keep", parse_span, default.keep),
    )


def _folder(value: object) -> str:
    text = parse_text(value)
    if not text or text.startswith("/") or ".." in text.split("/") or "\0" in text:
        raise ValueError("no folder below the account's")
    return text


def _quota(table: Table) -> QuotaPolicy:
    default = QuotaPolicy()

    def level(key: str, threshold: Threshold) -> Threshold:
        end = table.take(key, parse_percent, threshold.good.end)
        return Threshold(Range(end=end), _origin(table, key))

    return QuotaPolicy(
        warning=level("warning", default.warning),
        critical=level("critical", default.critical),
        shrink=table.take("shrink", parse_percent, default.shrink),
    )


def _origin(table: Table, key: str) -> str:
    return "settings" if table.has(key) else "default"


def count_range(count: int) -> Range:
    """Return the good numbers where *count* and more are bad; 0 is off: all are good."""
    return Range(end=count - 1 if count else inf)


def _patience(table: Table) -> PatiencePolicy:
    numbers = table.take("numbers", parse_whole(0, 99), 0)
    return PatiencePolicy(
        numbers=Threshold(count_range(numbers), _origin(table, "numbers")),
        days=table.take("days", parse_whole(0, 99), 1),
        days_origin=_origin(table, "days"),
    )


def _zones(value: object) -> tuple[ZoneInfo, ...]:
    zones = []
    for name in parse_names(value):
        try:
            zones.append(ZoneInfo(name))
        except (LookupError, OSError, ValueError):
            raise ValueError(f"not all known: {name!r} is no IANA zone") from None
    return tuple(zones)


def local_zone() -> tuple[ZoneInfo, ...]:
    """Return the server's own zone where its name can be found, else nothing."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if not name:
        link = os.path.realpath("/etc/localtime")
        name = link.partition("zoneinfo/")[2] or _named("/etc/timezone")
    try:
        return (ZoneInfo(name),) if name else ()
    except (LookupError, OSError, ValueError):
        return ()


def _named(file: str) -> str:
    """Return the zone's name in *file*: where /etc/localtime is no link, as in a unit's /etc."""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def _schedule(table: Table) -> SchedulePolicy:
    default = SchedulePolicy(zones=local_zone())
    weekdays = table.table("weekdays")
    return SchedulePolicy(
        zones=table.take(
            "zones", _zones, default.zones, lambda zones: write_toml([*map(str, zones)])
        ),
        early=table.take("early", parse_span, default.early),
        grace=table.take("grace", parse_span, default.grace),
        report_max_age=table.take("report_max_age", parse_optional_span, None),
        retired_after=table.take("retired_after", parse_span, default.retired_after),
        weekdays={
            key: weekdays.take(key, _days, frozenset[int](), lambda days: write_toml(sorted(days)))
            for key in weekdays.keys()  # noqa: SIM118 - not a dictionary
        },
    )


def _days(value: object) -> frozenset[int]:
    whole = isinstance(value, list) and all(type(day) is int and 1 <= day <= 7 for day in value)
    if not whole or not value:
        raise ValueError("not a list of days, 1 (Monday) to 7 (Sunday)")
    return frozenset(cast("list[int]", value))


def _status(table: Table) -> StatusPolicy:
    default = StatusPolicy()
    return StatusPolicy(
        max_runtime=table.take("max_runtime", parse_span, default.max_runtime),
        max_runtime_first=table.take("max_runtime_first", parse_span, default.max_runtime_first),
        full=table.take("full", parse_percent, default.full),
    )


def _version(value: object) -> str:
    # Only its form: the library that compares versions is loaded by the client check alone.
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?", parse_text(value)):
        raise ValueError('no version such as "2.0.11"')
    return parse_text(value)


def _client(table: Table) -> ClientPolicy:
    def versions(key: str) -> dict[str, str]:
        part = table.table(key)
        return {name: part.take(name, _version, "") for name in part.keys()}  # noqa: SIM118

    return ClientPolicy(
        minimum=versions("minimum"),
        minimum_critical=versions("minimum_critical"),
        strict=table.take("strict", parse_flag, False),
    )


def _unused(table: Table) -> UnusedPolicy:
    after = table.take("after", parse_span, timedelta(days=14))
    good = Range(end=after.total_seconds())
    return UnusedPolicy(warning=Threshold(good, _origin(table, "after")))


def _service(table: Table) -> ServicePolicy:
    default = ServicePolicy()
    part = table.table("findings")
    counts = {kind: part.take(kind, parse_whole(0, 10**9), 0) for kind in FINDING_KINDS}
    return ServicePolicy(
        duration=table.take("duration", parse_span, default.duration),
        outbox=table.take("outbox", parse_span, default.outbox),
        findings={kind: count for kind, count in counts.items() if count},
    )


def _field_names(kind: type[AttributeNames]) -> list[str]:
    return list(kind._fields)


def _default(kind: type[NamedTuple], key: str) -> str:
    return cast("str", kind._field_defaults[key])
