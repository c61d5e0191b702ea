"""The table of verdicts in the state file, and verdicts as its rows."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from backup_monitoring.model import Codec, Facts, Metric, Range, State, Verdict
from backup_monitoring.tasks import StateSince, SuspendedState, load_facts

# One row per account and task. *badness* and *number* are the order of the check's output, in
# which a reader of all accounts finds counts and the worst ones in the index alone.
VERDICT_TABLE = """
CREATE TABLE verdicts (
    account INTEGER, task TEXT, in_scope INTEGER, badness INTEGER, number REAL,
    since REAL, at_least INTEGER, before TEXT, suspended TEXT, verdict TEXT, facts TEXT,
    PRIMARY KEY (account, task)
) WITHOUT ROWID;
"""
VERDICT_INDEX = (
    "CREATE INDEX IF NOT EXISTS worst_verdicts "
    "ON verdicts (task, in_scope, badness DESC, number DESC, account);"
)
SINCE_COLUMNS = "badness, since, at_least, before, suspended"
PLACES_OF_VERDICT = ", ".join("?" * 11)
STATES = tuple(sorted(State, key=lambda state: state.badness))  # by badness


class _Shown(NamedTuple):
    """What a check shows of a verdict, in the order in which the quick answer reads it."""

    summary: str
    computer: str | None
    metrics: tuple[Metric, ...]
    details: tuple[str, ...]
    thresholds: str
    failing: tuple[str, ...]
    retired: tuple[str, ...]
    uncertain: tuple[str, ...]


_load = json.JSONDecoder().decode
_TEXT = {str}
_SHOWN: Codec[_Shown] = Codec(_Shown)
_SUSPENDED: Codec[SuspendedState] = Codec(SuspendedState)


def make_verdict_row(
    account: int, in_scope: bool, task: str, verdict: Verdict, thresholds: str, since: StateSince
) -> tuple[object, ...]:
    """Return the row of *verdict* for the account with the id *account*."""
    shown = _Shown(
        verdict.summary,
        verdict.computer,
        verdict.metrics,
        verdict.details,
        thresholds,
        verdict.failing,
        verdict.retired,
        verdict.uncertain,
    )
    facts = verdict.facts
    return (
        account,
        task,
        in_scope,
        verdict.state.badness,
        float(verdict.metrics[0].value) if verdict.metrics else 0.0,
        *_write_since(since),
        _SHOWN.encode(shown),
        None if facts is None else _find_facts_codec(task).encode(facts),
    )


def _write_since(since: StateSince) -> tuple[object, ...]:
    return (
        since.at.timestamp(),
        since.at_least,
        None if since.before is None else since.before.name,
        None if since.suspended is None else _SUSPENDED.encode(since.suspended),
    )


def read_since(
    badness: int, at: float, at_least: int, before: str | None, suspended: str | None
) -> StateSince:
    """Return what the columns `SINCE_COLUMNS` say; raises what is in UNREADABLE."""
    return StateSince(
        read_state(badness),
        datetime.fromtimestamp(at, UTC),
        bool(at_least),
        None if before is None else State[before],
        None if suspended is None else _SUSPENDED.decode(suspended),
    )


def read_state(badness: int) -> State:
    """Return the state of a *badness*; LookupError if there is none."""
    if badness not in range(len(STATES)):
        raise LookupError(f"no state is as bad as {badness!r}")
    return STATES[badness]


def read_verdict(text: str, state: State) -> tuple[Verdict, str]:
    """Return the verdict of a row, without its facts, and its thresholds.

    Raises what is in UNREADABLE.
    """
    # By hand: a codec takes three times as long, and 10,000 results have as many metrics.
    summary, computer, metrics, details, thresholds, *computers = _load(text)
    failing, retired, uncertain = map(tuple, computers)
    texts = (summary, computer or "", thresholds, *details, *failing, *retired, *uncertain)
    if {*map(type, texts)} != _TEXT:
        raise TypeError("a verdict's text is none")
    verdict = Verdict(
        state,
        summary,
        computer,
        tuple(map(_read_metric, metrics)),
        tuple(details),
        None,
        failing,
        retired,
        uncertain,
    )
    return verdict, thresholds


def _read_metric(values: Sequence[Any]) -> Metric:
    name, value, unit, warning, critical, minimum, maximum = values
    if {type(name), type(unit)} != _TEXT or not isinstance(value, int | float):
        raise TypeError("a metric is none")
    return Metric(name, value, unit, _read_range(warning), _read_range(critical), minimum, maximum)


def _read_range(values: Sequence[Any] | None) -> Range | None:
    return None if values is None else Range._make(values)


def read_facts(task: str, text: str) -> Facts:
    """Return the facts of a row of *task*; raises what is in UNREADABLE."""
    return _find_facts_codec(task).decode(text)


@cache
def _find_facts_codec(task: str) -> Codec[Facts]:
    return Codec(load_facts(task))
