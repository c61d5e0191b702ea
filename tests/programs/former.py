"""Stores and outboxes as the programs of former versions have written them.

tests/layouts has folders for combinations of layouts that a version had (state, past, outbox), the
newest one included: its files of these names, over two accounts of the example after the night of
25 November. Account 4000101 has failed once, 4000106 twice, and a mail about 4000101 waits.
"""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

from programs.in_process import Done, run_program
from programs.installed import ROOT

FORMER = sorted(
    (folder.name for folder in (ROOT / "tests" / "layouts").iterdir()),
    key=lambda name: [int(layout) for layout in name.split("-")],
)
NOW = "2026-11-25T08:10:00+01:00"
DELIVERED = "2026-11-25T08:20:00+01:00"


def unpack(former: str, folder: Path) -> dict[str, int]:
    """Write the files of *former* into *folder*; return the layout of each, by its name."""
    layouts = {}
    for packed in sorted((ROOT / "tests" / "layouts" / former).iterdir()):
        file = folder / packed.stem
        file.write_bytes(gzip.decompress(packed.read_bytes()))
        with closing(sqlite3.connect(file)) as db:
            (layouts[file.stem],) = db.execute("PRAGMA user_version").fetchone()
    return layouts


def run(program: str, *arguments: str, now: str = NOW) -> Done:
    return run_program(program, *arguments, "--now", now)


def deliver(now: str) -> int:
    """Deliver the mails that wait; return how many were sent."""
    done = run("notify_backup", "--deliver", now=now)
    assert done.code == 0
    return int(done.out.partition(" sent, 0 to retry, 0 refused")[0])
