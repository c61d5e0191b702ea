"""Finds units on this server that start programs of another installation, or none."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

# The first one that has a unit counts: of systemd.unit(5).
FOLDERS = tuple(
    Path(folder, "systemd/system") for folder in ("/etc", "/run", "/usr/local/lib", "/usr/lib")
)


def list_foreign_units(program: str, folders: Sequence[Path] = FOLDERS) -> Iterator[str]:
    """Yield a sentence about each of our units that does not start a program of this installation.

    Args:
        program: the path of this one; nothing is known without a folder in it.
        folders: with units, the one that counts first.
    """
    units: dict[str, Path] = {}
    for folder in folders if "/" in program else ():
        for unit in filter(Path.exists, folder.glob("backup-monitoring-*.service")):
            units.setdefault(unit.name, unit)
    bin_folder = Path(os.path.realpath(program)).parent
    for name, unit in sorted(units.items()):
        started = _find_program(unit, folders)
        if started is None or Path(os.path.realpath(started)).parent == bin_folder:
            continue
        remedy = (
            f"copy the unit of this installation, or correct ExecStart by `systemctl edit {name}`"
        )
        problem = "of another installation" if Path(started).exists() else "which does not exist"
        yield f"{unit} starts {started}, {problem}; {remedy}"


def _find_program(unit: Path, folders: Sequence[Path]) -> str | None:
    """Return the path of the program that *unit* starts, None if it cannot be read."""
    found = None
    changes: dict[str, Path] = {}
    for folder in folders:  # what `systemctl edit` has made
        for change in (folder / f"{unit.name}.d").glob("*.conf"):
            changes.setdefault(change.name, change)
    try:
        for file in (unit, *(changes[name] for name in sorted(changes))):
            for line in file.read_text("utf-8", "replace").splitlines():
                key, _, command = line.partition("=")
                if key.strip() == "ExecStart" and command.strip():
                    found = command.split()[0].lstrip("-@:+!")
    except OSError:
        return None
    # A shell runs the generator's script.
    return None if found is None or found.endswith("/sh") else found
