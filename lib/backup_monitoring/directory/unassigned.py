"""Finds accounts on no backup server, which no collector reads."""

from collections.abc import Iterator
from datetime import datetime

from backup_monitoring.directory.account_reader import AccountReader, KnownAttributes
from backup_monitoring.directory.account_search import parse_scope
from backup_monitoring.directory.base import Directory
from backup_monitoring.directory.filters import escape_value
from backup_monitoring.model import AccountStatus, Finding, Need
from backup_monitoring.settings import DirectorySettings

_MOST_FOUND = 1000
_MOST_NAMES = 3
_LONGEST = 80


def find_unassigned(
    directory: Directory, settings: DirectorySettings, now: datetime
) -> Iterator[Finding]:
    """Yield a finding for each active account whose host is not one of ``servers``.

    If ``servers`` is not set, for each account without a host. If ``host`` is not set either,
    there is one server with all accounts, and no search. Beyond the first 1,000 they are counted.

    Raises:
        DirectoryError: the answer is not complete; what was yielded before is valid.
        SettingsError: the filter or an attribute's name is not valid.
    """
    if not settings.servers and not settings.host:
        return
    reader = AccountReader(settings.attributes, Need.HOSTS, now, KnownAttributes.ACTIVE)
    count = 0
    for entry in directory.entries(
        settings.accounts_base, _make_filter(settings), reader.attributes
    ):
        account = reader.account(entry)
        if account.status is not AccountStatus.ACTIVE:
            continue
        count += 1
        if count <= _MOST_FOUND:
            problem = _format_problem(settings.attributes.host, account.hosts)
            yield Finding("unassigned", account.dn, f"on no backup server: {problem}")
    if count > _MOST_FOUND:
        more = f"and {count - _MOST_FOUND} more on no backup server"
        yield Finding("unassigned", settings.accounts_base, more)


def _make_filter(settings: DirectorySettings) -> str:
    names = settings.attributes
    on_one = "".join(f"({names.host}={escape_value(server)})" for server in settings.servers)
    on_any = f"(|{on_one})" if on_one else f"({names.host}=*)"
    return f"(&{parse_scope(settings)}({names.active}=TRUE)(!{on_any}))"


def _format_problem(name: str, hosts: tuple[str, ...]) -> str:
    if not hosts:
        return f"no {name}"
    listed = ", ".join(repr(host[:_LONGEST]) for host in hosts[:_MOST_NAMES])
    more = f" and {len(hosts) - _MOST_NAMES} more" if len(hosts) > _MOST_NAMES else ""
    return f"{name} {listed}{more}: not one of the servers"
