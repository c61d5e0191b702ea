"""Neutralised text: one harmless line, whatever comes in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.model.text import sanitize


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("web01", "web01"),
        ("Müller", "Müller"),
        ("a|b=1;2", "a¦b=1;2"),
        ("<script>", "‹script›"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("left\u202eright", "left\\u202eright"),
        ("\udcff\udc80", "\\xff\\x80"),
        ("\udc7f\udd00", "\\udc7f\\udd00"),
        ("x" * 1000, "x" * 1000),
        ("x" * 1001, "x" * 997 + "..."),
        ("\n" * 1000, "\\n" * 498 + "\\..."),
        ("\ud800", "\\ud800"),
        ("x" * 2000, "x" * 997 + "..."),
    ],
)
def test_sanitize(text: str, harmless: str) -> None:
    assert sanitize(text) == harmless


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    line = sanitize(text)

    assert line.isprintable()
    assert not set("|<>") & set(line)
    line.encode()
