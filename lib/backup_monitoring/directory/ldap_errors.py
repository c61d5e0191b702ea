"""The errors that a server's result codes mean, each with its remedy."""

from typing import Any

from backup_monitoring.directory.bases import MissingBaseError
from backup_monitoring.model import DirectoryError
from backup_monitoring.net import ServerAddress, UnreachableError
from backup_monitoring.settings import DirectorySettings

SUCCESS = 0
NO_SUCH_OBJECT = 32
_HIDDEN = (NO_SUCH_OBJECT, 50)

_REJECTED = "partial results are rejected"
_LIMIT = "give {who} unlimited sizes and times in the server's configuration (limits, size.prtotal)"
# The result codes (RFC 4511, A.2) that an administrator can do something about.
_MEANINGS = {
    2: (
        "the server does not understand the request",
        "with start_tls, check that it supports TLS; otherwise see its log",
    ),
    3: (f"time limit exceeded; {_REJECTED}", _LIMIT),
    4: (f"size limit exceeded; {_REJECTED}", _LIMIT),
    7: ("the server does not support this way to bind", "check [directory] bind in {file}"),
    8: ("the server requires a stronger bind", "{bind}, and use start_tls or ldaps://"),
    10: (
        f"the server refers to another one{{elsewhere}}; {_REJECTED}",
        "check [directory] {key} in {file}, or set that server as uri",
    ),
    11: (
        f"administrative limit exceeded; {_REJECTED}",
        f"lower [directory] page_size in {{file}}, or {_LIMIT}",
    ),
    12: (
        "the server does not support paged results",
        "allow the simple paged results control (RFC 2696)",
    ),
    13: (
        "the server requires an encrypted connection",
        "set start_tls = true, or use ldaps://, in {file}",
    ),
    32: ("the server has no entry {base!r}, or hides it", "check [directory] {key} in {file}"),
    34: ("{base!r} is not a valid distinguished name", "check [directory] {key} in {file}"),
    48: ("the server does not allow {who} to bind this way", "{bind}"),
    49: (
        "the server rejected the name or password",
        "check bind_dn and password_file of [directory] in {file}",
    ),
    50: (
        "the server does not allow {who} to read {base!r}",
        "grant access in the server's access rules",
    ),
    53: ("the server refuses to answer {who}", "{bind}"),
}
# Active Directory's text, of an operationsError (1), for a search without a name and a password.
_UNBOUND = "successful bind must be completed"
_NEEDS_BIND = ("the server answers only after a bind with a name and a password", "{bind}")
_UNAVAILABLE = {51: "is busy", 52: "is unavailable"}


def make_refusal(
    result: dict[str, Any], server: ServerAddress, settings: DirectorySettings, base: str, key: str
) -> DirectoryError:
    """Return the error of *result*, which is not a success.

    Args:
        result: the answer, as ldap3 returns it.
        server: that sent it.
        settings: of the request.
        base: the distinguished name of the request. key: the setting that names it.
    """
    code = result["result"]
    message = f" ({result['message']})" if result.get("message") else ""
    if code in _UNAVAILABLE:
        return UnreachableError(
            server.uri, f"the server {_UNAVAILABLE[code]}{message}", "see the server's log"
        )
    unknown = f"the server answered {result['description']} ({code})", "see the server's log"
    problem, remedy = _NEEDS_BIND if _UNBOUND in message else _MEANINGS.get(code, unknown)
    elsewhere = ", ".join(result.get("referrals") or ())
    who = settings.bind_dn if settings.bind == "simple" else f"{settings.bind} clients"
    names = {"who": who, "file": settings.file, "base": base, "key": key}
    anonymous = settings.bind == "anonymous"
    way = "set [directory] bind_dn and password_file" if anonymous else "check [directory] bind"
    names["bind"] = f"{way} in {settings.file}"
    names["elsewhere"] = f" ({elsewhere})" if elsewhere else ""
    kind = MissingBaseError if code in _HIDDEN else DirectoryError
    return kind(server.uri, f"{problem.format(**names)}{message}", remedy.format(**names))
