"""Servers that tests share."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration import slapd

StartSlapd = Callable[[str | Path], slapd.Slapd]


@pytest.fixture(scope="session")
def start_slapd() -> Iterator[StartSlapd]:
    """Give a function that starts an OpenLDAP server with the entries of an LDIF text or file."""
    slapd.needed()
    # pytest's own folders are too deep for a local socket's path
    folder = Path(tempfile.mkdtemp(prefix="slapd-"))
    servers: list[slapd.Slapd] = []

    def start(ldif: str | Path = slapd.TREE) -> slapd.Slapd:
        servers.append(slapd.start(folder / str(len(servers)), ldif))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
    shutil.rmtree(folder)
