"""Finds accounts that are on no backup server, which nobody would collect."""

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
    """Yield a finding for each active account whose host is none of ``servers``.

    Without ``servers``, for each that has no host at all; where ``host`` is not set either, one
    server has all accounts, and nothing is asked. Beyond the first 1,000 they are only counted.

    Raises:
        DirectoryError: the answer is not complete; what was yielded before holds.
        SettingsError: the filter or an attribute's name is none.
    """
    if not settings.servers and not settings.host:
        return
    reader = AccountReader(settings.attributes, Need.HOSTS, now, KnownAttributes.ACTIVE)
    found = 0
    for entry in directory.entries(settings.accounts_base, _filter(settings), reader.attributes):
        account = reader.account(entry)
        if account.status is not AccountStatus.ACTIVE:
            continue
        found += 1
        if found <= _MOST_FOUND:
            problem = _problem(settings.attributes.host, account.hosts)
            yield Finding("unassigned", account.dn, f"on no backup server: {problem}")
    if found > _MOST_FOUND:
        more = f"and {found - _MOST_FOUND} more on no backup server"
        yield Finding("unassigned", settings.accounts_base, more)


def _filter(settings: DirectorySettings) -> str:
    names = settings.attributes
    on_one = "".join(f"({names.host}={escape_value(server)})" for server in settings.servers)
    on_any = f"(|{on_one})" if on_one else f"({names.host}=*)"
    return f"(&{parse_scope(settings)}({names.active}=TRUE)(!{on_any}))"


def _problem(name: str, hosts: tuple[str, ...]) -> str:
    if not hosts:
        return f"no {name}"
    said = ", ".join(repr(host[:_LONGEST]) for host in hosts[:_MOST_NAMES])
    more = f" and {len(hosts) - _MOST_NAMES} more" if len(hosts) > _MOST_NAMES else ""
    return f"{name} {said}{more}: none of the servers"
