"""Answers of mail servers: about an address, about us, about nothing that there is."""

import hmac
import resource
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest

from backup_monitoring.mail.transport import SendOutcome, SendResult, TransportError
from backup_monitoring.mail.transport_selection import open_transport, try_transport
from backup_monitoring.settings.notify import NotifySettings
from mail import scripted
from mail.scripted import DROP

MESSAGE = b"Message-ID: <1@tests>\nSubject: test\n\n.dot\n.\nlast\n"
WAIT = 20.0
OPERATOR = "noc@example.org"


def send(port: int, address: str = "anna@example.org", **settings: Any) -> SendResult:
    policy = NotifySettings(smtp=f"smtp://127.0.0.1:{port}")._replace(**settings)
    transport = open_transport(policy, WAIT)
    try:
        return transport.send(policy.return_path, address, MESSAGE)
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("answers", "settings", "problem", "remedy"),
    [
        pytest.param(
            {"CONNECT": b"554 5.7.1 no service for you\r\n"},
            {},
            "rejected the connection: 554 5.7.1 no service for you",
            "smtp, username and start_tls in [notify]",
            id="greeting",
        ),
        pytest.param(
            {"EHLO": b"504 5.5.2 need a full name\r\n", "HELO": b"504 5.5.2 need a full name\r\n"},
            {},
            "refuses the name of this host in EHLO and HELO: 504 5.5.2 need a full name",
            "set helo_name in [notify]",
            id="name of this host",
        ),
        pytest.param(
            {"MAIL": b"501 5.1.7 bad sender\r\n"},
            {"return_path": "bounces@example.org"},
            "refuses mails from bounces@example.org: 501 5.1.7 bad sender",
            "check return_path in [notify]",
            id="return path, 501",
        ),
        pytest.param(
            {"MAIL": b"550 5.7.1 no\r\n"},
            {},
            "refuses mails from the null return path: 550 5.7.1 no",
            "set return_path in [notify]",
            id="null return path, 550",
        ),
        pytest.param(
            {"MAIL": b"553 5.1.8 domain\r\n"},
            {"return_path": "bounces@example.org"},
            "553 5.1.8 domain",
            "check return_path in [notify]",
            id="return path, 553",
        ),
        pytest.param(
            {"MAIL": b"554 5.7.1 client host\r\n"},
            {"return_path": "bounces@example.org"},
            "554 5.7.1 client host",
            "that the server serves this host or username",
            id="everybody, at MAIL",
        ),
        pytest.param(
            {"RCPT": b"530 5.7.0 log in first\r\n"},
            {},
            "530 5.7.0 log in first",
            "check username, password_file and start_tls in [notify]",
            id="no login, noticed at RCPT",
        ),
    ],
)
def test_what_is_about_us_names_the_setting(
    answers: Mapping[str, bytes], settings: dict[str, Any], problem: str, remedy: str
) -> None:
    with scripted.running(answers) as (server, port):
        with pytest.raises(TransportError) as sent:
            send(port, **settings)
        if "RCPT" not in answers:  # a test has no address to try without an operator
            policy = NotifySettings(smtp=f"smtp://127.0.0.1:{port}", sender="b@example.org")
            with pytest.raises(TransportError) as tried:
                list(try_transport(policy._replace(**settings), WAIT))
            assert str(tried.value) == str(sent.value)

    assert problem in sent.value.problem
    assert remedy in sent.value.remedy
    assert server.contents == []


def test_the_name_of_this_host_is_a_setting() -> None:
    with scripted.running({"EHLO": b"504 no\r\n", "EHLO backup.example.org": b"250 hi\r\n"}) as (
        server,
        port,
    ):
        assert send(port, helo_name="backup.example.org").outcome is SendOutcome.ACCEPTED

    assert server.commands[0] == "EHLO backup.example.org"


def test_an_address_that_is_refused_is_not_our_fault() -> None:
    refusal = {"RCPT TO:<anna@example.org>": b"550 5.7.1 not for you\r\n"}
    with scripted.running(refusal) as (server, port):
        assert send(port, operator=f"Operations <{OPERATOR}>") == SendResult(
            SendOutcome.REFUSED, "550 5.7.1 not for you"
        )
        assert server.commands[-2:] == [f"RCPT TO:<{OPERATOR}>", "QUIT"]
        assert send(port) == SendResult(SendOutcome.REFUSED, "550 5.7.1 not for you")


@pytest.mark.parametrize("address", ["anna@example.org", OPERATOR])
def test_a_server_that_refuses_everybody_refuses_nobody_for_good(address: str) -> None:
    with scripted.running({"RCPT": b"554 5.7.1 relay access denied\r\n"}) as (server, port):
        given = send(port, address, operator=OPERATOR)

    assert (given.outcome, given.reason) == (SendOutcome.LATER, "554 5.7.1 relay access denied")
    assert given.error is not None
    assert given.error.problem == f"refuses the operator {OPERATOR}: 554 5.7.1 relay access denied"
    assert "operator and username in [notify]" in given.error.remedy
    assert server.commands.count(f"RCPT TO:<{OPERATOR}>") == 1


@pytest.mark.parametrize("answer", [b"552 5.3.4 too big\r\n", b"554 5.7.1 spam\r\n"])
@pytest.mark.parametrize("step", ["DATA", "."])
def test_a_message_that_is_refused_waits(step: str, answer: bytes) -> None:
    with scripted.running({step: answer}) as (_, port):
        given = send(port)

    assert (given.outcome, given.reason) == (SendOutcome.LATER, answer.decode().strip())
    assert given.error is not None
    assert answer.decode().strip() in given.error.problem
    assert "check from and username in [notify]" in given.error.remedy


@pytest.mark.parametrize("answer", [b"250 fine\r\n", b"221 bye\r\n", b"334 and\r\n"])
def test_only_354_asks_for_the_content(answer: bytes) -> None:
    with scripted.running({"DATA": answer}) as (server, port):
        given = send(port)

        assert given == SendResult(SendOutcome.LOST, answer.decode().strip())
        assert server.contents == []
        assert server.commands[-1] == "DATA"  # nothing more on this connection


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
@pytest.mark.parametrize("answer", [b"221 bye\r\n", b"354 go ahead\r\n"])
def test_an_answer_to_another_question_is_none(step: str, answer: bytes) -> None:
    with scripted.running({step: answer}) as (server, port):
        assert send(port).outcome is SendOutcome.LOST
        assert server.contents == []


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (DROP, SendOutcome.UNANSWERED),
        (b"what?\r\n", SendOutcome.UNANSWERED),
        (b"221 bye\r\n", SendOutcome.UNANSWERED),
        (b"354 more\r\n", SendOutcome.UNANSWERED),
        (b"250-endless\r\n" * 101, SendOutcome.UNANSWERED),
        (b"421 4.3.2 not now\r\n", SendOutcome.LOST),
        (b"451 4.3.0 later\r\n", SendOutcome.LATER),
        (b"250-two\r\n250 lines\r\n", SendOutcome.ACCEPTED),
    ],
)
def test_answers_to_the_content(answer: bytes, outcome: SendOutcome) -> None:
    with scripted.running({".": answer}) as (server, port):
        assert send(port).outcome is outcome

    (content,) = server.contents
    assert content == MESSAGE.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n") + b".\r\n"


def test_a_message_that_begins_with_a_dot_and_ends_within_a_line() -> None:
    with scripted.running({}) as (server, port):
        transport = open_transport(NotifySettings(smtp=f"smtp://127.0.0.1:{port}"), WAIT)
        transport.send("", "anna@example.org", b".first\r\rlast")
        transport.close()

    assert server.contents == [b"..first\r\n\r\nlast\r\n.\r\n"]


@pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", ".", "QUIT"])
@pytest.mark.parametrize("answer", [b"250-and\r\n-", b"2" * 64], ids=["lines", "bytes"])
def test_an_answer_without_an_end_is_not_read_to_its_end(step: str, answer: bytes) -> None:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with scripted.running({step: answer}) as (_, port):
        if step in ("CONNECT", "EHLO"):
            with pytest.raises(TransportError, match=r"without an end|not an answer"):
                send(port)
        else:
            outcome = send(port).outcome
            expected = {".": SendOutcome.UNANSWERED, "QUIT": SendOutcome.ACCEPTED}
            assert outcome is expected.get(step, SendOutcome.LOST)

    assert time.monotonic() - began < WAIT
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024


def test_an_answer_that_comes_byte_by_byte_shares_one_wait() -> None:
    with scripted.running({"MAIL": b"2"}) as (_, port):
        began = time.monotonic()
        policy = NotifySettings(smtp=f"smtp://127.0.0.1:{port}")
        given = open_transport(policy, 2).send("", "anna@example.org", MESSAGE)

    assert given == SendResult(SendOutcome.LOST, "no answer within 2 s")
    assert time.monotonic() - began < 20  # a wait for each byte would have no end


def test_what_is_said_before_tls_is_no_answer_after_it() -> None:
    starts = {"EHLO": b"250-mx\r\n250 STARTTLS\r\n", "STARTTLS": b"220 go\r\n250 AUTH PLAIN\r\n"}
    with scripted.running(starts) as (server, port), pytest.raises(TransportError, match="no TLS"):
        send(port, start_tls=True, username="backup", password="hunter2")

    assert "hunter2" not in str(server.commands)


PLAIN = b64encode(b"\0backup\0hunter2").decode()


def login(offered: str) -> Mapping[str, bytes]:
    return {
        "EHLO": f"250-mx\r\n250 AUTH {offered}\r\n".encode(),
        "AUTH": b"504 5.5.4 not this one\r\n",
        "AUTH CRAM-MD5": b"334 " + b64encode(b"<1@mx>") + b"\r\n",
        f"AUTH PLAIN {PLAIN}": b"235 2.7.0 welcome\r\n",
        b64encode(b"backup " + hmac.digest(b"hunter2", b"<1@mx>", "md5").hex().encode())
        .decode()
        .upper(): b"235 2.7.0 welcome\r\n",
    }


def without_md5(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this host be one in FIPS mode, which computes no MD5."""
    new = hmac.new

    def refuse(key: bytes, message: bytes | None = None, digest: Any = "") -> hmac.HMAC:
        if digest == "md5":
            raise ValueError("[digital envelope routines] unsupported")
        return new(key, message, digest)

    monkeypatch.setattr(hmac, "new", refuse)
    monkeypatch.setattr(hmac, "HMAC", refuse)


@pytest.mark.parametrize(
    ("offered", "md5", "asked"),
    [
        ("CRAM-MD5 PLAIN", True, ["AUTH CRAM-MD5"]),
        ("CRAM-MD5 PLAIN", False, [f"AUTH PLAIN {PLAIN}"]),
        ("XOAUTH2 plain", True, [f"AUTH PLAIN {PLAIN}"]),
        ("LOGIN PLAIN", True, [f"AUTH PLAIN {PLAIN}"]),
    ],
)
def test_the_way_to_log_in(
    monkeypatch: pytest.MonkeyPatch, offered: str, md5: bool, asked: list[str]
) -> None:
    if not md5:
        without_md5(monkeypatch)
    with scripted.running(login(offered)) as (server, port):
        given = send(port, username="backup", password="hunter2")

    assert given.outcome is SendOutcome.ACCEPTED
    assert [each for each in server.commands if each.startswith("AUTH")] == asked


def test_a_way_that_is_refused_is_followed_by_the_next() -> None:
    answers = {**login("CRAM-MD5 PLAIN"), "AUTH CRAM-MD5": b"535 5.7.8 not with this password\r\n"}
    with scripted.running(answers) as (_, port):
        assert send(port, username="backup", password="hunter2").outcome is SendOutcome.ACCEPTED


@pytest.mark.parametrize(
    ("offered", "says"),
    [
        ("XOAUTH2", "offers only XOAUTH2 to log in, and not PLAIN, LOGIN or CRAM-MD5"),
        (
            "CRAM-MD5",
            "offers only CRAM-MD5 to log in, and not PLAIN, LOGIN or CRAM-MD5 (without MD5",
        ),
    ],
)
def test_no_way_to_log_in_is_one_line(
    monkeypatch: pytest.MonkeyPatch, offered: str, says: str
) -> None:
    without_md5(monkeypatch)
    with (
        scripted.running(login(offered)) as (server, port),
        pytest.raises(TransportError) as raised,
    ):
        send(port, username="backup", password="hunter2")

    assert raised.value.problem.startswith(says)
    assert "\n" not in str(raised.value)
    assert not any("AUTH" in each for each in server.commands)


def test_a_slow_server_gets_no_mail_whose_answer_could_not_be_waited_for() -> None:
    """Each answer takes 0.1 s, a mail 0.5 s: there are 3 s for mails, and 12 s for an answer."""
    with scripted.running({}, delay=0.1) as (server, port):
        deadline = time.monotonic() + 15
        policy = NotifySettings(smtp=f"smtp://127.0.0.1:{port}")
        transport = open_transport(policy, 3, deadline)
        outcomes = [transport.send("", "anna@example.org", MESSAGE).outcome]
        while outcomes[-1] is SendOutcome.ACCEPTED:
            outcomes.append(transport.send("", "anna@example.org", MESSAGE).outcome)
        late = transport.send("", "anna@example.org", MESSAGE)
        ended = time.monotonic()

    assert len(outcomes) > 2
    assert outcomes[-1] is SendOutcome.LOST
    assert len(server.contents) == len(outcomes) - 1
    assert late.outcome is SendOutcome.LOST
    assert late.reason.startswith("too slow: the time limit was reached")
    assert ended < deadline - 11.9  # four times 3 s are kept for an answer
