"""No input makes a parser fail otherwise than it says, or take long, or say much.

``--fuzz N`` tries N inputs, mutations of the corpus, in place of a hundred thousand. With
``--guided N`` atheris chooses N more by the branches that they reach (``pip install atheris``).
With -s both print the table. An input that is a fault is kept in ``crashes``, for all later runs.
"""

import re
import subprocess
import sys
import time
from itertools import islice
from random import Random

import pytest

from fuzz.inputs import CORPUS, CRASHES, keep, list_seeds, mutate
from fuzz.parsers import PARSERS, TESTS
from fuzz.trying import SlowError, limiting, try_input

SHARES = sum(parser.share for parser in PARSERS.values())


def try_and_keep(name: str, data: bytes) -> None:
    try:
        try_input(PARSERS[name], data)
    except (Exception, SlowError) as error:
        raise AssertionError(f"{name}: {error!r} of {keep(name, data)}") from error


@pytest.mark.parametrize("name", PARSERS)
def test_no_mutation_is_a_fault(name: str, pytestconfig: pytest.Config) -> None:
    count = pytestconfig.getoption("--fuzz") * PARSERS[name].share // SHARES
    seeds = list_seeds(name)
    began = time.monotonic()
    with limiting():
        for data in seeds:
            try_and_keep(name, data)
        # The same each time, so that a fault is one of a change.
        for data in islice(mutate(seeds, Random(name)), count):
            try_and_keep(name, data)
    print(f"\n{name}: {len(seeds)} seeds, {count} mutations, {time.monotonic() - began:.1f} s")


@pytest.mark.parametrize("name", PARSERS)
def test_a_seed_is_parsed(name: str) -> None:
    """Otherwise mutations would only try how a parser refuses."""
    parsed = 0
    for data in list_seeds(name):
        try:
            parsed += PARSERS[name].check(data) is not None
        except PARSERS[name].allowed:
            continue
    assert parsed > 0


def test_each_corpus_is_of_a_parser() -> None:
    names = {path.stem for folder in (CORPUS, CRASHES) for path in folder.glob("*")}
    assert names <= set(PARSERS)


@pytest.mark.parametrize("name", PARSERS)
def test_no_guided_input_is_a_fault(name: str, pytestconfig: pytest.Config) -> None:
    total = pytestconfig.getoption("--guided")
    if not total:
        pytest.skip("--guided N")
    pytest.importorskip("atheris")
    count = max(1, total * PARSERS[name].share // SHARES)
    command = [sys.executable, "-m", "fuzz.guided", name, str(count)]
    paths = f"{TESTS}:{TESTS.parent / 'lib'}:{TESTS.parent}"
    done = subprocess.run(
        command, env={"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    [figures] = re.findall(r"Done (\d+) runs in (\d+) second", said)
    print(f"\n{name}: {figures[0]} inputs, {figures[1]} s, {re.findall('cov: [0-9]+', said)[-1]}")
