"""Measurements of the programs that pass accounts and their states to a monitoring system."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backup_monitoring.tasks import registry
from benchmarks.compared import Command, Used, compare
from benchmarks.figures import Figure, memory, ratio
from benchmarks.sample_data import NOW
from benchmarks.stage import Served, Stage
from programs.daemons import PASSWORD, Icinga, running
from programs.test_generate import TEMPLATES

_TASKS = tuple(sorted(registry.TASKS))
_SHIPPED = TEMPLATES["passive"]


def objects(stage: Stage) -> Iterator[Figure]:
    """Measure making the objects of all accounts for Icinga 2."""
    many = stage.many
    (used,) = compare([_generate(stage, many)], stage.size.long_rounds)
    what = f"objects of {many.accounts:,} accounts, {len(_TASKS)} checks"
    yield Figure(what, used.seconds, 10, "s", "the whole process")
    yield memory(what, used, 100)


_PAGE_CPU, _PAGE_SIZE = 10 / 20_000, 150 / 20_000  # seconds and MiB per account


def page(stage: Stage) -> Iterator[Figure]:
    """Measure writing the page of all accounts, for the first time and again."""
    few = stage.few
    folder = few.stored.parent / "page"
    settings = few.stored.with_name("page.toml")
    # Without the outbox, which perhaps no delivery has created yet.
    stored = few.stored.read_text().partition("[notify]")[0]
    settings.write_text(f'{stored}\n[overview]\nfolder = "{folder}"\n')
    again = stage.program("backup_overview", settings)
    # Moved and not deleted: ext4 without a journal avoids inodes that were just deleted, and then
    # takes several times as long to create as many files again.
    script = '[ ! -e "$0" ] || mv "$0" "$0.$$"; exec "$@"'
    first = Command(("/bin/sh", "-c", script, str(folder), *again.words))
    of_first, of_again = compare([first, again], stage.size.long_rounds)
    what = f"the page of {few.accounts:,} accounts, CPU"
    for when, used in (("", of_first), (", with nothing new", of_again)):
        how = f"the whole process, {used.seconds:.1f} s"
        yield Figure(what + when, used.cpu, few.accounts * _PAGE_CPU + 1, "s", how)
    files = [file for file in folder.rglob("*") if file.is_file()]
    blocks = sum(file.stat().st_blocks for file in files) * 512 / 2**20
    most = few.accounts * _PAGE_SIZE + 1
    yield Figure(f"the page of {few.accounts:,} accounts, on disk", blocks, most, "MiB", "blocks")
    yield memory(what.removesuffix(", CPU"), of_first, 150)


def results(stage: Stage) -> Iterator[Figure]:
    """Compare submitting results to a real Icinga 2 with a loop that sends, and with checks."""
    with _icinga(stage) as (served, settings):
        yield from _compare_results(stage, served, settings)
        yield _compare_cpu(stage, served, settings)


def _compare_results(stage: Stage, served: Served, settings: Path) -> Iterator[Figure]:
    count, submitting, reading, bare = stage.inside(
        "submitting.py", settings, stage.size.long_rounds, NOW.isoformat()
    )
    assert count == len(_TASKS) * served.accounts
    loop, than = Used(bare, 0), "to a bare http.client loop"
    what = f"{count:,} results to Icinga 2"
    yield ratio(f"{what}, {than}", Used(submitting, 0), loop, 1)
    yield ratio(f"{what}, reading the states included, {than}", Used(reading, 0), loop, 1)


def _compare_cpu(stage: Stage, served: Served, settings: Path) -> Figure:
    """Compare the CPU time per account: one process for all checks, and a process per check."""
    submitted, *checks = compare(
        [
            stage.program("submit_backup_results", settings),
            *(stage.one(task, settings) for task in _TASKS),
        ],
        stage.size.long_rounds,
    )
    of_results, of_checks = submitted.cpu / served.accounts, sum(check.cpu for check in checks)
    return Figure(
        "submit_backup_results, CPU per account, to a process per check",
        *(100 * of_results / of_checks, 0.3, "%"),
        f"{1000 * of_results:.2f} ms : {1000 * of_checks:.0f} ms, {served.accounts:,} accounts",
    )


def _generate(stage: Stage, served: Served) -> Command:
    return stage.program(
        "generate_backup_objects", served.stored, "--output", str(_objects_file(served))
    )


def _objects_file(served: Served) -> Path:
    return served.stored.with_name("objects.conf")


@contextmanager
def _icinga(stage: Stage) -> Iterator[tuple[Served, Path]]:
    """Run an Icinga 2 with the objects of a fifth of the few; yield settings that name it."""
    with stage.serving(max(stage.size.few // len(_TASKS), 1)) as served:
        stage.do(stage.collect(served))
        stage.do(_generate(stage, served))
        folder = served.stored.parent
        icinga = Icinga(folder / "icinga2", stage.programs.bin, _SHIPPED, _objects_file(served))
        secret, settings = folder / "icinga-password", folder / "submit.toml"
        secret.touch(0o600)
        secret.write_text(PASSWORD)
        settings.write_text(
            f'{served.stored.read_text()}[icinga]\nurl = "https://localhost:{icinga.port}"\n'
            f'ca_file = "{icinga.ca_file}"\nuser = "backup-submit"\n'
            f'password_file = "{secret}"\n'
        )
        with running(icinga):
            yield served, settings
