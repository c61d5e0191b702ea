"""The shipped templates in real daemons: results that expire, who may submit them, the hook."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from programs.daemons import PASSWORD, Icinga, Nagios, needed, running, until
from programs.installed import Programs
from programs.notifier import Notifier
from programs.test_generate import NAGIOS_TEMPLATES, TEMPLATES, objects
from programs.test_store import Store
from programs.test_submit import submit, to_icinga

pytestmark = [pytest.mark.installed, pytest.mark.server]
OTHERS = """
object Host "other" {
  check_command = "dummy"
}
object Service "disk" {
  host_name = "other"
  check_command = "dummy"
}
"""


@pytest.fixture
def store(programs: Programs, example: Path, tmp_path: Path) -> Store:
    store = Store(programs, example, tmp_path / "example")
    assert store.collect().code == 0
    return store


@pytest.fixture
def icinga(store: Store, tmp_path: Path) -> Iterator[Icinga]:
    needed("icinga2", "openssl")
    made = objects(store, "icinga2")
    made.write_text(made.read_text() + OTHERS)
    daemon = Icinga(tmp_path / "icinga", tmp_path, TEMPLATES["passive"], made)
    to_icinga(store, daemon.port, daemon.ca_file)
    with running(daemon):
        yield daemon


def test_icinga_shows_that_results_have_stopped(icinga: Icinga, store: Store) -> None:
    store.config.write_text(f'{store.config.read_text()}ttl = "15s"\n')

    assert submit(store, "-a", "4000102,4000103").code == 0
    before = icinga.services()
    until(lambda: icinga.services()["4000102-quota"]["last_check_result"]["active"], 60)

    assert [before[f"{uid}-quota"]["state"] for uid in (4000102, 4000103)] == [1, 2]
    after = icinga.services()["4000102-quota"]
    assert after["state"] == 3
    result = after["last_check_result"]
    assert result["output"] == "no result received: see submit_backup_results"
    assert result["execution_end"] - before["4000102-quota"]["last_check"] >= 14


def test_nagios_shows_that_results_have_stopped(store: Store, tmp_path: Path) -> None:
    needed("nagios4")
    made = objects(store, "nagios")
    shipped = NAGIOS_TEMPLATES["passive"]
    daemon = Nagios(tmp_path / "nagios", tmp_path, shipped, made)
    templates = daemon.folder / "nagios4-passive.cfg"
    sooner = re.sub(r"(freshness_threshold +)1800", r"\g<1>15", templates.read_text())
    assert sooner != templates.read_text()
    templates.write_text(sooner)
    with (daemon.folder / "nagios.cfg").open("a") as configuration:
        configuration.write("service_freshness_check_interval=1\nadditional_freshness_latency=0\n")
    store.settings(more=f'\n[icinga]\ncommand_file = "{daemon.pipe}"\n')

    with running(daemon):
        assert submit(store).code == 0
        until(lambda: daemon.states().get("4000102-quota", (3,))[0] == 1)
        until(lambda: daemon.states()["4000102-quota"][0] == 3)

        output = daemon.states()["4000102-quota"][1]
    assert output == "UNKNOWN: no result received: see submit_backup_results"


RESULT = {"exit_status": 0, "plugin_output": "by a stranger"}
PROCESS = "/v1/actions/process-check-result"
OURS, OTHER = "backup-01!4000102-quota", "other!disk"


@pytest.mark.parametrize(
    ("method", "path", "values"),
    [
        ("POST", PROCESS, {"type": "Service", "service": OTHER, **RESULT}),
        ("POST", PROCESS, {"type": "Host", "host": "backup-01", **RESULT}),
        ("POST", PROCESS, {"type": "Service", "filter": f'service.__name == "{OTHER}"', **RESULT}),
        ("POST", "/v1/actions/reschedule-check", {"type": "Service", "service": OURS}),
        ("POST", "/v1/actions/restart-process", {}),
        ("POST", f"/v1/objects/services/{OURS}", {"attrs": {"display_name": "changed"}}),
        ("DELETE", f"/v1/objects/services/{OURS}", {}),
        ("GET", f"/v1/objects/services/{OURS}", None),
        ("GET", "/v1/objects/hosts", None),
        ("GET", "/v1/status", None),
        ("GET", "/v1/config/packages", None),
        ("POST", "/v1/console/execute-script?command=1", {}),
        ("POST", "/v1/events?queue=q&types=CheckResult", {}),
    ],
)
def test_the_user_that_submits_results_may_do_nothing_else(
    icinga: Icinga, method: str, path: str, values: object
) -> None:
    given = {"type": "Service", "service": OURS, **RESULT}
    before = icinga.services()

    assert icinga.request("POST", PROCESS, "backup-submit", given)[0] == 200
    status, answer = icinga.request(method, path, "backup-submit", values)

    refused = status in (403, 404) or (status, answer) == (500, {"results": []})  # fits nothing
    assert refused, answer
    after = icinga.services()
    assert after.pop("4000102-quota")["last_check_result"]["output"] == "by a stranger"
    assert after["disk"]["state"] == before["disk"]["state"]
    assert {name: each["display_name"] for name, each in after.items()} == {
        name: each["display_name"] for name, each in before.items() if name != "4000102-quota"
    }


AGENT = """
object Endpoint "backup-01" {
}
object Zone "backup-01" {
  endpoints = [ "backup-01" ]
  parent = "main"
}
object Host "backup-01" {
  check_command = "dummy"
  vars.backup_agent = "backup-01"
}
"""


def test_checks_by_an_agent(tmp_path: Path) -> None:
    needed("icinga2")
    made = tmp_path / "objects.conf"
    made.write_text(AGENT)
    shipped = ("icinga2-commands.conf", "icinga2-agent.conf")

    assert "Instantiated 6 Services" in Icinga(tmp_path / "i", tmp_path, shipped, made).check()


def test_from_a_collector_run_to_the_hook(
    notifier: Notifier, programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed("icinga2", "openssl")
    monkeypatch.setenv("BACKUP_MONITORING_CONFIG", str(notifier.config))
    made = tmp_path / "objects.conf"
    _collect(notifier)
    only = ("--tasks", "quota", "--output", str(made))
    now = datetime.now(UTC).isoformat()
    assert notifier.program("generate_backup_objects", *only, now=now).code == 0
    with made.open("a") as stream:
        stream.write('object NotificationComponent "notification" {\n}\n')
    shipped = (*TEMPLATES["passive"], "icinga2-notify.conf")
    daemon = Icinga(tmp_path / "icinga", programs.bin, shipped, made)
    notifier.settings(
        more=f'\n[icinga]\nurl = "https://localhost:{daemon.port}"\n'
        f'ca_file = "{daemon.ca_file}"\nuser = "backup-submit"\n'
    )

    before = notifier.ldif.read_text()
    full = before.replace("sstBackupSize: 4294967296", "sstBackupSize: 10737418240", 1)
    seen: list[int] = []
    with running(daemon):
        for text in (before, full, before):
            notifier.ldif.write_text(text)
            _collect(notifier)
            _submit(notifier)
            seen.append(daemon.services()["4000101-quota"]["state"])
            until(lambda: len(_called(notifier)) >= len(seen) - 1)
            notifier.deliver((datetime.now(UTC) + timedelta(minutes=11)).isoformat())

    assert seen == [0, 2, 0]
    assert _called(notifier) == ["PROBLEM CRITICAL", "RECOVERY OK"]


def _collect(notifier: Notifier) -> None:
    notifier.collect(datetime.now(UTC).isoformat())


def _submit(notifier: Notifier) -> None:
    """Submit results; those of checks without an object here are refused."""
    only = ("submit_backup_results", "-a", "4000101")
    password = {"BACKUP_MONITORING_ICINGA_PASSWORD": PASSWORD}
    ran = notifier.program(*only, now=datetime.now(UTC).isoformat(), **password)
    assert ran.out.startswith("1 results accepted"), ran.out


def _called(notifier: Notifier) -> list[str]:
    """Return the events that account 4000101's recipients are notified of, in order."""
    lines = [each for each in notifier.log() if each["what"] == "queued" and "account" in each]
    assert {(each["account"], each["task"]) for each in lines} <= {("4000101", "quota")}
    return list(dict.fromkeys(f"{each['kind']} {each['state']}" for each in lines))
