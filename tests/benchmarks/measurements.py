"""The measurements: what is compared with what, and how much of it is good enough."""

import shutil
from collections.abc import Callable, Iterator
from typing import NamedTuple

from backup_monitoring.directory.reader import AccountReader, Certain
from backup_monitoring.needs import Need
from backup_monitoring.places import AttributeNames
from benchmarks.compared import Command, Used, compare
from benchmarks.made_up import NOW
from benchmarks.stage import Served, Stage
from integration.slapd import ACCOUNTS

_IMPORT = "import nagiosplugin, ldap3"


class Line(NamedTuple):
    """One line of the table: *value* is good up to *target*, both in *unit*.

    Args:
        how: both sides in absolute figures.
    """

    what: str
    value: float
    target: float
    unit: str
    how: str

    @property
    def reached(self) -> bool:
        """Whether the value is good enough."""
        return self.value <= self.target


def one_account(stage: Stage) -> Iterator[Line]:
    """Compare a check of one account, the whole process, with importing what it is made of."""
    imports = Command((stage.python, "-c", _IMPORT))
    bare, quota, schedule = compare(
        [imports, stage.one("quota"), stage.one("schedule")], stage.size.rounds
    )
    for task, used, target in (("quota", quota, 1.25), ("schedule", schedule, 1.4)):
        yield _ratio(
            f"{task} of one account from slapd, the whole process, to `python3 -c '{_IMPORT}'`",
            *(used, bare, target),
        )


def all_accounts(stage: Stage) -> Iterator[Line]:
    """Compare quota of all accounts with ldapsearch, and of many accounts with that of few."""
    many, few = stage.many, stage.few
    quota_many, search, quota_few = compare(
        [stage.check("quota", many), _search(many), stage.check("quota", few)],
        stage.size.long_rounds,
    )
    what = f"quota of all of {many.accounts:,} accounts from slapd"
    yield _ratio(f"{what}, to `ldapsearch` of the same", quota_many, search, 2)
    yield Line(f"{what}, memory", quota_many.memory, 60, "MiB", "resident, at its peak")
    times = many.accounts / few.accounts
    yield _ratio(f"{what}, time to that of {few.accounts:,}", quota_many, quota_few, times)
    yield Line(
        f"{what}, memory to that of {few.accounts:,}",
        *(quota_many.memory / quota_few.memory, 1.1, "x"),
        f"{quota_many.memory:.0f} MiB : {quota_few.memory:.0f} MiB",
    )


def files(stage: Stage) -> Iterator[Line]:
    """Compare reading the files of computers with parsing them by bare expat."""
    ours, bare = stage.inside("reading.py", stage.root, stage.size.long_rounds, NOW.isoformat())
    computers = stage.size.computers
    what = (
        f"reading {computers:,} computers, warm, to bare expat over their {3 * computers:,} files"
    )
    yield _ratio(what, Used(ours, 0), Used(bare, 0), 2.5)


def schedule_rule(stage: Stage) -> Iterator[Line]:
    """Measure the rule that counts due times."""
    seconds = stage.inside("judging.py", stage.size.rounds, NOW.isoformat())
    yield Line(
        "schedule rule of a computer that has not backed up for a year",
        *(1000 * seconds, 0.3, "ms", "one call, without input"),
    )


MEASUREMENTS: tuple[Callable[[Stage], Iterator[Line]], ...] = (
    one_account,
    all_accounts,
    files,
    schedule_rule,
)


def _ratio(what: str, used: Used, than: Used, target: float) -> Line:
    how = f"{1000 * used.seconds:,.0f} ms : {1000 * than.seconds:,.0f} ms"
    return Line(what, used.seconds / than.seconds, target, "x", how)


def _search(served: Served) -> Command:
    program = shutil.which("ldapsearch")
    assert program, "ldapsearch is not installed"
    server = served.server
    asked = AccountReader(AttributeNames(), Need.QUOTA, NOW, Certain.ACTIVE | Certain.KIND)
    who = ("-x", "-H", server.uri, "-D", server.reader, "-w", server.password)
    where = ("-LLL", "-b", ACCOUNTS, "-s", "one", "(&(objectClass=sstBackup)(sstIsActive=TRUE))")
    return Command((program, *who, *where, *asked.attributes))
