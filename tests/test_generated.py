"""The generated files and blocks are those of the tasks and settings as they are now."""

import pytest
from tools.generate import BLOCKS, compare, render_all

GENERATED = dict(render_all())


@pytest.mark.parametrize("path", GENERATED)
def test_it_is_what_is_generated_now(path: str) -> None:
    assert compare(path, GENERATED[path]) == "", "run: python -m tools.generate"


def test_every_block_is_in_a_document() -> None:
    text = "".join(GENERATED.values())

    assert [name for name in BLOCKS if f"<!-- generated: {name} -->" not in text] == []
