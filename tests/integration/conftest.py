"""Servers that tests share."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from backup_monitoring.settings.directory import DirectorySettings
from integration import slapd

StartSlapd = Callable[..., slapd.Slapd]
Place = Callable[[str], DirectorySettings]


@pytest.fixture(scope="session")
def start_slapd() -> Iterator[StartSlapd]:
    """Give a function that starts an OpenLDAP server; its arguments are those of `slapd.start`."""
    slapd.needed()
    # pytest's own folders are too deep for a local socket's path
    folder = Path(tempfile.mkdtemp(prefix="slapd-"))
    servers: list[slapd.Slapd] = []

    def start(
        ldif: str | Path = slapd.TREE, rules: str = "", verify_client: str = "never"
    ) -> slapd.Slapd:
        servers.append(slapd.start(folder / str(len(servers)), ldif, rules, verify_client))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def on_server(start_slapd: StartSlapd) -> Place:
    """Give a function that starts a server with entries, the same one for the same entries."""

    @cache
    def started(ldif: str) -> DirectorySettings:
        uri = start_slapd(ldif).local_uri
        return DirectorySettings(uri=(uri,), bind="external", page_size=10, file="s.toml")

    return started


@pytest.fixture(params=["ldif", pytest.param("slapd", marks=pytest.mark.server)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a function that puts entries into a directory of either kind."""
    if request.param == "ldif":

        def in_file(ldif: str) -> DirectorySettings:
            (tmp_path / "directory.ldif").write_text(ldif)
            return DirectorySettings(uri=(f"ldif:{tmp_path / 'directory.ldif'}",), file="s.toml")

        return in_file
    servers: Place = request.getfixturevalue("on_server")
    return servers
