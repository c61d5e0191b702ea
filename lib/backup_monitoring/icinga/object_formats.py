"""The formats of objects: how each is written, and where a service's name is in it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from backup_monitoring.icinga.director import render_director
from backup_monitoring.icinga.icinga2 import render_icinga2
from backup_monitoring.icinga.nagios import render_nagios
from backup_monitoring.icinga.services import Service


class ObjectsFormat(NamedTuple):
    """A format.

    Args:
        render: yields the text of services piece by piece, with their hosts if the second
            argument is true and the format has hosts.
        before, after: the text on both sides of a service's name. A line has one name at most.
        indented: *before* may be anywhere in a line, else only at its start.
    """

    render: Callable[[Iterable[Service], bool], Iterator[str]]
    before: str
    after: str
    indented: bool = False


FORMATS: Mapping[str, ObjectsFormat] = {
    "icinga2": ObjectsFormat(render_icinga2, 'object Service "', '"'),
    # In JSON no value can hold the text before a name: its quotes would be escaped.
    "director": ObjectsFormat(
        lambda services, _: render_director(services), ' "name": "', '"', True
    ),
    "nagios": ObjectsFormat(render_nagios, "  service_description ", "\n"),
}
