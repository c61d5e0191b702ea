"""How are a task's facts shown and kept? By the annotations of their fields."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum, auto
from functools import cache
from types import NoneType
from typing import Any, NamedTuple, get_args

from backup_monitoring.model import Facts
from backup_monitoring.tasks.fact import Cause, Fact
from backup_monitoring.tasks.registry import TASKS, load_named


class FactKind(Enum):
    """How a fact is shown."""

    TEXT = auto()
    FLAG = auto()
    NUMBER = auto()
    SIZE = auto()  # bytes
    PERCENT = auto()
    TIME = auto()
    DAY = auto()
    AGE = auto()  # as the variable NAME_days


_KINDS = {
    str: FactKind.TEXT,
    bool: FactKind.FLAG,
    int: FactKind.NUMBER,
    float: FactKind.PERCENT,
    datetime: FactKind.TIME,
    date: FactKind.DAY,
    timedelta: FactKind.AGE,
}


class DeclaredFact(NamedTuple):
    """A fact of a task: the field's *name*, its *kind* and its annotation."""

    name: str
    kind: FactKind
    fact: Fact


def load_facts(task: str) -> type[Any]:
    """Return the type of the facts of *task*'s verdicts."""
    kind: type[Any] = load_named(TASKS[task].facts)
    return kind


def load_causes(task: str) -> tuple[Cause, ...]:
    """Return what may be wrong, the most likely cause first."""
    causes: tuple[Cause, ...] = load_named(TASKS[task].causes)
    return causes


@cache
def list_facts(task: str) -> tuple[DeclaredFact, ...]:
    """Return the facts of *task* that mails show, in the order of their fields."""
    declared = []
    for name, annotation in load_facts(task).__annotations__.items():
        facts = [each for each in get_args(annotation) if isinstance(each, Fact)]
        if facts:
            declared.append(DeclaredFact(name, _find_kind(annotation, facts[0]), facts[0]))
    return tuple(declared)


def _find_kind(annotation: Any, fact: Fact) -> FactKind:
    kind = get_args(annotation)[0]
    [kind] = [each for each in get_args(kind) or (kind,) if each is not NoneType]
    return FactKind.SIZE if fact.unit == "B" else _KINDS[kind]


def pack_facts(task: str, facts: Facts | None) -> dict[str, object] | None:
    """Return those *facts* of *task* that mails show and that are known, by name."""
    if facts is None:
        return None
    names = {"cause", *(declared.name for declared in list_facts(task))}
    packed = facts._asdict().items()
    return {name: value for name, value in packed if name in names and value not in (None, "")}


def unpack_facts(task: str, packed: Mapping[str, object] | None) -> Facts | None:
    """Return the facts that `pack_facts` has packed, without those that a task no longer has."""
    if packed is None:
        return None
    kind = load_facts(task)
    facts: Facts = kind(**{name: value for name, value in packed.items() if name in kind._fields})
    return facts
