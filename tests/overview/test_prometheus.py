"""Prometheus, node_exporter and promtool with the metrics, the alerts and the dashboard."""

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grafana_foundation_sdk.cog.plugins
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from integration.slapd import free_port
from overview.fleets import HOSTILE, SHOWN, Series, choose, make_mixed, use_client, write
from programs.daemons import needed, until
from store.fleet import Fleet
from test_docs import ROOT, find_anchors

SHIPPED = ROOT / "examples" / "prometheus"
ALERTS = SHIPPED / "backup-monitoring-alerts.yml"
DASHBOARD = SHIPPED / "grafana-dashboard.json"
DOCUMENTED = (ROOT / "docs" / "overview.md").read_text(encoding="utf-8")
PAGE = "https://noc.example.org/docs/"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """The mixed fleet, with backup programs that are called to do harm."""
    fleet = make_mixed(tmp_path_factory.mktemp("mixed") / "fleet")
    for number, (identifier, version) in enumerate(HOSTILE):
        use_client(fleet, "many", f"hostile{number:02}", identifier, version)
    fleet.collect(SHOWN)
    return fleet


@pytest.fixture(scope="module")
def series(mixed: Fleet) -> Series:
    return write(mixed)


def promtool(*arguments: str | Path, stdin: str = "") -> str:
    """Return what promtool prints; it must be content."""
    needed("promtool")
    done = subprocess.run(
        ["promtool", *map(str, arguments)], input=stdin, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def list_queries(dashboard: Any) -> Iterator[str]:
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def read_dashboard() -> Any:
    return json.loads(DASHBOARD.read_text(encoding="utf-8"))


def find_selectors(query: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each metric of *query*, and the labels that it is chosen by."""
    for name, labels in re.findall(r"\b(backup_\w+)(?:\{([^}]*)\})?", query):
        yield name, dict(re.findall(r'(\w+)(?:=~|!=|=)"([^"]*)"', labels))


# --- the metrics ---


def test_promtool_has_no_objection_to_the_metrics(mixed: Fleet, series: Series) -> None:
    text = (mixed.folder / "backup.prom").read_text(encoding="utf-8")

    assert promtool("check", "metrics", stdin=text) == ""


def test_every_metric_is_documented_with_its_labels(series: Series) -> None:
    rows = dict(re.findall(r"^\| `(backup_\w+)(\{[\w, ]+\})?` \|", DOCUMENTED, re.MULTILINE))
    found = {name: ", ".join(sorted(key for key, _ in labels)) for name, labels in series}

    assert {
        name: ", ".join(sorted(labels.strip("{}").split(", "))) for name, labels in rows.items()
    } == found


# --- the alerts ---


def test_the_alerts_fire_for_what_they_are_for() -> None:
    assert "SUCCESS: 6 rules found" in promtool("check", "rules", ALERTS)
    assert "SUCCESS" in promtool("test", "rules", Path(__file__).with_name("alerts_test.yml"))


def test_each_alert_leads_to_what_to_do() -> None:
    text = ALERTS.read_text(encoding="utf-8")
    links = re.findall(r"^ +runbook_url: (\S+)$", text, re.MULTILINE)

    assert len(links) == text.count("- alert: ") == 6
    for link in links:
        assert link.startswith(PAGE)
        document, _, anchor = link.removeprefix(PAGE).partition("#")
        assert anchor in find_anchors((ROOT / "docs" / document).read_text(encoding="utf-8")), link


@pytest.mark.parametrize("file", [ALERTS, DASHBOARD], ids=lambda file: file.name)
def test_what_is_asked_for_is_among_the_metrics(file: Path, series: Series) -> None:
    text = file.read_text(encoding="utf-8").replace('\\"', '"').replace("$instance", ".*")
    asked = list(find_selectors(text.replace("backup_overview", "")))

    assert len(asked) > 10
    for name, labels in asked:
        found = choose(series, name)
        assert found, name
        labels.pop("instance", None)
        for label, pattern in labels.items():
            for alternative in pattern.split("|"):
                assert any((label, alternative) in each for each in found), (name, label, pattern)


# --- real servers ---


@contextmanager
def running(*command: str, port: int) -> Iterator[str]:
    """Run a server; give its address when it answers."""
    needed(command[0])
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None
        try:
            fetch(f"{url}/metrics")
        except OSError:
            return False
        return True

    with subprocess.Popen(
        [*command, f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            until(answers)
            yield url
        finally:
            process.terminate()


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        text: str = answer.read().decode()
        return text


@pytest.fixture(scope="module")
def exporter(mixed: Fleet, series: Series) -> Iterator[str]:
    with running(
        "prometheus-node-exporter",
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={mixed.folder}",
        port=free_port(),
    ) as url:
        yield url


@pytest.mark.server
def test_node_exporter_serves_them_without_an_error(exporter: str, mixed: Fleet) -> None:
    served = fetch(f"{exporter}/metrics").splitlines()

    assert "node_textfile_scrape_error 0" in served
    ours = [each for each in served if each.startswith("backup_")]
    written = (mixed.folder / "backup.prom").read_text(encoding="utf-8").splitlines()
    expected = [each for each in written if each.startswith("backup_")]
    assert len(ours) == len(expected) > 70
    assert {_read(each) for each in ours} == {_read(each) for each in expected}


def _read(line: str) -> tuple[str, frozenset[str], float]:
    """Read a line; node_exporter sorts labels, and writes numbers in its own way."""
    name, _, number = line.rpartition(" ")
    name, _, labels = name.partition("{")
    return name, frozenset(re.findall(r'\w+="(?:[^"\\]|\\.)*"', labels)), float(number)


@pytest.mark.server
def test_prometheus_answers_each_query_of_the_dashboard(
    exporter: str, series: Series, tmp_path: Path
) -> None:
    target = exporter.removeprefix("http://")
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(
        "global: {scrape_interval: 500ms, evaluation_interval: 500ms}\n"
        f"rule_files: [{ALERTS}]\n"
        f"scrape_configs: [{{job_name: node, static_configs: [{{targets: ['{target}']}}]}}]\n",
        encoding="utf-8",
    )
    queries = [each.replace("$instance", ".*") for each in list_queries(read_dashboard())]
    with running(
        "prometheus",
        f"--config.file={configuration}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        port=free_port(),
    ) as url:
        until(lambda: is_ready(url))
        # Two scrapes, for what has increased.
        until(lambda: bool(ask(url, "count_over_time(backup_used_bytes[1m]) > 2")))
        answers = {query: ask(url, query) for query in queries}
        rules = json.loads(fetch(f"{url}/api/v1/rules"))["data"]["groups"][0]["rules"]
        until(lambda: "BackupStoreStale" in fetch(f"{url}/api/v1/alerts"))

    assert len(queries) > 15
    assert [query for query, answer in answers.items() if not answer] == []
    assert {rule["name"] for rule in rules if rule["health"] == "err"} == set()
    failing = next(query for query in queries if "warning|critical" in query)
    for each in answers[failing]:
        task = each["metric"]["task"]
        expected = sum(
            number
            for labels, number in choose(series, "backup_accounts").items()
            if ("task", task) in labels and not {("state", "ok"), ("state", "unknown")} & labels
        )
        assert float(each["value"][1]) == expected


def is_ready(url: str) -> bool:
    """Return whether Prometheus answers queries: at its start it says 503."""
    try:
        fetch(f"{url}/-/ready")
    except urllib.error.HTTPError:
        return False
    return True


def ask(url: str, query: str) -> Any:
    answer = json.loads(fetch(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"))
    assert answer["status"] == "success", query
    return answer["data"]["result"]


# --- the dashboard ---


def test_the_dashboard_has_what_grafana_reads_and_nothing_else() -> None:
    """Grafana's own types read it and write the same: an unknown key would be lost."""
    grafana_foundation_sdk.cog.plugins.register_default_plugins()
    dashboard = read_dashboard()

    def through_grafana(value: Any) -> Any:
        return json.loads(JSONEncoder().encode(Dashboard.from_json(value)))

    assert list(find_lost(dashboard, through_grafana(dashboard))) == []
    dashboard["panels"][0]["gridPosition"] = 1
    assert list(find_lost(dashboard, through_grafana(dashboard))) == [".panels[0].gridPosition"]


def find_lost(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            yield from find_lost(value, kept.get(key), f"{path}.{key}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (value, other) in enumerate(zip(given, kept, strict=True)):
            yield from find_lost(value, other, f"{path}[{number}]")
    elif given != kept:
        yield path


def test_the_dashboard_is_whole() -> None:
    dashboard = read_dashboard()
    panels = dashboard["panels"]
    taken = set[tuple[int, int]]()

    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + row)
            for column in range(place["w"])
            for row in range(place["h"])
        }
        assert max(column for column, _ in cells) < 24
        assert not taken & cells, panel["title"]
        taken |= cells
    variables = {each["name"] for each in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", DASHBOARD.read_text(encoding="utf-8")))
    assert used - {"__field", "__all"} == variables


def test_what_is_by_task_leads_to_the_page() -> None:
    for panel in read_dashboard()["panels"]:
        if any("{{task}}" in target["legendFormat"] for target in panel["targets"]):
            (link,) = panel["fieldConfig"]["defaults"]["links"]
            assert link["url"] == "${page}#task=${__field.labels.task}"
