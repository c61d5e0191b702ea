"""What the package depends on: the locks fit setup.cfg, and its bounds are true."""

import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = {"run.txt": (), "tests.txt": ("test",)}
# What needs the packages that the programs do.
CORE = ("directory", "mail", "model", "plugin", "records", "settings", "tasks")


def list_needed(*extras: str) -> list[Requirement]:
    """Return what setup.cfg names."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = [setup["options"]["install_requires"]]
    texts += [setup["options.extras_require"][extra] for extra in extras]
    return [Requirement(line) for text in texts for line in text.split("\n") if line]


def read_lock(name: str) -> dict[str, tuple[str, list[str]]]:
    """Return version and hashes of each package of a lock."""
    text = (ROOT / "requirements" / name).read_text()
    packages = re.findall(
        r"^([a-z0-9-]+)==(\S+)((?: \\\n +--hash=sha256:[0-9a-f]{64})*)$", text, re.M
    )
    return {name: (version, hashes.split()[1::2]) for name, version, hashes in packages}


@pytest.mark.parametrize(("name", "extras"), LOCKS.items())
def test_a_lock_has_what_is_needed_with_hashes(name: str, extras: tuple[str, ...]) -> None:
    text = (ROOT / "requirements" / name).read_text()
    lock = read_lock(name)

    assert len(lock) == len(re.findall(r"^[^#\s]", text, re.M))  # nothing else is in it
    assert all(hashes for _, hashes in lock.values())
    assert "://" not in text
    for requirement in list_needed(*extras):
        name = canonicalize_name(requirement.name)
        assert name in lock, f"renew the locks (CONTRIBUTING.md, Dependencies): {name} is missing"
        version, _ = lock[name]
        assert requirement.specifier.contains(version), requirement


def test_both_locks_have_the_same_versions() -> None:
    tests = read_lock("tests.txt")

    assert read_lock("run.txt").items() <= tests.items()


@pytest.mark.parametrize("bound", ["oldest", "newest"])
def test_the_programs_work_with(bound: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--bounds"):
        pytest.skip("--bounds makes environments with the oldest and the newest dependencies")
    needed = [str(each) for each in list_needed()]
    if bound == "oldest":
        needed = [each.replace(">=", "==") for each in needed]
    packages = {each.name for each in list_needed("test")} - {each.name for each in list_needed()}
    tools = packages - {
        "mypy",
        "ruff",
        "grafana-foundation-sdk",
        "build",
    }  # build needs packaging 24
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    python = str(tmp_path / "env" / "bin" / "python")

    subprocess.run([python, "-m", "pip", "install", "--quiet", *needed, *sorted(tools)], check=True)
    ran = subprocess.run(
        [
            *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-m", "not server and not installed", *(f"tests/{each}" for each in CORE)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    print(ran.stdout.splitlines()[-1])
    assert ran.returncode == 0, ran.stdout + ran.stderr
