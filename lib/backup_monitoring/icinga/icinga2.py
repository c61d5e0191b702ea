"""Services as configuration of Icinga 2."""

from collections.abc import Iterable, Iterator

from backup_monitoring.icinga.services import Service

HEADER = "// Made by generate_backup_objects. Do not edit: it is made anew.\n"
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def render_icinga2(services: Iterable[Service], *, with_hosts: bool = True) -> Iterator[str]:
    """Yield the configuration, a piece at a time: hosts as they are met, and services."""
    yield HEADER
    hosts: set[str] = set()
    for service in services:
        if with_hosts and service.host not in hosts:
            hosts.add(service.host)
            yield f'\nobject Host {quote(service.host)} {{\n  import "backup-server"\n}}\n'
        yield (
            f"\nobject Service {quote(service.name)} {{\n"
            f'  import "backup-account-{service.check}"\n'
            f"  host_name = {quote(service.host)}\n"
            f"  display_name = {quote(service.shown)}\n"
            f"  vars.backup_account = {quote_variable(service.account)}\n"
            f"  vars.backup_task = {quote(service.check)}\n"
            "}\n"
        )


def quote_variable(text: str) -> str:
    """Return *text* as the value of a custom variable, in which ``$`` would be a macro."""
    return quote(text.replace("$", "$$"))


def quote(text: str) -> str:
    """Return *text* as a string of Icinga's language, whatever it holds."""
    if not text.isprintable() or '"' in text or "\\" in text:
        text = "".join(map(_escaped, text))
    return f'"{text}"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if ord(char) < 32 or ord(char) == 127:
        return f"\\{ord(char):03o}"
    if 0xD800 <= ord(char) <= 0xDFFF:  # a byte that was no UTF-8
        return f"\\\\x{ord(char) & 0xFF:02x}"
    return char
