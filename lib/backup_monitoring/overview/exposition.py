"""Prometheus's text format 0.0.4: families of metrics as lines of text.

Gauges and counters only: node_exporter's textfile collector reads no others, and refuses a whole
file for one line that is not valid.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})
_HELP_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n"})


class Kind(Enum):
    """What a family's numbers are: as they are now, or a sum that only grows."""

    GAUGE = "gauge"
    COUNTER = "counter"


class Sample(NamedTuple):
    """A number and its *labels*, of any text."""

    labels: Mapping[str, str]
    value: float


class Family(NamedTuple):
    """A metric: its *name*, its *kind*, its meaning in words, and its series."""

    name: str
    kind: Kind
    help: str
    samples: Sequence[Sample]


def render_families(families: Iterable[Family]) -> Iterator[str]:
    """Yield the lines of *families*; one without samples has none.

    Source: Prometheus, "Exposition formats", text-based format.
    """
    for family in families:
        if family.samples:
            yield f"# HELP {family.name} {family.help.translate(_HELP_ESCAPES)}\n"
            yield f"# TYPE {family.name} {family.kind.value}\n"
        for labels, value in family.samples:
            pairs = (f'{name}="{text.translate(_ESCAPES)}"' for name, text in labels.items())
            braces = f"{{{','.join(pairs)}}}" if labels else ""
            yield f"{family.name}{braces} {_format_number(value)}\n"


def _format_number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(value)  # whole numbers of any size, and the shortest text of others
