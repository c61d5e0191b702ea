"""Names of accounts, resellers and hosts in objects and files: harmless, stable, never the same."""

import hashlib
import re
from collections.abc import Sequence

_PLAIN = re.compile(r"[A-Za-z0-9._@-]{1,64}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}", re.ASCII)
_ENCODED = ("x-", "h-")
_TAKEN = "index"  # index.html is the front page


def encode_name(uid: str) -> str:
    """Return the name for *uid* in objects and files: itself, or a stable encoding."""
    if _PLAIN.fullmatch(uid) and not uid.startswith(_ENCODED) and uid != _TAKEN:
        return uid
    raw = uid.encode("utf-8", "surrogateescape")
    if len(raw) <= 31:
        return f"x-{raw.hex()}"
    return f"h-{hashlib.sha256(raw).hexdigest()[:40]}"


def choose_host(hosts: Sequence[str], server: str | None, otherwise: str) -> str:
    """Return the name of the host of an account: its backup server, else *otherwise*.

    Args:
        hosts: the backup servers of its entry.
        server: the backup server whose objects are made, spelled as it spells its own name. It
            goes first among several: a host that two servers define twice is an error for their
            master. None: the first of the entry.
    """
    host = hosts[0] if hosts else otherwise
    # The directory ignores case.
    if server is not None and server.casefold() in map(str.casefold, hosts):
        host = server
    return host if _HOST.fullmatch(host) else encode_name(host)
