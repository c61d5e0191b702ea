"""A real Icinga Director in a folder of its own: its database, and its command line."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from integration.slapd import free_port
from programs.daemons import needed, until

_MODULES = Path("/usr/share/icingaweb2/modules")
_CONFIG = {
    "config.ini": f'[global]\nmodule_path = "{_MODULES}"\nconfig_backend = "ini"\n',
    "resources.ini": (
        '[director]\ntype = "db"\ndb = "mysql"\nhost = "127.0.0.1"\nport = "{port}"\n'
        'dbname = "director"\nusername = "director"\npassword = "director"\ncharset = "utf8mb4"\n'
    ),
    "modules/director/config.ini": '[db]\nresource = "director"\n',
    "modules/fileshipper/imports.ini": '[accounts]\nbasedir = "{folder}"\n',
}
_DATABASE = (
    "CREATE DATABASE director CHARACTER SET utf8mb4;"
    "CREATE USER director@'%' IDENTIFIED BY 'director';"
    "GRANT ALL ON director.* TO director@'%'"
)


class Director:
    """Asks the Director as an administrator does."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self._socket = folder / "socket"
        for name, text in _CONFIG.items():
            file = folder / "icingaweb2" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.format(port=port, folder=folder))
        enabled = folder / "icingaweb2" / "enabledModules"
        enabled.mkdir()
        for module in ("director", "incubator", "reactbundle", "fileshipper"):
            (enabled / module).symlink_to(_MODULES / module)

    def say(self, *words: str, given: str = "") -> str:
        """Return what ``icingacli director`` prints; *given* is its standard input."""
        done = subprocess.run(
            ["icingacli", "director", *words],
            env={**os.environ, "ICINGAWEB_CONFIGDIR": str(self.folder / "icingaweb2")},
            input=given,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def show(self, kind: str, name: str, *more: str) -> Any:
        """Return an object's own properties."""
        return json.loads(self.say(kind, "show", name, "--json", "--no-defaults", *more))

    def rendered(self) -> str:
        """Return the configuration that the Director makes for Icinga, as one text."""
        self.say("config", "render")
        files = self.select(
            "SELECT HEX(content) FROM director_generated_config_file JOIN director_generated_file "
            "ON file_checksum = director_generated_file.checksum ORDER BY file_path"
        )
        return "\n".join(bytes.fromhex(content).decode() for (content,) in files)

    def select(self, query: str, database: str = "director") -> list[list[str]]:
        """Return the rows that *database* has for *query*."""
        done = subprocess.run(
            ["mariadb", "--no-defaults", f"--socket={self._socket}", "-NBe", query, database],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]


@contextmanager
def directing(folder: Path) -> Iterator[Director]:
    """Run a Director with an empty database in *folder*."""
    needed("icingacli", "mariadbd", "mariadb-install-db", "mariadb")
    port = free_port()
    common = ["--no-defaults", f"--datadir={folder / 'data'}"]
    if os.getuid() == 0:
        common.append("--user=root")
    made = subprocess.run(
        ["mariadb-install-db", *common, "--auth-root-authentication-method=normal"],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    director = Director(folder, port)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *("mariadbd", *common, f"--port={port}", f"--socket={folder / 'socket'}"),
                *("--bind-address=127.0.0.1", "--skip-name-resolve"),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: b"ready for connections" in (folder / "log").read_bytes())
        director.select(_DATABASE, "mysql")
        director.say("migration", "run")
        yield director
    finally:
        process.terminate()
        process.wait(60)
