"""The parts of an installation besides directory and homes: each is tried as it is used."""

import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_monitoring.outbox.transaction import Outbox
from backup_monitoring.selftest.installation import PARTS, InstallationCheck
from cases import at
from integration.slapd import free_port
from mail import mailserver
from mail.mailserver import Behaviour
from store.fleet import FIRST, Fleet

LATER = "2026-11-21T21:00+01:00"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    made = Fleet(tmp_path / "fleet")
    (made.folder / "outbox").mkdir()
    return made


@pytest.fixture
def server() -> Iterator[tuple[Behaviour, int]]:
    with mailserver.running() as started:
        yield started


def check(
    fleet: Fleet, part: str, more: str = "", now: str = FIRST, seconds: float = 60
) -> list[str]:
    """Return the lines about *part*, with paths below the fleet's; nothing may be changed."""
    fleet.settings_text(more)
    before = snapshot(fleet.folder)
    installation = InstallationCheck(fleet.settings, at(now), lambda phase: None, seconds, [part])
    lines = [line.replace(str(fleet.folder), "") for line in installation.run()]
    assert snapshot(fleet.folder) == before
    assert installation.failed is any(line.startswith("FAILED") for line in lines)
    return lines


def snapshot(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return everything below *folder*, as far as a program can change it."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (folder, *folder.rglob("*")):
        seen = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (seen.st_mode, seen.st_uid, seen.st_mtime_ns, seen.st_ctime_ns, content)
    return found


def test_what_the_settings_do_not_name_is_not_tried(fleet: Fleet) -> None:
    fleet.start("4000101", "2026-11-20T20:00:00+01:00")
    fleet.file.write_text(fleet.file.read_text().replace("[store]\nfolder", "[store]\n# folder"))
    installation = InstallationCheck(fleet.settings, at(FIRST), lambda phase: None, 60)

    lines = list(installation.run())

    assert not installation.failed
    assert lines[-8:] == [
        "not tried store: [store] folder is not set",
        "not tried outbox: [notify] outbox is not set",
        "not tried log: [notify] log is not set",
        "not tried messages: [notify] from is not set",
        "not tried mail: [notify] from is not set",
        "not tried icinga: [icinga] url is not set",
        "not tried nagios: [icinga] spool and command_file are not set",
        "not tried overview: [overview] folder and metrics_file are not set",
    ]
    assert {line.replace("not tried", "").split()[0] for line in lines[-8:]} < {
        f"{part}:" for part in PARTS
    }


# --- the store ---

WRITTEN = "ok      store: /store: a file was written, and is gone again"


def test_a_store_without_and_with_a_run(fleet: Fleet) -> None:
    assert check(fleet, "store") == [
        WRITTEN,
        "note    store: /store: no run has ended yet; run collect_backup_state, "
        "or enable its timer",
    ]

    fleet.collect()

    assert check(fleet, "store") == [
        WRITTEN,
        "ok      store: /store: can be read; the last run was 2026-11-20 20:00 +00:00",
    ]


def test_a_store_that_no_run_updates(fleet: Fleet) -> None:
    fleet.collect()

    assert check(fleet, "store", now=LATER)[1:] == [
        "FAILED  store: /store/state.sqlite: the directory was last read 2026-11-20 20:00 +00:00, "
        "more than 4h ago; see check_backup_monitoring"
    ]


def test_a_store_without_its_folder(fleet: Fleet) -> None:
    fleet.store.rmdir()

    assert check(fleet, "store") == [
        "FAILED  store: /store: no file can be written there (No such file or directory); "
        "start backup-monitoring-collect, whose unit creates it, or correct [store] folder"
    ]


def test_a_store_that_is_a_file(fleet: Fleet) -> None:
    fleet.store.rmdir()
    fleet.store.touch()

    (line,) = check(fleet, "store")

    assert line.startswith(
        "FAILED  store: /store: no file can be written there (Not a directory); "
    )


@pytest.mark.parametrize("name", ["lock", "past.sqlite"])
def test_a_file_of_the_store_that_cannot_be_opened(fleet: Fleet, name: str) -> None:
    (fleet.store / name).mkdir()

    assert check(fleet, "store") == [
        f"FAILED  store: /store/{name}: cannot be written (Is a directory); "
        "give it to the collector's user"
    ]


def test_a_store_of_another_version(fleet: Fleet) -> None:
    (fleet.store / "state.sqlite").touch()

    assert check(fleet, "store")[1:] == [
        "FAILED  store: /store/state.sqlite: is empty; run this version's collect_backup_state"
    ]


# --- outbox and log ---

OUTBOX = '[notify]\noutbox = "outbox/o.sqlite"\nlog = "outbox/log"\n'


@pytest.fixture
def used(fleet: Fleet) -> Path:
    """Return the outbox after a use of it."""
    file = fleet.folder / "outbox" / "o.sqlite"
    with Outbox(file):
        return file


def test_an_outbox_that_was_never_used(fleet: Fleet) -> None:
    assert check(fleet, "outbox", OUTBOX) == [
        "ok      outbox: /outbox: a file was written, and is gone again; no use has begun o.sqlite"
    ]


def test_an_outbox_in_use(fleet: Fleet, used: Path) -> None:
    assert check(fleet, "outbox", OUTBOX) == [
        "ok      outbox: /outbox/o.sqlite: a transaction was begun, and nothing was changed"
    ]


def test_an_outbox_that_was_lost(fleet: Fleet, used: Path) -> None:
    used.unlink()

    (line,) = check(fleet, "outbox", OUTBOX)

    assert line.startswith(
        "FAILED  outbox: /outbox/o.sqlite: does not exist, though it was in use: its mails are lost"
    )


def test_an_outbox_without_its_folder(fleet: Fleet) -> None:
    (fleet.folder / "outbox").rmdir()

    assert check(fleet, "outbox", OUTBOX) == [
        "FAILED  outbox: /outbox: the folder does not exist; "
        "create it, for example by the unit, or correct [notify] outbox"
    ]


def test_another_database_in_place_of_the_outbox(fleet: Fleet) -> None:
    with sqlite3.connect(fleet.folder / "outbox" / "o.sqlite") as db:
        db.execute("CREATE TABLE other (x)")
    db.close()

    assert check(fleet, "outbox", OUTBOX) == [
        "FAILED  outbox: /outbox/o.sqlite: is not an outbox; name another file as [notify] outbox"
    ]


def test_a_transaction_that_was_interrupted_is_left_alone(fleet: Fleet, used: Path) -> None:
    """SQLite would undo it, and so change the file."""
    db = sqlite3.connect(used, isolation_level=None)
    db.execute("PRAGMA cache_size = 1")
    db.execute("PRAGMA journal_mode = TRUNCATE")
    db.execute("BEGIN")
    for number in range(200):
        db.execute("INSERT INTO meta VALUES (?, ?)", (str(number), "x" * 1000))
    for name in ("o.sqlite", "o.sqlite-journal"):
        shutil.copy(used.with_name(name), fleet.folder / name)
    db.close()
    for name in ("o.sqlite", "o.sqlite-journal"):
        shutil.copy(fleet.folder / name, used.with_name(name))

    assert check(fleet, "outbox", OUTBOX) == [
        "not tried outbox: /outbox/o.sqlite: a transaction is in progress, or was interrupted; "
        "try again"
    ]


def test_a_log_without_and_with_its_file(fleet: Fleet) -> None:
    assert check(fleet, "log", OUTBOX) == [
        "ok      log: /outbox/log: its folder can be written, no use has begun the file"
    ]

    (fleet.folder / "outbox" / "log").touch()

    assert check(fleet, "log", OUTBOX) == ["ok      log: /outbox/log: can be written"]


def test_a_fifo_in_place_of_the_log_is_not_waited_for(fleet: Fleet) -> None:
    os.mkfifo(fleet.folder / "outbox" / "log")

    (line,) = check(fleet, "log", OUTBOX)

    assert line.startswith("FAILED  log: /outbox/log: cannot be written (No such device")


@pytest.mark.parametrize(
    ("part", "file"),
    [("store", "store/lock"), ("outbox", "outbox/o.sqlite.lock"), ("outbox", "outbox/o.sqlite")],
)
def test_a_fifo_in_place_of_a_file_that_is_only_opened(fleet: Fleet, part: str, file: str) -> None:
    os.mkfifo(fleet.folder / file)

    (line,) = check(fleet, part, OUTBOX)

    assert line.startswith(f"FAILED  {part}: /{file}: ")
    assert "not a regular file" in line.lower()


def test_a_log_without_its_folder_or_that_is_a_link(fleet: Fleet) -> None:
    other = '[notify]\nlog = "nowhere/log"\n'
    (fleet.folder / "outbox" / "log").symlink_to("/dev/null")

    assert check(fleet, "log", other) == [
        "FAILED  log: /nowhere: no file can be written there (No such file or directory); "
        "create it and give it to this user's group, or correct [notify] log"
    ]
    assert check(fleet, "log", OUTBOX) == [
        "FAILED  log: /outbox/log: cannot be written (Too many levels of symbolic links); "
        "give it to the group of its folder"
    ]


# --- mails ---


def mails(port: int = 1, sender: str = "Backup <backup@example.org>", more: str = "") -> str:
    return (
        f'[notify]\nfrom = "{sender}"\noperator = "Operations <ops@example.org>"\n'
        f'smtp = "smtp://localhost:{port}"\n{more}'
    )


def test_messages_are_composed(fleet: Fleet) -> None:
    (line,) = check(fleet, "messages", mails())

    assert line.startswith("ok      messages: ")
    assert line.endswith(" mails of all kinds composed, none sent")


def test_a_sender_that_is_not_an_address(fleet: Fleet) -> None:
    (line,) = check(fleet, "messages", mails(sender="backup"))

    assert line.startswith("FAILED  messages: [notify] from: 'backup' is not valid: ")


def test_a_template_that_fails(fleet: Fleet) -> None:
    templates = fleet.folder / "templates"
    templates.mkdir(parents=True)
    (templates / "quota.jinja").write_text("{{ nonsense( }}")

    (line,) = check(fleet, "messages", mails(more='templates = "templates"'))

    assert line.startswith("FAILED  messages: /templates/quota.jinja: ")


def test_templates_that_are_misspelt(fleet: Fleet) -> None:
    assert check(fleet, "messages", mails(more='templates = "nowhere"')) == [
        "FAILED  messages: /nowhere: cannot be read (No such file or directory); "
        "correct [notify] templates, or let this user read it"
    ]


def test_a_mail_server_is_tried_until_before_the_content(
    fleet: Fleet, server: tuple[Behaviour, int]
) -> None:
    behaviour, port = server

    lines = check(fleet, "mail", mails(port))

    assert lines[0].startswith(f"ok      mail: reached smtp://localhost:{port}: ")
    assert lines[1:] == [
        "ok      mail: accepts mails from the null return path",
        "ok      mail: accepts the operator ops@example.org",
        "ok      mail: accepts commands; nothing was sent",
    ]
    assert behaviour.commands == ["EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RSET"]
    assert behaviour.got == []


@pytest.mark.parametrize(
    ("phase", "answer", "last"),
    [
        pytest.param(
            "MAIL <>",
            "550 5.7.1 no bounces from here",
            "FAILED  mail: smtp://localhost:PORT: refuses mails from the null return "
            "path: 550 5.7.1 no bounces from here; set return_path in [notify], or let the server "
            "accept bounces from this host",
            id="the sender",
        ),
        pytest.param(
            "MAIL",
            "530 5.7.0 authentication required",
            "FAILED  mail: smtp://localhost:PORT: refuses mails from the null return "
            "path: 530 5.7.0 authentication required; check username, password_file and start_tls "
            "in [notify]",
            id="a login is missing",
        ),
        pytest.param(
            "RCPT ops@example.org",
            "554 5.7.1 relay access denied",
            "FAILED  mail: smtp://localhost:PORT: refuses the operator ops@example.org: 554 5.7.1 "
            "relay access denied; check operator and username in [notify], and that the server "
            "relays for this host",
            id="the operator",
        ),
        pytest.param(
            "RCPT ops@example.org",
            "450 4.2.0 greylisted",
            "ok      mail: accepts commands; nothing was sent",
            id="the operator for now: each delivery is retried",
        ),
        pytest.param(
            "MAIL backup@example.org",
            "553 5.7.1 not yours",
            "ok      mail: accepts commands; nothing was sent",
            id="an address that is in no envelope",
        ),
    ],
)
def test_what_a_mail_server_refuses(
    fleet: Fleet, server: tuple[Behaviour, int], phase: str, answer: str, last: str
) -> None:
    behaviour, port = server
    behaviour.answers[phase] = answer

    lines = check(fleet, "mail", mails(port))

    assert lines[-1] == last.replace("PORT", str(port))
    assert behaviour.got == []
    if last.startswith("ok"):
        assert answer in " ".join(lines)


def test_the_return_path_is_the_sender(fleet: Fleet, server: tuple[Behaviour, int]) -> None:
    behaviour, port = server
    behaviour.answers["MAIL bounces@example.org"] = "553 5.1.8 no such sender"

    lines = check(fleet, "mail", mails(port, more='return_path = "bounces@example.org"'))

    assert lines[-1].startswith(
        f"FAILED  mail: smtp://localhost:{port}: refuses mails from bounces@example.org: 553 "
    )


@pytest.mark.parametrize("phase", ["EHLO", "MAIL", "RCPT", "RSET"])
def test_a_mail_server_that_breaks_off(
    fleet: Fleet, server: tuple[Behaviour, int], phase: str
) -> None:
    behaviour, port = server
    behaviour.drop = phase

    line = check(fleet, "mail", mails(port))[-1]

    assert line.startswith(f"FAILED  mail: smtp://localhost:{port}: ")


@pytest.mark.parametrize("phase", ["CONNECT", "EHLO", "MAIL", "RCPT", "RSET"])
def test_a_mail_server_that_hangs(fleet: Fleet, server: tuple[Behaviour, int], phase: str) -> None:
    behaviour, port = server
    behaviour.stall = phase

    line = check(fleet, "mail", mails(port), seconds=3)[-1]

    assert line == (
        f"FAILED  mail: smtp://localhost:{port}: no answer within 1.35 s; "
        "check the mail server's log"
    )


def test_an_api_that_hangs(fleet: Fleet) -> None:
    """It answers nothing, not even the beginning of TLS."""
    with socket.create_server(("localhost", 0)) as deaf:
        url = f"https://localhost:{deaf.getsockname()[1]}"

        lines = check(fleet, "icinga", f'[icinga]\nurl = "{url}"\nuser = "x"\n', seconds=1)

    assert lines == [
        f"FAILED  icinga: trying {url}: did not end within 0.9 s; see what it waits for"
    ]


def test_a_program_that_sends_mails(fleet: Fleet) -> None:
    program = fleet.folder / "sendmail"
    program.write_text("#!/bin/sh\nexec touch sent\n")
    settings = f'[notify]\nfrom = "backup@example.org"\nsmtp = "sendmail:{program}"\n'

    (refused,) = check(fleet, "mail", settings)
    program.chmod(0o755)
    (accepted,) = check(fleet, "mail", settings)

    assert refused == (
        "FAILED  mail: /sendmail: does not exist or cannot be run; correct [notify] smtp"
    )
    assert accepted == "ok      mail: /sendmail can be run; nothing was sent"


# --- the monitoring system ---


def test_nagios_files(fleet: Fleet) -> None:
    spool, pipe = fleet.folder / "spool", fleet.folder / "pipe"
    spool.mkdir()
    os.mkfifo(pipe)

    assert check(fleet, "nagios", '[icinga]\nspool = "spool"\n') == [
        "ok      nagios: /spool: a file was written, and is gone again"
    ]
    nobody_reads = check(fleet, "nagios", '[icinga]\ncommand_file = "pipe"\n')
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    read = check(fleet, "nagios", '[icinga]\ncommand_file = "pipe"\n')
    got = os.read(reader, 100)
    os.close(reader)

    assert nobody_reads == [
        "FAILED  nagios: /pipe: cannot be written (No such device or address); "
        "set it to command_file of nagios.cfg, and see whether Nagios runs"
    ]
    assert read == ["ok      nagios: /pipe: opened, Nagios reads it; nothing was written"]
    assert got == b""


def test_a_spool_that_does_not_exist(fleet: Fleet) -> None:
    assert check(fleet, "nagios", '[icinga]\nspool = "spool"\n') == [
        "FAILED  nagios: /spool: no file can be written there (No such file or directory); "
        "set [icinga] spool to check_result_path of nagios.cfg, and let this user write there"
    ]


def test_an_api_that_does_not_run(fleet: Fleet) -> None:
    url = f"https://localhost:{free_port()}"

    assert check(fleet, "icinga", f'[icinga]\nurl = "{url}"\nuser = "x"\n') == [
        f"FAILED  icinga: {url}: no answer (Connection refused); "
        "see whether Icinga runs, and [icinga] url"
    ]


# --- the overview ---


def test_folders_of_the_overview(fleet: Fleet) -> None:
    settings = '[overview]\nfolder = "page"\nmetrics_file = "metrics/backup.prom"\n'
    (fleet.folder / "page").mkdir()
    missing = check(fleet, "overview", settings)
    (fleet.folder / "metrics").mkdir()

    assert check(fleet, "overview", settings) == [
        "ok      overview: /page: a file was written, and is gone again",
        "ok      overview: /metrics: a file was written, and is gone again",
    ]
    assert missing[1:] == [
        "FAILED  overview: /metrics: no file can be written there (No such file or directory); "
        "create it, and let the user of backup_overview write there"
    ]


def test_a_page_folder_with_files_of_others(fleet: Fleet) -> None:
    settings = '[overview]\nfolder = "page"\n'
    page = fleet.folder / "page"
    page.mkdir()
    (page / "index.html").write_text("of another program")
    assert check(fleet, "overview", settings) == [
        "FAILED  overview: /page: has other files, for example index.html; give the page a folder "
        "of its own; files in it may be replaced and deleted"
    ]
    (page / ".backup-overview").touch()
    assert check(fleet, "overview", settings) == [
        "ok      overview: /page: a file was written, and is gone again"
    ]
