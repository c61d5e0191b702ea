"""Services as rows for an import source of the Icinga Director."""

import json
import re
from collections.abc import Iterable, Iterator

from backup_monitoring.icinga.services import Service

_FOUR_BYTES = re.compile("[\U00010000-\U0010ffff]")


def render_director(services: Iterable[Service]) -> Iterator[str]:
    """Yield a JSON list, row by row; ``$`` is doubled, since the Director does not do it."""
    separator = "["
    for service in services:
        row = {
            "name": service.name,
            "host": service.host,
            "display_name": _replace_unstorable(service.display_name),
            "backup_account": _escape_macros(service.account),
            "backup_task": service.task,
            "backup_customer": _escape_macros(service.customer) or None,
            "backup_reseller": _escape_macros(service.reseller) or None,
            "notes_url": service.notes_url or None,
            "action_url": service.action_url or None,
            "template": f"backup-account-{service.task}",
        }
        yield f"{separator}\n{json.dumps(row, sort_keys=True)}"
        separator = ","
    yield "[]\n" if separator == "[" else "\n]\n"


def _escape_macros(text: str) -> str:
    return _replace_unstorable(text).replace("$", "$$")


def _replace_unstorable(text: str) -> str:
    """Return *text* without the characters that would end the Director's whole import.

    PHP refuses JSON with half a character (a surrogate), and the Director's database one of four
    bytes.
    """
    return _FOUR_BYTES.sub(
        "\N{REPLACEMENT CHARACTER}", text.encode("utf-8", "backslashreplace").decode()
    )
