"""The shipped templates in real daemons: results that expire, who may submit them, the hook."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from programs.daemons import PASSWORD, Icinga, Nagios, needed, running, until
from programs.installed import ROOT, Programs
from programs.notifier import Notifier
from programs.test_generate import NAGIOS_TEMPLATES, TASKS, TEMPLATES, objects
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
  enable_active_checks = false  // else its first one, within a minute, changes its state
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
    until(lambda: icinga.services()["4000102-quota"]["last_check_result"]["active"])

    assert [before[f"{uid}-quota"]["state"] for uid in (4000102, 4000103)] == [1, 2]
    after = icinga.services()["4000102-quota"]
    assert after["state"] == 3
    result = after["last_check_result"]
    assert result["output"] == "no result received: see submit_backup_results"
    assert result["execution_end"] - before["4000102-quota"]["last_check"] >= 14


def test_a_host_s_own_dummy_does_not_make_its_services_ok(store: Store, tmp_path: Path) -> None:
    needed("icinga2", "openssl")
    made = objects(store, "icinga2", "--no-hosts", "--tasks", "quota")
    hosts = set(re.findall(r'host_name = "(.*)"', made.read_text()))
    own = "".join(
        f'object Host "{host}" {{\n  check_command = "dummy"\n  vars.dummy_state = 0\n}}\n'
        for host in hosts
    )
    made.write_text(own + made.read_text())
    daemon = Icinga(tmp_path / "icinga", tmp_path, TEMPLATES["passive"], made)

    with running(daemon):
        until(lambda: all(each["last_check_result"] for each in daemon.services().values()))

        assert {each["state"] for each in daemon.services().values()} == {3}


ACKNOWLEDGE = {"author": "noc", "comment": "seen"}
KEPT = ("state", "last_state_change", "acknowledgement", "last_hard_state", "state_type")


def _act(icinga: Icinga, action: str, service: str, **values: object) -> None:
    named = {"type": "Service", "service": f"backup-01!{service}", **values}
    status, answer = icinga.request("POST", f"/v1/actions/{action}", values=named)
    assert status == 200, answer


def _check_now(icinga: Icinga, service: str) -> None:
    """Do what "Check now" does, and wait for its result."""
    before = icinga.services()[service]["last_check"]
    _act(icinga, "reschedule-check", service, force=True)
    until(lambda: icinga.services()[service]["last_check"] > before)


def test_check_now_keeps_a_problem(icinga: Icinga, store: Store) -> None:
    hostile = 'full | 5 of 5\n$host.name$ "quoted" \\n {{{ }}} \N{GRINNING FACE}'
    store.config.write_text(f'{store.config.read_text()}ttl = "1m"\n')
    assert submit(store, "-a", "4000102,4000103").code == 0
    _act(
        icinga,
        "process-check-result",
        "4000102-status",
        exit_status=1,
        plugin_output=hostile,
        performance_data=["a=1"],
        ttl=25,
    )
    names = ("4000103-quota", "4000102-status")
    for name in names:
        _act(icinga, "acknowledge-problem", name, **ACKNOWLEDGE)
    before = icinga.services()

    for name in (*names, *names):
        _check_now(icinga, name)

    after = icinga.services()
    for name in names:
        assert after[name]["acknowledgement"] == 1
        assert [after[name][key] for key in KEPT] == [before[name][key] for key in KEPT]
        for key in ("output", "performance_data"):
            assert after[name]["last_check_result"][key] == before[name]["last_check_result"][key]
        assert abs(after[name]["next_check"] - before[name]["next_check"]) < 3
    assert after["4000103-quota"]["last_check_result"]["output"].startswith("BACKUP QUOTA CRITICAL")
    until(lambda: icinga.services()["4000102-status"]["state"] == 3)
    stale = icinga.services()["4000102-status"]["last_check_result"]
    assert stale["output"] == "no result received: see submit_backup_results"
    sent = before["4000102-status"]["last_check_result"]["execution_end"]
    assert 25 <= stale["schedule_start"] - sent < 30


def test_check_now_with_a_local_store_runs_the_check(
    store: Store, programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed("icinga2", "openssl")
    monkeypatch.setenv("BACKUP_MONITORING_CONFIG", str(store.config))
    made = objects(store, "icinga2", "--tasks", "quota")
    assert store.collect(now=datetime.now(UTC).isoformat()).code == 0
    local = tmp_path / "local.conf"
    local.write_text("const BackupStoreIsLocal = true\n")
    shipped = (str(local), *TEMPLATES["passive"])
    daemon = Icinga(tmp_path / "icinga", programs.bin, shipped, made)
    to_icinga(store, daemon.port, daemon.ca_file)

    with running(daemon):
        assert submit(store, "-a", "4000103", now=datetime.now(UTC).isoformat()).code == 1
        _act(daemon, "acknowledge-problem", "4000103-quota", **ACKNOWLEDGE)
        before = daemon.services()["4000103-quota"]
        _check_now(daemon, "4000103-quota")
        after = daemon.services()["4000103-quota"]

    assert [after[key] for key in KEPT] == [before[key] for key in KEPT]
    assert (after["state"], after["acknowledgement"]) == (2, 1)
    result = after["last_check_result"]
    assert result["active"]
    assert result["command"][0] == str(programs.bin / "check_backup_quota")
    assert result["output"].rstrip() == before["last_check_result"]["output"]


OPERATOR = """
object NotificationCommand "mail-service-notification" {
  command = [ "FOLDER/tell", "$notification.type$", "$service.state$", "$service.name$" ]
}
template Notification "mail-service-notification" {
  command = "mail-service-notification"
}
object User "icingaadmin" {
}
object NotificationComponent "notification" {
}
"""


def test_a_dead_collector_is_one_alarm(
    store: Store, programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed("icinga2", "openssl")
    checked = store.folder / "checked.toml"
    monkeypatch.setenv("BACKUP_MONITORING_CONFIG", str(checked))
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "check_backup_monitoring").symlink_to(programs.bin / "check_backup_monitoring")
    calls = "$NOTIFY_TYPE $NOTIFY_STATE $NOTIFY_LAST_STATE"
    for name, line in (("tell", '"$@"'), ("notify_backup", f'"{calls}"')):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho {line} >> {folder}/{name}.log\n")
        program.chmod(0o755)
        (folder / f"{name}.log").touch()
    (documented,) = re.findall(
        r"```text\n(object Service .*?)```",
        (ROOT / "docs" / "icinga.md").read_text(),
        flags=re.DOTALL,
    )
    made = objects(store, "icinga2")
    made.write_text(made.read_text() + OPERATOR.replace("FOLDER", str(folder)) + documented)
    shipped = ("icinga2-commands.conf", *TEMPLATES["passive"], "icinga2-notify.conf")
    daemon = Icinga(tmp_path / "icinga", folder, shipped, made)
    died = (datetime.now(UTC) - timedelta(minutes=16)).isoformat()
    assert store.collect(now=died).code == 0
    # Until then results were submitted: else the first check finds that they never were.
    store.settings(more=f'\n[icinga]\nspool = "{tmp_path}"\n')
    assert submit(store, now=died).code == 0
    to_icinga(store, daemon.port, daemon.ca_file)
    checked.write_text(store.config.read_text())
    store.config.write_text(f'{store.config.read_text()}ttl = "20s"\n')

    def read(name: str) -> list[str]:
        return (folder / f"{name}.log").read_text().splitlines()

    def states() -> set[int]:
        services = daemon.services()
        return {each["state"] for name, each in services.items() if name != "backup-monitoring"}

    with running(daemon):
        assert submit(store, now=died).code == 0
        assert {0, 1, 2} <= states()
        until(lambda: read("tell") == ["PROBLEM WARNING backup-monitoring"])
        until(lambda: states() == {3})
        store.collect(now=(now := datetime.now(UTC).isoformat()))
        assert submit(store, now=now).code == 0
        _check_now(daemon, "backup-monitoring")
        until(lambda: len(read("tell")) > 1)
        called = read("notify_backup")

    assert read("tell") == ["PROBLEM WARNING backup-monitoring", "RECOVERY OK backup-monitoring"]
    assert called
    for kind, state, last in map(str.split, called):
        assert (kind, state) in {("PROBLEM", "WARNING"), ("PROBLEM", "CRITICAL")}
        # One that returns from UNKNOWN is recorded by notify_backup, and not sent.
        assert last in ("UNKNOWN", "OK")


def test_every_task_has_a_group_and_a_command(icinga: Icinga, store: Store) -> None:
    """Time series are named by the command, and lists and dashboards are made of groups."""
    groups = {each["attrs"]["name"] for each in icinga.ask("/v1/objects/servicegroups")["results"]}

    assert groups == {f"backup-{task}" for task in TASKS}
    for name, service in icinga.services().items():
        task = name.rpartition("-")[2]
        if name != "disk":
            assert service["groups"] == [f"backup-{task}"]
            assert service["check_command"] == f"backup-passive-{task}"
            assert set(service["vars"]) >= {"backup_account", "backup_task"}
            assert not [key for key in service["vars"] if key.startswith("dummy")]


def test_nagios_shows_that_results_have_stopped(store: Store, tmp_path: Path) -> None:
    needed("nagios4")
    made = objects(store, "nagios")
    shipped = NAGIOS_TEMPLATES["passive"]
    daemon = Nagios(tmp_path / "nagios", tmp_path, shipped, made)
    templates = daemon.folder / "nagios4-passive.cfg"
    sooner = re.sub(r"(freshness_threshold +)1800", r"\g<1>40", templates.read_text())
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
            until(lambda: _deliver(notifier) >= len(seen) - 1)

    assert seen == [0, 2, 0]
    assert _called(notifier) == ["PROBLEM CRITICAL", "RECOVERY OK"]


def _deliver(notifier: Notifier) -> int:
    """Handle the calls that are spooled; return how many calls there were until now."""
    notifier.deliver((datetime.now(UTC) + timedelta(minutes=11)).isoformat())
    return len(_called(notifier))


def _collect(notifier: Notifier) -> None:
    notifier.collect(datetime.now(UTC).isoformat())


def _submit(notifier: Notifier) -> None:
    """Submit results; those of checks without an object here are refused."""
    only = ("submit_backup_results", "-a", "4000101")
    password = {"BACKUP_MONITORING_ICINGA_PASSWORD": PASSWORD}
    ran = notifier.program(*only, now=datetime.now(UTC).isoformat(), **password)
    assert ran.out.startswith("1 result accepted"), ran.out


def _called(notifier: Notifier) -> list[str]:
    """Return the events that account 4000101's recipients are notified of, in order."""
    lines = [each for each in notifier.log() if each["what"] == "queued" and "account" in each]
    assert {(each["account"], each["task"]) for each in lines} <= {("4000101", "quota")}
    return list(dict.fromkeys(f"{each['kind']} {each['state']}" for each in lines))
