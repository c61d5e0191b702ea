"""What an LDAP server may answer: an error of one line, and never more or fewer accounts."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from backup_monitoring.directory.opening import open_directory
from backup_monitoring.model.errors import DirectoryError
from backup_monitoring.settings.directory import DirectorySettings
from directory.test_ber import element, message
from integration.faulty import answering, make_control, make_result, split_message

Answer = Callable[[bytes], bytes]
BASE = "ou=accounts,dc=a"
_ONE = element(2, b"\1")
NUMBER = element(2, b"\x7f\xff\xff\xff")  # of 2 GiB, as a size
HUGE = element(2, b"\x7f" + b"\xff" * 20)


def done(request: bytes) -> bytes:
    return make_result(request, 0)


def page(*uids: str, cookie: bytes = b"") -> Answer:
    """Return what answers a search with entries, and the cookie of the next page."""

    def answer(request: bytes) -> bytes:
        number, _ = split_message(request)
        entries = [
            message(f"uid={uid},{BASE}".encode(), {b"uid": [uid.encode()]}, 1) for uid in uids
        ]
        messages = [element(0x30, number + each.partition(_ONE)[2]) for each in entries]
        return b"".join(messages) + make_result(request, 0, cookie=cookie)

    return answer


def with_more(more: bytes) -> Answer:
    return lambda request: make_result(request, 0, more=more)


def with_control(content: bytes) -> Answer:
    """Return what answers a search with a control for pages of this *content*."""

    def answer(request: bytes) -> bytes:
        number, _ = split_message(request)
        return element(0x30, number + element(0x65, b"\x0a\1\0\4\0\4\0") + make_control(content))

    return answer


def read(uri: str, *, start_tls: bool = False, seconds: float = 60) -> list[str | None]:
    timeout = timedelta(seconds=seconds)
    settings = DirectorySettings((uri,), start_tls=start_tls, timeout=timeout, file="s.toml")
    with open_directory(settings, lambda phase: None) as directory:
        return [each.text("uid") for each in directory.entries(BASE, "(uid=*)", ["uid"])]


def test_pages_with_and_without_entries_are_read_to_the_end() -> None:
    pages = (page("1", "2", cookie=b"x"), page(cookie=b"x"), page("3", cookie=b"x"), page("4"))
    with answering(done, *pages) as uri:
        assert read(uri) == ["1", "2", "3", "4"]


def result(code: int, text: bytes) -> Answer:
    return lambda request: make_result(request, code, text)


UNBOUND = (
    b"000004DC: LdapErr: DSID-0C090A71, comment: In order to perform this operation a successful "
    b"bind must be completed on the connection., data 0, v3839"
)
NOT_LDAP = "the answer is not LDAP: "
FAULTS: dict[str, tuple[list[Answer], str]] = {
    "an entry twice in a page": (
        [done, page("1", "2", "1")],
        "the entry 'uid=1,ou=accounts,dc=a' was sent twice in one answer; see the server's log",
    ),
    "an entry again in another page": (
        [done, page("1", "2", cookie=b"x"), page("3", "2")],
        "the entry 'uid=2,ou=accounts,dc=a' was sent twice in one answer",
    ),
    "the same page without end": (
        [done, page("1", cookie=b"x")],
        "the entry 'uid=1,ou=accounts,dc=a' was sent twice in one answer",
    ),
    "empty pages without end": (
        [done, page(cookie=b"x")],
        "more than 1000 pages in succession without an entry; see the server's log",
    ),
    "Active Directory without a bind": (
        [done, result(1, UNBOUND)],
        "the server answers only after a bind with a name and a password "
        f"({UNBOUND.decode()}); set [directory] bind_dn and password_file in s.toml",
    ),
    "another error of its own": (
        [done, result(1, b"odd")],
        "the server answered operationsError (1) (odd); see the server's log",
    ),
    "no anonymous bind": (
        [result(48, b"anonymous bind disallowed")],
        "the server does not allow anonymous clients to bind this way (anonymous bind "
        "disallowed); set [directory] bind_dn and password_file in s.toml",
    ),
    "TLS": (
        [lambda request: bytes.fromhex("15030300020246")],
        f"{NOT_LDAP}a message of TLS; use ldaps:// if that port is one for TLS",
    ),
    "no cookie": ([done, done], "the answer does not say whether there are more pages"),
    "a number for a cookie": ([done, with_control(element(2, b"\0") + NUMBER)], NOT_LDAP),
    "nothing for a cookie": ([done, with_control(element(2, b"\0"))], NOT_LDAP),
    "a number for the credentials": ([with_more(NUMBER)], f"{NOT_LDAP}a number in place of"),
    "a result without end": ([with_more(element(0x87, b"x" * 70_000))], f"{NOT_LDAP}a result of"),
    "a number without end": (
        [lambda request: make_result(request, 0, more=element(2, b"\x7f" * 1_000_000))],
        f"{NOT_LDAP}a result of",
    ),
}


@pytest.mark.parametrize(("answers", "says"), FAULTS.values(), ids=FAULTS)
def test_an_answer_that_is_rejected(answers: list[Answer], says: str) -> None:
    with answering(*answers) as uri, pytest.raises(DirectoryError) as raised:
        read(uri)

    assert str(raised.value).startswith(f"{uri}: {says}")


@pytest.mark.parametrize("number", [NUMBER, HUGE], ids=["2 GiB", "more than a size can be"])
def test_a_number_in_the_answer_to_start_tls(number: bytes) -> None:
    with answering(with_more(number)) as uri, pytest.raises(DirectoryError) as raised:
        read(uri, start_tls=True)

    assert str(raised.value).startswith(f"{uri}: {NOT_LDAP}a number in place of a text")


@pytest.mark.parametrize("at", [0, 1])
def test_an_answer_of_another_kind_in_place_of_the_result(at: int) -> None:
    answers = [done, with_operation(element(0x44, b"\x0a\1\0\4\0\4\0"))][1 - at :]
    with answering(*answers, hang_up) as uri, pytest.raises(DirectoryError) as raised:
        read(uri)

    assert str(raised.value).startswith(f"{uri}: {NOT_LDAP}an answer of another kind")


def with_operation(operation: bytes) -> Answer:
    """Answer any request with *operation*."""
    return lambda request: element(0x30, split_message(request)[0] + operation)


SEEDS = [
    element(0x61, b"\x0a\1\0\4\0\4\0"),
    element(0x78, b"\x0a\1\0\4\0\4\0" + element(0x8A, b"1.3.6.1.4.1.1466.20037")),
    element(0x65, b"\x0a\1\0\4\0\4\0") + make_control(element(2, b"\0") + element(4, b"x")),
    element(0x73, element(4, b"ldap://x/dc=a")),
    element(0x79, element(0x80, b"1.2") + element(0x81, b"")),
]
CHANGES = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), min_size=1, max_size=4)


@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150, deadline=None)
@given(st.sampled_from(SEEDS), CHANGES, st.integers(0, 2), st.booleans())
def test_any_answer_is_an_answer_or_an_error_of_ours(
    seed: bytes, changes: list[tuple[int, int]], at: int, start_tls: bool
) -> None:
    changed = bytearray(seed)
    for place, byte in changes:
        changed[place % len(changed)] = byte

    def odd(request: bytes) -> bytes:
        return element(0x30, split_message(request)[0] + bytes(changed))

    usual: Iterator[Answer] = iter((done, page("1", cookie=b"x"), page("2")))
    answers = [odd if number == at else next(usual) for number in (*range(2), 2)]
    with answering(*answers, hang_up) as uri, suppress(DirectoryError):
        assert set(read(uri, start_tls=start_tls, seconds=0.1)) <= {"1", "2"}


def hang_up(request: bytes) -> bytes:
    raise EOFError
