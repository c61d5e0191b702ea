"""Facts as records: their units stand in the names."""

from datetime import UTC, date, datetime, timedelta

from backup_monitoring.model import Facts
from backup_monitoring.records.record_values import (
    Record,
    write_name,
    write_number,
    write_time,
)
from backup_monitoring.tasks import FactKind, list_facts

_ENDINGS = {FactKind.SIZE: "bytes", FactKind.PERCENT: "percent", FactKind.AGE: "seconds"}


def make_fact_records(task: str, facts: Facts | None) -> Record:
    """Return the *facts* of a verdict of *task* that are known, by name."""
    record: Record = {}
    if facts is None:
        return record
    for name, kind, _ in list_facts(task):
        value = getattr(facts, name)
        if value is None or value == "":
            continue
        ending = _ENDINGS.get(kind, "")
        key = name if name.endswith(ending) else f"{name}_{ending}"
        record[key] = _write_value(value, facts)
    if facts.zone is not None:
        record["zone"] = str(facts.zone)
    return record


def _write_value(value: object, facts: Facts) -> object:
    match value:
        case datetime():
            return write_time(value, facts.zone or UTC)
        case date():
            return value.isoformat()
        case timedelta():
            return write_number(value.total_seconds())
        case bool():
            return value
        case int() | float():
            return write_number(value)
        case str():
            return write_name(value)
    raise TypeError(f"a fact is of type {type(value).__name__}")
