"""Plays the days of servers: the clients upload, the collector runs, and all tasks are asked."""

import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from backup_monitoring.model.needs import Files, Need
from backup_monitoring.model.verdicts import Verdict
from backup_monitoring.settings.load import Settings
from backup_monitoring.store.live import read_live_accounts
from backup_monitoring.store.store_file import open_store
from backup_monitoring.tasks.judge import evaluate_all
from simulation.computers import (
    END,
    GRACE,
    PLAN,
    START,
    Computer,
    Operation,
    Run,
    Upload,
    Window,
    value_at,
)
from simulation.disk import Disk
from simulation.lives import (
    CHOWNED_UNSEEN,
    OFTEN,
    RESTORED_UNSEEN,
    RUN_TASKS,
    Extent,
    Fleet,
    list_fleets,
    next_end,
)
from simulation.oracle import (
    ALARMS,
    MAX_RUN,
    MINIMUM,
    AccountLife,
    Moment,
    Options,
    clear,
    expect,
)
from store.fleet import Fleet as Directory
from store.fleet import collect_once, entry
from walls import DAY

TASKS = ("quota", "schedule", "status", "client", "unused")
FALSE, MISSED = "false", "missed"
Found = tuple[str, dict[str, Verdict]]  # of an account: its uid, and its verdicts by task
Reports = list[tuple[str, Run]]  # of a computer: names of files, and whose they are


@dataclass
class Tally:
    """What was found, by kind of days.

    Args:
        found: episodes of false alarms and missed failures, by source and task.
        accepted: episodes of accepted deviations by name.
        examples, allowed: what was found and accepted, for those who look into it.
    """

    days: int = 0
    found: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.days += other.days
        self.found += other.found
        self.accepted += other.accepted
        self.examples += other.examples
        self.allowed += other.allowed


Table = dict[str, Tally]


class Event(NamedTuple):
    """What happens to a computer's files."""

    at: datetime
    uid: str
    computer: Computer
    what: Upload | Operation


def simulate(days: int, seed: str, extent: Extent, kind: str = "") -> Table:
    """Play servers until they had *days* account-days (of *kind* only, if given)."""
    table: Table = {}
    played = 0
    for number, fleet in enumerate(list_fleets(seed, extent)):
        if kind:
            fleet.accounts = [each for each in fleet.accounts if each.kind == kind]
        if fleet.accounts:
            Server(fleet, f"{seed} {number}", table).play()
        played += fleet.length * len(fleet.accounts)
        if played >= days:
            return table
    return table


class Server:
    """A server whose days are played on a real disk.

    Args:
        name: for the examples. table: to which its days are added.
        schedule: more settings of [schedule].
    """

    def __init__(self, fleet: Fleet, name: str, table: Table, schedule: str = "") -> None:
        self._fleet = fleet
        self._schedule = schedule
        self._name = name
        self._table = table
        self._last: dict[tuple[str, str, str], str] = {}
        self._current: dict[tuple[int, str], Run] = {}
        self._entries = ""
        self._renamed: list[Computer] = []
        self._kept: dict[int, list[tuple[str, Run]]] = {}
        self._sample = Random(name)

    def play(self) -> None:
        shared = Path("/dev/shm")
        with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
            self._set_up(Path(folder))
            with self._disk.dated():
                self._play()
        self._count_days()

    def _count_days(self) -> None:
        fleet = self._fleet
        for account in fleet.accounts:
            for number in range(fleet.length):
                kind = account.kind_at(fleet.begin + number * DAY)
                self._table.setdefault(kind, Tally()).days += 1

    def _set_up(self, folder: Path) -> None:
        self._directory = Directory(folder, [each.uid for each in self._fleet.accounts])
        self._disk = Disk(self._directory.home)
        self._directory.file.write_text(self._format_settings())
        self._settings: Settings = self._directory.settings
        self._folders = {
            id(computer): self._disk.reports(account.uid, computer.setup.name)
            for account in self._fleet.accounts
            for computer in account.computers
        }

    def _format_settings(self) -> str:
        zones = ", ".join(f'"{zone}"' for zone in self._fleet.zones)
        minimum = "\n".join(f'"{name}" = "{version}"' for name, version in MINIMUM.items())
        return (
            '[directory]\nuri = "ldif:directory.ldif"\nsuffix = "dc=example,dc=org"\n'
            '[homes]\nroot = "tree"\n[store]\nfolder = "store"\nmax_age = "1d"\n'
            f'[schedule]\nzones = [{zones}]\nretired_after = "{self._fleet.retired_after.days}d"\n'
            f"{self._schedule}\n"
            f"[client.minimum]\n{minimum}\n"
        )

    def _play(self) -> None:
        events = deque(sorted(self._list_events(), key=lambda event: event.at))
        for now, uids in sorted(self._list_moments(events).items()):
            while events and events[0].at <= now:
                self._apply(events.popleft())
            self._write_entries(now)
            server_now = self._server_time(now)
            if not any(begin <= now < end for begin, end in self._fleet.outages):
                collect_once(self._settings, server_now)
                self._mark_seen(now)
                self._compare_all("store", self._read_store(uids), now)
                self._notify(now)
            if uids and self._sample.random() < self._fleet.live_share:
                self._compare_all("live", self._judge_live(uids, server_now), now)

    def _mark_seen(self, now: datetime) -> None:
        self._find_begun_anew()
        for (_, name), run in self._current.items():
            run.seen.add(name)
            if name == START and (run.end_in is None or run.end_in > now):
                run.seen_open = True

    def _notify(self, now: datetime) -> None:
        """Do nothing: nobody is notified."""

    def _list_events(self) -> Iterator[Event]:
        for account in self._fleet.accounts:
            for computer in account.computers:
                for upload in computer.uploads:
                    yield Event(upload.arrival, account.uid, computer, upload)
                for operation in computer.setup.operations:
                    yield Event(operation.at, account.uid, computer, operation)

    def _list_moments(self, events: Iterable[Event]) -> dict[datetime, list[str]]:
        """Return when the collector runs, and for whom something happens or could be noticed."""
        fleet = self._fleet
        everybody = {account.uid for account in fleet.accounts}
        edges = [(event.at, {event.uid}) for event in events]
        for account in fleet.accounts:
            for computer in account.computers:
                late = [due.at + GRACE for due in computer.dues]
                late += [run.start + MAX_RUN for run in computer.runs if run.open_at(MAX_RUN)]
                edges += [(at, {account.uid}) for each in late for at in (each, each + fleet.every)]
        turns = [at for begin, end in fleet.outages for at in (begin, end)]
        turns += [at for begin, end, _ in fleet.server for at in (begin, end)]
        turns += [
            fleet.begin + number * fleet.quiet_every
            for number in range(1, (fleet.end - fleet.begin) // fleet.quiet_every)
        ]
        edges += [(at, everybody) for at in turns]
        moments: dict[datetime, set[str]] = {}
        for at, uids in edges:
            if fleet.begin < (moment := self._find_run(at)) < fleet.end:
                moments.setdefault(moment, set()).update(uids)
        for begin, end in fleet.busy:
            for number in range((end - begin) // OFTEN):
                moments.setdefault(_round_up(begin + number * OFTEN, OFTEN), set())
        return {at: sorted(uids) for at, uids in moments.items()}

    def _find_run(self, at: datetime) -> datetime:
        """Return when the collector runs after *at*."""
        busy = any(begin <= at < end - OFTEN for begin, end in self._fleet.busy)
        return _round_up(at, OFTEN if busy else self._fleet.every)

    def _server_time(self, now: datetime) -> datetime:
        for begin, end, error in self._fleet.server:
            if begin <= now < end:
                return now + error
        return now

    def _apply(self, event: Event) -> None:
        computer, what, disk = event.computer, event.what, self._disk
        folder, at = self._folders[id(computer)], self._server_time(event.at)
        if isinstance(what, Upload):
            disk.upload(folder, computer.setup.program, what, at)
            if what.run is not None:
                self._current[id(computer), what.name] = what.run
            return
        if not folder.exists():
            return
        match what.what:
            case "chown":
                if value_at(computer.setup.clock, event.at):
                    reports = [each for each in self._list_reports(computer) if each[0] != PLAN]
                    self._accept_unseen(computer, event.at, reports, CHOWNED_UNSEEN)
                disk.chown(folder, at)
            case "snapshot":
                self._kept[id(computer)] = self._list_reports(computer)
                disk.snapshot(folder, event.at)
            case "restore":
                self._lose_unseen(computer)
                kept = self._kept.get(id(computer), [])
                self._accept_unseen(computer, event.at, kept, RESTORED_UNSEEN)
                disk.restore(folder, at)
            case "delete":
                (folder / PLAN).unlink(missing_ok=True)
            case "remove":
                disk.remove(folder)
            case "rename":
                self._renamed.append(computer)
                new = folder.parent.with_name(f"{folder.parent.name}-renamed") / folder.name
                disk.rename(folder, new)
                self._folders[id(computer)] = new

    def _find_begun_anew(self) -> None:
        """Note whose folder was renamed, and has nothing by which the collector could know it."""
        for computer in self._renamed:
            runs = {name: self._current.get((id(computer), name)) for name in (START, END)}
            if not any(run is not None and name in run.seen for name, run in runs.items()):
                computer.known_from = max((run.number for run in runs.values() if run), default=0)
        self._renamed.clear()

    def _list_reports(self, computer: Computer) -> Reports:
        return [(name, run) for (at, name), run in self._current.items() if at == id(computer)]

    def _accept_unseen(
        self, computer: Computer, at: datetime, reports: Reports, accepted: str
    ) -> None:
        """Accept what the documents say of *reports* if no run has seen one of them."""
        if all(name in run.seen for name, run in reports):
            return
        window = Window(
            at, next_end(computer, at), accepted, RUN_TASKS, frozenset(["store"]), ALARMS
        )
        computer.windows.append(window)

    def _lose_unseen(self, computer: Computer) -> None:
        """Forget the reports that other ones replace before the collector has seen them."""
        for name in (START, END):
            run = self._current.get((id(computer), name))
            if run is None or name in run.seen:
                continue
            del self._current[id(computer), name]
            if name == START:
                run.start_in = None
            else:
                run.end_in = None

    def _write_entries(self, now: datetime) -> None:
        """Write the directory if an account is new, or something in its entry is."""
        there = [each for each in self._fleet.accounts if each.created <= now]
        entries = "".join(self._format_entry(each, now) for each in there)
        if entries != self._entries:
            self._entries = entries
            self._directory.entries(self._format_people(), entries)

    def _format_people(self) -> str:
        """Return the entries of people: none."""
        return ""

    def _format_entry(self, account: AccountLife, now: datetime) -> str:
        return entry(
            account.uid,
            sstBackupSize=int(10 * account.size_at(now)),
            createTimestamp=f"{account.created:%Y%m%d%H%M%SZ}",
            sstBackupWarningNumbers=account.numbers,
            sstBackupWarningDays=account.days,
            sstCancellationDate=f"{account.ended:%Y%m%dT%H%M%SZ}" if account.ended <= now else None,
        )

    def _read_store(self, uids: list[str]) -> list[Found]:
        """Return what the run that has just ended found."""
        state = open_store(self._directory.store)
        try:
            return [
                (verdicts[0].uid, {each.task: each.verdict for each in verdicts})
                for verdicts in state.verdicts().list_all(uids)
            ]
        finally:
            state.close()

    def _judge_live(self, uids: list[str], server_now: datetime) -> list[Found]:
        policies = self._settings.policies
        found = read_live_accounts(
            self._settings, Need.ALL, Files.ALL, uids, server_now, lambda _: None
        )
        return [
            (account.uid, evaluate_all(account, uploads, policies, server_now))
            for account, uploads in found
        ]

    def _compare_all(self, source: str, found: list[Found], now: datetime) -> None:
        lives = {each.uid: each for each in self._fleet.accounts}
        for uid, verdicts in found:
            if now >= lives[uid].ended:
                continue
            expected = expect(Moment(now, source, lives[uid]), self._fleet.windows)
            for task, verdict in verdicts.items():
                self._compare(lives[uid], source, task, verdict, expected[task], now)

    def _compare(
        self,
        life: AccountLife,
        source: str,
        task: str,
        verdict: Verdict,
        options: Options,
        now: datetime,
    ) -> None:
        """Count the beginning of each episode of a deviation."""
        what = options.get(verdict.state)
        if what is None:
            worse = verdict.state.badness > max(state.badness for state in options)
            what = FALSE if worse else MISSED
        before = self._last.get((life.uid, source, task), "")
        self._last[life.uid, source, task] = what
        if what in ("", before):
            return
        kind = life.kind_at(now)
        tally = self._table.setdefault(kind, Tally())
        where = f"{kind}: {self._name} {life.uid} {source} {task} {now:%m-%d %H:%M}"
        said = f"{verdict.state.name} {verdict.summary!r}, expected {clear(options)}"
        if what not in (FALSE, MISSED):
            tally.accepted[what] += 1
            tally.allowed.append(f"{where} {what}: {said}")
            return
        tally.found[source, task, what] += 1
        tally.examples.append(f"{where} {what}: {said}")


def _round_up(moment: datetime, every: timedelta) -> datetime:
    since = moment - datetime(2020, 1, 1, tzinfo=UTC)
    return moment + (-since % every)


def format_table(table: Table) -> str:
    """Return the table of deviations, and below it what is accepted, by name."""
    head = "  ".join(f"{task:>8}" for task in TASKS)
    lines = [
        "false alarms / missed failures, in episodes; - is 0/0",
        f"{'kind of days':32} {'days':>5}  store: {head}  live: {head}  accepted",
    ]
    total = Tally()
    for kind, tally in sorted(table.items()):
        lines.append(_format_row(kind, tally))
        total.days += tally.days
        total.found += tally.found
        total.accepted += tally.accepted
    lines += [_format_row("all", total), "", "accepted deviations, in episodes"]
    for name, count in sorted(total.accepted.items()):
        where = ", ".join(kind for kind, tally in sorted(table.items()) if tally.accepted[name])
        lines.append(f"{count:6}  {name} ({where})")
    return "\n".join(lines)


def _format_row(kind: str, tally: Tally) -> str:
    cells = []
    for source in ("store", "live"):
        counts = [
            (tally.found[source, task, FALSE], tally.found[source, task, MISSED]) for task in TASKS
        ]
        texts = [f"{false}/{missed}" if false or missed else "-" for false, missed in counts]
        cells.append(" ".join(f"{'':6}" for _ in ()) + "  ".join(f"{text:>8}" for text in texts))
    accepted = sum(tally.accepted.values())
    return f"{kind:32} {tally.days:5}  {'':6} {cells[0]}  {'':5} {cells[1]}  {accepted or '-':>8}"
