"""The metrics: the figures of all accounts for Prometheus, as of the last collector run."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.model import MonitoringError, State
from backup_monitoring.overview.exposition import Family, Kind, Sample, render_families
from backup_monitoring.settings import Settings, create_new, refuse_irregular
from backup_monitoring.store import StoreFile, open_store
from backup_monitoring.tasks import TASKS


class MetricsError(MonitoringError):
    """The file of the metrics cannot be written."""


class WrittenMetrics(NamedTuple):
    """What was written: a *line* about it, and a line for each part that could not be read."""

    line: str
    failed: tuple[str, ...] = ()


def write_metrics(settings: Settings, file: Path, now: datetime) -> WrittenMetrics:
    """Write the metrics into *file*, as a whole or not at all.

    Args:
        settings: ``store.folder`` is set.
        now: aware UTC.

    Raises:
        StoreError: the store cannot be read.
        MetricsError: the file cannot be written.
    """
    assert settings.store.folder is not None  # noqa: S101 - the caller has checked it
    state = open_store(settings.store.folder)
    try:
        families = list(_list_store_families(state))
    finally:
        state.close()
    _replace(file, render_families(families))
    count = sum(len(family.samples) for family in families)
    return WrittenMetrics(f"{count} series in {file}")


def _list_store_families(state: StoreFile) -> Iterator[Family]:
    verdicts = state.verdicts()
    counts = {task: verdicts.count(task) for task in TASKS}
    yield Family(
        "backup_accounts",
        Kind.GAUGE,
        "Number of accounts by the state that each check has of them.",
        [
            Sample({"task": task, "state": each.name.lower()}, counts[task][each])
            for task in TASKS
            for each in State
        ],
    )


def _replace(file: Path, lines: Iterator[str]) -> None:
    # node_exporter reads all that ends in .prom: this name does not.
    new = file.with_name(f".{file.name}.new")
    try:
        refuse_irregular(file)
        with create_new(new) as stream:
            stream.writelines(lines)
            stream.flush()
            os.fsync(stream.fileno())
            new.replace(file)
    except OSError as error:
        remedy = "create its folder, and let this user write there"
        raise MetricsError(str(file), f"cannot be written ({error.strerror})", remedy) from None
