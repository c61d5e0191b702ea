"""More than one server: a master, two satellites, and the accounts of each."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from programs.cluster import FIRST, SECOND, Cluster, Node, cluster
from programs.daemons import needed, until
from programs.installed import Programs, Ran
from programs.test_submit import submit, to_icinga

pytestmark = [pytest.mark.installed, pytest.mark.server]
STATES = {
    FIRST: {"4000102-quota": 1, "4000104-schedule": 1, "4000106-status": 1, "4000112-unused": 1},
    SECOND: {"4000103-quota": 2, "4000105-schedule": 2, "4000109-client": 2, "4000115-quota": 3},
}
UP, DOWN, HARD, UNKNOWN = 0, 1, 1, 3
SHORT_TTL = 20
SHORT = f'ttl = "{SHORT_TTL}s"\n'


@pytest.fixture(scope="module")
def nodes(
    programs: Programs, example: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    needed("icinga2", "openssl")
    with cluster(programs, example, tmp_path_factory.mktemp("cluster")) as made:
        until(lambda: {host_state(made.master, name) for name in made.satellites} == {(UP, HARD)})
        yield made


def host_state(master: Node, satellite: str) -> tuple[int, int]:
    """Return state and state type of the master's host for a satellite."""
    host = master.host(f"zone-{satellite}")
    return host["state"], host["state_type"]


def results(node: Node, server: str) -> dict[str, Any]:
    """Return the last results that a node has of a backup server's accounts, by the service."""
    return {
        each["name"]: (result["state"], result["output"], result["execution_end"])
        for each in node.all_services().values()
        if each["host_name"] == server and (result := each["last_check_result"])
    }


def submit_from(nodes: Cluster, server: str, to: Node, more: str = "") -> Ran:
    """Submit the results of a backup server's accounts."""
    store = nodes.stores[server]
    to_icinga(store, to.port, to.ca_file)
    with store.config.open("a") as settings:
        settings.write(more)
    return submit(store)


def everywhere(nodes: Cluster, server: str, more: str = "") -> dict[str, Any]:
    """Submit results to the satellite, and return them when they have arrived at the master."""
    satellite = nodes.satellites[server]
    assert submit_from(nodes, server, satellite, more=more).code == 0
    here = results(satellite, server)
    assert {name: here[name][0] for name in STATES[server]} == STATES[server]
    until(lambda: results(nodes.master, server) == here, SHORT_TTL)
    return here


def test_each_satellite_has_its_own_accounts(nodes: Cluster) -> None:
    services = {name: set(node.all_services()) for name, node in nodes.satellites.items()}

    assert (len(services[FIRST]), len(services[SECOND])) == (5 * 9, 5 * 10)
    assert services[FIRST] | services[SECOND] == set(nodes.master.all_services())
    for name, states in STATES.items():
        assert services[name] > {f"{name}!{service}" for service in states}


@pytest.mark.parametrize("to", ["satellite", "master"])
@pytest.mark.parametrize("server", [FIRST, SECOND])
def test_results_arrive_at_both(nodes: Cluster, server: str, to: str) -> None:
    satellite = nodes.satellites[server]
    one, other = (satellite, nodes.master) if to == "satellite" else (nodes.master, satellite)
    began = time.time()

    assert submit_from(nodes, server, one).code == 0

    here = results(one, server)
    assert {name: here[name][0] for name in STATES[server]} == STATES[server]
    assert all(at > began for _, _, at in here.values())
    until(lambda: results(other, server) == here)


def test_only_the_satellite_notifies_customers(nodes: Cluster) -> None:
    everywhere(nodes, FIRST)

    def notified(node: Node) -> dict[str, float]:
        found = (each["attrs"] for each in node.ask("/v1/objects/notifications")["results"])
        return {each["service_name"]: each["last_problem_notification"] for each in found}

    until(lambda: notified(nodes.satellites[FIRST])["4000102-quota"] > 0)
    assert notified(nodes.satellites[FIRST])["4000102-client"] == 0
    assert notified(nodes.master) == {}


def test_the_wrong_satellite_refuses_all(nodes: Cluster) -> None:
    before = everywhere(nodes, FIRST)

    ran = submit_from(nodes, FIRST, nodes.satellites[SECOND])

    assert ran.code == 1
    assert f"{5 * 9} refused with status 404" in ran.out
    assert "the objects do not exist" in ran.out
    assert "ApiUser may not see them" in ran.out
    assert results(nodes.master, FIRST) == before


def test_the_satellite_checks_the_ttl_and_the_master_has_the_state(nodes: Cluster) -> None:
    everywhere(nodes, FIRST, SHORT)

    until(lambda: {state for state, *_ in results(nodes.master, FIRST).values()} == {UNKNOWN})


def test_a_killed_satellite_is_down_within_seconds(nodes: Cluster) -> None:
    satellite = nodes.satellites[FIRST]
    last = everywhere(nodes, FIRST, SHORT)
    run_out = time.monotonic() + SHORT_TTL + 2

    satellite.kill()

    until(lambda: host_state(nodes.master, FIRST)[0] == DOWN, 60)
    until(lambda: host_state(nodes.master, FIRST) == (DOWN, HARD), 60)
    until(lambda: time.monotonic() > run_out)
    assert results(nodes.master, FIRST) == last
    assert host_state(nodes.master, SECOND) == (UP, HARD)
    satellite.start()
    until(lambda: host_state(nodes.master, FIRST) == (UP, HARD))
    assert submit_from(nodes, FIRST, satellite).code == 0
    until(lambda: results(nodes.master, FIRST) == results(satellite, FIRST))


def test_a_frozen_satellite_is_down_within_two_minutes(
    nodes: Cluster, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("freeze"):
        pytest.skip("only with --freeze")
    satellite = nodes.satellites[FIRST]
    last = everywhere(nodes, FIRST, SHORT)

    satellite.freeze()
    began = time.monotonic()
    try:
        until(lambda: host_state(nodes.master, FIRST)[0] == DOWN, 120)
        took = time.monotonic() - began
        assert results(nodes.master, FIRST) == last
    finally:
        satellite.thaw()

    assert took > 50  # the connections were open: only silence shows it
    until(lambda: host_state(nodes.master, FIRST) == (UP, HARD))
