"""A master and two satellites as the document sets them up, each satellite with its accounts."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from integration.slapd import make_authority
from programs.daemons import SHIPPED, IcingaProcess, until
from programs.installed import ROOT, Programs
from programs.test_generate import objects
from programs.test_store import Store

MASTER, FIRST, SECOND = "master", "backup-01", "backup-02"
BOTH = "4000101"
DOCUMENT = ROOT / "docs" / "icinga.md"


class Node(IcingaProcess):
    """An Icinga 2 whose zone has its name."""

    def __init__(self, folder: Path, name: str, authority: Path) -> None:
        super().__init__(folder, name, name)
        shutil.copy(authority / "ca.crt", self.ca_file)
        self.certify(authority)

    def join(self, zones: str, programs: Programs, shipped: Sequence[str]) -> None:
        """Configure it as a part of *zones*, ``zones.conf``, and with files of its own."""
        (self.folder / "zones.conf").write_text(zones)
        files = (self.folder / "zones.conf", *(SHIPPED / name for name in shipped))
        self.configure(
            f'const BackupMonitoringDir = "{programs.bin}"\n'
            + "".join(f'include "{file}"\n' for file in files)
            + 'object NotificationComponent "notification" {\n}\n',
            f"  accept_config = {'false' if self.name == MASTER else 'true'}\n",
        )

    def connected(self) -> int:
        """Return to how many others it is connected."""
        (status,) = self.ask("/v1/status/ApiListener")["results"]
        return int(status["status"]["api"]["num_conn_endpoints"])

    def freeze(self) -> None:
        """Stop it, and leave its connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def host(self, name: str) -> dict[str, Any]:
        """Return the attributes of a host."""
        found: dict[str, Any] = self.ask(f"/v1/objects/hosts/{name}")["results"][0]["attrs"]
        return found

    def has(self, names: set[str]) -> bool:
        """Return whether it has the services of these full *names* alone."""
        with contextlib.suppress(OSError):  # it reloads
            return set(self.all_services()) == names
        return False


class Cluster(NamedTuple):
    """The three, and by its satellite each backup server's store."""

    master: Node
    satellites: dict[str, Node]
    stores: dict[str, Store]


def _blocks(language: str) -> list[str]:
    """Return the code blocks of the document's section."""
    section = DOCUMENT.read_text().partition("\n## More than one server\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, flags=re.DOTALL | re.MULTILINE)


def _server(programs: Programs, example: Path, folder: Path, name: str) -> Store:
    """Return a backup server's store after a pass: the second has the odd UIDs, each has `BOTH`."""
    store = Store(programs, example, folder)
    ldif = store.folder / "directory.ldif"
    second = r"(\nuid: 40001\d[13579]\n(?:.+\n)*host: )backup-01\n"
    text = re.sub(second, rf"\1{SECOND}\n", ldif.read_text())
    both = rf"(\nuid: {BOTH}\n(?:.+\n)*?)host: {SECOND}\n"
    ldif.write_text(re.sub(both, rf"\1host: {FIRST}\nhost: {SECOND.upper()}\n", text))
    for home in (store.folder / "tree" / "home").iterdir():
        if home.name != BOTH and (int(home.name) % 2 == 1) != (name == SECOND):
            shutil.rmtree(home)
    settings = store.folder / "example.toml"
    text = settings.read_text().replace("[directory]", f'[directory]\nhost = "{name}"', 1)
    settings.write_text(text)
    store.settings()
    assert store.collect().code == 0
    return store


def _zones_d(master: Node, programs: Programs, stores: dict[str, Store]) -> None:
    """Fill the master's ``zones.d`` as the document says."""
    (commands,) = _blocks("sh")
    commands = commands.replace("/etc/icinga2", str(master.folder))
    commands = commands.replace("/opt/backup-monitoring", str(programs.bin.parent))
    subprocess.run(["bash", "-euc", commands], check=True)
    zones = master.folder / "zones.d"
    (zones / "master" / "satellites.conf").write_text(_blocks("icinga2")[1])
    for name, store in stores.items():
        shutil.copy(objects(store, "icinga2"), zones / name / "backup-objects.conf")


@contextlib.contextmanager
def cluster(programs: Programs, example: Path, folder: Path) -> Iterator[Cluster]:
    """Run a cluster whose satellites have their objects from the master."""
    authority = folder / "authority"
    authority.mkdir()
    make_authority(authority)
    master = Node(folder / MASTER, MASTER, authority)
    satellites = {name: Node(folder / name, name, authority) for name in (FIRST, SECOND)}
    stores = {name: _server(programs, example, folder / f"of-{name}", name) for name in satellites}
    address = f'host = "127.0.0.1"\n  port = {master.port}'
    zones = _blocks("icinga2")[0].replace('host = "master.example.org"', address)
    master.join(zones, programs, ["icinga2-submit.conf"])
    for satellite in satellites.values():
        satellite.join(zones, programs, ["icinga2-submit.conf", "icinga2-notify.conf"])
    _zones_d(master, programs, stores)
    master.check()
    with contextlib.ExitStack() as stack:
        for node in (master, *satellites.values()):
            stack.callback(node.stop)
            node.start()
        made = Cluster(master, satellites, stores)
        for name, node in satellites.items():
            services = master.all_services().items()
            names = {key for key, each in services if each["zone"] == name}
            until(partial(node.has, names))
        until(lambda: master.connected() == len(satellites))  # they were not while they reloaded
        for node in satellites.values():
            node.run_first_checks()
        yield made
