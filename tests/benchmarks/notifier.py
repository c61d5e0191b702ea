"""Measurements of the notifier: the hook, and a scan from the store."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.compared import Command, Used, compare
from benchmarks.figures import IMPORT, OF_IMPORT, Figure, memory, ratio
from benchmarks.sample_data import FIRST_UID, NOW, ONE_FAILS
from benchmarks.stage import Stage
from mail import exim

_MAILS = 1000
_WAITING_MAILS = 10_000


def hook(stage: Stage) -> Iterator[Figure]:
    """Compare a call by a monitoring system with importing what others are made of."""
    imports = Command((stage.python, "-c", IMPORT))
    uid = str(FIRST_UID)  # each turn is about another account that fails
    said = ("--type", "PROBLEM", "--task", "quota", "--state", "WARNING", "--output", "full")
    # As it is called: a time of its own would be read in another way.
    program, config = str(stage.programs.bin / "notify_backup"), str(stage.many.stored)
    account = ("-a", f"{uid[:-4]}{{turn}}{uid[-2:]}")
    call = Command((program, "--config", config, *account, *said))
    bare, called = compare([imports, call], stage.size.rounds)
    yield ratio(f"notify_backup as a hook, {OF_IMPORT}", called, bare, 0.3)


def scan(stage: Stage) -> Iterator[Figure]:
    """Compare a scan without any change with the check of all accounts."""
    many = stage.many
    again = stage.program("notify_backup", many.scanned, "--scan")
    stage.do(again)  # the first one only records
    stage.do(stage.program("notify_backup", many.scanned, "--release"))
    stage.do(again)  # the second one notifies
    scanned, quota = compare([again, stage.check("quota", many.stored)], stage.size.long_rounds)
    failed = many.accounts // ONE_FAILS
    what = f"scan of {many.accounts:,} accounts of which {failed:,} failed, nothing new"
    yield ratio(f"{what}, to quota of all from the store", scanned, quota, 1.5)
    yield memory(what, scanned, 60)


def mails(stage: Stage) -> Iterator[Figure]:
    """Measure how long it takes to put many mails, as drafts, into an outbox."""
    folder = stage.folder / "outboxes"
    folder.mkdir(exist_ok=True)
    served = stage.many
    count, seconds = stage.inside(
        *("queueing.py", served.stored, folder, min(_MAILS, served.accounts // 50)),
        *(stage.size.long_rounds, NOW.isoformat()),
    )
    what = f"{count:,} new mails into the outbox, recipients included"
    yield Figure(what, seconds, 3, "s", "a transaction per account")


def delivery(stage: Stage) -> Iterator[Figure]:
    """Compare the delivery of waiting mails to a real Exim with a loop that only sends."""
    folder = Path(tempfile.mkdtemp(prefix="delivery-", dir=stage.folder))
    for each in (stage.folder, folder):
        each.chmod(0o755)  # Exim has a user of its own
    served = stage.many
    with exim.running(folder / "exim", options="queue_only") as server:
        count, ours, bare = stage.inside(
            *("delivering.py", served.stored, folder, min(_WAITING_MAILS, served.accounts // 10)),
            *(1, server.port, NOW.isoformat()),
        )
    what = f"delivery of {count:,} waiting mails to Exim, writing them included"
    yield ratio(
        f"{what}, to a bare smtplib loop of the same messages", Used(ours, 0), Used(bare, 0), 1.2
    )
