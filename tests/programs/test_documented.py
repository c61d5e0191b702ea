"""The documents' commands, as they stand there, lead from a fresh Debian to states and mails."""

import json
import re
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from backup_monitoring.tasks import registry
from programs.daemons import needed, until
from programs.fresh_debian import FreshDebian, fresh_debian
from programs.installed import NOW, ROOT, Ran
from programs.test_submit import STATES

pytestmark = [pytest.mark.installed, pytest.mark.server]
DOCUMENTED = (ROOT / "docs" / "icinga.md").read_text(encoding="utf-8")
OVERVIEW = (ROOT / "docs" / "overview.md").read_text(encoding="utf-8")
NOTIFICATIONS = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")
TASKS = tuple(sorted(registry.TASKS))
NAMES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
PROGRAMS = "/opt/backup-monitoring/bin"
STORE = "/var/lib/backup-monitoring"
ENTRY = """
dn: uid=4000199,ou=accounts,ou=backup,ou=services,dc=example,dc=org
objectClass: sstBackup
uid: 4000199
homeDirectory: /home/4000199
host: backup-01
sstIsActive: TRUE
sstQuota: 1000
sstBackupSize: 999
sstIncrementSize: 0
"""
# An object that Icinga has already under a name to come.
TAKEN = """
object Service "4000198-quota" {
  import "backup-account-quota"
  host_name = "backup-01"
}
"""
# Asks Icinga as the user that `icinga2 api setup` made.
_ASK = r"""
import base64, http.client, json, pathlib, re, ssl, time
users = pathlib.Path("/etc/icinga2/conf.d/api-users.conf").read_text()
password = re.search('password = "(.*)"', users)[1]
token = base64.b64encode(f"root:{password}".encode()).decode()
context = ssl.create_default_context(cafile="/var/lib/icinga2/certs/ca.crt")
context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Icinga's certificates lack key identifiers
path = "/v1/objects/services?attrs=name&attrs=state&attrs=last_check_result"
headers = {"Authorization": f"Basic {token}", "Accept": "application/json"}
end = time.monotonic() + 250
while True:
    connection = http.client.HTTPSConnection("debian.example.org", 5665, context=context)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse().read()
        break
    except (OSError, http.client.HTTPException):  # it reloads
        if time.monotonic() > end:
            raise
        time.sleep(0.1)
found = [each["attrs"] for each in json.loads(answer)["results"]]
print(json.dumps({each["name"]: each["last_check_result"] and each["state"] for each in found}))
"""
# What node_exporter serves.
_SERVED = r"""
import time, urllib.request
end = time.monotonic() + 250
while True:
    try:
        print(urllib.request.urlopen("http://localhost:9100/metrics").read().decode())
        break
    except OSError:  # it starts
        if time.monotonic() > end:
            raise
        time.sleep(0.1)
"""

SETTINGS = "/etc/backup-monitoring/backup-monitoring.toml"
BY_MONITORING = {'trigger = "scan"': 'trigger = "monitoring"'}
# Whether a mail server listens.
_CONNECT = 'import socket; socket.create_connection(("localhost", 25))'


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[FreshDebian]:
    needed("unshare", "nsenter", "ip", "openssl")
    with fresh_debian(tmp_path) as debian:
        yield debian


def block(heading: str, document: str = DOCUMENTED, language: str = "sh") -> list[str]:
    """Return the lines of the first block in *language* below a heading of *document*."""
    section = re.split(r"^## ", document, flags=re.MULTILINE)
    (text,) = (each for each in section if each.startswith(f"{heading}\n"))
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)
    return blocks[0].splitlines()


def follow(debian: FreshDebian, lines: list[str]) -> Ran:
    """Run *lines* as they stand; return what the last one did."""
    for line in lines:
        ran = debian.run(line)
        assert ran.code == 0, f"{line}\n{ran.out}{ran.err}"
    return ran


def once(debian: FreshDebian, *names: str) -> None:
    """Let each unit do what its timer would have it do."""
    follow(debian, [f"systemctl start backup-monitoring-{name}" for name in names])


def refused_objects(debian: FreshDebian) -> str:
    """Run the unit that makes the objects, which must fail; return what it said."""
    assert debian.run("systemctl start backup-monitoring-objects").code != 0
    unit = "backup-monitoring-objects"
    last = f"_SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID {unit})"
    return debian.run(f"journalctl --sync; journalctl -o cat {last}").out


# Of all timers: what a unit does is seen when the test starts it, and never half done already.
_NEVER = "[Timer]\nOnBootSec=\nOnBootSec=1d\n"


def add_mail_settings(debian: FreshDebian, changes: Mapping[str, str], more: str = "") -> None:
    """Append the documented [notify], without a login and with *changes*, and *more* settings."""
    text = "\n".join(block("Set it up", NOTIFICATIONS, "toml"))
    text = re.sub("^(start_tls|username|password_file).*$", "", text, flags=re.MULTILINE)
    for old, new in changes.items():
        text = text.replace(old, new)
    follow(debian, [f"cat >> {SETTINGS} <<'END'\n{text}\n{more}\nEND\n"])


def run_by_units(debian: FreshDebian) -> None:
    """Install Icinga's part with the units, whose timers wait; let each do its work once."""
    folder = "/etc/systemd/system/timer.d"
    follow(debian, [f"mkdir {folder} && printf %s {shlex.quote(_NEVER)} > {folder}/never.conf"])
    follow(debian, block("Icinga 2"))
    follow(debian, ["rm /var/lib/backup-monitoring/*"])  # a pass that may lie in the future
    follow(debian, block("Running it"))
    once(debian, "collect", "objects", "submit")


def of_icinga(debian: FreshDebian, names: str = r"\d+-\w+") -> dict[str, float | None]:
    """Return the states of backup services in Icinga by their names; None: without a result."""
    ran = debian.run(f"python3 -c {shlex.quote(_ASK)}")
    assert ran.code == 0, ran.err
    states: dict[str, float | None] = json.loads(ran.out)
    return {name: state for name, state in states.items() if re.fullmatch(names, name)}


def of_nagios(debian: FreshDebian) -> dict[str, int]:
    """Return the states of backup services that Nagios has results for, by their names."""
    text = debian.run("cat /var/lib/nagios4/status.dat").out
    return {
        name: int(state)
        for name, state in re.findall(
            r"^\tservice_description=(\d+-\w+)\n(?:\t.*\n)*?\thas_been_checked=1\n"
            r"(?:\t.*\n)*?\tcurrent_state=(\d)\n",
            text,
            flags=re.MULTILINE,
        )
    }


def by_the_checks(debian: FreshDebian, *options: str) -> dict[str, int]:
    """Return the states that the checks say now, by the services' names."""
    found = {}
    for task in TASKS:
        ran = debian.run(shlex.join([f"{PROGRAMS}/check_backup_{task}", "-vv", *options]))
        lines = re.findall(r"^([A-Z]+) - (\d+)[: ]", ran.out, flags=re.MULTILINE)
        assert len(lines) == len({uid for _, uid in lines}), ran.out
        found.update({f"{uid}-{task}": NAMES.index(state) for state, uid in lines})
    return found


def test_from_a_fresh_debian_with_icinga(debian: FreshDebian) -> None:
    needed("icinga2")
    began, lines = time.monotonic(), block("Icinga 2")

    ran = follow(debian, lines)

    assert len(lines) <= 10
    assert time.monotonic() - began < 900  # minutes, also on a busy machine
    assert ran.out in DOCUMENTED
    states = of_icinga(debian)
    assert len(states) == 5 * 18
    assert states == by_the_checks(debian, "--now", NOW)
    assert {name: states[name] for name in STATES} == STATES


def test_from_a_fresh_debian_with_nagios(debian: FreshDebian) -> None:
    needed("nagios4")
    began, lines = time.monotonic(), block("Nagios 4")

    follow(debian, lines)

    until(lambda: len(of_nagios(debian)) == 5 * 18)
    assert len(lines) <= 10
    assert time.monotonic() - began < 900  # minutes, also on a busy machine
    states = of_nagios(debian)
    assert states == by_the_checks(debian, "--now", NOW)
    assert {name: states[name] for name in STATES} == STATES


def test_from_then_on_by_the_units(debian: FreshDebian) -> None:
    needed("icinga2")

    run_by_units(debian)

    states = of_icinga(debian)
    assert states == by_the_checks(debian)
    assert states["4000102-quota"] == 1

    follow(debian, [f"cat >> /etc/backup-monitoring/directory.ldif <<'END'\n{ENTRY}\nEND\n"])
    once(debian, "collect", "objects")
    until(lambda: "4000199-quota" in of_icinga(debian))
    once(debian, "submit")

    assert of_icinga(debian)["4000199-quota"] == 2
    assert set(of_icinga(debian)) == {*states, *(f"4000199-{task}" for task in TASKS)}

    follow(debian, [f"cat > /etc/icinga2/conf.d/other.conf <<'END'\n{TAKEN}\nEND\n"])
    more = ENTRY.replace("4000199", "4000198")
    follow(debian, [f"cat >> /etc/backup-monitoring/directory.ldif <<'END'\n{more}\nEND\n"])
    once(debian, "collect")
    refused = refused_objects(debian)

    assert "the previous objects were restored" in refused
    follow(debian, ["icinga2 daemon -C"])  # it could start again
    made = debian.run("cd /etc/icinga2/conf.d && grep -l 4000198-quota *").out.split()
    assert made == ["backup-objects.conf.refused", "other.conf"]
    assert of_icinga(debian)["4000199-quota"] == 2


def test_hosts_that_icinga_has_already(debian: FreshDebian) -> None:
    needed("icinga2")
    run_by_units(debian)
    made, own = (f"/etc/icinga2/conf.d/{name}.conf" for name in ("backup-objects", "own"))
    like = 's/^(object Host .* )[{]$/\\1{ check_command = "dummy" }/p'
    follow(debian, [f"sed -nE '{like}' {made} > {own}", f"grep -q backup-01 {own}"])
    unit = "/etc/systemd/system/backup-monitoring-objects.service"

    follow(debian, [f"rm {made}"])
    refused = refused_objects(debian)
    follow(debian, [f"sed -i '/^ExecStart=/s/$/ --no-hosts/' {unit}", "systemctl daemon-reload"])
    once(debian, "objects")

    assert "'backup-01' of type 'Host' re-defined" in refused
    assert debian.run(f"grep -c 'object Host' {made}").out == "0\n"
    follow(debian, ["icinga2 daemon -C"])
    assert len(of_icinga(debian)) == 5 * 18


def test_objects_that_are_no_longer_updated(debian: FreshDebian) -> None:
    needed("icinga2")
    updated = "/var/lib/backup-monitoring/objects/updated"

    def check(after: str = "0 min") -> str:
        now = f"--now $(date -u -d '{after}' +%FT%TZ)"
        out = debian.run(f"{PROGRAMS}/check_backup_monitoring -v {now}").out
        return "".join(re.findall(r"^  ([A-Z]+ - objects .*\n)", out, flags=re.MULTILINE))

    def forget() -> None:
        follow(debian, [f"touch -d '3 hours ago' {updated}"])
        assert check().startswith("CRITICAL - objects updated ")

    run_by_units(debian)
    assert check().endswith(", 0 min ago\n")
    follow(debian, ["rm -r /var/lib/backup-monitoring/objects"])  # it was never used
    assert check() == ""

    made, other = (f"/etc/icinga2/conf.d/{name}.conf" for name in ("backup-objects", "other"))
    taken = TAKEN.replace("4000198", "4000102")
    follow(debian, [f"cat > {other} <<'END'\n{taken}\nEND\n", f"rm {made}"])
    refused_objects(debian)
    never = "objects were never updated: see journalctl -u backup-monitoring-objects"
    assert check() == f"CRITICAL - {never}\n"

    follow(debian, [f"mv {other} {other}.away"])
    once(debian, "objects")
    assert check().endswith(", 0 min ago\n")
    assert debian.run(f"stat -c '%U %a %s' {updated}").out == "nagios 644 0\n"

    forget()
    once(debian, "objects")  # there is no change
    assert check().endswith(", 0 min ago\n")

    forget()
    follow(debian, [f"mv {other}.away {other}", f"rm {made}"])
    refused_objects(debian)
    assert check().startswith("CRITICAL - objects updated ")


def test_the_monitoring_itself_is_checked(debian: FreshDebian) -> None:
    needed("icinga2")
    run_by_units(debian)
    (made,) = re.findall(r"```text\n(object Service .*?)```", DOCUMENTED, flags=re.DOTALL)

    follow(debian, [f"cat > /etc/icinga2/conf.d/itself.conf <<'END'\n{made}END\n"])
    follow(debian, block("A dead collector is one alarm"))

    def state() -> float | None:
        return of_icinga(debian, "backup-monitoring")["backup-monitoring"]

    until(lambda: state() is not None)
    # as the user nagios, who could not read the store without its group
    assert state() == debian.run(f"{PROGRAMS}/check_backup_monitoring").code
    assert state() != 3


def test_the_notifier_by_its_units(debian: FreshDebian) -> None:
    needed("icinga2")
    run_by_units(debian)
    add_mail_settings(debian, {"smtp://mail.example.org:587": "smtp://localhost:25"})
    server = f"{sys.executable} -m aiosmtpd -n -l localhost:25 -c aiosmtpd.handlers.Mailbox /run/in"
    follow(debian, [f"systemd-run --quiet --unit=mail {server}"])
    until(lambda: debian.run(f"python3 -c {shlex.quote(_CONNECT)}").code == 0)

    follow(debian, block("Set it up", NOTIFICATIONS))
    once(debian, "scan", "deliver")

    (mail,) = debian.run("cat /run/in/new/*").out.split("X-MailFrom")[1:]
    assert "To: operations@example.org" in mail
    assert "4000106" in mail
    log = debian.run("cat /var/log/backup-monitoring/notify.jsonl").out
    assert '"sent"' in log
    itself = debian.run(f"{PROGRAMS}/check_backup_monitoring -v")
    assert "OK - 0 mails wait" in itself.out


def test_a_call_of_the_hook_starts_a_delivery(debian: FreshDebian) -> None:
    needed("icinga2")
    run_by_units(debian)
    add_mail_settings(debian, BY_MONITORING)
    follow(debian, block("Set it up", NOTIFICATIONS))
    once(debian, "deliver")
    follow(debian, ["systemctl stop backup-monitoring-deliver.timer"])
    follow(debian, ["usermod --append --groups backup-monitoring,backup-notify nagios"])
    call = f"{PROGRAMS}/notify_backup -a 4000102 --task quota --state WARNING --type"

    for kind in ("PROBLEM", *["CUSTOM"] * 7):  # a unit may be started five times in ten seconds
        follow(debian, [f"runuser -u nagios -- {call} {kind}"])
        until(lambda: debian.run("ls /var/lib/backup-monitoring/outbox/spool").out == "")
        # systemd watches again when the delivery has ended; until then the timer is what starts it
        until(
            lambda: debian.run("systemctl is-active backup-monitoring-deliver").out == "inactive\n"
        )

    log = debian.run("cat /var/log/backup-monitoring/notify.jsonl").out
    assert '"queued"' in log
    assert debian.run("systemctl is-failed backup-monitoring-deliver.path").code != 0


def test_the_notifier_without_a_store(debian: FreshDebian) -> None:
    needed("icinga2")
    run_by_units(debian)
    add_mail_settings(debian, BY_MONITORING)
    follow(debian, [f"sed -i '/^folder/d' {SETTINGS}"])
    follow(debian, ["systemctl stop 'backup-monitoring-*'", f"rm -r {STORE}"])
    follow(debian, block("Set it up", NOTIFICATIONS))
    follow(debian, ["usermod --append --groups backup-monitoring,backup-notify nagios"])
    once(debian, "deliver")

    call = f"{PROGRAMS}/notify_backup -a 4000102 --task quota --state WARNING --type CUSTOM"
    follow(debian, [f"runuser -u nagios -- {call}"])
    once(debian, "deliver")

    log = debian.run("cat /var/log/backup-monitoring/notify.jsonl").out
    assert '"queued"' in log

    follow(debian, [f"sed -i 's,^.store.$,&\\nfolder = \"{STORE}\",' {SETTINGS}"])  # from now on
    once(debian, "collect", "deliver")
    follow(debian, [f"runuser -u nagios -- {call} --comment again"])
    owners = debian.run(f"cd {STORE} && stat -c '%U %a' . outbox outbox/outbox.sqlite outbox/spool")
    assert owners.out.splitlines() == [
        "backup-monitoring 751",  # the notifier's users pass through
        *("backup-notify 2770", "backup-notify 660", "backup-notify 2770"),
    ]


def test_the_overview_follows_each_run(debian: FreshDebian) -> None:
    needed("icinga2", "prometheus-node-exporter")
    run_by_units(debian)
    add_mail_settings(debian, {}, more="\n".join(block("Metrics", OVERVIEW, "toml")))
    follow(debian, block("Set it up", NOTIFICATIONS))
    once(debian, "scan")
    (group,) = re.findall(r"^usermod .* backup-overview$", OVERVIEW, re.MULTILINE)
    follow(debian, [*block("Running it", OVERVIEW), group])
    install, *lines = block("Metrics", OVERVIEW)
    assert install == "apt install prometheus-node-exporter"
    follow(debian, [*lines, "systemctl start prometheus-node-exporter"])

    written = "/var/lib/prometheus/node-exporter/backup.prom"
    for _ in range(2):
        follow(debian, [f"rm -f {written}"])
        once(debian, "collect")
        until(lambda: debian.run(f"test -s {written}").code == 0)

    assert debian.run(f"stat -c '%U %a' {written}").out == "backup-overview 644\n"
    served = debian.run(f"python3 -c {shlex.quote(_SERVED)}").out.splitlines()
    assert {"node_textfile_scrape_error 0", "backup_outbox_readable 1"} <= {*served}
    shown = by_the_checks(debian)
    for task, state in (("quota", 1), ("status", 0)):
        count = sum(shown[name] == state for name in shown if name.endswith(f"-{task}"))
        label = f'state="{NAMES[state].lower()}",task="{task}"'
        assert count
        assert f"backup_accounts{{{label}}} {count}" in served

    upgrade = re.split("\n## ", (ROOT / "docs" / "upgrade.md").read_text())[1]
    units = "'backup-monitoring-*.timer' 'backup-monitoring-*.path'"
    timers = f"systemctl list-units --state=active --no-legend --plain {units} | cut -d ' ' -f 1"
    enabled = debian.run(timers).out
    assert "backup-monitoring-overview.path" in enabled
    stopped = [
        (follow(debian, [dedent(commands)]), debian.run(timers).out)[1]
        for commands in re.findall(r" {3}```sh\n(.*?)```", upgrade, flags=re.DOTALL)
    ]
    assert stopped == ["", "", "", enabled]

    uninstall = (ROOT / "docs" / "upgrade.md").read_text().partition("\n## Uninstall\n")[2]
    for commands in re.findall(r"```sh\n(.*?)```", uninstall, flags=re.DOTALL):
        follow(debian, commands.splitlines())
    assert debian.run("systemctl list-units --all --no-legend 'backup-monitoring-*'").out == ""
    assert (
        debian.run("ls -d /opt/backup* /etc/backup* /var/lib/backup-[mo]* /var/log/backup-*").out
        == ""
    )
    assert debian.run("getent passwd | grep '^backup-'").out == ""
    assert debian.run("getent group | grep '^backup-'").out == ""


def test_by_nrpe(debian: FreshDebian) -> None:
    needed("nrpe", "icinga2")
    ask = "/usr/lib/nagios/plugins/check_nrpe -H localhost -t 60 -c check_backup_{}"
    run_by_units(debian)

    follow(debian, block("On another machine"))

    for task in (*TASKS, "monitoring"):
        here = debian.run(f"{PROGRAMS}/check_backup_{task}")
        there = debian.run(ask.format(task))
        assert (there.code, there.out.split(" - ")[0]) == (here.code, here.out.split(" - ")[0])
    refused = debian.run(f"{ask.format('quota')} -a --config=/tmp/mine")
    assert refused.code == 3
    assert "BACKUP" not in refused.out
