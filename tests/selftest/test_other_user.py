"""The check of an installation as another user: with that user's rights, and no others."""

import contextlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_monitoring.outbox.transaction import Outbox
from faults.programs import ROOT, WEAK, Output
from store.fleet import FIRST, Fleet

COLLECTOR, NOTIFIER, OTHER = "backup", "mail", "nobody"  # users that every Debian has
_START = "import sys; sys.argv[0] = 'backup_settings'; "
_START += "from backup_monitoring.plugin.launcher import main; main()"
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


def find_python() -> str:
    """Return a Python like this one that all users can run."""
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(PermissionError):
            version = subprocess.run(
                [python, "-c", "import sys; print(sys.version_info[:2])"],
                user=OTHER,
                group="nogroup",
                extra_groups=[],
                capture_output=True,
                text=True,
            )
            if version.stdout.strip() == str(sys.version_info[:2]):
                return python
    pytest.skip("other users can run no Python of this version")


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """A fleet that all users can reach, with a collector and a notifier of its own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    made = Fleet(folder / "fleet")
    made.start("4000101", "2026-11-20T20:00:00+01:00")
    made.settings_text('[notify]\noutbox = "outbox/o.sqlite"\nlog = "outbox/log"\n')
    (made.folder / "outbox").mkdir()
    give(made.store, COLLECTOR, 0o750)
    give(made.folder / "outbox", NOTIFIER, 0o750)
    yield made
    shutil.rmtree(folder)


def give(path: Path, user: str, mode: int) -> None:
    entry = pwd.getpwnam(user)
    os.chown(path, entry.pw_uid, entry.pw_gid)
    path.chmod(mode)


def run(
    fleet: Fleet, *options: str, before: tuple[str, ...] = (), python: str | None = None
) -> Output:
    libraries = next(each for each in sys.path if each.endswith("site-packages"))
    done = subprocess.run(
        [
            *(*before, python or find_python(), "-c", _START, "--test"),
            *("--config", str(fleet.file), "--now", FIRST, *options),
        ],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'lib'}:{ROOT / 'checks'}:{libraries}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return Output(done.returncode, done.stdout.replace(str(fleet.folder), ""))


def lines(fleet: Fleet, *options: str, before: tuple[str, ...] = ()) -> list[str]:
    """Return the lines about store, outbox and log."""
    ran = run(fleet, *options, before=before)
    assert ran.code == 2 * ("FAILED" in ran.text)
    parts = (" store", " outbox", " log", " program")
    return [
        line
        for line in ran.text.splitlines()
        if line[7:].startswith(parts) or line[9:].startswith(parts)
    ]


WRITTEN = "a file was written, and is gone again"


def test_root_tries_each_part_as_the_user_who_needs_it(fleet: Fleet) -> None:
    assert lines(fleet) == [
        f"ok      store (as {COLLECTOR}): /store: {WRITTEN}",
        f"note    store (as {COLLECTOR}): /store: no run has ended yet; run collect_backup_state, "
        "or enable its timer",
        f"ok      outbox (as {NOTIFIER}): /outbox: {WRITTEN}; no use has begun o.sqlite",
        f"ok      log (as {NOTIFIER}): /outbox/log: its folder can be written, "
        "no use has begun the file",
    ]
    assert not any((fleet.folder / "outbox").iterdir())
    assert not any(fleet.store.iterdir())


def find_folder_mode(unit: str) -> int:
    """Return the mode that *unit* gives its folder."""
    text = (ROOT / "examples" / "systemd" / f"backup-monitoring-{unit}.service").read_text()
    (mode,) = re.findall(r"^StateDirectoryMode=(.*)$", text, re.MULTILINE)
    return int(mode, 8)


def test_an_outbox_below_the_store_as_the_units_make_them(fleet: Fleet) -> None:
    # a mail server's pipe has, as this check, none of the unit's SupplementaryGroups
    outbox = fleet.store / "outbox"
    outbox.mkdir()
    give(outbox, NOTIFIER, find_folder_mode("deliver"))
    give(fleet.store, COLLECTOR, find_folder_mode("collect"))
    fleet.settings_text('[notify]\noutbox = "store/outbox/o.sqlite"\n')

    assert lines(fleet)[2] == (
        f"ok      outbox (as {NOTIFIER}): /store/outbox: {WRITTEN}; no use has begun o.sqlite"
    )


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_an_outbox_and_a_log_of_root(fleet: Fleet, mode: int) -> None:
    file = fleet.folder / "outbox" / "o.sqlite"
    with Outbox(file):
        file.chmod(mode)
    (fleet.folder / "outbox" / "outbox-in-use").chmod(0o644)
    log = fleet.folder / "outbox" / "log"
    log.touch()
    log.chmod(mode)

    _, _, outbox, written = lines(fleet)

    assert outbox.startswith(f"FAILED  outbox (as {NOTIFIER}): /outbox/o.sqlite: cannot be used (")
    assert "; give this user's group write permission for the file and its folder" in outbox
    assert written == (
        f"FAILED  log (as {NOTIFIER}): /outbox/log: cannot be written (Permission denied); "
        "give it to the group of its folder"
    )


def test_a_store_of_root(fleet: Fleet) -> None:
    fleet.collect()

    assert lines(fleet)[0] == (
        f"FAILED  store (as {COLLECTOR}): /store/lock: cannot be written (Permission denied); "
        "give it to the collector's user"
    )


def outcomes(text: str) -> dict[str, str]:
    """Return the last outcome of each part."""
    found = re.findall(r"^(ok|note|FAILED|not tried) +(\w+) ", text, flags=re.MULTILINE)
    return {part: outcome for outcome, part in found}


def test_each_user_needs_something_else(fleet: Fleet) -> None:
    fleet.collect()
    for file in fleet.store.iterdir():
        give(file, COLLECTOR, 0o640 if file.name == "state.sqlite" else 0o600)
    fleet.store.chmod(0o751)
    (fleet.store / "state.sqlite").chmod(0o644)

    found = {user: outcomes(run(fleet, "--as", user).text) for user in (COLLECTOR, NOTIFIER, OTHER)}

    parts = ("directory", "homes", "store", "outbox", "log")
    assert {user: [each[part] for part in parts] for user, each in found.items()} == {
        COLLECTOR: ["ok", "ok", "ok", "not tried", "not tried"],
        NOTIFIER: ["not tried", "not tried", "ok", "ok", "ok"],
        OTHER: ["not tried", "not tried", "ok", "FAILED", "FAILED"],  # who calls the hook
    }


def test_with_a_scan_other_users_only_read_the_outbox(fleet: Fleet) -> None:
    fleet.settings_text('[notify]\ntrigger = "scan"\noutbox = "outbox/o.sqlite"\n')
    outbox = fleet.folder / "outbox" / "o.sqlite"
    with Outbox(outbox):
        outbox.chmod(0o644)
    (outbox.parent / "outbox-in-use").chmod(0o644)
    outbox.parent.chmod(0o755)

    assert lines(fleet, "--as", OTHER, "--part", "outbox", "--part", "log") == [
        f"ok      outbox (as {OTHER}): /outbox/o.sqlite: can be read",
        f"not tried log (as {OTHER}): [notify] log is not set",
    ]


def test_the_user_of_the_overview_reads_store_and_outbox(fleet: Fleet) -> None:
    shows = "games"
    fleet.settings_text(
        '[notify]\noutbox = "outbox/o.sqlite"\nlog = "outbox/log"\n'
        '[icinga]\nspool = "spool"\n[overview]\nfolder = "page"\n'
    )
    fleet.collect()
    outbox = fleet.folder / "outbox" / "o.sqlite"
    with Outbox(outbox):
        outbox.chmod(0o644)
    (outbox.parent / "outbox-in-use").chmod(0o644)
    outbox.parent.chmod(0o755)
    fleet.store.chmod(0o755)
    (fleet.store / "state.sqlite").chmod(0o644)
    (fleet.folder / "page").mkdir()
    give(fleet.folder / "page", shows, 0o750)

    found = {user: outcomes(run(fleet, "--as", user).text) for user in (shows, COLLECTOR, NOTIFIER)}
    by_root = run(fleet, "--part", "overview").text

    parts = ("store", "outbox", "log", "nagios", "overview")
    assert [found[shows][part] for part in parts] == ["ok", "ok", "not tried", "not tried", "ok"]
    assert [found[user]["overview"] for user in (COLLECTOR, NOTIFIER)] == ["not tried"] * 2
    assert by_root == f"ok      overview (as {shows}): /page: {WRITTEN}\n"


def test_homes_need_the_capability_of_the_collector(fleet: Fleet) -> None:
    for home in fleet.home.iterdir():
        home.chmod(0o700)

    ran = run(fleet, "--as", COLLECTOR, "--part", "homes")

    assert (ran.code, ran.text) == (
        0,
        f"not tried homes (as {COLLECTOR}): this user may not read 2 of 2: the collector's unit "
        "gives it CAP_DAC_READ_SEARCH, which it does not have here; try it as root, or with the "
        "capability (share/doc/backup-monitoring/docs/operations.md, The store)\n",
    )


def test_reports_need_it_too(fleet: Fleet) -> None:
    (fleet.reports("4000101") / "backupStarted.xml").chmod(0o600)

    ran = run(fleet, "--as", COLLECTOR, "--part", "homes")

    assert ran.code == 0
    assert f"not tried reports (as {COLLECTOR}): this user may not read 1 report: " in ran.text


@pytest.mark.parametrize("part", ["store", "outbox", "log", "messages", "mail", "nagios"])
def test_a_folder_that_a_user_cannot_enter(fleet: Fleet, part: str) -> None:
    hidden = fleet.folder / "hidden"
    for name in ("store", "outbox", "templates", "spool"):
        (hidden / name).mkdir(parents=True)
    (hidden / "sendmail").touch(0o755)
    fleet.file.write_text(
        fleet.file.read_text().replace('"store"', '"hidden/store"').partition("[notify]")[0]
        + '[notify]\nfrom = "backup@example.org"\nsmtp = "sendmail:hidden/sendmail"\n'
        'outbox = "hidden/outbox/o.sqlite"\nlog = "hidden/outbox/log"\n'
        'templates = "hidden/templates"\n[icinga]\nspool = "hidden/spool"\n'
    )
    hidden.chmod(0o700)

    ran = run(fleet, "--as", OTHER, "--part", part)

    assert ran.code == 2
    assert ran.text.startswith(f"FAILED  {part} (as {OTHER}): /hidden/")
    assert ran.text.count("\n") == 1


def test_settings_that_a_user_cannot_read(fleet: Fleet) -> None:
    fleet.file.chmod(0o600)

    ran = run(fleet, "--as", OTHER)

    assert (ran.code, ran.text) == (
        2,
        f"FAILED  program (as {OTHER}): /settings.toml: cannot be read (Permission denied); "
        "let this user read it\n",
    )


def test_the_rights_of_root_are_dropped(fleet: Fleet) -> None:
    """A password that root alone can read, and a group of root's, are of no use."""
    password = fleet.folder / "password"
    password.write_text("secret")
    password.chmod(0o640)
    fleet.file.write_text(
        fleet.file.read_text().replace(
            'uri = "ldif:directory.ldif"',
            'uri = "ldap://localhost:1"\nbind_dn = "cn=x"\npassword_file = "password"',
        )
    )

    dropped = run(fleet, "--as", COLLECTOR, "--part", "directory").text
    give(fleet.store, "root", 0o750)
    kept = run(fleet, "--part", "directory").text

    assert "/password: cannot read the password (Permission denied)" in dropped
    assert "ldap://localhost:1: not reachable" in kept


def test_a_python_that_a_user_cannot_run(fleet: Fleet) -> None:
    hidden = fleet.folder / "python"
    shutil.copy(find_python(), hidden)
    hidden.chmod(0o700)

    ran = run(fleet, python=str(hidden))

    assert ran.code == 2
    assert re.findall(r"^FAILED  program: .*$", ran.text, flags=re.MULTILINE) == [
        f"FAILED  program: /python: {COLLECTOR} cannot run it (Permission denied); "
        "install with a Python that all users can run, for example /usr/bin/python3",
        f"FAILED  program: /python: {NOTIFIER} cannot run it (Permission denied); "
        "install with a Python that all users can run, for example /usr/bin/python3",
    ]


def test_root_without_capabilities_tries_what_it_can(fleet: Fleet) -> None:
    found = lines(fleet, before=WEAK)
    asked = run(fleet, "--as", OTHER, before=WEAK)

    assert [line.partition(":")[0] for line in found] == [
        "FAILED  store",
        "FAILED  outbox",
        "FAILED  log",
    ]
    assert asked == (
        2,
        "FAILED  program: this root: may not become another user; "
        f"give it CAP_SETUID and CAP_SETGID, or run it as {OTHER}\n",
    )


def test_only_root_becomes_another_user(fleet: Fleet) -> None:
    user = ("setpriv", f"--reuid={OTHER}", "--regid=nogroup", "--clear-groups")

    refused = run(fleet, "--as", COLLECTOR, before=user)
    own = run(fleet, "--as", OTHER, "--part", "settings", before=user)

    assert refused == (
        3,
        f"backup_settings: UNKNOWN - --as: only root can try it as {COLLECTOR}; "
        f"run it as root, or without --as as {COLLECTOR}\n",
    )
    assert own == (0, "ok      settings: /settings.toml is valid\n")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--as", "no-such-user"), "--as: 'no-such-user' is not a user of this server; name one"),
        (("--part", "nope"), "--part: 'nope' is none of settings, directory, "),
    ],
)
def test_wrong_options(fleet: Fleet, options: tuple[str, ...], says: str) -> None:
    ran = run(fleet, *options)

    assert ran.code == 3
    assert ran.text.startswith(f"backup_settings: UNKNOWN - {says}")
