"""Several servers: one that fails is followed by the next, unless its entries were used."""

from datetime import timedelta

import pytest

from backup_monitoring.directory.opening import open_directory
from backup_monitoring.model.errors import DirectoryError
from backup_monitoring.settings.directory import DirectorySettings
from integration import slapd
from integration.conftest import StartSlapd
from integration.faulty import Fault, answer, break_off, faulty, hang, reset, say_goodbye
from integration.test_ldap import EVERY, account

pytestmark = pytest.mark.server

UIDS = [f"{number:07}" for number in range(25)]
BIND, FIRST_PAGE, SECOND_PAGE = 1, 2, 3
FAULTS: dict[str, tuple[Fault, str]] = {
    "breaks off": (break_off, "connection closed by the server"),
    "resets the connection": (reset, "the connection broke: Connection reset by peer"),
    "hangs": (hang, "no answer within 2 s"),
    "says goodbye": (say_goodbye, "the server ended the connection: unavailable"),
    "is busy": (answer(51), "the server is busy"),
    "is unavailable": (answer(52), "the server is unavailable"),
}


@pytest.fixture(scope="module")
def server(start_slapd: StartSlapd) -> slapd.Slapd:
    return start_slapd(slapd.TREE + "".join(map(account, UIDS)))


def settings(*uris: str) -> DirectorySettings:
    return DirectorySettings(
        uri=uris,
        bind="simple",
        bind_dn=slapd.READER,
        password=slapd.PASSWORD,
        timeout=timedelta(seconds=2),
        page_size=10,
        file="s.toml",
    )


def read(*uris: str) -> list[str | None]:
    with open_directory(settings(*uris), lambda phase: None) as directory:
        found = directory.entries(slapd.ACCOUNTS, EVERY, ["uid"])
        return [each.text("uid") for each in found]


@pytest.mark.parametrize("at", [BIND, FIRST_PAGE], ids=["bind", "search"])
@pytest.mark.parametrize(("fault", "says"), FAULTS.values(), ids=FAULTS)
def test_the_next_server_answers(server: slapd.Slapd, at: int, fault: Fault, says: str) -> None:
    with faulty(server.port, at, fault) as bad:
        assert read(bad, server.uri) == UIDS


@pytest.mark.parametrize(("fault", "says"), FAULTS.values(), ids=FAULTS)
def test_not_once_its_entries_were_used(server: slapd.Slapd, fault: Fault, says: str) -> None:
    with faulty(server.port, SECOND_PAGE, fault) as bad, pytest.raises(DirectoryError) as raised:
        read(bad, server.uri)

    assert raised.value.where == bad
    assert says in raised.value.problem


@pytest.mark.parametrize("at", [BIND, FIRST_PAGE], ids=["bind", "search"])
def test_all_that_failed_are_named(server: slapd.Slapd, at: int) -> None:
    with (
        faulty(server.port, at, break_off) as first,
        faulty(server.port, at, answer(51)) as second,
        pytest.raises(DirectoryError) as raised,
    ):
        read(first, second)

    assert raised.value.where == f"{first}, {second}"
    assert f"{second} the server is busy" in raised.value.problem


@pytest.mark.parametrize("code", [1, 49, 53], ids=["operations error", "password", "unwilling"])
@pytest.mark.parametrize("at", [BIND, FIRST_PAGE], ids=["bind", "search"])
def test_a_refusal_is_not_followed_by_the_next(server: slapd.Slapd, at: int, code: int) -> None:
    with faulty(server.port, at, answer(code)) as bad, pytest.raises(DirectoryError) as raised:
        read(bad, server.uri)

    assert raised.value.where == bad


def test_a_later_search_continues_at_the_next_server(server: slapd.Slapd) -> None:
    """Look-ups of the notifier: each is a search of its own."""
    with (
        faulty(server.port, FIRST_PAGE + 1, break_off) as bad,
        open_directory(settings(bad, server.uri), lambda phase: None) as directory,
    ):
        found = [directory.entry(f"uid={uid},{slapd.ACCOUNTS}", ["uid"]) for uid in UIDS[:3]]

    assert [each.text("uid") for each in found if each] == UIDS[:3]
