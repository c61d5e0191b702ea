"""Icinga 2 and Nagios, each in a folder of its own, with the shipped configuration."""

import base64
import contextlib
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from integration.slapd import KEY_IDENTIFIERS, free_port, make_authority
from programs.installed import ROOT

SHIPPED = ROOT / "icinga"
PASSWORD = "password of the tests"
_EXTENSIONS = (
    "subjectAltName=DNS:localhost,DNS:{name}\nextendedKeyUsage=serverAuth,clientAuth\n"
    + KEY_IDENTIFIERS
)
# What Icinga 2.17 does by itself. Releases that have the setting but not set warn of it at each
# start, older ones do not know it.
_ENFORCE = "  try { enforce_filter_expression_permission = true } except { }\n"


def needed(*names: str) -> None:
    """Skip the test where a program is not installed; fail there in CI."""
    for name in names:
        if shutil.which(name) is None:
            if os.environ.get("CI"):
                pytest.fail(f"{name} is not installed")
            pytest.skip(f"{name} is not installed")


def until(done: Callable[[], bool], seconds: float = 300) -> None:
    """Wait for *done*; only a test of how long something takes gives *seconds*."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "that never came"
        time.sleep(0.05)


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


class IcingaProcess:
    """An Icinga 2 in a folder of its own: its process and its API.

    Args:
        name: of its endpoint, and of its certificate in ``lib/certs``.
        zone: the zone of its endpoint.
    """

    def __init__(self, folder: Path, name: str, zone: str) -> None:
        self.folder = folder
        self.name = name
        self.port = free_port()
        self._zone = zone
        for each in ("lib/certs", "log", "cache", "run", "spool", "zones.d"):
            (folder / each).mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, text: str, listener: str = "") -> None:
        """Write its configuration: *text*, and what every one has.

        Args:
            listener: more lines of its ApiListener.
        """
        (self.folder / "icinga2.conf").write_text(
            f'const NodeName = "{self.name}"\nconst BackupSubmitPassword = "{PASSWORD}"\n'
            f"include <itl>\n{text}"
            f'object ApiUser "all" {{\n  password = "{PASSWORD}"\n  permissions = [ "*" ]\n}}\n'
            f'object ApiListener "api" {{\n  bind_host = "127.0.0.1"\n  bind_port = {self.port}\n'
            f'{listener}{_ENFORCE}}}\nobject CheckerComponent "checker" {{\n}}\n'
        )

    @property
    def ca_file(self) -> Path:
        return self.folder / "lib" / "certs" / "ca.crt"

    def _command(self, *more: str) -> list[str]:
        user = _user()
        folders = {"Data": "lib", "Log": "log", "Cache": "cache", "InitRun": "run"}
        folders |= {"Spool": "spool", "Zones": "zones.d"}
        defined = [f"-D{key}Dir={self.folder}/{name}" for key, name in folders.items()]
        defined += [f"-DRunAsUser={user}", f"-DRunAsGroup={user}", f"-DZoneName={self._zone}"]
        return ["icinga2", "daemon", "-c", str(self.folder / "icinga2.conf"), *defined, *more]

    def check(self) -> str:
        """Return what ``daemon -C`` prints about the configuration, which it must take."""
        done = subprocess.run(self.checking(), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        assert "warning/" not in done.stdout, done.stdout
        return done.stdout

    def checking(self) -> tuple[str, ...]:
        """Return the command that checks the configuration."""
        name, *more = self._command("-C")
        return (shutil.which(name) or name, *more)

    def measure_memory(self) -> float:
        """Return the memory of its processes, in MiB; what they share counts once."""
        assert self._process is not None
        total = 0
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.getpgid(int(process.name)) == self._process.pid:
                    text = (process / "smaps_rollup").read_text()
                    total += int(re.findall(r"^Pss: +([0-9]+) kB$", text, re.MULTILINE)[0])
        return total / 1024

    def start(self) -> None:
        """Start the daemon, and wait for its API."""
        with (self.folder / "out").open("wb") as out:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        until(self._answers)

    def run_first_checks(self) -> None:
        """Let it run each service's own command now, and wait for the results.

        By itself it does so at some moment of its first minute, in the middle of a test.
        """
        filters = "service.enable_active_checks && !service.last_check_result"
        asked = {"type": "Service", "filter": filters, "force": True}
        status, answer = self.request("POST", "/v1/actions/reschedule-check", values=asked)
        assert status == 200 or answer == {"results": []}, answer  # it has none
        without = f"/v1/objects/services?attrs=name&filter={quote(filters)}"
        until(lambda: self.ask(without)["results"] == [])

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(120)
            self._process = None

    def kill(self) -> None:
        """End it, and its children, at once."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "out").read_text()
        with contextlib.suppress(OSError):
            return "results" in self.ask("/v1/status/IcingaApplication")
        return False

    def certify(self, authority: Path) -> None:
        """Give it a certificate of its own from the CA in the folder *authority*."""
        certs = self.ca_file.parent
        (certs / "extensions").write_text(_EXTENSIONS.format(name=self.name))
        for command in (
            f"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={self.name} "
            f"-keyout {self.name}.key -out csr",
            f"x509 -req -in csr -CA {authority}/ca.crt -CAkey {authority}/ca.key -CAcreateserial "
            f"-days 60 -extfile extensions -out {self.name}.crt",
        ):
            subprocess.run(
                ["openssl", *command.split()], cwd=certs, check=True, capture_output=True
            )

    def request(
        self, method: str, path: str, user: str = "all", values: object = None
    ) -> tuple[int, Any]:
        """Return status and content of the API's answer; *values* are sent along as JSON."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = http.client.HTTPSConnection("localhost", self.port, context=context)
        token = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
        headers = {"Accept": "application/json", "Authorization": f"Basic {token}"}
        body = None if values is None else json.dumps(values).encode()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def ask(self, path: str) -> Any:
        """Return the API's answer to a GET of *path*."""
        return self.request("GET", path)[1]

    def all_services(self) -> dict[str, dict[str, Any]]:
        """Return the attributes of all services by their full names, ``HOST!NAME``."""
        found = self.ask("/v1/objects/services")["results"]
        return {each["attrs"]["__name"]: each["attrs"] for each in found}

    def services(self) -> dict[str, dict[str, Any]]:
        """Return the attributes of all services by their names."""
        found = self.ask("/v1/objects/services")["results"]
        return {each["attrs"]["name"]: each["attrs"] for each in found}

    def submitted(self) -> set[str]:
        """Return the names of the services whose last result was submitted.

        Those of the first checks are active ones.
        """
        return {
            name
            for name, each in self.services().items()
            if (result := each["last_check_result"]) and not result["active"]
        }


class Icinga(IcingaProcess):
    """An Icinga 2 alone: made from the shipped files named, and objects."""

    def __init__(self, folder: Path, programs: Path, shipped: Sequence[str], objects: Path) -> None:
        super().__init__(folder, "localhost", "main")
        make_authority(self.ca_file.parent)
        self.certify(self.ca_file.parent)
        includes = [SHIPPED / name for name in shipped]
        self.configure(
            f'const BackupMonitoringDir = "{programs}"\n'
            + "".join(f'include "{path}"\n' for path in (*includes, objects))
            + 'object Endpoint NodeName {\n}\nobject Zone "main" {\n  endpoints = [ NodeName ]\n}\n'
        )


@contextlib.contextmanager
def running(daemon: "IcingaProcess | Nagios") -> Iterator[None]:
    """Run *daemon*, from the end of its first checks on."""
    daemon.start()
    try:
        daemon.run_first_checks()
        yield
    finally:
        daemon.stop()


_NAGIOS = """\
log_file={folder}/nagios.log
object_cache_file={folder}/objects.cache
precached_object_file={folder}/objects.precache
status_file={folder}/status.dat
status_update_interval=1
nagios_user={user}
nagios_group={user}
check_external_commands=1
command_file={folder}/nagios.cmd
query_socket={folder}/nagios.qh
lock_file={folder}/nagios.pid
temp_file={folder}/nagios.tmp
temp_path={folder}/tmp
check_result_path={folder}/spool
check_result_reaper_frequency=1
log_archive_path={folder}
state_retention_file={folder}/retention.dat
retain_state_information=0
use_syslog=0
log_passive_checks=1
check_for_updates=0
enable_environment_macros=1
"""


class Nagios:
    """A Nagios 4: made from the shipped files named, and objects."""

    def __init__(self, folder: Path, programs: Path, shipped: Sequence[str], objects: Path) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.pipe = folder / "nagios.cmd"
        for path in (folder / "tmp", self.spool):
            path.mkdir(parents=True)
        lines = _NAGIOS.format(folder=folder, user="nagios" if os.getuid() == 0 else _user())
        for name in shipped:
            text = (SHIPPED / name).read_text().replace("/opt/backup-monitoring/bin", str(programs))
            (folder / name).write_text(text)
            lines += f"cfg_file={folder / name}\n"
        (folder / "objects.cfg").write_text(objects.read_text())
        (folder / "nagios.cfg").write_text(f"{lines}cfg_file={folder / 'objects.cfg'}\n")
        self._give()
        self._process: subprocess.Popen[bytes] | None = None

    def _give(self) -> None:
        """Let the daemon's user work here; root's daemon becomes another one."""
        if os.getuid() != 0:
            return
        for path in (self.folder, *self.folder.rglob("*")):
            shutil.chown(path, "nagios", "nagios")
        for parent in self.folder.parents:
            if not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)

    def check(self) -> str:
        """Return what ``nagios4 -v`` prints about the configuration, which it must take."""
        command = ["nagios4", "-v", str(self.folder / "nagios.cfg")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        assert "Total Errors:   0" in done.stdout
        return done.stdout

    def start(self) -> None:
        """Start the daemon as its own user, and wait for its command pipe."""
        with (self.folder / "out").open("wb") as out:
            self._process = subprocess.Popen(
                ["nagios4", str(self.folder / "nagios.cfg")],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                user="nagios" if os.getuid() == 0 else None,
            )
        until(lambda: self.pipe.is_fifo() and "[" in (self.folder / "nagios.log").read_text())

    def run_first_checks(self) -> None:
        """Do nothing: Nagios checks a passive service only when its last result is too old."""

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(120)

    def states(self) -> dict[str, tuple[int, str]]:
        """Return state and output of all services that have one, by their names."""
        found: dict[str, tuple[int, str]] = {}
        here: dict[str, str] = {}
        status = self.folder / "status.dat"
        for line in status.read_text().splitlines() if status.exists() else ():
            if line.endswith("{"):
                here = {}
            elif "=" in line:
                key, _, value = line.strip().partition("=")
                here[key] = value
            elif here.get("has_been_checked") == "1" and "service_description" in here:
                found[here["service_description"]] = (
                    int(here["current_state"]),
                    here["plugin_output"],
                )
        return found
