"""Services as rows for an import source of the Icinga Director."""

import json
from collections.abc import Iterable, Iterator

from backup_monitoring.objects.services import Service


def director(services: Iterable[Service]) -> Iterator[str]:
    """Yield a JSON list, a row at a time. ``$`` is doubled: the Director does not do it."""
    before = "["
    for service in services:
        row = {
            "name": service.name,
            "host": service.host,
            "display_name": service.shown,
            "backup_account": _text(service.account).replace("$", "$$"),
            "backup_check": service.check,
            "template": f"backup-account-{service.check}",
        }
        yield f"{before}\n{json.dumps(row, sort_keys=True)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _text(uid: str) -> str:
    """Return *uid* without half a character, which is no JSON for PHP."""
    return uid.encode("utf-8", "backslashreplace").decode()
