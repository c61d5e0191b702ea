"""The time zone of this server."""

import os
import re
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from backup_monitoring.model import Finding

_ETC = Path("/etc")


def find_local_zone(
    environment: Mapping[str, str] = os.environ, etc: Path = _ETC
) -> tuple[ZoneInfo, ...]:
    """Return the zone of this server, nothing if it is not known.

    ``TZ`` is read as the C library does: the name of a zone, a file, or a rule like
    ``CET-1CEST,M3.5.0,M10.5.0/3``; without it, the file is ``/etc/localtime``. For a rule, or a
    file that is a copy, the zone is one that has the same rule now.

    Args:
        etc: the folder of ``localtime`` and ``timezone``.
    """
    text = environment.get("TZ")
    if text is None:
        found = _find_own(etc)
    elif (text := text.removeprefix(":")).startswith("/"):
        found = _find_by_file(Path(text), etc)
    else:
        rule = text.encode(errors="replace")
        found = _load(text or "UTC") or _find_alike(b"", rule, _read_name(etc))
    return () if found is None else (found,)


def list_zone_findings(
    zones: Sequence[tzinfo], environment: Mapping[str, str] = os.environ
) -> list[Finding]:
    """Return a finding if there are no *zones*, those of the settings or else the server's own."""
    if zones:
        return []
    text = environment.get("TZ")
    source = "/etc/localtime" if text is None else f"TZ={text}"
    problem = f"its time zone is not known ({source} is not one of the IANA zones)"
    return [Finding("zone", "this server", f"{problem}; set [schedule] zones")]


def _find_own(etc: Path) -> ZoneInfo | None:
    file, name = etc / "localtime", _read_name(etc)
    if not name and not file.exists():
        return _load("UTC")  # the C library's time then
    return _find_by_file(file, etc) or _load(name)


def _find_by_file(file: Path, etc: Path) -> ZoneInfo | None:
    """Return the zone that *file* links to, or is a copy of."""
    path = os.path.realpath(file)
    found = _load(path.partition("/zoneinfo/")[2])
    if found is not None:
        return found
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError):
        return None
    return _find_alike(content, _read_rule(content), _read_name(etc))


def _load(name: str) -> ZoneInfo | None:
    for form in ("posix/", "right/"):
        name = name.removeprefix(form)
    try:
        return ZoneInfo(name) if name else None
    except (LookupError, OSError, RecursionError, ValueError):  # many slashes
        return None


def _find_alike(content: bytes, rule: bytes, preferred: str) -> ZoneInfo | None:
    """Return the zone with this *content*, else one with this *rule*, names and all, or but them.

    Args:
        preferred: the name of the zone that is taken if it is as good as others.
    """
    same_rule = similar_rule = ""
    for name, data in _read_zones(preferred):
        if data == content:
            return _load(name)
        found = _read_rule(data)
        if found and found == rule:
            same_rule = same_rule or name
        if found and _normalize(found) == _normalize(rule):
            similar_rule = similar_rule or name
    return _load(same_rule or similar_rule)


def _read_rule(content: bytes) -> bytes:
    """Return the rule that a zone's file has, in its last line (RFC 8536, 3.3), or nothing."""
    return content[:-1].rpartition(b"\n")[2] if content.startswith(b"TZif") else b""


def _normalize(rule: bytes) -> bytes:
    """Return *rule* without what makes no difference: names, zeros, and 02:00 as the time."""
    rule = re.sub(rb"<[^>]*>|[A-Za-z]{3,}", b"x", rule)
    return re.sub(rb"/2(?=,|$)", b"", re.sub(rb"\b0(?=[0-9])|(:00)+", b"", rule))


def _read_zones(first: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each zone, that of the name *first* before the others."""
    for folder in map(Path, zoneinfo.TZPATH):
        # Beside the zones there are "posix", "right" and "localtime".
        files = sorted(folder.glob("[A-Z]*/**/*")) + sorted(folder.glob("[A-Z]*"))
        for name in filter(None, (first, *(str(file.relative_to(folder)) for file in files))):
            try:
                data = (folder / name).read_bytes()
            except (OSError, ValueError):  # a folder, or a name that is not valid
                continue
            if data.startswith(b"TZif"):
                yield name, data


def _read_name(etc: Path) -> str:
    """Return the zone's name in ``timezone``, for a system whose ``localtime`` is not a link."""
    try:
        return (etc / "timezone").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
