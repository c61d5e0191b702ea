"""Services as definitions of Nagios."""

from collections.abc import Iterable, Iterator

from backup_monitoring.icinga.services import Service, encode_name
from backup_monitoring.model import sanitize

HEADER = "# Made by generate_backup_objects. Do not edit: it is made anew.\n"
_ENDS_A_VALUE = str.maketrans({";": ",", "$": "_", "\\": "/", "`": "'"})


def render_nagios(services: Iterable[Service], *, with_hosts: bool = True) -> Iterator[str]:
    """Yield the definitions, a piece at a time: hosts as they are met, and services."""
    yield HEADER
    hosts: set[str] = set()
    for service in services:
        host = neutralize_value(service.host)
        if with_hosts and host not in hosts:
            hosts.add(host)
            yield f"\ndefine host {{\n  use backup-server\n  host_name {host}\n}}\n"
        yield (
            "\ndefine service {\n"
            f"  use backup-account-{service.check}\n"
            f"  host_name {host}\n"
            f"  service_description {service.name}\n"
            f"  display_name {neutralize_value(service.shown)}\n"
            # It is put into a shell's line: what is no plain UID goes by its encoding.
            f"  _BACKUP_ACCOUNT {encode_name(service.account)}\n"
            f"  _BACKUP_TASK {service.check}\n"
            "}\n"
        )


def neutralize_value(text: str) -> str:
    """Return *text* as a value: ``;`` would begin a comment, ``$`` a macro."""
    return sanitize(text).translate(_ENDS_A_VALUE).strip() or "-"
