"""A computer's memory as text, and back; readers of the store, who need no memory, load `codec`."""

import json
from typing import Any

from backup_monitoring.store.codec import read_past, required_time, write_past
from backup_monitoring.store.history import Memory, Outcome, Seen


def write_memory(memory: Memory) -> str:
    """Return *memory* as text."""
    return json.dumps(
        (
            *(_seen(each) for each in (memory.start, memory.end)),
            memory.plan,
            [(at.timestamp(), outcome.value) for at, outcome in memory.runs],
            write_past(memory.past),
        )
    )


def _seen(seen: Seen | None) -> object:
    return None if seen is None else (seen.at.timestamp(), seen.id, seen.success)


def read_memory(text: str) -> Memory:
    """Return the memory of `write_memory`."""
    start, end, plan, runs, past_text = json.loads(text)
    past = read_past(past_text)
    assert past is not None  # noqa: S101 - written with one
    return Memory(
        start=_read_seen(start),
        end=_read_seen(end),
        plan=plan,
        runs=tuple((required_time(at), Outcome(outcome)) for at, outcome in runs),
        **past._asdict(),
    )


def _read_seen(values: list[Any] | None) -> Seen | None:
    return None if values is None else Seen(required_time(values[0]), values[1], values[2])
