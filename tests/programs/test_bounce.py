"""A mail that comes back: a real Exim bounces it, and pipes the report into the program."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mail import exim, scripted
from mail.exim import Exim
from programs.notifier import Notifier

pytestmark = [pytest.mark.server, pytest.mark.installed]

CUSTOMER, PERSON = "account-4000102@example.org", "person-4000002@example.org"
OPERATOR = "operations@example.org"
LATER, LATEST = "2026-11-24T12:12:00+01:00", "2026-11-24T12:24:00+01:00"
ROUTERS = """\
bounces:
  driver = accept
  domains = example.org
  local_parts = bounces
  local_part_suffix = +*
  transport = backup_bounces
elsewhere:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = elsewhere
"""
# The first one is that of docs/notifications.md.
TRANSPORTS = """\
backup_bounces:
  driver = pipe
  command = {command}
  user = nobody
  temp_errors = 2 : 3
  log_output
elsewhere:
  driver = smtp
  port = {port}
  hosts_try_fastopen =
"""


@pytest.fixture
def bouncing(notifier: Notifier, tmp_path: Path) -> Iterator[tuple[Notifier, Exim]]:
    """The notifier, and a relay behind which the customer's address does not exist."""
    exim.require()
    with TemporaryDirectory() as folder:  # pytest's own are closed to Exim's user
        Path(folder).chmod(0o755)
        yield from _bouncing(notifier, tmp_path, Path(folder) / "exim")


def _bouncing(notifier: Notifier, tmp_path: Path, folder: Path) -> Iterator[tuple[Notifier, Exim]]:
    example = notifier.config.parent
    for each in (example, tmp_path, *tmp_path.parents[:3], *_parents(notifier)):
        each.chmod(each.stat().st_mode | 0o055)
    entry = notifier.ldif.read_text()
    own = f"mail: {CUSTOMER}\n"
    notifier.ldif.write_text(entry.replace(own, f"{own}sstBelongsToPersonUID: 4000002\n"))
    notifier.collect()
    refusal = {f"RCPT TO:<{CUSTOMER}>": b"550 5.1.1 no such user here\r\n"}
    with scripted.running(refusal) as (_, port):
        command = " ".join(map(str, _command(notifier)))
        if not _is_for_nobody(notifier):  # Exim never pipes as root, whose the interpreter is
            command = f"/bin/sh -c 'cat > {folder}/log/report'"
        transports = TRANSPORTS.format(command=command, port=port)
        with exim.running(folder, "queue_only", ROUTERS, transports) as server:
            notifier.settings(
                (f"localhost:{notifier.port}", f"127.0.0.1:{server.port}"),
                more='return_path = "bounces+{token}@example.org"\n',
            )
            yield notifier, server


def _command(notifier: Notifier) -> list[str | Path]:
    program = notifier._programs.bin / "notify_backup"
    return [program, "--config", notifier.config, "--now", LATER, "--bounce"]


def _parents(notifier: Notifier) -> list[Path]:
    return [each for each in notifier._programs.bin.parents if "pytest-" in str(each)]


def _is_for_nobody(notifier: Notifier) -> bool:
    """Return whether the pipe's user can run the program."""
    nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    python = f"{notifier._programs.bin}/python3 -c ''"
    done = subprocess.run([*nobody, "sh", "-c", python], capture_output=True, check=False)
    return done.returncode == 0


def _let_everybody_write(folder: Path) -> None:
    """Let the pipe's user write the outbox, as the group of a unit's user can."""
    folder.chmod(0o777)
    for file in folder.iterdir():
        file.chmod(0o666)


def test_a_bounce_is_who_is_notified_next_time(bouncing: tuple[Notifier, Exim]) -> None:
    notifier, server = bouncing
    notifier.hook("4000102", "PROBLEM", "WARNING")
    assert notifier.run("--deliver", now=LATER).out == "3 sent, 0 to retry, 0 refused\n"
    _let_everybody_write(notifier.outbox.parent)

    server.run("-qff")  # the other server refuses the address, and a bounce is queued
    server.run("-qff")  # the bounce goes into the pipe
    if not _is_for_nobody(notifier):
        assert _bounce(notifier, (server.folder / "log" / "report").read_bytes())[0] == 0

    (bounced,) = [each for each in notifier.log() if each["what"] == "bounced"]
    assert bounced["address"] == CUSTOMER
    assert "5.1.1" in bounced["reason"]
    listed = notifier.run("--check-contacts", "-a", "4000102", now=LATER)
    assert listed.code == 1
    assert f"mail {CUSTOMER}: bounced: 5.1.1" in listed.out
    explained = notifier.run("--explain", "-a", "4000102", "--task", "quota", now=LATER).out
    assert f"notify: {PERSON} (customer)" in explained
    assert f"{CUSTOMER} is not notified: bounced: 5.1.1" in explained
    assert f"notify: {CUSTOMER}" not in explained

    notifier.sent()
    caught_up = notifier.run("--deliver", now=LATER)
    assert caught_up.out.endswith("2 to notify of problems that go on\n")
    assert {each.address for each in notifier.sent()} == {PERSON, f"backups{PERSON[6:]}"}
    notifier.hook("4000102", "PROBLEM", "CRITICAL", now=LATER)
    delivered = notifier.run("--deliver", now=LATEST)
    sent = {each.address for each in notifier.sent()}
    assert "FAILED" not in delivered.out
    assert PERSON in sent
    assert CUSTOMER not in sent
    told = [each["address"] for each in notifier.log() if each["what"] == "sent"]
    assert told.count(OPERATOR) == 1  # the bounce is in the operator's digest, once

    released = notifier.run("--release", now=LATEST)
    assert released.out.endswith("; 1 address that bounced is notified again\n")
    explained = notifier.run("--explain", "-a", "4000102", "--task", "quota", now=LATEST).out
    assert f"notify: {CUSTOMER} (customer)" in explained


def _bounce(notifier: Notifier, report: bytes, *options: str) -> tuple[int, str]:
    command = [*_command(notifier), *options]
    done = subprocess.run(command, input=report, capture_output=True, check=False)
    assert done.stderr == b""
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize("report", [b"", b"\0" * 3_000_000, b"To: bounces+1-0@example.org\n\nhi"])
def test_what_is_no_report_is_taken_from_the_mail_server(notifier: Notifier, report: bytes) -> None:
    notifier.settings(more='return_path = "bounces+{token}@example.org"\n')

    assert _bounce(notifier, report) == (0, "ignored: it reports no address that does not exist\n")


def test_what_cannot_be_stored_stays_in_the_mail_servers_queue(notifier: Notifier) -> None:
    code, text = _bounce(notifier, REPORT)
    assert code == 3
    assert text.startswith("4.3.0 ")
    assert "return_path: has no {token}; set it" in text

    notifier.settings(more='return_path = "bounces+{token}@example.org"\n')
    notifier.outbox.write_bytes(b"x" * 5000)
    code, text = _bounce(notifier, REPORT)
    assert code == 2
    assert re.match(r"4\.3\.0 .*outbox\.sqlite: is damaged", text)
    assert _bounce(notifier, REPORT, "--dry-run")[0] == 3


REPORT = b"""\
To: bounces+1-000000000000000000000000@example.org
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Action: failed
Final-Recipient: rfc822;anna@example.org
Status: 5.1.1

--x--
"""


def test_a_token_that_nobody_made(notifier: Notifier) -> None:
    notifier.settings(more='return_path = "bounces+{token}@example.org"\n')
    notifier.hook("4000102", "PROBLEM", "WARNING")
    notifier.deliver(LATER)

    assert _bounce(notifier, REPORT) == (
        0,
        "ignored: it was sent to the return path of no mail that waits for one\n",
    )
    assert not [each for each in notifier.log() if each["what"] == "bounced"]
