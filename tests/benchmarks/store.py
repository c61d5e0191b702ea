"""Measurements of the checks that read the store, and of the collector that writes it."""

from collections.abc import Iterator

from backup_monitoring.tasks.registry import TASKS
from benchmarks.compared import Command, Used, compare
from benchmarks.figures import IMPORT, OF_IMPORT, Figure, memory, ratio
from benchmarks.live_checks import search
from benchmarks.sample_data import NOW
from benchmarks.stage import Stage


def one_stored(stage: Stage) -> Iterator[Figure]:
    """Compare a check of one account from the store with importing what others are made of."""
    imports = Command((stage.python, "-c", IMPORT))
    tasks = ("quota", "schedule")
    bare, *checks = compare(
        [imports, *(stage.one(task, stage.few.stored) for task in tasks)], stage.size.rounds
    )
    for task, used in zip(tasks, checks, strict=True):
        what = f"{task} of one account from the store, the whole process, {OF_IMPORT}"
        yield ratio(what, used, bare, 0.35)


def all_stored(stage: Stage) -> Iterator[Figure]:
    """Compare the checks of all accounts from the store with ldapsearch of what quota needs."""
    many = stage.many
    checks = [stage.check(task, many.stored) for task in TASKS]
    asked, *found = compare([search(many), *checks], stage.size.long_rounds)
    for task, used in zip(TASKS, found, strict=True):
        what = f"{task} of all of {many.accounts:,} accounts from the store"
        yield ratio(f"{what}, to `ldapsearch` of what quota needs", used, asked, 0.5)
    worst = max(found, key=lambda used: used.memory)
    yield memory("the largest of these", worst, 60)


def one_run(stage: Stage) -> Iterator[Figure]:
    """Compare a run with reading the same live, and one with nothing new with the first."""
    few = stage.few
    again = stage.collect(few)
    folder = str(few.stored.parent / "store")
    # $0 is the folder: what earlier runs left there goes away first
    first = Command(("/bin/sh", "-c", 'rm -f "$0"/* && exec "$@"', folder, *again.words))
    live = stage.script("whole.py", few.live, NOW.isoformat())
    of_first, of_again, of_live = compare([first, again, live], stage.size.long_rounds)
    what = f"a collector run over {few.accounts:,} accounts, {few.accounts * 3 // 2:,} computers"
    yield ratio(f"{what}, warm, to reading and judging them live", of_again, of_live, 1.3)
    yield memory(what, Used(0, max(of_first.memory, of_again.memory)), 100)
    yield ratio(f"{what}, with nothing new, to the first", of_again, of_first, 1)
