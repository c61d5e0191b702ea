"""Finds accounts in the directory."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from backup_monitoring.directory.account_reader import AccountReader, KnownAttributes
from backup_monitoring.directory.attributes import WITHOUT_STATE
from backup_monitoring.directory.base import Directory
from backup_monitoring.directory.entries import Entry
from backup_monitoring.directory.filters import escape_value, parse_filter
from backup_monitoring.model import Account, AccountStatus, DirectoryError, Finding, Need
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
    """Yield accounts in the order of the answer.

    Args:
        directory: an open directory. settings: base, filter, host and attributes.
        need: what is read of each; other fields keep their defaults.
        now: for cancellation dates.
        uids: only these, whatever filter and host say, also accounts that are not monitored.
            One that does not exist is not yielded. None: all active accounts.

    Two entries with one uid, which only a file can have, are two accounts, the second with a
    finding. A uid has the directory's spelling, which may differ from *uids* in case.

    Raises:
        DirectoryError: the answer is not complete; what was yielded before is only a part.
        SettingsError: the filter or an attribute's name is not valid.
    """
    known = _choose_known(settings) if uids is None else KnownAttributes.NOTHING
    reader = AccountReader(settings.attributes, need, now, known, uids or ())
    seen: set[str] = set()
    for ldap_filter in _make_filters(settings, uids):
        for entry in directory.entries(settings.accounts_base, ldap_filter, reader.attributes):
            account = reader.account(entry)
            if account.status in _LEFT_OUT and uids is None:
                continue
            yield _mark_duplicate(account, seen)
    if uids is None and not seen:
        _refuse_unread(reader, settings)


def read_known_accounts(
    directory: Directory, settings: DirectorySettings, now: datetime, more: Sequence[str]
) -> Iterator[tuple[Account, bool, Entry]]:
    """Yield every account, read completely, whether it is in scope, and its entry.

    A run over all accounts judges those in scope; the others are only looked up by name.

    Args:
        more: further attributes that the entry is to have.

    Raises:
        DirectoryError, SettingsError: as `read_accounts`.
    """
    names = settings.attributes
    scope = parse_scope(settings)
    host = _make_host_filter(settings)
    reader = AccountReader(names, Need.ALL, now, KnownAttributes.NOTHING)
    attributes = (*reader.attributes, *more)
    seen: set[str] = set()
    found = False
    for ldap_filter, matches_scope in (
        (f"(&{scope}{host})", True),
        (f"(&({_WITHOUT_FILES})(!{scope}){host})", False),
    ):
        for entry in directory.entries(settings.accounts_base, ldap_filter, attributes):
            account = reader.account(entry)
            in_scope = matches_scope and account.status not in _LEFT_OUT
            found = found or in_scope
            yield _mark_duplicate(account, seen), in_scope, entry
    if not found:
        _refuse_unread(reader, settings)


def _refuse_unread(reader: AccountReader, settings: DirectorySettings) -> None:
    """Raise DirectoryError if no account is in scope, and *reader* could not read all values."""
    if reader.unread:
        problem = f"no account in scope; {reader.unread}: not read, because of the options"
        raise DirectoryError(settings.accounts_base, problem, WITHOUT_STATE)


def parse_scope(settings: DirectorySettings) -> str:
    """Return the accounts' filter of the settings; SettingsError if it is not valid."""
    parse_filter(settings.accounts_filter)
    return settings.accounts_filter


def _choose_known(settings: DirectorySettings) -> KnownAttributes:
    # Only of our own filter it is known that it leaves out accounts without files.
    plain = settings.accounts_filter == DirectorySettings().accounts_filter
    return KnownAttributes.ACTIVE | KnownAttributes.KIND if plain else KnownAttributes.ACTIVE


def _make_host_filter(settings: DirectorySettings) -> str:
    """Return the part of a filter that matches only this backup server's accounts."""
    return f"({settings.attributes.host}={escape_value(settings.host)})" if settings.host else ""


def _make_filters(settings: DirectorySettings, uids: Sequence[str] | None) -> Iterator[str]:
    names = settings.attributes
    if uids is None:
        scope = parse_scope(settings)
        yield f"(&{scope}({names.active}=TRUE){_make_host_filter(settings)})"
        return
    # A name that is not text cannot exist in a directory.
    wanted = [uid for uid in dict.fromkeys(uids) if uid and uid.isprintable()]
    for first in range(0, len(wanted), _AT_ONCE):
        chunk = wanted[first : first + _AT_ONCE]
        yield f"(|{''.join(f'({names.uid}={escape_value(uid)})' for uid in chunk)})"


def _mark_duplicate(account: Account, seen: set[str]) -> Account:
    """Return *account*, with a finding if its uid is in *seen*; add it there."""
    if account.uid not in seen:
        seen.add(account.uid)
        return account
    problem = f"uid {account.uid!r}: another entry has it too"
    finding = Finding("attribute", account.dn, problem)
    return account._replace(findings=(*account.findings, finding))
