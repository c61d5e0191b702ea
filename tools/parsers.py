"""The command line of each program, as its own parser has it."""

import argparse
from importlib import import_module
from typing import NamedTuple

from backup_monitoring import tasks
from backup_monitoring.plugin import HelpRequested, Watchdog
from tools.programs import list_programs


class ProgramOption(NamedTuple):
    """An option of a program.

    Args:
        flags: as on the command line. value: the name of its value, '' if it has none.
        choices: the values that it takes, empty if it takes any. text: its help.
    """

    flags: tuple[str, ...]
    value: str
    choices: tuple[str, ...]
    text: str


class ProgramParser(NamedTuple):
    """The command line of a program.

    Args:
        purpose: one sentence without its full stop. description: in sentences. notes: of the
            help's end, a line each. exit_codes: in words.
        groups: the options by heading, '' for the usual ones.
    """

    name: str
    purpose: str
    description: str
    notes: tuple[str, ...]
    exit_codes: str
    groups: tuple[tuple[str, tuple[ProgramOption, ...]], ...]

    @property
    def options(self) -> tuple[ProgramOption, ...]:
        """All options."""
        return tuple(option for _, options in self.groups for option in options)


class _Untimed(Watchdog):
    def __init__(self) -> None:
        return

    def limit(self, seconds: float) -> None:
        return

    def phase(self, doing: str) -> None:
        return


def list_parsers() -> list[ProgramParser]:
    """Return the command lines of all programs."""
    # The module of the names is generated as well: as it will be, not as it was loaded.
    vars(tasks)["TASK_NAMES"] = tuple(tasks.TASKS)
    return [_load_parser(name) for name in list_programs()]


def _load_parser(name: str) -> ProgramParser:
    program = import_module(name)
    purpose = str(program.__doc__).splitlines()[0].partition(": ")[2].rstrip(".")
    try:
        program.main(["--help"], _Untimed())
    except HelpRequested as request:
        parser = request.parser
    else:
        raise ValueError(f"{name} --help asks for no help")
    *notes, exit_codes = str(parser.epilog).split("\n")
    return ProgramParser(
        name,
        purpose,
        str(parser.description),
        tuple(notes),
        exit_codes.removeprefix("exit codes: "),
        tuple(_list_groups(parser)),
    )


def _list_groups(
    parser: argparse.ArgumentParser,
) -> list[tuple[str, tuple[ProgramOption, ...]]]:
    formatter = argparse.HelpFormatter(parser.prog)
    return [
        (
            "" if group is parser._optionals else str(group.title),
            tuple(
                ProgramOption(
                    tuple(action.option_strings),
                    "" if action.nargs == 0 else str(action.metavar or action.dest.upper()),
                    tuple(map(str, action.choices or ())),
                    formatter._expand_help(action),
                )
                for action in group._group_actions
            ),
        )
        for group in parser._action_groups
        if group._group_actions
    ]
