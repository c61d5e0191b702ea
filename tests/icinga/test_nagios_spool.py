"""Nagios's spool of check results: one that Nagios does not read gets no more of them."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backup_monitoring.icinga.nagios_files import NagiosError, write_spool
from backup_monitoring.icinga.results import CheckResult
from backup_monitoring.model.verdicts import State

RESULT = CheckResult("backup-01", "4000101-quota", State.OK, ("fine",), ())
MINUTE = 60  # seconds


def submit(spool: Path) -> int:
    return write_spool([RESULT], spool, datetime.now(UTC))


def make_older(spool: Path, minutes: int) -> None:
    for file in spool.iterdir():
        at = time.time() - minutes * MINUTE
        os.utime(file, (at, at))


def test_results_that_nagios_has_still_to_read(tmp_path: Path) -> None:
    assert submit(tmp_path) == 1
    make_older(tmp_path, 9)

    assert submit(tmp_path) == 1


def test_a_spool_that_nagios_does_not_read(tmp_path: Path) -> None:
    submit(tmp_path)
    make_older(tmp_path, 11)
    before = sorted(tmp_path.iterdir())

    with pytest.raises(NagiosError, match=r"Nagios has not read c.* for 11 min; .* Nagios runs"):
        submit(tmp_path)

    assert sorted(tmp_path.iterdir()) == before


def test_what_a_killed_process_left_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "cabc123").touch()
    (tmp_path / "cdef456.ok").touch()
    make_older(tmp_path, 100)

    assert submit(tmp_path) == 1
