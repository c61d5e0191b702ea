"""The fleets of the page's and the metrics' tests."""

from pathlib import Path

import pytest

from overview.pages import make_hostile, make_many, make_page
from store.fleet import Fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "fleet")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return make_many(tmp_path_factory.mktemp("many") / "fleet")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return make_page(tmp_path_factory.mktemp("mixed") / "fleet")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return make_hostile(tmp_path_factory.mktemp("hostile") / "fleet")
