"""Handing mails over to a real mail server, and to a program."""

import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backup_monitoring.mail.smtp_session import parse_server
from backup_monitoring.mail.transport import SendOutcome, SendResult, Transport, TransportError
from backup_monitoring.mail.transport_selection import open_transport, try_transport
from backup_monitoring.model.errors import MonitoringError
from backup_monitoring.settings.notify import NotifySettings
from integration.slapd import free_port
from mail import mailserver
from mail.mailserver import Behaviour
from net.hanging_up import LAST_WORDS, hanging_up

MESSAGE = b"Message-ID: <1@tests>\nSubject: test\n\n.dot\n.\nlast\n"
WAIT = 20.0
# For a server that does not answer; one that does may take as long.
STALLED = 0.75


@pytest.fixture
def server() -> Iterator[tuple[Behaviour, int]]:
    with mailserver.running() as started:
        yield started


def smtp(port: int, **more: Any) -> NotifySettings:
    return NotifySettings(smtp=f"smtp://localhost:{port}")._replace(**more)


def test_a_mail_arrives_as_it_is(server: tuple[Behaviour, int]) -> None:
    behaviour, port = server
    transport = open_transport(smtp(port), WAIT)

    answer = transport.send("bounces@example.org", "anna@example.org", MESSAGE)
    transport.close()

    assert answer.outcome is SendOutcome.ACCEPTED
    [got] = behaviour.got
    assert got.sender == "bounces@example.org"
    assert got.address == "anna@example.org"
    assert got.content == MESSAGE.replace(b"\n", b"\r\n")


def test_null_return_path_and_one_connection(server: tuple[Behaviour, int]) -> None:
    behaviour, port = server
    transport = open_transport(smtp(port), WAIT)

    for number in range(20):
        transport.send("", f"a{number}@example.org", MESSAGE)
    transport.close()

    assert [each.sender for each in behaviour.got] == ["<>"] * 20
    assert behaviour.connections == 1


def test_a_server_that_ends_each_connection_early(server: tuple[Behaviour, int]) -> None:
    behaviour, port = server
    transport = open_transport(smtp(port), WAIT)
    behaviour.drop, behaviour.drops = "MAIL", 0
    behaviour.answers["RCPT b@example.org"] = "450 4.2.0 later"

    outcomes = []
    for name in ("a", "b", "c", "d"):
        outcomes.append(transport.send("", f"{name}@example.org", MESSAGE).outcome)
        behaviour.drops = 1
        if name == "b":
            behaviour.drop = "RSET"

    done = SendOutcome.ACCEPTED
    assert outcomes == [done, SendOutcome.LATER, done, done]
    assert behaviour.connections == 3


@pytest.mark.parametrize(
    ("phase", "answer", "outcome"),
    [
        ("MAIL", "451 4.3.0 later", SendOutcome.LATER),
        ("RCPT", "450 4.2.0 greylisted", SendOutcome.LATER),
        ("RCPT", "550 5.1.1 no such user", SendOutcome.REFUSED),
        ("DATA", "452 4.3.1 disk full", SendOutcome.LATER),
        ("DATA", "554 5.7.1 spam", SendOutcome.LATER),
        ("RCPT", "421 4.3.2 closing", SendOutcome.LOST),
    ],
)
def test_answers(
    server: tuple[Behaviour, int], phase: str, answer: str, outcome: SendOutcome
) -> None:
    behaviour, port = server
    behaviour.answers[phase] = answer
    transport = open_transport(smtp(port), WAIT)

    given = transport.send("", "anna@example.org", MESSAGE)

    assert given.outcome is outcome
    assert given.reason == answer
    behaviour.answers.clear()
    assert transport.send("", "other@example.org", MESSAGE).outcome is SendOutcome.ACCEPTED


@pytest.mark.parametrize("phase", ["MAIL", "RCPT", "DATA", "ACCEPTED"])
@pytest.mark.parametrize("how", ["drop", "stall"])
def test_lost_in_a_mail(server: tuple[Behaviour, int], phase: str, how: str) -> None:
    behaviour, port = server
    setattr(behaviour, how, phase)
    transport = open_transport(smtp(port), STALLED if how == "stall" else WAIT)
    # This server's DATA is the end of the content.
    lost = SendOutcome.UNANSWERED if phase in ("DATA", "ACCEPTED") else SendOutcome.LOST

    assert transport.send("", "anna@example.org", MESSAGE).outcome is lost

    setattr(behaviour, how, "")
    assert transport.send("", "anna@example.org", MESSAGE).outcome is SendOutcome.ACCEPTED


@pytest.mark.parametrize("phase", ["CONNECT", "EHLO"])
@pytest.mark.parametrize("how", ["drop", "stall"])
def test_lost_before_any_mail(server: tuple[Behaviour, int], phase: str, how: str) -> None:
    behaviour, port = server
    setattr(behaviour, how, phase)

    wait = STALLED if how == "stall" else WAIT
    with pytest.raises(TransportError):
        open_transport(smtp(port), wait).send("", "anna@example.org", MESSAGE)


def test_a_server_that_wants_a_login_refuses_nobody_for_good() -> None:
    with (
        mailserver.running(login=True) as (_, port),
        pytest.raises(TransportError, match="530"),
    ):
        open_transport(smtp(port), WAIT).send("", "anna@example.org", MESSAGE)


@pytest.mark.parametrize(
    "address",
    ["a@b\r\nRCPT TO:<c@d>", "a b@example.org", "<a@example.org>", "ä@example.org", "nobody", "@x"],
)
def test_hostile_addresses_reach_no_server(server: tuple[Behaviour, int], address: str) -> None:
    behaviour, port = server

    assert (
        open_transport(smtp(port), WAIT).send("", address, MESSAGE).outcome is SendOutcome.REFUSED
    )
    assert behaviour.connections == 0


def _steps(settings: NotifySettings) -> list[str]:
    return list(try_transport(settings, WAIT))


def test_start_tls_and_login(tmp_path: Path) -> None:
    context, authority = mailserver.certificate(tmp_path)
    password = tmp_path / "password"
    password.write_text(mailserver.PASSWORD)
    password.chmod(0o600)
    with mailserver.running(start_tls=context, login=True) as (behaviour, port):
        settings = smtp(
            port,
            start_tls=True,
            ca_file=authority,
            username=mailserver.USER,
            password_file=password,
        )
        lines = _steps(settings)
        answer = open_transport(settings, WAIT).send("", "anna@example.org", MESSAGE)

    assert lines[0].startswith(f"reached smtp://localhost:{port}: ")
    assert lines[1] in ("TLSv1.3, certificate verified", "TLSv1.2, certificate verified")
    assert lines[2:] == ["logged in as notifier", "accepts commands; nothing was sent"]
    assert answer.outcome is SendOutcome.ACCEPTED
    assert len(behaviour.got) == 1


def test_implicit_tls(tmp_path: Path) -> None:
    context, authority = mailserver.certificate(tmp_path)
    with mailserver.running(tls=context) as (behaviour, port):
        settings = NotifySettings(smtp=f"smtps://localhost:{port}", ca_file=authority)
        assert "certificate verified" in _steps(settings)[1]
        answer = open_transport(settings, WAIT).send("", "anna@example.org", MESSAGE)

    assert answer.outcome is SendOutcome.ACCEPTED
    assert len(behaviour.got) == 1


@pytest.mark.parametrize(
    ("name", "trusted", "problem"),
    [
        ("localhost", False, "authority is not trusted"),
        ("other.example.org", True, "certificate is not for localhost"),
    ],
)
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_wrong_certificates(
    tmp_path: Path, name: str, trusted: bool, problem: str, scheme: str
) -> None:
    context, authority = mailserver.certificate(tmp_path, name)
    tls, start_tls = (context, None) if scheme == "smtps" else (None, context)
    with mailserver.running(tls, start_tls) as (behaviour, port):
        settings = NotifySettings(
            smtp=f"{scheme}://localhost:{port}",
            start_tls=scheme == "smtp",
            ca_file=authority if trusted else None,
        )
        with pytest.raises(TransportError, match=problem):
            open_transport(settings, WAIT).send("", "anna@example.org", MESSAGE)

    assert behaviour.got == []


def test_no_start_tls_offered(server: tuple[Behaviour, int]) -> None:
    with pytest.raises(TransportError, match="does not offer STARTTLS"):
        _steps(smtp(server[1], start_tls=True))


def test_tls_to_a_plain_port(server: tuple[Behaviour, int]) -> None:
    with pytest.raises(TransportError, match="no TLS"):
        _steps(NotifySettings(smtp=f"smtps://localhost:{server[1]}"))


@pytest.mark.parametrize("last_words", LAST_WORDS.values(), ids=LAST_WORDS)
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_that_hangs_up_instead_of_tls(scheme: str, last_words: bytes) -> None:
    before = (b"220 mx\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"220 go ahead\r\n")
    with hanging_up(last_words, *(before if scheme == "smtp" else ())) as port:
        settings = NotifySettings(smtp=f"{scheme}://localhost:{port}", start_tls=scheme == "smtp")

        with pytest.raises(TransportError) as raised:
            _steps(settings)

    assert str(raised.value).startswith(
        f"{settings.smtp}: no TLS: the server hung up; use smtps://"
    )


def test_a_wrong_password_is_not_shown() -> None:
    with mailserver.running(login=True) as (_, port):
        settings = smtp(port, username=mailserver.USER, password="hunter2")
        with pytest.raises(TransportError, match="refuses the login: 535") as caught:
            list(try_transport(settings, 10))  # the server takes its time

    assert "hunter2" not in str(caught.value)


def test_a_password_file_open_to_others(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("x")
    file.chmod(0o644)
    with (
        mailserver.running(login=True) as (_, port),
        pytest.raises(MonitoringError, match="other users can read"),
    ):
        _steps(smtp(port, username="x", password_file=file))


def test_nobody_listens() -> None:
    with pytest.raises(TransportError, match="not reachable"):
        open_transport(smtp(free_port()), WAIT).send("", "anna@example.org", MESSAGE)


PROGRAM = """\
#!/bin/sh
printf '%s\\n' "$@" > {folder}/arguments
cat > {folder}/message
echo some words >&2
exit {code}
"""


def program(folder: Path, code: int) -> Transport:
    file = folder / "sendmail"
    file.write_text(PROGRAM.format(folder=folder, code=code))
    file.chmod(stat.S_IRWXU)
    return open_transport(NotifySettings(smtp=f"sendmail:{file}"), 5)


def test_sendmail(tmp_path: Path) -> None:
    answer = program(tmp_path, 0).send("", "-a;b@example.org".replace(";", ""), MESSAGE)

    assert answer.outcome is SendOutcome.ACCEPTED
    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert arguments == ["-i", "-f", "<>", "--", "-ab@example.org"]
    assert (tmp_path / "message").read_bytes() == MESSAGE


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (67, SendOutcome.REFUSED),
        (65, SendOutcome.LATER),
        (75, SendOutcome.LATER),
        (1, SendOutcome.LATER),
        (78, SendOutcome.LATER),
    ],
)
def test_sendmail_codes(tmp_path: Path, code: int, outcome: SendOutcome) -> None:
    answer = program(tmp_path, code).send("b@example.org", "anna@example.org", MESSAGE)

    assert answer.outcome is outcome
    assert "some words" in answer.reason


def test_a_daemon_left_behind_by_sendmail_is_not_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "sendmail"
    file.write_text("#!/bin/sh\ncat > /dev/null\nsleep 4 &\nexit 0\n")
    file.chmod(0o700)

    transport = open_transport(NotifySettings(smtp=f"sendmail:{file}"), 2)

    assert transport.send("", "anna@example.org", MESSAGE).outcome is SendOutcome.ACCEPTED


def test_sendmail_that_hangs_or_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "sendmail"
    settings = NotifySettings(smtp=f"sendmail:{file}")
    with pytest.raises(TransportError, match="cannot be run"):
        open_transport(settings).send("", "anna@example.org", MESSAGE)
    with pytest.raises(TransportError, match="does not exist"):
        _steps(settings)
    file.write_text("#!/bin/sh\nexec sleep 9\n")
    file.chmod(0o700)
    hung = open_transport(settings, 0.1).send("", "anna@example.org", MESSAGE)
    assert hung == SendResult(SendOutcome.UNANSWERED, f"{file} did not finish within 0.4 s")
    late = open_transport(settings, 0.1, time.monotonic() + 0.3)
    assert late.send("", "anna@example.org", MESSAGE).outcome is SendOutcome.LOST
    assert _steps(settings) == [f"{file} can be run; nothing was sent"]


@pytest.mark.parametrize(
    "uri",
    ["", "mx", "smtp:", "http://mx", "smtp://mx:x", "smtp://[::1", "smtp://m\nx", "smtp:/\t/mx"],
)
def test_a_uri_that_is_no_mail_servers(uri: str) -> None:
    with pytest.raises(TransportError, match="is not valid"):
        parse_server(uri)
