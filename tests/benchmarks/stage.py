"""Sets the stage of the measurements: installed programs, directory servers, files."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.compared import Command
from benchmarks.made_up import FIRST_UID, NOW, write_entries, write_homes
from integration import slapd
from programs.installed import Programs, build_wheel, install

_FOUND_OUT = (0, 1, 2)  # a check's exit codes when it has done its work
_HERE = Path(__file__).parent


class Size(NamedTuple):
    """How much is measured: accounts of both servers, computers with files, and rounds.

    Args:
        rounds: of single accounts and single calls. long_rounds: of all accounts, all files.
    """

    few: int
    many: int
    computers: int
    rounds: int
    long_rounds: int


FULL = Size(10_000, 100_000, 10_000, 31, 5)
QUICK = Size(1_000, 10_000, 1_000, 11, 3)


class Served(NamedTuple):
    """A server with accounts, and the *settings* file that names it."""

    server: slapd.Slapd
    settings: Path
    accounts: int


class Stage(NamedTuple):
    """What the measurements run on."""

    size: Size
    programs: Programs
    few: Served
    many: Served
    root: Path

    @property
    def python(self) -> str:
        """The installed environment's interpreter."""
        return str(self.programs.bin / "python")

    def check(self, task: str, served: Served, *options: str) -> Command:
        """Return the command of a check over the accounts of *served*."""
        program = str(self.programs.bin / f"check_backup_{task}")
        config = ("--config", str(served.settings), "--now", NOW.isoformat())
        return Command((program, *config, *options), _FOUND_OUT)

    def one(self, task: str) -> Command:
        """Return the command of a check of one account."""
        return self.check(task, self.few, "-a", str(FIRST_UID))

    def inside(self, script: str, *arguments: object) -> Any:
        """Return what *script*, beside this module, measures inside the installed environment."""
        done = subprocess.run(
            [self.python, "-I", _HERE / script, *map(str, arguments)],
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(done.stdout)


@contextmanager
def set_up(size: Size) -> Iterator[Stage]:
    """Give a stage of *size*; end its servers and remove its files afterwards."""
    with ExitStack() as stack:
        # A short path: each server's local socket is below it.
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        programs = install(build_wheel(folder / "dist"), folder / "env")
        root = folder / "tree"
        write_homes(root, size.computers)
        few = _served(stack, folder / "few", size.few, root)
        many = _served(stack, folder / "many", size.many, root)
        yield Stage(size, programs, few, many, root)


def _served(stack: ExitStack, folder: Path, accounts: int, root: Path) -> Served:
    folder.mkdir()
    entries, password = folder / "entries.ldif", folder / "password"
    write_entries(entries, accounts)
    server = slapd.start(folder / "s", entries)
    stack.callback(server.stop)
    password.touch(0o600)
    password.write_text(server.password)
    settings = folder / "settings.toml"
    settings.write_text(
        f'[directory]\nuri = "{server.uri}"\nbind_dn = "{server.reader}"\n'
        f'password_file = "password"\nsuffix = "{server.suffix}"\n'
        f'[storage]\nroot = "{root}"\n'
        '[schedule]\nzones = ["Europe/Zurich"]\n'
    )
    return Served(server, settings, accounts)
