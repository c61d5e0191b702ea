"""The stand-ins of modules: each loads its module when that is first used."""

import subprocess
import sys
from pathlib import Path

import pytest

from backup_monitoring.plugin.lazy_modules import RARELY_USED

ROOT = Path(__file__).parent.parent.parent
# What is used of each, and what it gives.
USES = {
    "ipaddress": ("str(module.ip_address('192.0.2.1'))", "192.0.2.1"),
    "json": ("module.dumps([1])", "[1]"),
    "tempfile": ("module.gettempprefix()", "tmp"),
    "traceback": ("module.format_exception_only(KeyError('x'))", "[\"KeyError: 'x'\\n\"]"),
}
PROGRAM = """
import sys
sys.path.insert(0, {lib!r})
from backup_monitoring.plugin.lazy_modules import LazyModule, install_lazy_modules
sys.modules.pop({name!r}, None)
install_lazy_modules()
import {name} as module
assert type(module) is LazyModule
assert module is sys.modules[{name!r}]
print({use})
assert type(sys.modules[{name!r}]) is not LazyModule
import {name} as again
assert again is sys.modules[{name!r}]
assert vars(again).items() <= vars(module).items()
"""


def test_each_is_tested() -> None:
    assert set(USES) == set(RARELY_USED)


@pytest.mark.parametrize("name", RARELY_USED)
def test_a_stand_in_loads_its_module_on_first_use(name: str) -> None:
    use, result = USES[name]
    program = PROGRAM.format(lib=str(ROOT / "lib"), name=name, use=use)

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (done.stdout, done.stderr) == (f"{result}\n", "")


def test_a_module_that_is_loaded_stays() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'lib')!r}); import json; "
        "from backup_monitoring.plugin.lazy_modules import LazyModule, install_lazy_modules; "
        "install_lazy_modules(); "
        "assert sys.modules['json'] is json; assert type(json) is not LazyModule"
    )

    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_module_whose_file_cannot_be_seen_is_named(tmp_path: Path) -> None:
    (tmp_path / "json").mkdir()  # without __init__.py, as on a disk with I/O errors
    program = PROGRAM.format(lib=str(ROOT / "lib"), name="json", use="module.dumps([1])")
    only = f"sys.path[:] = [{str(tmp_path)!r}]\nprint("

    done = subprocess.run(
        [sys.executable, "-c", program.replace("print(", only, 1)], capture_output=True, text=True
    )

    assert done.stderr.endswith("ImportError: json cannot be loaded\n")
