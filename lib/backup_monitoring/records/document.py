"""The document that a program prints with ``--output json``."""

import json
from collections.abc import Mapping
from datetime import datetime

from backup_monitoring.model import State
from backup_monitoring.records.record_values import write_sentence, write_time

FORMAT = 1  # of the documents; a new number if a field goes, or changes its meaning


def format_document(
    program: str,
    state: State,
    summary: str,
    as_of: datetime | None,
    parts: Mapping[str, object],
) -> str:
    """Return the document as JSON in ASCII: no caller's locale can break it.

    Args:
        program: its name.
        state: of which the exit code is the number.
        summary: the text output's first line, without its heading.
        as_of: the time that it is true for, UTC; None of a failure.
        parts: the program's own fields.
    """
    head = {
        "format": FORMAT,
        "program": program,
        "state": state.name,
        "exit_code": state.value,
        "summary": write_sentence(summary),
        "as_of": write_time(as_of),
    }
    return json.dumps({**head, **parts}, indent=2)
