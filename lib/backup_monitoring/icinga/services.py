"""The services that a monitoring system needs: one an account and check, named for ever."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from backup_monitoring.model import Account, People

CHECKS = ("client", "quota", "schedule", "status", "unused")
_PLAIN = re.compile(r"[A-Za-z0-9._@-]{1,64}", re.ASCII)
_ENCODED = ("x-", "h-")
_LONGEST_NAME = 60
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}", re.ASCII)


class Service(NamedTuple):
    """A service.

    Args:
        name: ``UID-check``, the UID encoded where it has other than ``A-Za-z0-9._@-``.
        host: the object it stands on. account: the UID. check: the task.
        shown: what people read, raw text from outside.
    """

    name: str
    host: str
    account: str
    check: str
    shown: str


def encode_name(uid: str) -> str:
    """Return the name for *uid* in objects: itself, or an encoding that is as stable."""
    if _PLAIN.fullmatch(uid) and not uid.startswith(_ENCODED):
        return uid
    raw = uid.encode("utf-8", "surrogateescape")
    if len(raw) <= 31:
        return f"x-{raw.hex()}"
    return f"h-{hashlib.sha256(raw).hexdigest()[:40]}"


def choose_host(account: Account, ours: str | None, otherwise: str) -> str:
    """Return the name of the host of *account*: its backup server, else *otherwise*.

    Args:
        ours: of several backup servers, the one whose objects are made, as it writes its name:
            a host that two servers define is one too many for their master. None: the first.
    """
    host = account.hosts[0] if account.hosts else otherwise
    # The directory compares names without regard to case.
    if ours is not None and ours.casefold() in map(str.casefold, account.hosts):
        host = ours
    return host if _HOST.fullmatch(host) else encode_name(host)


def make_services(
    accounts: Iterable[tuple[str, str]],
    people: People,
    checks: Sequence[str],
    host_per_account: bool,
) -> Iterator[Service]:
    """Yield the services of *accounts*, in the order of these and of *checks*.

    Of two accounts with one UID the first is taken: a name is there once, or nothing loads.

    Args:
        accounts: UID and host of each, sorted.
        host_per_account: each account is a host of its own, named as it is.
    """
    before = None
    for uid, server in accounts:
        if uid == before:
            continue
        before = uid
        contact = people.contact(uid)
        title = uid if contact is None else f"{uid} {contact.name}".rstrip()
        # bytes that were no UTF-8 are no text for anybody
        title = title.encode("utf-8", "backslashreplace").decode()
        name = encode_name(uid)
        for check in checks:
            yield Service(
                f"{name}-{check}",
                name if host_per_account else server,
                uid,
                check,
                f"Backup {check}: {title[:_LONGEST_NAME]}",
            )
