"""The formats of objects: how each is written, and where a service's names are in it."""

import re
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
        service, host: what matches a service's name and that of its host in a line, as group 1.
    """

    render: Callable[[Iterable[Service], bool], Iterator[str]]
    service: re.Pattern[str]
    host: re.Pattern[str]


FORMATS: Mapping[str, ObjectsFormat] = {
    "icinga2": ObjectsFormat(
        render_icinga2,
        re.compile('^object Service "([^"]*)"'),
        re.compile('^  host_name = "([^"]*)"'),
    ),
    # In JSON no value can hold the text before a name: its quotes would be escaped.
    "director": ObjectsFormat(
        lambda services, _: render_director(services),
        re.compile(' "name": "([^"]*)"'),
        re.compile(' "host": "([^"]*)"'),
    ),
    "nagios": ObjectsFormat(
        render_nagios,
        re.compile("^  service_description (.*)"),
        re.compile("^  host_name (.*)"),
    ),
}
