"""Programs run within this process: quicker than a process each, with the same output."""

import importlib
from typing import NamedTuple

from backup_monitoring.model.errors import MonitoringError
from backup_monitoring.plugin.help_request import HelpRequested
from backup_monitoring.plugin.launcher import Watchdog


class Done(NamedTuple):
    """Exit code and output of a program."""

    code: int
    out: str


class Untimed(Watchdog):
    """A time limit that is never reached."""

    def __init__(self) -> None:
        return

    def limit(self, seconds: float) -> None:
        assert seconds > 0

    def phase(self, doing: str) -> None:
        assert doing


def run_program(program: str, *arguments: str) -> Done:
    """Run *program*; an error of ours is UNKNOWN, as the launcher makes it."""
    try:
        return Done(*importlib.import_module(program).main(arguments, Untimed()))
    except HelpRequested as request:
        return Done(3, request.text)
    except MonitoringError as error:
        return Done(3, str(error))
