"""A fleet for each test."""

from pathlib import Path

import pytest

from store.fleet import Fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "fleet")
