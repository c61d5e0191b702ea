"""Lets atheris choose inputs of a parser by the branches that they reach.

``python -m fuzz.guided PARSER COUNT``; the first fault is kept, and ends it.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["backup_monitoring"]):
    import fuzz.parsers  # noqa: F401 - what it imports is instrumented

from fuzz.inputs import LONGEST, keep, list_seeds
from fuzz.parsers import PARSERS
from fuzz.trying import SlowError, limiting, try_input


def main(name: str, count: str) -> None:
    """Try *count* inputs of the parser *name*."""
    parser = PARSERS[name]

    def try_one(data: bytes) -> None:
        try:
            try_input(parser, data)
        except (Exception, SlowError) as error:
            print(f"{name}: {error!r} of {keep(name, data)}", flush=True)
            raise

    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(list_seeds(name)):
            Path(folder, str(number)).write_bytes(seed)
        limits = [f"-runs={count}", f"-max_len={min(LONGEST, 4096)}", "-timeout=60", "-seed=1"]
        with limiting():
            atheris.Setup([sys.argv[0], *limits, "-verbosity=1", folder], try_one)
            atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
