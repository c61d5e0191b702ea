"""Services as rows for an import source of the Icinga Director."""

import json
import re
from collections.abc import Iterable, Iterator

from backup_monitoring.icinga.services import Service

_FOUR_BYTES = re.compile("[\U00010000-\U0010ffff]")


def render_director(services: Iterable[Service]) -> Iterator[str]:
    """Yield a JSON list, a row at a time. ``$`` is doubled: the Director does not do it."""
    before = "["
    for service in services:
        row = {
            "name": service.name,
            "host": service.host,
            "display_name": _text(service.shown),
            "backup_account": _text(service.account).replace("$", "$$"),
            "backup_task": service.check,
            "template": f"backup-account-{service.check}",
        }
        yield f"{before}\n{json.dumps(row, sort_keys=True)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _text(text: str) -> str:
    """Return *text* as the Director takes it.

    Half a character is no JSON for PHP; one of four bytes is too long for its database, and would
    end the import of all.
    """
    return _FOUR_BYTES.sub(
        "\N{REPLACEMENT CHARACTER}", text.encode("utf-8", "backslashreplace").decode()
    )
