"""Certificates: an authority made by hand is good enough, another authority's is not."""

import ssl
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from backup_monitoring.net.tls import make_context


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def make_plain_authority(folder: Path, name: str) -> Path:
    """Make an authority as by hand: without key usage and key identifiers."""
    configuration = folder / "plain.cnf"
    configuration.write_text(
        "[req]\ndistinguished_name = name\nx509_extensions = plain\nprompt = no\n"
        f"[name]\nCN = {name}\n[plain]\nbasicConstraints = CA:TRUE\n"
        "[server]\nsubjectAltName = DNS:localhost\n"
    )
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-days", "2", "-config", configuration, "-keyout", folder / f"{name}.key"),
        *("-out", folder / f"{name}.crt"),
    )
    return folder / f"{name}.crt"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two authorities, and a server's certificate of the first."""
    folder = tmp_path_factory.mktemp("tls")
    make_plain_authority(folder, "other")
    make_plain_authority(folder, "ours")
    openssl(
        *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", "/CN=localhost", "-keyout", folder / "server.key"),
        *("-out", folder / "server.csr"),
    )
    openssl(
        *("x509", "-req", "-in", folder / "server.csr", "-days", "2", "-CAcreateserial"),
        *("-CA", folder / "ours.crt", "-CAkey", folder / "ours.key"),
        *("-extfile", folder / "plain.cnf", "-extensions", "server"),
        *("-out", folder / "server.crt"),
    )
    return folder


def shake_hands(folder: Path, authority: str, name: str) -> None:
    """Let a client that trusts *authority* connect to the server by *name*, in memory."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(folder / "server.crt", folder / "server.key")
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = served.wrap_bio(to_server, to_client, server_side=True)
    client = make_context(folder / authority).wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for side in (client, server):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()


def test_an_authority_without_extensions_is_trusted(folder: Path) -> None:
    shake_hands(folder, "ours.crt", "localhost")


@pytest.mark.parametrize(
    ("authority", "name", "code"),
    [
        pytest.param("other.crt", "localhost", 20, id="another authority"),
        pytest.param("ours.crt", "backup.example.org", 62, id="another name"),
    ],
)
def test_what_is_refused_on_every_python(
    folder: Path, authority: str, name: str, code: int
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError) as raised:
        shake_hands(folder, authority, name)

    assert raised.value.verify_code == code


@pytest.mark.parametrize(
    ("name", "reason"), [("empty.crt", "NO_CERTIFICATE|no certificate"), ("none.crt", "No such")]
)
def test_an_unreadable_authority_is_an_os_error(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "empty.crt").touch()

    with pytest.raises(OSError, match=reason):
        make_context(tmp_path / name)
