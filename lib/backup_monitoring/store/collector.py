"""One collector run: reads the directory and the homes once, and writes the store."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backup_monitoring.directory import Directory, find_unassigned, open_directory
from backup_monitoring.model import (
    CLOCK_SLACK,
    Account,
    Contact,
    DirectoryError,
    Files,
    Finding,
    Loss,
    MonitoringError,
    SettingsError,
    Uploads,
    UsageError,
    format_count,
    format_time,
)
from backup_monitoring.settings import Settings, list_zone_findings
from backup_monitoring.store.account_findings import (
    AccountFindings,
    find_home_problem,
    find_missing_computers,
    make_home_finding,
)
from backup_monitoring.store.day_rows import DayFollower
from backup_monitoring.store.files import HISTORY, StoreError
from backup_monitoring.store.history import TrackedComputer
from backup_monitoring.store.history_damage import HistoryDamagedError, set_damaged_aside
from backup_monitoring.store.history_file import HistoryFile
from backup_monitoring.store.judging import AccountJudge
from backup_monitoring.store.layout import STATE
from backup_monitoring.store.loss_tracker import LossTracker, format_held
from backup_monitoring.store.people_collector import PeopleCollector
from backup_monitoring.store.run_lock import hold_lock, mark_used
from backup_monitoring.store.schema import RunMeta, make_key
from backup_monitoring.store.shared_homes import SharedHomes
from backup_monitoring.store.store_file import StoreFile
from backup_monitoring.store.writer import AccountRow, StoreWriter
from backup_monitoring.tasks import (
    QuotaPolicy,
    SchedulePolicy,
    find_wrong_clocks,
    fingerprint_policies,
    format_fault,
)
from backup_monitoring.uploads import HomeReader

_NO_RUN = RunMeta(None, None, None, 0, None, None)

PhaseCallback = Callable[[str], None]
Progress = Callable[[Iterable[Any], int], Iterable[Any]]


@dataclass(kw_only=True)
class CollectorRun:
    """What a collector run has done.

    Args:
        started: aware UTC. seconds: how long it took.
        accounts, computers: how many were read.
        findings: what an administrator should correct.
        failed: a line per part that could not be read or written.
        notes: lines about the store itself.
    """

    started: datetime
    accounts: int = 0
    computers: int = 0
    seconds: float = 0
    findings: list[Finding] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def collect(
    settings: Settings,
    now: datetime,
    phase: PhaseCallback,
    progress: Progress,
    *,
    given_time: bool,
) -> CollectorRun:
    """Read the directory and the homes, and write the store.

    Args:
        settings: ``store.folder`` is set.
        now: the time of the run, aware UTC.
        phase: called with a few words before each wait.
        progress: wraps the homes that were read, given the number of accounts.
        given_time: *now* is an option's, not the clock's.

    Raises:
        StoreError: the folder or a file in it cannot be written, or another run is in progress.
        DirectoryError, SettingsError: the directory cannot be read, and never was.
        UsageError: a given time is before the last run.
    """
    folder = settings.store.folder
    assert folder is not None  # noqa: S101 - the caller has checked it
    with hold_lock(folder):
        try:
            return _collect(settings, folder, now, phase, progress, given_time)
        except HistoryDamagedError as error:
            loss = set_damaged_aside(folder, error)
            return _collect(settings, folder, now, phase, progress, given_time, loss)


def _collect(
    settings: Settings,
    folder: Path,
    now: datetime,
    phase: PhaseCallback,
    progress: Progress,
    given_time: bool,
    loss: str | None = None,
) -> CollectorRun:
    sudden_loss = settings.policies[QuotaPolicy].sudden_loss
    with (
        closing(HistoryFile(folder, now, sudden_loss, loss)) as history,
        closing(_RunSteps(settings, folder, history, now, phase)) as steps,
    ):
        steps.check_clock(given_time)
        steps.run(progress)
    return steps.result


class _RunSteps:
    """The steps of a collector run; *result* is what they have done."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        history: HistoryFile,
        now: datetime,
        phase: PhaseCallback,
    ) -> None:
        self.result = CollectorRun(started=now)
        self._settings = settings
        self._folder = folder
        self._history = history
        self._now = now
        self._phase = phase
        self._began = time.monotonic()
        self._old = folder / STATE
        self._shared = SharedHomes(settings.homes)
        self._losses = LossTracker(history.losses, settings.store.max_loss, now)
        self._last_state = self._open_last()
        self._last = _NO_RUN if self._last_state is None else self._last_state.meta()
        verdicts = None if self._last_state is None else self._last_state.verdicts()
        days = None if self._last_state is None else self._last_state.days()
        follower = DayFollower(settings.policies, now, days)
        self._judge = AccountJudge(settings.policies, now, verdicts, follower)
        if history.loss is not None:
            self.result.failed.append(f"history: {folder / HISTORY} {history.loss}")
        if history.note is not None:
            self.result.notes.append(history.note)

    def _open_last(self) -> StoreFile | None:
        """Return the state file of the last run, open; None if it left none that we can read.

        If the history is new, its accounts are those of the last run, too.
        """
        state = None
        try:
            state = StoreFile(self._old)
            state.meta()
            if self._losses.is_new:
                self._losses.add_earlier(state)
            return state
        except StoreError as error:
            if self._old.exists():
                self.result.notes.append(f"{self._old} is replaced: {error.problem}")
            if state is not None:
                state.close()
            return None

    def close(self) -> None:
        """Close the state file of the last run."""
        if self._last_state is not None:
            self._last_state.close()

    def check_clock(self, given_time: bool) -> None:
        """Check that the time is not before the last run."""
        last = self._history.read_last_run()
        if last is None or self._now >= last:
            return
        if given_time:
            raise UsageError(
                "--now",
                f"before the last collector run, {last:%Y-%m-%d %H:%M:%S} +00:00",
                "give a later time",
            )
        if last - self._now > CLOCK_SLACK:
            problem = f"the clock was set back: the last run was {format_time(last, UTC)}"
            self.result.findings.append(Finding("clock", "this server", problem))

    def run(self, progress: Progress) -> None:
        """Read both parts, and write the store."""
        writer = StoreWriter(self._folder)
        try:
            directory_error = self._read_directory(writer)
            storage_error = self._read_homes(writer, progress)
            self.result.findings += self._losses.list_findings()
            self.result.findings += list_zone_findings(
                self._settings.policies[SchedulePolicy].zones
            )
            self._phase("judging the accounts")
            writer.judge_rest(self._judge)
            self._phase("writing the store")
            self.result.seconds = time.monotonic() - self._began
            store = self._settings.store
            meta = RunMeta(
                self._last.directory_read if directory_error else self._now,
                self._last.storage_read if storage_error else self._now,
                self._now,
                self.result.seconds,
                directory_error,
                storage_error,
                self._settings.digest,
                fingerprint_policies(self._settings.policies),
                (store.directory_max_age.total_seconds(), store.max_age.total_seconds()),
            )
            # The history first. If the run is killed in between, the next one goes on from it;
            # the other way round it would not know what readers have already seen.
            self._history.commit(self._settings.store.keep, complete=not self.result.failed)
            self.result.findings += self._history.findings
            if self._settings.overview.folder is not None:
                writer.add_sizes(self._folder / HISTORY)
            writer.finish(meta, self._judge.sum_up(), self.result.findings)
            mark_used(self._folder)
        except BaseException:
            writer.abandon()
            raise

    def _read_directory(self, writer: StoreWriter) -> str | None:
        """Write the accounts of the directory, or else the last known ones and return the error."""
        self._history.set_savepoint()
        try:
            last_error = self._last.directory_error
            with open_directory(self._settings.directory, self._phase, last_error) as directory:
                self._phase("reading the directory")
                people = PeopleCollector(directory, self._settings.directory, writer)
                accounts = self._require_some(self._see_entries(people.read_accounts(self._now)))
                self.result.accounts = writer.add_accounts(accounts)
                self.result.findings += people.collect_others()
                self._find_unassigned(directory)
        # SettingsError: the password's file, or a filter; the homes are still worth a look.
        except (DirectoryError, SettingsError) as error:
            self._history.roll_back()
            self._losses.forget_entries()
            self._shared = SharedHomes(self._settings.homes)
            self.result.failed.append(f"directory: {error}")
            if self._last.directory_read is None:
                raise
            writer.forget_accounts()
            self.result.accounts = writer.take_over_accounts(self._old)
            return str(error)
        return None

    def _find_unassigned(self, directory: Directory) -> None:
        """Add a finding per account on no server; without this search the run is still useful."""
        settings = self._settings.directory
        try:
            self.result.findings += find_unassigned(directory, settings, self._now)
        except (DirectoryError, SettingsError) as error:
            self.result.failed.append(f"accounts on no backup server: {error}")
            # In the store, too: a count that fell to 0 would look as if all were well.
            problem = f"cannot search for accounts on no backup server: {error.problem}"
            self.result.findings.append(Finding("unassigned", settings.accounts_base, problem))

    def _require_some(
        self, accounts: Iterable[tuple[Account, bool]]
    ) -> Iterator[tuple[Account, bool]]:
        """Yield *accounts*; DirectoryError after the last if none of them is in scope."""
        count = 0
        for account, in_scope in accounts:
            count += in_scope
            yield account, in_scope
        if not count:
            settings = self._settings.directory
            problem = f"no active account below it matches {settings.accounts_filter}"
            remedy = (
                "check accounts_base, accounts_filter, host, and the bind account's read access"
            )
            raise DirectoryError(settings.accounts_base, problem, remedy)

    def _see_entries(
        self, accounts: Iterable[tuple[Account, bool, Contact]]
    ) -> Iterator[tuple[Account, bool]]:
        """Yield each account and whether it is in scope; note it, and add its growth."""
        for account, in_scope, contact in accounts:
            self._losses.see_entry(account, contact.customers, in_scope=in_scope)
            if in_scope:
                self._shared.add_entry(account)
            growth = self._history.update_growth(account) if in_scope else None
            yield account._replace(growth=growth), in_scope

    def _read_homes(self, writer: StoreWriter, progress: Progress) -> str | None:
        """Write the homes, or else the last known ones and return the error."""
        self._history.set_savepoint()
        tried = readable = 0
        findings = AccountFindings(self._settings)
        emptied = []
        zones = self._settings.policies[SchedulePolicy].zones
        reader = HomeReader(self._settings.homes, zones, Files.ALL, self._now, self._phase)
        accounts = (
            (row, row.account) for row in writer.accounts() if findings.add_account(row.account)
        )
        for row, account, found in progress(reader.read(accounts), self.result.accounts):
            uploads = self._shared.check(row.number, account, found)
            uploads, known = self._check_uploads(account, uploads)
            tried += account.provisioned
            readable += uploads.missing is None and uploads.refused is None
            if self._losses.is_emptied(account, uploads, known):
                emptied.append((row, uploads))
            else:
                findings.of_homes += self._add_home(writer, row, uploads)
        self.result.findings += findings.of_entries
        if tried and not readable:
            count = format_count(tried, "account")
            return self._keep_homes(writer, f"none of the homes of {count} can be read")
        held = self._hold_accounts(writer)
        for row, uploads in emptied:
            if make_key(row.account.uid) not in held:
                findings.of_homes += self._add_home(writer, row, uploads)
        for refused in self._shared.list_refused():
            if make_key(refused.uid) not in held:  # else it has its last known data
                writer.refuse_home(refused.number, refused.problem)
                findings.of_homes += [make_home_finding(refused.uid, refused.problem)]
        findings.add_held(writer.held_accounts())
        self.result.findings += findings.of_homes
        self.result.findings += findings.orphans.find(reader)
        return None

    def _check_uploads(
        self, account: Account, uploads: Uploads
    ) -> tuple[Uploads, Collection[TrackedComputer]]:
        """Return what the home shows, and the known computers if it shows none."""
        if uploads.computers:
            return self._losses.check_incoming(account, uploads, ()), ()
        known = self._history.read_computers(account.uid).values()
        return self._losses.check_incoming(account, uploads, known), known

    def _add_home(self, writer: StoreWriter, row: AccountRow, uploads: Uploads) -> list[Finding]:
        """Write a home, its computers and the account's verdicts; return its findings."""
        try:
            return list(self._write_home(writer, row, uploads))
        except (MonitoringError, ImportError, MemoryError, OSError):
            raise  # it concerns every account
        except Exception as error:  # a bug that this account's data brought to light
            problem = format_fault(error)
            writer.refuse_home(row.number, problem)
            return [make_home_finding(row.account.uid, problem)]

    def _write_home(
        self, writer: StoreWriter, row: AccountRow, uploads: Uploads
    ) -> Iterator[Finding]:
        account = row.account
        computers = self._history.update_computers(account, uploads)
        stored = writer.add_home(row.number, uploads, [computer for computer, _ in computers])
        writer.add_verdicts(row, stored, self._judge)
        self.result.computers += len(uploads.computers)
        yield from uploads.findings
        yield from find_missing_computers(account, computers)
        yield from find_wrong_clocks(account, (each for each, _ in computers), self._now)
        yield from find_home_problem(account, uploads)

    def _hold_accounts(self, writer: StoreWriter) -> Collection[str]:
        """Judge the losses, and give the accounts that are held their last data."""
        held = self._losses.judge()
        old = self._old if self._last.started is not None else None
        losses = {key: (lost.uid, Loss(lost.since, lost.reason)) for key, lost in held.items()}
        writer.hold_accounts(old, losses)
        self.result.accounts = writer.count_accounts()
        if held:
            self.result.notes.append(format_held(len(held)))
        return held

    def _keep_homes(self, writer: StoreWriter, problem: str) -> str:
        """Keep the last known homes: a file system that is not mounted says nothing about them."""
        error = f"{self._settings.homes.root}: {problem}; is it mounted, and readable?"
        self._history.roll_back()
        self.result.computers = 0
        self.result.failed.append(f"storage: {error}")
        if self._last.storage_read is not None:
            writer.take_over_homes(self._old)
        else:
            writer.forget_homes()
        self._losses.forget_homes()
        self._hold_accounts(writer)
        return error
