"""Says what a server's result code means for us, with the remedy."""

from typing import Any

from backup_monitoring.directory.bases import MissingBaseError
from backup_monitoring.model import DirectoryError
from backup_monitoring.net import ServerAddress, UnreachableError
from backup_monitoring.settings import DirectorySettings

SUCCESS = 0
NO_SUCH_OBJECT = 32
_UNSEEN = (NO_SUCH_OBJECT, 50)

_PART = "a part would be a smaller truth"
_LIMIT = "give {who} unlimited sizes and times in the server's configuration (limits, size.prtotal)"
# RFC 4511, A.2: what an administrator can put right
_MEANINGS = {
    2: ("does not do what it is asked", "with start_tls: does it have TLS? Else see its log"),
    3: (f"stopped at its time limit, {_PART}", _LIMIT),
    4: (f"stopped at its size limit, {_PART}", _LIMIT),
    7: ("does not know this way to bind", "check [directory] bind in {file}"),
    8: ("wants a stronger bind", "check [directory] bind and start_tls in {file}"),
    10: (
        f"refers to another server{{elsewhere}}, {_PART}",
        "check [directory] {key} in {file}, or name that server as uri",
    ),
    11: (
        f"stopped at an administrative limit, {_PART}",
        f"lower [directory] page_size in {{file}}, or {_LIMIT}",
    ),
    12: ("cannot answer in pages", "allow the simple paged results control (RFC 2696)"),
    13: ("wants an encrypted connection", "set start_tls = true, or use ldaps://, in {file}"),
    32: ("has no entry {base!r}, or hides it", "check [directory] {key} in {file}"),
    34: ("does not take {base!r} for a distinguished name", "check [directory] {key} in {file}"),
    48: ("does not let {who} bind so", "check [directory] bind in {file}"),
    49: ("refused name or password", "check bind_dn and password_file of [directory] in {file}"),
    50: ("does not let {who} read {base!r}", "allow it in the server's access rules"),
    53: ("is not willing to answer {who}", "check [directory] bind in {file}"),
}
_ELSEWHERE = {51: "is busy", 52: "is unavailable"}


def make_refusal(
    result: dict[str, Any], server: ServerAddress, settings: DirectorySettings, base: str, key: str
) -> DirectoryError:
    """Return the error that *result*, which is no success, stands for.

    Args:
        result: the answer as ldap3 has it.
        server: who answered.
        settings: how it was asked.
        base: the distinguished name in question. key: its setting.
    """
    code = result["result"]
    said = f" ({result['message']})" if result.get("message") else ""
    if code in _ELSEWHERE:
        return UnreachableError(
            server.uri, f"the server {_ELSEWHERE[code]}{said}", "see the server's log"
        )
    problem, remedy = _MEANINGS.get(
        code, ("answered " + f"{result['description']} ({code})", "see the server's log")
    )
    elsewhere = ", ".join(result.get("referrals") or ())
    who = settings.bind_dn if settings.bind == "simple" else f"{settings.bind} clients"
    names = {"who": who, "file": settings.file, "base": base, "key": key}
    names["elsewhere"] = f" ({elsewhere})" if elsewhere else ""
    kind = MissingBaseError if code in _UNSEEN else DirectoryError
    return kind(server.uri, f"the server {problem.format(**names)}{said}", remedy.format(**names))
