"""The days of many accounts, against an oracle that knows what really happened."""

from datetime import timedelta
from pathlib import Path

import pytest

from cases import at
from clients import Program
from simulation.computers import PLAN, Upload
from simulation.disk import FILES, Disk
from simulation.lives import ALL_KINDS, KINDS, SHORT, Extent, list_fleets, make_account
from simulation.play import FALSE, MISSED, Server, Table, Tally, format_table, simulate

SEED = "1"
SHORT_DAYS = 750  # each kind once


def report(table: Table) -> str:
    """Return what was found, beside what cannot be known."""
    return "\n".join(line for tally in table.values() for line in tally.examples)


def test_the_days_of_each_kind() -> None:
    table = simulate(SHORT_DAYS, SEED, SHORT)

    assert set(KINDS) < set(table) <= set(ALL_KINDS)
    assert not report(table), f"{format_table(table)}\n{report(table)}"


def test_many_days(request: pytest.FixtureRequest) -> None:
    days = request.config.getoption("simulation_days")
    if not days:
        pytest.skip("needs --simulation-days")

    table = simulate(days, SEED, Extent())

    print(f"\n{format_table(table)}")
    assert sum(tally.days for tally in table.values()) >= days
    assert not report(table), report(table)


@pytest.mark.parametrize(("settings", "what"), [('grace = "10m"', FALSE), ('grace = "9h"', MISSED)])
def test_a_wrong_rule_is_found(settings: str, what: str) -> None:
    table: Table = {}
    fleet = next(list_fleets(SEED, Extent(length=14, size=0)))
    fleet.accounts = [make_account(fleet, f"400010{n}", "silent computers") for n in range(4)]

    Server(fleet, "", table, settings).play()

    found = sum((tally.found for tally in table.values()), Tally().found)
    assert found["store", "schedule", what] > 0
    assert found["live", "schedule", what] > 0


def test_files_have_the_times_that_they_would_have_had(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    folder = disk.reports("4000101", "web01")
    written, arrival = at("2019-03-01T20:00+01:00"), at("2026-03-01T20:00+01:00")

    for program, modified in ((Program.PERL, arrival), (Program.SEPIOLA, written)):
        disk.upload(folder, program, Upload(arrival, PLAN, b"x", written, None), arrival)

        status = disk.stat(folder / PLAN)
        assert status.st_mtime == modified.timestamp()
        assert status.st_ctime == arrival.timestamp()
        assert status.st_mode & 0o777 == {Program.PERL: 0o600, Program.SEPIOLA: 0o644}[program]

    disk.chown(folder, arrival + timedelta(days=1))

    status = disk.stat(folder / PLAN)
    assert status.st_mtime == written.timestamp()
    later = status.st_ctime - (arrival + timedelta(days=1)).timestamp()
    assert 0 <= later < 0.01 * len(FILES)
