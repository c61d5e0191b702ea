"""What units meet: a run that fails leaves the states as they were, and its age is noticed."""

import shlex
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from programs.daemons import needed
from programs.fresh_debian import FreshDebian, fresh_debian
from programs.test_documented import PROGRAMS, follow

pytestmark = pytest.mark.installed
STORE, ETC = "/var/lib/backup-monitoring", "/etc/backup-monitoring"
COLLECT = "backup-monitoring-collect"
DROP_IN = f"/etc/systemd/system/{COLLECT}.service.d"
ADD_USER = "useradd --system --uid {} --home-dir / --shell /usr/sbin/nologin backup-monitoring"
INSTALL = f"""\
/usr/bin/python3 -m venv /opt/backup-monitoring && {PROGRAMS}/pip install --quiet .
mkdir -p {ETC} && cp examples/store.toml {ETC}/backup-monitoring.toml
cp examples/directory.ldif {ETC} && cp -r examples/storage {ETC}/tree
sed -i 's,^folder = .*,folder = "{STORE}",' {ETC}/backup-monitoring.toml
{ADD_USER.format(901)}
cp /opt/backup-monitoring/share/backup-monitoring/systemd/*collect* /etc/systemd/system
systemctl daemon-reload && systemctl start {COLLECT}
"""


class Fault(NamedTuple):
    """A fault, by the commands that *cause* and *mend* it, and what the run *says* then."""

    cause: str
    mend: str
    says: str
    result: str = "exit-code"


def change_unit(line: str) -> str:
    """Return the commands that change the unit by *line*, as `systemctl edit` does."""
    change = shlex.quote(f"[Service]\n{line}\n")
    return f"mkdir {DROP_IN} && printf %s {change} > {DROP_IN}/a.conf && systemctl daemon-reload"


MEND_UNIT = f"rm -r {DROP_IN} && systemctl daemon-reload"
FAULTS = {
    "its user is missing": Fault(
        "userdel backup-monitoring", ADD_USER.format(901), "status=217/USER"
    ),
    "the programs are removed": Fault(
        "mv /opt/backup-monitoring /opt/away",
        "mv /opt/away /opt/backup-monitoring",
        "status=203/EXEC",
    ),
    "another version of Python": Fault(
        "cd /opt/backup-monitoring/lib && mv python3* away",
        "cd /opt/backup-monitoring/lib && mv away $(basename $(readlink -f /usr/bin/python3))",
        "UNKNOWN - /opt/backup-monitoring/bin/collect_backup_state: cannot start (",
    ),
    "no memory": Fault(change_unit("LimitAS=40M"), MEND_UNIT, "UNKNOWN - not enough memory; "),
    "no processes": Fault(
        change_unit("LimitNPROC=1"), MEND_UNIT, "UNKNOWN - this user: cannot start more threads; "
    ),
    "its time is over": Fault(change_unit("TimeoutStartSec=1ms"), MEND_UNIT, "", "timeout"),
    "a folder that is only readable": Fault(
        f"mount --bind {STORE} {STORE} && mount -o remount,bind,ro {STORE}",
        f"umount {STORE}",
        f"FAILED: {STORE}/lock: cannot be written (Read-only file system); ",
        "success",
    ),
    "a full disk": Fault(
        f"mount -t tmpfs -o size=300k tmpfs /mnt && cp -a {STORE}/. /mnt && "
        f"{{ cp /dev/zero /mnt/zero || true; }} && mount --move /mnt {STORE} && "
        f"chown backup-monitoring: {STORE}",
        f"umount {STORE}",
        "FAILED: ",
        "success",
    ),
}


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreshDebian]:
    """A server with a collector that has run once."""
    needed("unshare", "nsenter", "ip")
    with fresh_debian(tmp_path_factory.mktemp("units")) as debian:
        follow(debian, INSTALL.splitlines())
        yield debian


def run_unit(debian: FreshDebian) -> tuple[str, str]:
    """Start the unit; return how it ended, and what was logged of it."""
    debian.run(f"systemctl start {COLLECT}")
    result = debian.run(f"systemctl show -P Result {COLLECT}").out.strip()
    read = (
        f"journalctl --output=cat --unit={COLLECT} --cursor-file=/run/read"  # since the last call
    )
    return result, debian.run(f"journalctl --sync; {read}").out


def check_states(debian: FreshDebian) -> str:
    return debian.run(f"{PROGRAMS}/check_backup_quota -vv").out


@pytest.mark.parametrize("name", FAULTS)
def test_a_run_that_fails_is_noticed_and_the_next_one_is_complete(
    debian: FreshDebian, name: str
) -> None:
    cause, mend, says, result = FAULTS[name]
    before = check_states(debian)
    late = f"{PROGRAMS}/check_backup_monitoring --now $(date -u -d '31 minutes' +%FT%TZ)"
    follow(debian, [cause])
    try:
        ended, logged = run_unit(debian)
    finally:
        follow(debian, [mend])

    assert (ended, says in logged) == (result, True), logged
    assert "Traceback" not in logged
    assert check_states(debian) == before
    noticed = debian.run(late)
    assert (noticed.code, "CRITICAL - storage read " in noticed.out) == (2, True), noticed
    assert run_unit(debian)[0] == "success"
    assert debian.run(f"{PROGRAMS}/check_backup_monitoring").code == 0


def test_the_files_follow_a_user_with_another_number(debian: FreshDebian) -> None:
    follow(debian, ["userdel backup-monitoring", ADD_USER.format(902)])
    try:
        ended, logged = run_unit(debian)
        owners = debian.run(f"stat -c %u {STORE} {STORE}/*").out.split()
    finally:
        follow(debian, ["userdel backup-monitoring", ADD_USER.format(901)])

    assert (ended, {*owners}) == ("success", {"902"}), logged


def test_a_unit_that_starts_another_program_is_reported(debian: FreshDebian) -> None:
    def test_settings() -> str:
        return debian.run(f"{PROGRAMS}/backup_settings --test --part settings").out

    own = test_settings()
    follow(debian, [change_unit("ExecStart=\nExecStart=/usr/bin/true")])
    try:
        other = test_settings()
    finally:
        follow(debian, [MEND_UNIT])

    assert "units:" not in own
    unit = f"/etc/systemd/system/{COLLECT}.service"
    assert f"note    units: {unit} starts /usr/bin/true, of another installation; " in other
