"""A real Exim on loopback, with a configuration and a spool of its own."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from integration.slapd import free_port
from programs.daemons import needed

USER = "Debian-exim"  # to which root's Exim changes
# It accepts everything from here, and queues or delivers it by the routers that are added.
CONFIGURATION = """\
primary_hostname = mx.example.org
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
keep_environment =
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
acl_smtp_mail = all
acl_smtp_rcpt = all
acl_smtp_data = all
{options}
begin acl
all:
  accept
begin routers
{routers}
begin transports
{transports}
"""


class Exim(NamedTuple):
    """A running server: its *port*, and the *folder* of its spool and its log."""

    port: int
    folder: Path
    configuration: Path

    def run(self, *arguments: str) -> str:
        """Run Exim's program with this server's configuration; return its output."""
        command = ["exim4", "-C", str(self.configuration), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        return done.stdout + done.stderr

    def log(self) -> str:
        """Return the main log."""
        file = self.folder / "log" / "mainlog"
        return file.read_text() if file.exists() else ""


def require() -> None:
    """Skip the test for a normal user, whom Exim refuses to start its daemon."""
    needed("exim4")
    if os.geteuid() != 0:
        pytest.skip("only root can start Exim's daemon")


@contextmanager
def running(
    folder: Path, options: str = "", routers: str = "", transports: str = ""
) -> Iterator[Exim]:
    """Give an Exim that works in *folder*, which its user must be able to enter."""
    require()
    server = Exim(free_port(), folder, folder / "exim.conf")
    parts = [folder / part for part in ("spool", "log")]
    # Processes of root and of Exim write the same logs: neither is the first to create one.
    logs = [folder / "log" / f"{name}log" for name in ("main", "panic", "reject")]
    for each in parts:
        each.mkdir(parents=True)
    for each in logs:
        each.touch()
    for each in (*parts, *logs):
        shutil.chown(each, USER, USER)
    (folder / "log").chmod(0o777)  # a pipe has another user
    server.configuration.write_text(
        CONFIGURATION.format(
            folder=folder, port=server.port, options=options, routers=routers, transports=transports
        )
    )
    process = subprocess.Popen(
        ["exim4", "-C", str(server.configuration), "-bdf"], stderr=subprocess.PIPE, text=True
    )
    try:
        _wait(server, process)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def _wait(server: Exim, process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if "listening for SMTP" in server.log():
            return
        time.sleep(0.05)
    process.kill()
    assert process.stderr is not None
    pytest.fail(f"Exim does not start: {process.stderr.read()} {server.log()}")
