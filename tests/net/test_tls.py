"""Certificates: the same ones are good, or rejected, wherever and on every Python."""

import ssl
import subprocess
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backup_monitoring.directory.opening import open_directory
from backup_monitoring.icinga.api import submit
from backup_monitoring.icinga.results import CheckResult
from backup_monitoring.mail.smtp import Smtp
from backup_monitoring.model.errors import MonitoringError, SettingsError
from backup_monitoring.model.verdicts import State
from backup_monitoring.net.tls import Trust, make_context
from backup_monitoring.settings.directory import DirectorySettings
from backup_monitoring.settings.icinga import IcingaSettings
from backup_monitoring.settings.notify import NotifySettings
from net.authorities import make_certificate, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with authorities, and servers' certificates of theirs."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("ours", "other"):
        make_certificate(folder, name, "authority")
    make_certificate(folder, "below", "authority", by="ours")
    make_certificate(folder, "expired", "authority", days=0)
    for name, by in (("server", "ours"), ("below-server", "below"), ("its-server", "expired")):
        make_certificate(folder, name, "named", by=by)
    make_certificate(folder, "nameless", "nameless", by="ours")
    make_certificate(folder, "old-server", "named", days=0, by="ours")
    every = [(folder / f"{name}.crt").read_text() for name in ("expired", "ours")]
    (folder / "both.crt").write_text("".join(every))
    (folder / "empty.crt").touch()
    (folder / "torn.crt").write_text(every[1][:200] + "\n-----END CERTIFICATE-----\n")
    (folder / "marked.crt").write_text("\ufeff" + every[1], encoding="utf-8")
    (folder / "folder.crt").mkdir()
    return folder


def trust(folder: Path, authority: str) -> Trust:
    return Trust(folder / f"{authority}.crt", "directory", "uri")


def shake_hands(folder: Path, authority: str, server_name: str, name: str) -> None:
    """Let a client that trusts *authority* connect to *server_name* by *name*, in memory."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(folder / f"{server_name}.crt", folder / f"{server_name}.key")
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = served.wrap_bio(to_server, to_client, server_side=True)
    client = make_context(trust(folder, authority)).wrap_bio(
        to_client, to_server, server_hostname=name
    )
    for _ in range(4):
        for side in (client, server):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()


@pytest.mark.parametrize(
    ("authority", "server"),
    [
        pytest.param("ours", "server", id="an authority without extensions"),
        pytest.param("below", "below-server", id="an authority below another one"),
        pytest.param("both", "server", id="one that has expired beside it"),
        pytest.param("marked", "server", id="behind a byte order mark"),
    ],
)
def test_what_is_trusted_on_every_python(folder: Path, authority: str, server: str) -> None:
    for name in ("localhost", "backup_01", "::1"):
        shake_hands(folder, authority, server, name)


@pytest.mark.parametrize(
    ("authority", "server", "name", "code"),
    [
        pytest.param("other", "server", "localhost", 20, id="another authority"),
        pytest.param("ours", "server", "backup.example.org", 62, id="another name"),
        pytest.param("ours", "nameless", "localhost", 62, id="only a common name"),
        pytest.param("ours", "old-server", "localhost", 10, id="has expired"),
        pytest.param("expired", "its-server", "localhost", 10, id="its authority has expired"),
    ],
)
def test_what_is_rejected_on_every_python(
    folder: Path, authority: str, server: str, name: str, code: int
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError) as raised:
        shake_hands(folder, authority, server, name)

    assert raised.value.verify_code == code


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none", "No such file or directory"),
        ("folder", "Is a directory"),
        ("empty", "no certificate in PEM form"),
        ("torn", "no certificate in PEM form"),
    ],
)
def test_authorities_that_cannot_be_loaded(folder: Path, name: str, reason: str) -> None:
    with pytest.raises(SettingsError) as raised:
        make_context(trust(folder, name))

    error = raised.value
    assert error.where == str(folder / f"{name}.crt")
    assert error.problem.startswith(f"cannot load CA certificates: {reason}")
    assert error.remedy == "set a readable PEM file as [directory] ca_file"


def to_directory(port: int, ca_file: Path) -> str:
    uri = f"ldaps://localhost:{port}"
    with pytest.raises(MonitoringError) as raised:
        open_directory(
            DirectorySettings((uri,), ca_file=ca_file, file="s.toml"), lambda phase: None
        )
    return str(raised.value)


def to_mail_server(port: int, ca_file: Path) -> str:
    transport = Smtp(NotifySettings(smtp=f"smtps://localhost:{port}", ca_file=ca_file), 5)
    with pytest.raises(MonitoringError) as raised:
        transport.send("", "anna@example.org", b"")
    return str(raised.value)


def read_last_day(certificate: Path) -> str:
    """Return the day on which *certificate* has expired; the tests may run until the next one."""
    command = ["openssl", "x509", "-noout", "-enddate", "-in", str(certificate)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = ssl.cert_time_to_seconds(done.stdout.strip().removeprefix("notAfter="))
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def to_icinga(port: int, ca_file: Path) -> str:
    settings = IcingaSettings(url=f"https://localhost:{port}", ca_file=ca_file)
    result = CheckResult("backup-01", "4000101-quota", State.OK, ("fine",), ())
    try:
        return str(submit([result], settings, seconds=5).error)
    except MonitoringError as error:
        return str(error)


@pytest.mark.parametrize("connect", [to_directory, to_mail_server, to_icinga])
@pytest.mark.parametrize(
    ("authority", "server", "says"),
    [
        pytest.param("other", "server", "its certificate's authority is not trusted", id="other"),
        pytest.param("ours", "nameless", "its certificate is not for localhost", id="nameless"),
        pytest.param("ours", "old-server", "its certificate has expired; check", id="expired"),
        pytest.param(
            "expired",
            "its-server",
            "expired.crt has expired (DAY to DAY); set the one",
            id="expired authority",
        ),
        pytest.param(
            "none", "server", "none.crt: cannot load CA certificates: No such file", id="no file"
        ),
    ],
)
def test_all_three_say_why(
    folder: Path, connect: Callable[[int, Path], str], authority: str, server: str, says: str
) -> None:
    says = says.replace("DAY", read_last_day(folder / "expired.crt"))
    with serving(folder, server) as (port, _):
        said = connect(port, folder / f"{authority}.crt")

    assert says in said


@pytest.mark.parametrize("connect", [to_directory, to_mail_server, to_icinga])
def test_all_three_trust_an_authority_made_by_hand(
    folder: Path, connect: Callable[[int, Path], str]
) -> None:
    with serving(folder, "server") as (port, sent):
        said = connect(port, folder / "ours.crt")

    assert len(sent.result()) > 10
    assert "certificate" not in said
