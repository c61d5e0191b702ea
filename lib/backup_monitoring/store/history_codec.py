"""A computer's memory as text, and back; readers of the store, who need no memory, load `codec`."""

import json
from typing import Any

from backup_monitoring.store.history import RunOutcome, SeenReport, TrackedComputer
from backup_monitoring.store.values import parse_time_value, read_history, write_history


def write_memory(memory: TrackedComputer) -> str:
    """Return *memory* as text."""
    return json.dumps(
        (
            *(_seen(each) for each in (memory.start, memory.end)),
            memory.plan,
            [(at.timestamp(), outcome.value) for at, outcome in memory.runs],
            write_history(memory.history),
        )
    )


def _seen(seen: SeenReport | None) -> object:
    return None if seen is None else (seen.at.timestamp(), seen.id, seen.success)


def read_memory(text: str) -> TrackedComputer:
    """Return the memory of `write_memory`."""
    start, end, plan, runs, past_text = json.loads(text)
    history = read_history(past_text)
    assert history is not None  # noqa: S101 - written with one
    return TrackedComputer(
        start=_read_seen(start),
        end=_read_seen(end),
        plan=plan,
        runs=tuple((parse_time_value(at), RunOutcome(outcome)) for at, outcome in runs),
        **history._asdict(),
    )


def _read_seen(values: list[Any] | None) -> SeenReport | None:
    return None if values is None else SeenReport(parse_time_value(values[0]), values[1], values[2])
