"""The directory on a real server: what is read, and what must fail instead of being less."""

import socket
import struct
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import ldap3
import pytest

from backup_monitoring.directory.account_search import read_accounts
from backup_monitoring.directory.base import Directory, FallbackStep
from backup_monitoring.directory.ber import attach
from backup_monitoring.directory.entries import Entry
from backup_monitoring.directory.opening import create_directory, open_directory
from backup_monitoring.model.accounts import AccountStatus
from backup_monitoring.model.errors import DirectoryError, MonitoringError, SettingsError
from backup_monitoring.model.needs import Need
from backup_monitoring.selftest.installation import InstallationCheck
from backup_monitoring.settings.directory import DirectorySettings
from backup_monitoring.settings.load import read_settings
from integration import slapd
from integration.conftest import StartSlapd

pytestmark = pytest.mark.server

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
COUNT = 600
EVERY = "(objectClass=*)"
Answer = Callable[[bytes], bytes]


def account(uid: str, **attributes: str | list[str]) -> str:
    """Return an account's entry, its attributes changed; an empty text leaves one out."""
    usual: dict[str, str | list[str]] = {
        "homeDirectory": f"/home/{uid}",
        "host": "backup-01",
        "sstIsActive": "TRUE",
        "sstQuota": "10737418240",
        "sstBackupSize": "4294967296",
        "sstIncrementSize": "1073741824",
        "sstBackupLastSuccessfulBackup": "web01:20261123T194137Z",
        "sstBackupWarningOn": "TRUE",
        "sstBackupWarningDays": "1",
        "sstBackupWarningNumbers": "0",
        "sstNotificationWarningLevel": "85",
        "sstProvisioningMode": "add",
        "sstProvisioningState": "20250301T101500Z",
    }
    lines = [
        f"dn: uid={uid},{slapd.ACCOUNTS}",
        *(f"objectClass: {name}" for name in ("top", "account", "posixAccount", "sstBackup")),
        "objectClass: sstProvisioning",
        f"uid: {uid}",
        "uidNumber: 1",
        "gidNumber: 1",
        "cn:: SsO8cmc=",
    ]
    for name, values in (usual | attributes).items():
        for value in [values] if isinstance(values, str) else values:
            lines += [f"{name}: {value}"] if value else []
    return "\n".join(lines) + "\n\n"


@pytest.fixture(scope="module")
def server(start_slapd: StartSlapd) -> slapd.Slapd:
    return start_slapd(slapd.TREE + "".join(account(f"{n:07}") for n in range(COUNT)))


@pytest.fixture
def settings(server: slapd.Slapd) -> DirectorySettings:
    return DirectorySettings(
        uri=(server.uri,),
        start_tls=True,
        ca_file=server.ca_file,
        bind="simple",
        bind_dn=server.reader,
        password=server.password,
        timeout=timedelta(seconds=60),
        page_size=250,
        file="settings.toml",
    )


def opened(settings: DirectorySettings) -> Directory:
    return open_directory(settings, lambda phase: None)


def entries(settings: DirectorySettings) -> list[Entry]:
    with opened(settings) as directory:
        return list(directory.entries(settings.accounts_base, EVERY, ["uid", "sstQuota"]))


def error_of(settings: DirectorySettings) -> MonitoringError:
    with pytest.raises(MonitoringError) as raised:
        entries(settings)
    assert settings.password not in repr(raised.value) or not settings.password
    return raised.value


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda s, d: d._replace(uri=(s.uri,)), id="StartTLS"),
        pytest.param(lambda s, d: d._replace(uri=(s.tls_uri,)), id="ldaps"),
        pytest.param(
            lambda s, d: d._replace(uri=(s.local_uri,), bind="external", ca_file=None),
            id="ldapi EXTERNAL",
        ),
        pytest.param(lambda s, d: d._replace(start_tls=False), id="loopback in the clear"),
        pytest.param(lambda s, d: d._replace(ca_file=None, verify=False), id="not verified"),
        pytest.param(lambda s, d: d._replace(page_size=100_000), id="one page"),
        pytest.param(lambda s, d: d._replace(page_size=COUNT), id="exactly a page"),
    ],
)
def test_all_entries_are_read(
    server: slapd.Slapd,
    settings: DirectorySettings,
    change: Callable[[slapd.Slapd, DirectorySettings], DirectorySettings],
) -> None:
    found = entries(change(server, settings))

    assert [e.text("UID") for e in found] == [f"{n:07}" for n in range(COUNT)]
    assert found[0].dn == f"uid=0000000,{slapd.ACCOUNTS}"
    assert found[0].attributes == {"uid": [b"0000000"], "sstquota": [b"10737418240"]}


def test_an_unchanged_ldap3_reads_the_same_entries(
    server: slapd.Slapd, settings: DirectorySettings
) -> None:
    attributes = ["uid", "sstQuota", "cn", "objectClass", "createTimestamp"]
    stock = ldap3.Connection(
        ldap3.Server(server.uri, get_info=ldap3.NONE),
        server.reader,
        server.password,
        raise_exceptions=True,
    )
    stock.bind()
    stock.search(slapd.ACCOUNTS, EVERY, ldap3.LEVEL, attributes=attributes, paged_size=COUNT)
    expected = [
        (each["dn"], {name.lower(): values for name, values in each["raw_attributes"].items()})
        for each in stock.response or ()
    ]
    stock.unbind()

    with opened(settings) as directory:
        found = list(directory.entries(slapd.ACCOUNTS, EVERY, attributes))

    assert len(expected) == COUNT
    assert found == expected


def test_all_that_ldap3_copies_from_its_strategy_is_replaced() -> None:
    connection = ldap3.Connection(ldap3.Server("localhost", get_info=ldap3.NONE))
    old = connection.strategy
    copied = {name for name, value in vars(connection).items() if bound_to(value) is old}
    with socket.socket() as unused:
        strategy = attach(connection, unused)

    assert copied == {
        "open",
        "send",
        "get_response",
        "post_send_single_response",
        "post_send_search",
    }
    assert connection.strategy is strategy
    assert {name for name in copied if bound_to(getattr(connection, name)) is strategy} == copied


def bound_to(value: object) -> object:
    """Return the object that a method is bound to."""
    return getattr(value, "__self__", None)


def test_each_step_has_its_text(server: slapd.Slapd, settings: DirectorySettings) -> None:
    phases: list[str] = []

    with create_directory(settings, phases.append) as directory:
        steps = list(directory.steps())

    assert steps == [
        f"reached {server.uri}",
        "TLSv1.3, certificate verified",
        f"bound as {server.reader}",
    ]
    assert phases == [
        f"connecting to {server.uri}",
        f"asking {server.uri} for TLS",
        f"starting TLS with {server.uri}",
        f"binding to {server.uri}",
    ]


def other_authority(server: slapd.Slapd) -> Path:
    path = server.folder / "other.crt"
    return path if path.exists() else slapd.make_authority(server.folder, "other")


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        pytest.param(
            lambda s: {"ca_file": other_authority(s)}, DirectoryError, "ca_file", id="authority"
        ),
        pytest.param(
            lambda s: {"ca_file": Path("/nowhere.pem")}, SettingsError, "nowhere.pem", id="no CA"
        ),
        pytest.param(
            lambda s: {"uri": (f"ldaps://127.0.0.1:{s.tls_port}",)},
            DirectoryError,
            "certificate is not for 127.0.0.1",
            id="address that the certificate has not",
        ),
        pytest.param(
            lambda s: {"uri": (f"ldaps://localhost:{s.port}",)},
            DirectoryError,
            "start_tls",
            id="no TLS there",
        ),
        pytest.param(
            lambda s: {"password": "wrong"}, DirectoryError, "name or password", id="password"
        ),
        pytest.param(lambda s: {"password": ""}, SettingsError, "password", id="empty password"),
        pytest.param(
            lambda s: {"bind": "external"}, SettingsError, "ldapi://", id="external over TCP"
        ),
        pytest.param(
            lambda s: {"accounts_base": f"ou=nothing,{slapd.SUFFIX}"},
            DirectoryError,
            "ou=nothing,dc=stoney-cloud,dc=org', or hides it; check [directory] accounts_base",
            id="base",
        ),
        pytest.param(
            lambda s: {"accounts_base": "", "bind": "anonymous", "bind_dn": "", "password": ""},
            DirectoryError,
            "has no entry '', or hides it; check [directory] accounts_base or suffix",
            id="empty base",
        ),
        pytest.param(lambda s: {"accounts_base": "no name"}, DirectoryError, "'no name'", id="dn"),
        pytest.param(
            lambda s: {"bind": "anonymous", "bind_dn": "", "password": "", "page_size": 100_000},
            DirectoryError,
            "size limit",
            id="size limit, one page",
        ),
        pytest.param(
            lambda s: {"bind": "anonymous", "bind_dn": "", "password": ""},
            DirectoryError,
            "size limit",
            id="size limit, pages",
        ),
        pytest.param(lambda s: {"uri": ("http://x",)}, SettingsError, "http://x", id="scheme"),
        pytest.param(
            lambda s: {"uri": (f"ldap://localhost:{slapd.free_port()}",)},
            DirectoryError,
            "not reachable",
            id="nobody listens",
        ),
        pytest.param(
            lambda s: {"uri": ("ldapi://%2Fnowhere",)}, DirectoryError, "%2Fnowhere", id="no socket"
        ),
        pytest.param(
            lambda s: {"uri": ("ldap://no-such-host.invalid",)},
            DirectoryError,
            "no-such-host.invalid",
            id="no name",
        ),
    ],
)
def test_failures_name_place_and_remedy(
    server: slapd.Slapd,
    settings: DirectorySettings,
    change: Callable[[slapd.Slapd], dict[str, object]],
    kind: type[MonitoringError],
    says: str,
) -> None:
    error = error_of(settings._replace(**change(server)))  # type: ignore[arg-type]

    assert type(error) is kind or isinstance(error, kind)
    assert says in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("ldap_filter", "attributes"),
    [("(uid=", ["uid"]), ("uid=1", ["uid"]), (EVERY, ["userPassword"]), (EVERY, ["*"])],
)
def test_what_may_not_be_asked(
    settings: DirectorySettings, ldap_filter: str, attributes: list[str]
) -> None:
    with opened(settings) as directory, pytest.raises(SettingsError):
        list(directory.entries(settings.accounts_base, ldap_filter, attributes))


@pytest.mark.parametrize("start_tls", [False, True])
def test_a_port_for_tls_is_named(
    server: slapd.Slapd, settings: DirectorySettings, start_tls: bool
) -> None:
    uri = f"ldap://localhost:{server.tls_port}"
    error = error_of(settings._replace(uri=(uri,), start_tls=start_tls))

    assert "the connection broke" in error.problem
    assert error.remedy == "see the server's log, and use ldaps:// if that port is one for TLS"


def test_a_client_certificate_that_is_demanded_is_named(
    start_slapd: StartSlapd, settings: DirectorySettings
) -> None:
    own = start_slapd(verify_client="demand")

    for uri, start_tls in ((own.uri, True), (own.tls_uri, False)):
        changed = settings._replace(uri=(uri,), ca_file=own.ca_file, start_tls=start_tls)
        error = error_of(changed)
        assert error.where == uri
        assert error.remedy.endswith("it may demand a client certificate, which is not supported")
    own.stop()


def test_the_next_server_is_used_when_one_is_down(
    server: slapd.Slapd, settings: DirectorySettings
) -> None:
    down = f"ldap://localhost:{slapd.free_port()}"
    directory = create_directory(settings._replace(uri=(down, server.uri)), lambda phase: None)

    with directory:
        steps = list(directory.steps())
        found = list(directory.entries(settings.accounts_base, EVERY, ["uid"]))

    assert steps[0].startswith(f"{down}: not reachable")
    assert "check that the server is running" in steps[0]
    assert len(found) == COUNT


def test_the_installation_check_reports_a_server_that_is_down(
    server: slapd.Slapd, tmp_path: Path
) -> None:
    down = "ldapi://%2Fnowhere"
    file = tmp_path / "settings.toml"
    file.write_text(f'[directory]\nuri = ["{down}", "{server.local_uri}"]\nbind = "external"\n')
    check = InstallationCheck(read_settings(file), NOW, lambda phase: None)

    lines = [line for line in check.run() if " directory: " in line]

    assert lines[0].startswith(f"note    directory: {down}: not reachable")
    assert lines[1:] == [
        f"ok      directory: reached {server.local_uri}",
        "ok      directory: bound (external)",
    ]


def test_all_servers_down_are_named(settings: DirectorySettings) -> None:
    down = tuple(f"ldap://localhost:{slapd.free_port()}" for _ in range(2))

    assert all(str(error_of(settings._replace(uri=down))).count(uri) == 2 for uri in down)


def test_the_next_server_is_not_asked_with_a_wrong_password(
    server: slapd.Slapd, settings: DirectorySettings
) -> None:
    down = f"ldap://localhost:{slapd.free_port()}"

    error = error_of(settings._replace(uri=(server.uri, down), password="wrong"))

    assert error.where == server.uri


def test_one_entry(settings: DirectorySettings) -> None:
    with opened(settings) as directory:
        found = directory.entry(f"UID=0000007, {slapd.ACCOUNTS}", ["sstquota", "commonName"])
        missing = directory.entry(f"uid=none,{slapd.ACCOUNTS}", ["uid"])

    assert found is not None
    assert found.texts("CN") == ["Jürg"]
    assert missing is None


@pytest.fixture
def own_server(start_slapd: StartSlapd) -> Iterator[slapd.Slapd]:
    own = start_slapd(slapd.TREE + "".join(account(f"{n:07}") for n in range(COUNT)))
    yield own
    own.stop()


def test_the_rest_of_an_abandoned_answer_is_not_the_next_one(settings: DirectorySettings) -> None:
    with opened(settings) as directory:
        next(iter(directory.entries(settings.accounts_base, EVERY, ["uid"])))

        with pytest.raises(DirectoryError, match="the connection is closed"):
            directory.entry(f"uid=0000007,{slapd.ACCOUNTS}", ["uid"])


def test_a_broken_connection_shows_the_error_of_the_system(settings: DirectorySettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        uri = f"ldap://localhost:{listener.getsockname()[1]}"
        server = threading.Thread(target=_reset_after_a_bind, args=(listener,))
        server.start()

        with opened(settings._replace(uri=(uri,), start_tls=False)) as directory:
            server.join()
            with pytest.raises(DirectoryError) as raised:
                directory.entry(settings.accounts_base, ["uid"])

    assert raised.value.problem in (
        "the connection broke: Connection reset by peer",
        "the connection broke: Broken pipe",
    )


def _reset_after_a_bind(listener: socket.socket) -> None:
    client, _ = listener.accept()
    client.sendall(_bind_answer(0, b"")(client.recv(4096)))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def test_killed_between_pages(own_server: slapd.Slapd, settings: DirectorySettings) -> None:
    settings = settings._replace(uri=(own_server.uri,), ca_file=own_server.ca_file)

    with opened(settings) as directory:
        found = directory.entries(settings.accounts_base, EVERY, ["uid"])
        assert len(list(islice(found, 250))) == 250
        own_server.kill()

        with pytest.raises(DirectoryError, match="the connection broke"):
            list(found)


@pytest.mark.parametrize("when", ["before", "bound", "between pages"])
def test_frozen_server_costs_the_timeout_once(
    own_server: slapd.Slapd, settings: DirectorySettings, when: str
) -> None:
    settings = settings._replace(
        uri=(own_server.uri,),
        ca_file=own_server.ca_file,
        timeout=timedelta(seconds=3),
    )
    if when == "before":
        own_server.freeze()
    began = time.monotonic()

    with pytest.raises(DirectoryError, match=r"no answer within 3 s"):
        _read_while_it_freezes(settings, own_server, when)

    assert time.monotonic() - began < 2 * 3


def _read_while_it_freezes(settings: DirectorySettings, server: slapd.Slapd, when: str) -> None:
    with opened(settings) as directory:
        found = directory.entries(settings.accounts_base, EVERY, ["uid"])
        if when == "between pages":
            list(islice(found, 250))
        server.freeze()
        list(found)


@pytest.mark.parametrize("at", [2_000, 20_000])
def test_cut_in_the_middle_of_a_page(
    server: slapd.Slapd, settings: DirectorySettings, at: int
) -> None:
    uri, listener = _cutting_proxy(server.port, at)
    with listener:
        error = error_of(settings._replace(uri=(uri,), start_tls=False, page_size=100_000))

    assert "closed by the server" in str(error)


def _cutting_proxy(port: int, at: int) -> tuple[str, socket.socket]:
    """Pass on one connection, and close it after *at* bytes of the server's."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listener.accept()
        upstream = socket.create_connection(("127.0.0.1", port))
        threading.Thread(target=_pump, args=(client, upstream, None), daemon=True).start()
        _pump(upstream, client, at)
        client.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=serve, daemon=True).start()
    return f"ldap://localhost:{listener.getsockname()[1]}", listener


def _pump(source: socket.socket, target: socket.socket, most: int | None) -> None:
    passed = 0
    while most is None or passed < most:
        try:
            data = source.recv(4096)
        except OSError:
            return
        if not data:
            return
        if most is not None:
            data = data[: most - passed]
        target.sendall(data)
        passed += len(data)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("300d02010161080a01000101000400", id="a BOOLEAN for the matched DN"),
        pytest.param("300e02010161090a0100300204000400", id="a list for the matched DN"),
        pytest.param("300902010161040a010004", id="cut short"),
        pytest.param("30050201016100", id="nothing in it"),
        pytest.param("485454502f312e3120343030", id="HTTP"),
    ],
)
def test_an_answer_that_is_not_ldap(settings: DirectorySettings, answer: str) -> None:
    with _answering(lambda _: bytes.fromhex(answer)) as listener:
        uri = f"ldap://localhost:{listener.getsockname()[1]}"
        error = error_of(settings._replace(uri=(uri,), start_tls=False))

    assert str(error).startswith(f"{uri}: the answer is not LDAP: ")


def _bind_answer(code: int, message: bytes) -> Answer:
    """Return what answers a request with a BindResponse (RFC 4511)."""
    result = bytes([0x0A, 1, code, 4, 0, 4, len(message)]) + message
    response = bytes([0x61, len(result)]) + result

    def answer(request: bytes) -> bytes:
        number = request[2 : 4 + request[3]]
        return bytes([0x30, len(number) + len(response)]) + number + response

    return answer


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param(
            _bind_answer(53, b"authentication required"),
            "the server refuses to answer cn=reader,dc=stoney-cloud,dc=org (authentication "
            "required); check [directory] bind in settings.toml",
            id="unwilling",
        ),
        pytest.param(
            _bind_answer(11, b"illegal pagedResults page size"),
            "administrative limit exceeded; partial results are rejected (illegal pagedResults "
            "page size); lower [directory] page_size",
            id="page",
        ),
        pytest.param(
            _bind_answer(2, b"unsupported"),
            "the server does not understand the request (unsupported); with start_tls, check",
            id="StartTLS",
        ),
    ],
)
def test_a_refusal_says_what_to_do(settings: DirectorySettings, answer: Answer, says: str) -> None:
    with _answering(answer) as listener:
        uri = f"ldap://localhost:{listener.getsockname()[1]}"
        error = error_of(settings._replace(uri=(uri,), start_tls=False))

    assert str(error).startswith(f"{uri}: ")
    assert says in str(error)


def test_a_server_that_sends_a_byte_now_and_then_costs_the_timeout_once(
    server: slapd.Slapd, settings: DirectorySettings
) -> None:
    slow, listener = _dripping(_bind_answer(0, b"x" * 100))
    both = settings._replace(uri=(slow, server.uri), start_tls=False, timeout=timedelta(seconds=3))
    began = time.monotonic()

    with listener, create_directory(both, lambda phase: None) as directory:
        steps = list(directory.steps())

    assert steps[1].startswith(f"{slow}: no answer within 3 s; ")
    assert [type(step) for step in steps] == [str, FallbackStep, str, str]
    assert time.monotonic() - began < 2 * 3


def _dripping(answer: Answer) -> tuple[str, socket.socket]:
    """Answer the first request of one connection, 10 bytes a second."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listener.accept()
        with client, suppress(OSError):  # hung up on
            for byte in answer(client.recv(4096)):
                client.send(bytes([byte]))
                time.sleep(0.1)

    threading.Thread(target=serve, daemon=True).start()
    return f"ldap://localhost:{listener.getsockname()[1]}", listener


def test_the_next_server_is_used_when_one_hangs_up_instead_of_tls(
    server: slapd.Slapd, settings: DirectorySettings
) -> None:
    """A balancer takes connections also while the server behind it is down."""
    with _answering(lambda _: b"") as listener:
        balancer = f"ldaps://localhost:{listener.getsockname()[1]}"
        uris = (balancer, server.tls_uri)
        found = entries(settings._replace(uri=uris, start_tls=False))

    assert len(found) == COUNT


@pytest.mark.parametrize("password", ["m\u00b2 \u00b4\u00bd \u00fc", "a\tb"])
def test_a_password_is_sent_as_it_is(
    start_slapd: StartSlapd, settings: DirectorySettings, password: str
) -> None:
    """Normalised by SASLprep, as ldap3 does with text, it would not be what the server has."""
    written = f"userPassword:: {b64encode(password.encode()).decode()}\n"
    own = start_slapd(slapd.TREE.replace(f"userPassword: {slapd.PASSWORD}\n", written))

    changed = settings._replace(uri=(own.uri,), ca_file=own.ca_file, password=password)

    assert entries(changed) == []
    own.stop()


def test_a_rotated_password_is_read_anew(start_slapd: StartSlapd, tmp_path: Path) -> None:
    written = "userPassword: rotated\n"
    own = start_slapd(slapd.TREE.replace(f"userPassword: {slapd.PASSWORD}\n", written))
    password = tmp_path / "password"
    password.touch(0o600)
    file = tmp_path / "settings.toml"
    file.write_text(
        f'[directory]\nuri = "{own.tls_uri}"\nsuffix = "{own.suffix}"\nbind_dn = "{own.reader}"\n'
        f'password_file = "password"\nca_file = "{own.ca_file}"\n'
    )

    password.write_text(f"{slapd.PASSWORD}\n")
    with pytest.raises(DirectoryError, match="the server rejected the name or password"):
        entries(read_settings(file, {}).directory)
    password.write_text("rotated\n")

    assert entries(read_settings(file, {}).directory) == []
    own.stop()


def test_a_filter_that_ldap3_cannot_encode_is_not_a_broken_connection(
    settings: DirectorySettings,
) -> None:
    with (
        opened(settings) as directory,
        pytest.raises(DirectoryError, match=r"the request cannot be encoded: .*accounts_filter"),
    ):
        list(directory.entries(settings.accounts_base, "(&)", ["uid"]))


def _answering(answer: Answer) -> socket.socket:
    """Answer the first request of one connection; hang up where the answer is empty."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            said = answer(client.recv(4096))
            client.sendall(said)
            if said:
                client.recv(4096)

    threading.Thread(target=serve, daemon=True).start()
    return listener


def test_a_referral_is_not_followed(start_slapd: StartSlapd, settings: DirectorySettings) -> None:
    elsewhere = (
        f"dn: uid=9,{slapd.ACCOUNTS}\nobjectClass: referral\nobjectClass: extensibleObject\n"
        "uid: 9\nref: ldap://elsewhere.example.org/uid=9\n\n"
    )
    own = start_slapd(slapd.TREE + account("1") + elsewhere)

    error = error_of(settings._replace(uri=(own.uri,), ca_file=own.ca_file))

    below = settings._replace(uri=(own.uri,), ca_file=own.ca_file)
    base = f"ou=accounts,uid=9,{slapd.ACCOUNTS}"

    refusal = error_of(below._replace(accounts_base=base))

    assert "elsewhere.example.org" in str(error)
    assert "refers to another one (ldap://elsewhere.example.org/" in str(refusal)
    assert "check [directory] accounts_base" in str(refusal)
    own.stop()


@pytest.mark.parametrize("options", ["", "-L", "-LL", "-LLL", "-E pr=100/noprompt"])
def test_what_ldapsearch_writes_is_read(
    server: slapd.Slapd, settings: DirectorySettings, tmp_path: Path, options: str
) -> None:
    file = tmp_path / "directory.ldif"
    file.write_text(search(server, *options.split()))

    found = entries(settings._replace(uri=(f"ldif:{file}",), start_tls=False))

    assert found == entries(settings)


def test_what_ldapsearch_could_not_read_to_its_end_is_refused(
    server: slapd.Slapd, settings: DirectorySettings, tmp_path: Path
) -> None:
    file = tmp_path / "directory.ldif"
    file.write_text(search(server, "-z", "100"))

    error = error_of(settings._replace(uri=(f"ldif:{file}",), start_tls=False))

    assert "ldapsearch ended with '4 Size limit exceeded': a part is missing" in error.problem


def search(server: slapd.Slapd, *options: str) -> str:
    """Return what ldapsearch writes of the accounts."""
    login = ("-x", "-D", server.reader, "-w", server.password, "-H", server.uri)
    command = ["ldapsearch", *login, "-b", slapd.ACCOUNTS, *options, "(uid=*)", "*", "+"]
    return subprocess.run(command, capture_output=True, check=False, text=True).stdout


HOSTILE = [
    account("ok"),
    account("Muell*(x)", sstQuota="", sstNotificationWarningLevel="-5"),
    account("big", sstBackupSize="99999999999999999999999", sstIncrementSize="-1"),
    account("gone", sstIsActive="FALSE"),
    account("deleted", sstProvisioningMode="Deleted"),
    account("cancelled", sstCancellationDate="20260101T000000Z"),
    account("later", sstCancellationDate="20270101T000000Z"),
    account("odd", sstCancellationDate="soon", sstBackupWarningDays="100"),
    account("new", sstProvisioningState="0"),
    account("elsewhere", host=["backup-02", "backup-03"]),
    account("many", sstBackupLastSuccessfulBackup=["a:20261101T000000Z", "b:c:20261102T000000Z"]),
    account("none", sstBackupLastSuccessfulBackup="0", homeDirectory="/home/with space"),
    account("folded", host="backup-01." + "x" * 90, homeDirectory="/home/" + "y" * 200),
    account("s3").replace("objectClass: sstBackup\n", "objectClass: sstS3Bucket\n", 1)
    .replace("sstIncrementSize: 1073741824\n", "")
    .replace("sstBackupLastSuccessfulBackup: web01:20261123T194137Z\n", "")
    .replace("sstBackupWarningDays: 1\n", "")
    .replace("sstBackupWarningNumbers: 0\n", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    "uids", [None, ["OK", "muell*(x)", "gone", "s3", "new", "*", "\udcff", ""]]
)
@pytest.mark.parametrize("need", [Need.ALL, Need.QUOTA, Need.NOTHING])
@pytest.mark.parametrize("host", [None, "Backup-03"])
def test_server_and_its_export_give_the_same_accounts(
    hostile: tuple[slapd.Slapd, Path],
    settings: DirectorySettings,
    uids: list[str] | None,
    need: Need,
    host: str | None,
) -> None:
    own, export = hostile
    live = settings._replace(uri=(own.uri,), ca_file=own.ca_file, page_size=3, host=host)

    results = []
    for source in (live, live._replace(uri=(f"ldif:{export}",))):
        with opened(source) as directory:
            results.append(list(read_accounts(directory, source, need, NOW, uids)))

    assert results[0] == results[1]
    if uids:
        assert [a.uid for a in results[0]] == ["ok", "Muell*(x)", "gone", "new", "s3"]
        assert [a.status for a in results[0][2:]] == [
            AccountStatus.INACTIVE,
            AccountStatus.ACTIVE,
            AccountStatus.NO_FILES,
        ]
    elif host:
        assert [a.uid for a in results[0]] == ["elsewhere"]
    else:
        assert {"gone", "deleted", "cancelled", "s3"}.isdisjoint(a.uid for a in results[0])
        assert len(results[0]) == 10


@pytest.fixture(scope="module")
def hostile(start_slapd: StartSlapd) -> tuple[slapd.Slapd, Path]:
    own = start_slapd(slapd.TREE + "".join(HOSTILE))
    export = own.folder / "export.ldif"
    export.write_text(own.dump())
    return own, export


def test_an_account_whose_activity_is_hidden_is_not_taken_for_inactive(
    start_slapd: StartSlapd, settings: DirectorySettings
) -> None:
    hiding = f'access to dn.exact="uid=0000001,{slapd.ACCOUNTS}" attrs=sstIsActive by * none\n'
    own = start_slapd(slapd.TREE + account("0000001") + account("0000002"), hiding)
    live = settings._replace(uri=(own.uri,), ca_file=own.ca_file)

    with opened(live) as directory:
        named = list(read_accounts(directory, live, Need.QUOTA, NOW, ["0000001", "0000002"]))
        over_all = list(read_accounts(directory, live, Need.QUOTA, NOW))

    assert [each.status for each in named] == [AccountStatus.UNCLEAR, AccountStatus.ACTIVE]
    assert [each.uid for each in over_all] == ["0000002"]
    own.stop()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param("BU\u0308RO", ["b\u00fcro"], id="a letter and its dots apart"),
        pytest.param("FILE", ["\ufb01le"], id="a ligature"),
        pytest.param("STRA\u00dfE", ["stra\u00dfe"], id="sharp s"),
        pytest.param("STRASSE", [], id="sharp s is not two"),
    ],
)
def test_server_and_its_export_take_the_same_letters_for_equal(
    lettered: tuple[slapd.Slapd, Path],
    settings: DirectorySettings,
    asked: str,
    found: list[str],
) -> None:
    own, export = lettered
    live = settings._replace(uri=(own.uri,), ca_file=own.ca_file)

    for source in (live, live._replace(uri=(f"ldif:{export}",))):
        with opened(source) as directory:
            read = [a.uid for a in read_accounts(directory, source, Need.NOTHING, NOW, [asked])]
        assert read == found


@pytest.fixture(scope="module")
def lettered(start_slapd: StartSlapd) -> tuple[slapd.Slapd, Path]:
    uids = ("b\u00fcro", "\ufb01le", "stra\u00dfe")
    own = start_slapd(slapd.TREE + "".join(map(account, uids)))
    export = own.folder / "export.ldif"
    export.write_text(own.dump())
    return own, export
