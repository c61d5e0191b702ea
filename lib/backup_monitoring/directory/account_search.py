"""Finds accounts in the directory."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from backup_monitoring.directory.account_reader import AccountReader, KnownAttributes
from backup_monitoring.directory.base import Directory
from backup_monitoring.directory.entries import Entry
from backup_monitoring.directory.filters import escape_value, parse_filter
from backup_monitoring.directory.seen import Seen
from backup_monitoring.model import Account, AccountStatus, Finding, Need
from backup_monitoring.settings import DirectorySettings

_AT_ONCE = 100
_LEFT_OUT = (AccountStatus.INACTIVE, AccountStatus.UNCLEAR)  # of a run over all
_WITHOUT_FILES = "objectClass=sstS3Bucket"


def read_accounts(
    directory: Directory,
    settings: DirectorySettings,
    need: Need,
    now: datetime,
    uids: Sequence[str] | None = None,
) -> Iterator[Account]:
    """Yield accounts as they come.

    Args:
        directory: where they are. settings: how they are found.
        need: what of them is read; the rest keeps its default.
        now: for cancellation dates.
        uids: only these, whatever filter and host say, with what keeps them from being watched;
            one that is not yielded is not there. None: all that are active.

    Two entries with one uid, which only a file can have, are two accounts, the second with a
    finding. A uid has the directory's spelling, which may differ from *uids* in case.

    Raises:
        DirectoryError: the answer is not complete; what was yielded before is only a part.
        SettingsError: the filter or an attribute's name is none.
    """
    certain = _certain(settings) if uids is None else KnownAttributes.NOTHING
    reader = AccountReader(settings.attributes, need, now, certain, uids or ())
    seen = Seen()
    for ldap_filter in _filters(settings, uids):
        for entry in directory.entries(settings.accounts_base, ldap_filter, reader.attributes):
            account = reader.account(entry)
            if account.status in _LEFT_OUT and uids is None:
                continue
            if seen.again(account.uid):
                account = _doubted(account)
            yield account


def known_accounts(
    directory: Directory, settings: DirectorySettings, now: datetime
) -> Iterator[tuple[Account, bool]]:
    """Yield every account, read completely, and whether a run over all accounts is to judge it.

    Those that are not active, or keep no files here, are known by name only.

    Raises:
        DirectoryError, SettingsError: as `read_accounts`.
    """
    for account, in_scope, _ in read_known_accounts(directory, settings, now, ()):
        yield account, in_scope


def read_known_accounts(
    directory: Directory, settings: DirectorySettings, now: datetime, more: Sequence[str]
) -> Iterator[tuple[Account, bool, Entry]]:
    """Yield what `known_accounts` does, with the entry, for which *more* attributes are asked.

    Raises:
        DirectoryError, SettingsError: as `read_accounts`.
    """
    names = settings.attributes
    scope = parse_scope(settings)
    host = _of_host(settings)
    reader = AccountReader(names, Need.ALL, now, KnownAttributes.NOTHING)
    attributes = (*reader.attributes, *more)
    seen = Seen()
    for ldap_filter, in_scope in (
        (f"(&{scope}{host})", True),
        (f"(&({_WITHOUT_FILES})(!{scope}){host})", False),
    ):
        for entry in directory.entries(settings.accounts_base, ldap_filter, attributes):
            account = reader.account(entry)
            if seen.again(account.uid):
                account = _doubted(account)
            yield account, in_scope and account.status not in _LEFT_OUT, entry


def parse_scope(settings: DirectorySettings) -> str:
    """Return the accounts' filter; SettingsError, naming it as it stands there, if it is none."""
    parse_filter(settings.accounts_filter)
    return settings.accounts_filter


def _certain(settings: DirectorySettings) -> KnownAttributes:
    # Only the filter that comes with us is known to leave out accounts without files.
    plain = settings.accounts_filter == DirectorySettings().accounts_filter
    return KnownAttributes.ACTIVE | KnownAttributes.KIND if plain else KnownAttributes.ACTIVE


def _of_host(settings: DirectorySettings) -> str:
    """Return the part of a filter that only this backup server's accounts pass."""
    return f"({settings.attributes.host}={escape_value(settings.host)})" if settings.host else ""


def _filters(settings: DirectorySettings, uids: Sequence[str] | None) -> Iterator[str]:
    names = settings.attributes
    if uids is None:
        scope = parse_scope(settings)
        yield f"(&{scope}({names.active}=TRUE){_of_host(settings)})"
        return
    # A name that cannot be written as text is nobody's.
    wanted = [uid for uid in dict.fromkeys(uids) if uid and uid.isprintable()]
    for first in range(0, len(wanted), _AT_ONCE):
        chunk = wanted[first : first + _AT_ONCE]
        yield f"(|{''.join(f'({names.uid}={escape_value(uid)})' for uid in chunk)})"


def _doubted(account: Account) -> Account:
    twice = Finding("attribute", account.dn, f"uid {account.uid!r}: another entry has it too")
    return account._replace(findings=(*account.findings, twice))
