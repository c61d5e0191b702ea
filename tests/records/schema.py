"""The schema of the documents that programs print, and what is valid by a part of it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

import backup_monitoring.records

FILE = Path(backup_monitoring.records.__file__).with_name("output.schema.json")


@cache
def schema() -> Any:
    return json.loads(FILE.read_text(encoding="utf-8"))


def validate(document: object, part: str = "") -> None:
    """Fail unless *document* is valid, as a whole or as that *part* of one."""
    whole = schema()
    chosen = {"$ref": f"#/$defs/{part}", "$defs": whole["$defs"]} if part else whole
    jsonschema.Draft202012Validator(chosen).validate(document)


def parse(text: str) -> Any:
    """Return the one document that *text* is, valid by the schema."""
    assert text.isascii()
    document = json.loads(text, parse_constant=refuse)
    validate(document)
    return document


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
