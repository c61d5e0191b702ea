"""Names of accounts and resellers in objects and files: harmless, stable, and never the same."""

import hashlib
import re

_PLAIN = re.compile(r"[A-Za-z0-9._@-]{1,64}", re.ASCII)
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
