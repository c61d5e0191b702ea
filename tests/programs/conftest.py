"""The installed programs, and the example that they run over."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mail.mailserver import running
from programs.fresh_debian import write_wheels
from programs.installed import EXAMPLES, Programs, build_wheel, install
from programs.notifier import Notifier


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built now."""
    return build_wheel(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The programs of the wheel."""
    return install(wheel, tmp_path_factory.mktemp("installed") / "env")


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where pip finds what the package needs, instead of on the internet."""
    folder = tmp_path_factory.mktemp("wheels")
    write_wheels(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings file of a copy of the example, its files all of one time."""
    folder = tmp_path_factory.mktemp("example")
    for name in ("example.toml", "directory.ldif"):
        shutil.copy(EXAMPLES / name, folder)
    shutil.copytree(EXAMPLES / "storage", folder / "tree")
    for path in (folder / "tree").rglob("*"):
        os.utime(path, (1_767_225_600, 1_767_225_600))
    return folder / "example.toml"


@pytest.fixture
def notifier(programs: Programs, example: Path, tmp_path: Path) -> Iterator[Notifier]:
    """An installation with a mail server of its own, after one pass."""
    with running() as server:
        made = Notifier(programs, example, tmp_path / "example", server)
        made.collect()
        yield made


@pytest.fixture
def after_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store of two accounts of the example after its night; the current folder has the rest."""
    for name in ("notify.toml", "sink"):
        shutil.copy(EXAMPLES / name, tmp_path)
    entries = (EXAMPLES / "directory.ldif").read_text().split("\n\n")
    others = [f"dn: uid=40001{number:02}," for number in range(1, 21) if number not in (1, 6)]
    kept = [each for each in entries if not any(other in each for other in others)]
    (tmp_path / "directory.ldif").write_text("\n\n".join(kept))
    for tree in ("storage", "night"):
        shutil.copytree(EXAMPLES / tree, tmp_path / "tree", dirs_exist_ok=True)
    (tmp_path / "store").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACKUP_MONITORING_CONFIG", "notify.toml")
    return tmp_path / "store"
