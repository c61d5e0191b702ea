"""Measurements of the checks that read directory and files themselves."""

import shutil
from collections.abc import Iterator

from backup_monitoring.directory.account_reader import AccountReader, KnownAttributes
from backup_monitoring.model.needs import Need
from backup_monitoring.settings.directory import AttributeNames
from benchmarks.compared import Command, Used, compare
from benchmarks.figures import IMPORT, OF_IMPORT, Figure, memory, ratio
from benchmarks.sample_data import NOW
from benchmarks.stage import Served, Stage
from integration.slapd import ACCOUNTS


def one_account(stage: Stage) -> Iterator[Figure]:
    """Compare a check of one account, the whole process, with importing what it is made of."""
    imports = Command((stage.python, "-c", IMPORT))
    bare, quota, schedule = compare(
        [imports, *(stage.one(task, stage.few.live) for task in ("quota", "schedule"))],
        stage.size.rounds,
    )
    for task, used, target in (("quota", quota, 1.25), ("schedule", schedule, 1.4)):
        yield ratio(
            f"{task} of one account from slapd, the whole process, {OF_IMPORT}",
            *(used, bare, target),
        )


def all_accounts(stage: Stage) -> Iterator[Figure]:
    """Compare quota of all accounts with ldapsearch, and of many accounts with that of few."""
    many, few = stage.many, stage.few
    quota_many, asked, quota_few = compare(
        [stage.check("quota", many.live), search(many), stage.check("quota", few.live)],
        stage.size.long_rounds,
    )
    what = f"quota of all of {many.accounts:,} accounts from slapd"
    yield ratio(f"{what}, to `ldapsearch` of the same", quota_many, asked, 2)
    yield memory(what, quota_many, 60)
    times = many.accounts / few.accounts
    yield ratio(f"{what}, time to that of {few.accounts:,}", quota_many, quota_few, times)
    yield Figure(
        f"{what}, memory to that of {few.accounts:,}",
        *(quota_many.memory / quota_few.memory, 1.1, "x"),
        f"{quota_many.memory:.0f} MiB : {quota_few.memory:.0f} MiB",
    )


def files(stage: Stage) -> Iterator[Figure]:
    """Compare reading the files of computers with parsing them by bare expat."""
    size = stage.size
    homes = (stage.few.root, size.files)
    count, ours, bare = stage.inside("reading.py", *homes, size.long_rounds, NOW.isoformat())
    what = f"reading {count // 3:,} computers, warm, to bare expat over their {count:,} files"
    yield ratio(what, Used(ours, 0), Used(bare, 0), 2.5)


def schedule_rule(stage: Stage) -> Iterator[Figure]:
    """Measure the rule that counts due times."""
    seconds = stage.inside("evaluating.py", stage.size.rounds, NOW.isoformat())
    yield Figure(
        "schedule rule of a computer that has not backed up for a year",
        *(1000 * seconds, 0.3, "ms", "one call, without input"),
    )


def search(served: Served) -> Command:
    """Return the command that reads what quota needs of all accounts."""
    program = shutil.which("ldapsearch")
    assert program, "ldapsearch is not installed"
    server = served.server
    asked = AccountReader(
        AttributeNames(), Need.QUOTA, NOW, KnownAttributes.ACTIVE | KnownAttributes.KIND
    )
    who = ("-x", "-H", server.uri, "-D", server.reader, "-w", server.password)
    where = ("-LLL", "-b", ACCOUNTS, "-s", "one", "(&(objectClass=sstBackup)(sstIsActive=TRUE))")
    return Command((program, *who, *where, *asked.attributes))
