"""submit_backup_results: into a real Icinga 2, and into a real Nagios."""

import contextlib
import fcntl
import os
import re
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backup_monitoring.icinga.nagios_files import write_pipe, write_spool
from backup_monitoring.icinga.results import CheckResult
from backup_monitoring.model.verdicts import State
from integration.slapd import free_port, make_authority
from programs.daemons import PASSWORD, Icinga, Nagios, needed, running, until
from programs.installed import NOW, Programs, Ran
from programs.test_generate import (
    HOSTILE,
    NAGIOS_TEMPLATES,
    TEMPLATES,
    objects,
    with_hostile_accounts,
)
from programs.test_store import Store

pytestmark = [pytest.mark.installed, pytest.mark.server]
RESULTS = 5 * (18 + len(HOSTILE))
STATES = {
    "4000101-quota": 0,
    "4000102-quota": 1,
    "4000103-quota": 2,
    "4000115-quota": 3,
    "4000104-schedule": 1,
    "4000105-schedule": 2,
    "4000106-status": 1,
    "4000109-client": 2,
    "4000112-unused": 1,
}
NUMBERS = ["used_percent=88%;85;99;0", "used=9448928051B;;;0;10737418240"]


@pytest.fixture
def store(programs: Programs, example: Path, tmp_path: Path) -> Store:
    return with_hostile_accounts(Store(programs, example, tmp_path / "example"))


@pytest.fixture
def icinga(store: Store, tmp_path: Path) -> Iterator[Icinga]:
    needed("icinga2", "openssl")
    daemon = Icinga(tmp_path / "icinga", tmp_path, TEMPLATES["passive"], objects(store, "icinga2"))
    to_icinga(store, daemon.port, daemon.ca_file)
    with running(daemon):
        yield daemon


def to_icinga(
    store: Store, port: int, ca_file: Path, password: str = PASSWORD, retry_for: str = "0s"
) -> None:
    """Let *store*'s settings name an API."""
    secret = store.folder / "password"
    secret.write_text(f"{password}\n")
    secret.chmod(0o600)
    store.settings(
        more=f'\n[icinga]\nurl = "https://localhost:{port}"\nca_file = "{ca_file}"\n'
        'user = "backup-submit"\npassword_file = "password"\n'
        f'retry_for = "{retry_for}"\n'
    )


def submit(store: Store, *options: str, now: str = NOW) -> Ran:
    return store.run("submit_backup_results", *options, now=now)


def test_icinga_has_every_state(icinga: Icinga, store: Store) -> None:
    ran = submit(store)
    services = icinga.services()

    assert (ran.code, ran.out) == (
        0,
        f"{len(services)} results accepted by https://localhost:{icinga.port}\n",
    )
    assert {name: services[name]["state"] for name in STATES} == STATES
    result = services["4000102-quota"]["last_check_result"]
    assert result["performance_data"] == NUMBERS
    assert result["output"].startswith("BACKUP QUOTA WARNING - 4000102: 88.0 % of 10.0 GiB used")
    assert result["ttl"] == 1800
    for service in services.values():
        assert not re.search("[|<>\x00-\x09\x0b-\x1f]", service["last_check_result"]["output"])


def test_a_state_comes_and_goes(icinga: Icinga, store: Store) -> None:
    ldif = store.folder / "directory.ldif"
    before, seen = ldif.read_text(), []
    full = before.replace("sstBackupSize: 4294967296", "sstBackupSize: 10737418240", 1)
    for text in (before, full, before):
        ldif.write_text(text)
        assert store.collect().code == 0
        assert submit(store, "--account", "4000101").code == 0
        seen.append(icinga.services()["4000101-quota"]["state"])

    assert seen == [0, 2, 0]


def test_a_host_per_account(store: Store, tmp_path: Path) -> None:
    needed("icinga2", "openssl")
    made = objects(store, "icinga2", "--host-per-account")
    daemon = Icinga(tmp_path / "icinga", tmp_path, TEMPLATES["passive"], made)
    to_icinga(store, daemon.port, daemon.ca_file)

    with running(daemon):
        ran = submit(store, "--host-per-account")
        services = daemon.all_services()

    assert (ran.code, ran.out.split()[0]) == (0, f"{RESULTS}")
    states = {name: services[name.replace("-", "!")]["state"] for name in STATES}
    assert states == STATES


def test_a_wrong_password_is_reported(icinga: Icinga, store: Store) -> None:
    to_icinga(store, icinga.port, icinga.ca_file, "wrong")

    ran = submit(store)

    assert ran.code == 2
    assert "wrong user or password" in ran.out
    assert f"{RESULTS} results are missing" in ran.out
    assert not (store.store / "submitted").exists()


def test_the_api_is_tried_and_no_result_is_submitted(icinga: Icinga, store: Store) -> None:
    url = f"https://localhost:{icinga.port}"
    reader = {"password": PASSWORD, "permissions": ["objects/query/*", "Actions/remove-*"]}
    created = icinga.request("PUT", "/v1/objects/apiusers/reader", values={"attrs": reader})

    allowed = store.run("backup_settings", "--test", "--part", "icinga")
    to_icinga(store, icinga.port, icinga.ca_file, "wrong")
    wrong = store.run("backup_settings", "--test", "--part", "icinga")
    to_icinga(store, icinga.port, icinga.ca_file)
    store.config.write_text(store.config.read_text().replace("backup-submit", "reader"))
    lacking = store.run("backup_settings", "--test", "--part", "icinga")

    assert created[0] == 200
    assert (allowed.code, allowed.out) == (
        0,
        f"ok      icinga: {url}: backup-submit may submit results; none was submitted\n",
    )
    assert (wrong.code, wrong.out) == (
        2,
        f"FAILED  icinga: {url}: wrong user or password; see [icinga] user\n",
    )
    assert (lacking.code, lacking.out) == (
        2,
        f"FAILED  icinga: {url}: the ApiUser reader lacks the permission "
        "actions/process-check-result; see icinga/icinga2-submit.conf\n",
    )
    assert not icinga.submitted()


def test_an_unknown_authority_is_refused(icinga: Icinga, store: Store, tmp_path: Path) -> None:
    to_icinga(store, icinga.port, make_authority(tmp_path, "other"))

    ran = submit(store)

    assert ran.code == 2
    assert "its certificate's authority is not trusted" in ran.out
    assert "set the authority's certificate as [icinga] ca_file" in ran.out
    assert not icinga.submitted()


def test_without_objects_both_reasons_are_named(store: Store, tmp_path: Path) -> None:
    needed("icinga2", "openssl")
    nothing = tmp_path / "nothing.conf"
    nothing.write_text("")
    daemon = Icinga(tmp_path / "icinga", tmp_path, TEMPLATES["passive"], nothing)
    to_icinga(store, daemon.port, daemon.ca_file)

    with running(daemon):
        ran = submit(store)

    assert ran.code == 1
    assert f"{RESULTS} refused with status 404" in ran.out
    assert "the objects do not exist" in ran.out
    assert "ApiUser may not see them" in ran.out


def test_some_without_an_object_are_named(icinga: Icinga, store: Store) -> None:
    ldif = store.folder / "directory.ldif"
    ldif.write_text(ldif.read_text().replace("4000102", "4000199"))
    assert store.collect().code == 0

    ran = submit(store)

    assert ran.code == 1
    assert f"{RESULTS - 5} results accepted" in ran.out
    assert "5 refused with status 404" in ran.out
    assert "  backup-01!4000199-quota: 404 " in ran.out
    assert "ApiUser may not" not in ran.out


class Relay:
    """Stands before the API.

    *closes* connections are closed after so many *answers*, and each with a request that has the
    text *refused*; *then* is done before.
    """

    def __init__(
        self,
        port: int,
        certificates: Path,
        answers: int,
        closes: int,
        then: Callable[[], object] = bool,
        refused: bytes | None = None,
    ) -> None:
        self._then = then
        self._refused = refused
        self.port = free_port()
        self._target, self._answers, self.left = port, answers, closes
        self._ca = certificates / "ca.crt"
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(
            certificates / "localhost.crt", certificates / "localhost.key"
        )
        self._server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._server.accept()
            threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            self._relay(client)

    def _relay(self, raw: socket.socket) -> None:
        onward = ssl.create_default_context(cafile=str(self._ca))
        target = socket.create_connection(("localhost", self._target))
        with (
            self._context.wrap_socket(raw, server_side=True) as client,
            onward.wrap_socket(target, server_hostname="localhost") as server,
        ):
            count = 0
            while request := client.recv(65536):
                if count >= self._answers and self.left > 0:
                    self.left -= 1
                    self._then()
                    return
                if self._refused is not None and self._refused in request:
                    return
                server.sendall(request)
                if not request.endswith(b"\r\n\r\n"):  # a body's end
                    client.sendall(self._answer(server))
                    count += 1

    def _answer(self, server: ssl.SSLSocket) -> bytes:
        text = server.recv(65536)
        while b"\r\n\r\n" not in text:
            text += server.recv(65536)
        head, _, body = text.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        while (length and len(body) < int(length[1])) or (not length and b"0\r\n\r\n" not in body):
            body += server.recv(65536)
        return head + b"\r\n\r\n" + body


def test_a_closed_connection_is_opened_again(icinga: Icinga, store: Store) -> None:
    relay = Relay(icinga.port, icinga.ca_file.parent, answers=7, closes=3)
    to_icinga(store, relay.port, icinga.ca_file)

    ran = submit(store)

    assert relay.left == 0
    assert (ran.code, ran.out.split()[0]) == (0, f"{RESULTS}")
    assert icinga.submitted() == set(icinga.services())


def test_icinga_that_dies_leaves_a_count(icinga: Icinga, store: Store) -> None:
    relay = Relay(icinga.port, icinga.ca_file.parent, answers=20, closes=1, then=icinga.kill)
    to_icinga(store, relay.port, icinga.ca_file)

    ran = submit(store)

    accepted = re.search(r"^(\d+) results accepted", ran.out)
    missing = re.search(r"(\d+) results are missing", ran.out)
    assert ran.code == 2, ran.out
    assert accepted
    assert missing
    assert int(accepted[1]) >= 20
    assert int(accepted[1]) + int(missing[1]) == RESULTS


def test_an_api_that_is_closed_for_three_seconds(icinga: Icinga, store: Store) -> None:
    """As it is while Icinga loads its objects again."""

    def restart() -> None:
        icinga.stop()
        threading.Timer(3, icinga.start).start()

    relay = Relay(icinga.port, icinga.ca_file.parent, answers=20, closes=1, then=restart)
    to_icinga(store, relay.port, icinga.ca_file, retry_for="5m")

    ran = submit(store)

    assert relay.left == 0
    assert (ran.code, ran.out.split()[0]) == (0, f"{RESULTS}"), ran.out
    assert icinga.submitted() == set(icinga.services())


def test_after_a_failing_request_the_others_follow(icinga: Icinga, store: Store) -> None:
    relay = Relay(
        *(icinga.port, icinga.ca_file.parent), answers=0, closes=0, refused=b"!4000102-quota"
    )
    to_icinga(store, relay.port, icinga.ca_file, retry_for="3s")

    ran = submit(store)

    assert ran.code == 2
    assert ran.out.startswith(f"{RESULTS - 1} results accepted")
    assert "1 result is missing" in ran.out
    assert set(icinga.services()) - icinga.submitted() == {"4000102-quota"}


def test_icinga_that_does_not_run(store: Store, tmp_path: Path) -> None:
    to_icinga(store, free_port(), make_authority(tmp_path))

    ran = submit(store)

    assert ran.code == 2
    assert "see whether Icinga runs" in ran.out
    assert f"{RESULTS} results are missing" in ran.out


@pytest.fixture
def nagios(store: Store, tmp_path: Path) -> Iterator[Nagios]:
    needed("nagios4")
    made = objects(store, "nagios")
    daemon = Nagios(tmp_path / "nagios", tmp_path, NAGIOS_TEMPLATES["passive"], made)
    with running(daemon):
        yield daemon


@pytest.mark.parametrize(("key", "name"), [("spool", "spool"), ("command_file", "nagios.cmd")])
def test_nagios_has_every_state(nagios: Nagios, store: Store, key: str, name: str) -> None:
    store.settings(more=f'\n[icinga]\n{key} = "{nagios.folder / name}"\n')

    ran = submit(store)

    assert ran.code == 0, ran.out
    assert ran.out.startswith(f"{RESULTS} results ")
    until(lambda: len(nagios.states()) == RESULTS)
    states = nagios.states()
    assert {name: states[name][0] for name in STATES} == STATES
    assert states["4000102-quota"][1].startswith("BACKUP QUOTA WARNING - 4000102: 88.0 % of")


def test_nagios_takes_results_of_a_clock_that_is_ahead(nagios: Nagios) -> None:
    result = CheckResult("backup-01", "4000102-quota", State.WARNING, ("full",), ())

    write_spool([result], nagios.spool, datetime.now(UTC) + timedelta(seconds=30))

    until(lambda: "4000102-quota" in nagios.states(), 20)


@pytest.mark.parametrize(
    ("output", "kept"),
    [
        (("full", *(f"{number} {'é' * 400}" for number in range(9))), "3 " + "é" * 400),
        (("\N{GRINNING FACE}" * 1200, "more"), ""),
    ],
    ids=["many lines", "a long line"],
)
def test_what_does_not_fit_into_nagios_s_pipe_is_cut(
    tmp_path: Path, output: tuple[str, ...], kept: str
) -> None:
    pipe = tmp_path / "nagios.cmd"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    result = CheckResult("backup-01", "4000102-quota", State.WARNING, output, ("used=1B",))

    assert write_pipe([result, result], pipe, datetime.now(UTC), 10).accepted == 2

    lines = os.read(reader, 65536).decode().splitlines(keepends=True)
    os.close(reader)
    assert lines[0] == lines[1]
    assert 4096 - 810 < len(lines[0].encode()) <= 4096
    first, *rest = lines[0].rstrip("\n").partition(";1;")[2].split("\\n")
    assert first.endswith(" | used=1B")
    assert output[0].startswith(first.removesuffix(" | used=1B"))
    assert rest[-1] == "... cut: a result in Nagios's command pipe has 4096 bytes at most"
    assert rest[-2:-1] == [kept] * bool(kept)


def test_a_nagios_that_does_not_run(store: Store, tmp_path: Path) -> None:
    pipe = tmp_path / "nagios.cmd"
    os.mkfifo(pipe)
    store.settings(more=f'\n[icinga]\ncommand_file = "{pipe}"\n')

    ran = submit(store)

    assert ran.code == 3
    assert "see whether Nagios runs" in ran.out


def test_a_nagios_that_hangs_leaves_a_count(store: Store, tmp_path: Path) -> None:
    pipe = tmp_path / "nagios.cmd"
    os.mkfifo(pipe)
    store.settings(more=f'\n[icinga]\ncommand_file = "{pipe}"\n')
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    try:
        ran = submit(store, "-t", "10")
    finally:
        os.close(reader)

    counts = re.search(
        r"^(\d+) results to .*\nFAILED: .*does not read it\); (\d+) results", ran.out
    )
    assert ran.code == 2, ran.out
    assert counts
    assert int(counts[1]) + int(counts[2]) == RESULTS


def test_an_account_that_does_not_exist_is_named(store: Store, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    store.settings(more=f'\n[icinga]\nspool = "{spool}"\n')

    ran = submit(store, "-a", "4000101,nobody")

    assert ran.code == 2
    assert ran.out.splitlines() == [f"5 results in {spool}", "FAILED: no such account: nobody"]


def test_the_monitoring_is_not_healthy_while_no_results_are_submitted(
    store: Store, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    store.settings(more=f'\n[icinga]\nspool = "{spool}"\nttl = "10m"\n')

    def check(now: str = NOW) -> str:
        return store.check("monitoring", now=now).first.partition(" - ")[2].partition(";")[0]

    never = "results were never submitted: see submit_backup_results"
    assert check() == never
    assert submit(store).code == 3  # there is no such folder
    spool.mkdir()
    assert submit(store, "-a", "4000101").code == 0
    assert check() == never
    assert submit(store).code == 0
    now = "OK - results submitted 2026-11-24 11:00 +00:00, 0 min ago"
    assert now in store.check("monitoring", "-v").out
    late = "results submitted 2026-11-24 11:00 +00:00, 11 min ago, threshold 10m ([icinga] ttl)"
    assert check("2026-11-24T12:11:00+01:00") == late


def test_a_submission_that_cannot_be_recorded_is_reported(store: Store, tmp_path: Path) -> None:
    store.settings(more=f'\n[icinga]\nspool = "{tmp_path}"\n')
    (store.store / "submitted").mkdir()

    ran = submit(store)

    assert ran.code == 2
    assert "store/submitted: cannot be written (Is a directory); submit as" in ran.out


def test_a_file_that_is_not_a_pipe(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    store.settings(more=f'\n[icinga]\ncommand_file = "{file}"\n')

    ran = submit(store)

    assert (ran.code, file.read_text()) == (3, "kept")
    assert "is not a pipe" in ran.out


def test_half_a_spool_file_is_removed(store: Store, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    store.settings(more=f'\n[icinga]\nspool = "{spool}"\n')
    shutil.rmtree(store.folder / "store")

    ran = submit(store)

    assert ran.code == 3
    assert list(spool.iterdir()) == []


def test_no_destination(store: Store) -> None:
    ran = submit(store)

    assert ran.code == 3
    assert "[icinga]: no destination for results; set url" in ran.out
