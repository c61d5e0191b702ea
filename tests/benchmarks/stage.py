"""Sets the stage of the measurements: installed programs, directory servers, files, stores."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.compared import Command
from benchmarks.sample_data import FIRST_UID, NOW, write_entries, write_homes
from integration import slapd
from programs.installed import Programs, build_wheel, install

_FOUND_OUT = (0, 1, 2)  # a check's exit codes when it has done its work
_HERE = Path(__file__).parent


class BenchmarkSize(NamedTuple):
    """How much is measured: accounts of both servers, and rounds.

    Args:
        few, many: accounts, each with a home. files: homes whose files alone are read.
        steps: accounts of further servers, to see how time grows.
        rounds: of single accounts and single calls. long_rounds: of all accounts, all files.
    """

    few: int
    many: int
    files: int
    steps: tuple[int, ...]
    rounds: int
    long_rounds: int


FULL = BenchmarkSize(10_000, 100_000, 6_667, (1_000,), 21, 3)
QUICK = BenchmarkSize(500, 5_000, 333, (100,), 7, 2)


class Served(NamedTuple):
    """A server with accounts, each of which has a home below *root*.

    Args:
        live: the settings that name it. stored: as *live*, with a store. scanned: as *stored*,
            with a notifier that scans; the notifier of *stored* is called by others.
    """

    server: slapd.Slapd
    accounts: int
    root: Path
    live: Path
    stored: Path
    scanned: Path


class Stage(NamedTuple):
    """What the measurements run on.

    Args:
        plot: the file in which growth is drawn; None: in none.
    """

    size: BenchmarkSize
    programs: Programs
    folder: Path
    few: Served
    many: Served
    plot: Path | None = None

    @property
    def python(self) -> str:
        """The installed environment's interpreter."""
        return str(self.programs.bin / "python")

    def program(self, name: str, settings: Path, *options: str) -> Command:
        """Return the command of a program."""
        config = ("--config", str(settings), "--now", NOW.isoformat())
        return Command((str(self.programs.bin / name), *config, *options))

    def check(self, task: str, settings: Path, *options: str) -> Command:
        """Return the command of a check over all accounts."""
        command = self.program(f"check_backup_{task}", settings, *options)
        if settings.name != "live.toml":  # the states are as of the last run, whatever the time
            words = (command.words[0], "--config", str(settings), *options)
            return Command(words, _FOUND_OUT)
        return command._replace(codes=_FOUND_OUT)

    def one(self, task: str, settings: Path) -> Command:
        """Return the command of a check of one account."""
        return self.check(task, settings, "-a", str(FIRST_UID))

    def collect(self, served: Served) -> Command:
        """Return the command of a run into the store of *served*."""
        return self.program("collect_backup_state", served.stored, "-t", "3000")

    def do(self, command: Command) -> None:
        """Run *command* once, to prepare something."""
        done = subprocess.run(command.words, capture_output=True, text=True)
        assert done.returncode in command.codes, f"{command.words}: {done.stdout}{done.stderr}"

    def script(self, name: str, *arguments: object) -> Command:
        """Return the command of a script beside this module, in the installed environment."""
        return Command((self.python, "-I", str(_HERE / name), *map(str, arguments)))

    def inside(self, script: str, *arguments: object) -> Any:
        """Return what *script*, beside this module, measures inside the installed environment."""
        words = self.script(script, *arguments).words
        done = subprocess.run(words, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    @contextmanager
    def serving(self, accounts: int) -> Iterator[Served]:
        """Give a further server with so many accounts, and an empty store."""
        with ExitStack() as stack:
            folder = stack.enter_context(TemporaryDirectory(prefix="s", dir=self.folder))
            yield _served(stack, Path(folder) / "of", accounts)


@contextmanager
def set_up(size: BenchmarkSize, plot: Path | None = None) -> Iterator[Stage]:
    """Give a stage of *size*; end its servers and remove its files afterwards."""
    with ExitStack() as stack:
        # A short path: each server's local socket is below it.
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        programs = install(build_wheel(folder / "dist"), folder / "env")
        few = _served(stack, folder / "few", size.few)
        many = _served(stack, folder / "many", size.many)
        stage = Stage(size, programs, folder, few, many, plot)
        for served in (few, many):
            stage.do(stage.collect(served))
        yield stage


def _served(stack: ExitStack, folder: Path, accounts: int) -> Served:
    folder.mkdir()
    entries, password, root = folder / "entries.ldif", folder / "password", folder / "tree"
    write_entries(entries, accounts)
    write_homes(root, accounts)
    server = slapd.start(folder / "s", entries)
    stack.callback(server.stop)
    password.touch(0o600)
    password.write_text(server.password)
    live = (
        f'[directory]\nuri = "{server.uri}"\nbind_dn = "{server.reader}"\n'
        f'password_file = "password"\nsuffix = "{server.suffix}"\n'
        f'[homes]\nroot = "{root}"\n'
        '[schedule]\nzones = ["Europe/Zurich"]\n'
    )
    for name in ("store", "monitoring", "scan"):
        (folder / name).mkdir()
    texts = {"live": live}
    for name, trigger in (("stored", "monitoring"), ("scanned", "scan")):
        texts[name] = (
            f'{live}[store]\nfolder = "store"\nmax_age = "3650d"\ndirectory_max_age = "3650d"\n'
            f'[notify]\ntrigger = "{trigger}"\nstorm = false\n'
            'from = "Backup <backup@example.org>"\noperator = "noc@example.org"\n'
            f'outbox = "{trigger}/outbox.sqlite"\nlog = "{trigger}/notify.jsonl"\n'
        )
    files = {name: folder / f"{name}.toml" for name in texts}
    for name, file in files.items():
        file.write_text(texts[name])
    return Served(server, accounts, root, **files)
