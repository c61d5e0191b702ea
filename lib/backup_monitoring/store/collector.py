"""One pass: reads directory and storage once, and writes what it saw into the store."""

import fcntl
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from backup_monitoring.directory import Directory, find_unassigned, open_directory
from backup_monitoring.model import (
    CLOCK_SLACK,
    Account,
    AccountStatus,
    DirectoryError,
    Files,
    Finding,
    Uploads,
    UsageError,
    format_time,
)
from backup_monitoring.settings import Settings
from backup_monitoring.store.directory_part import DirectoryCollector
from backup_monitoring.store.files import LOCK, STATE, StoreError
from backup_monitoring.store.history_file import (
    HistoryDamagedError,
    HistoryFile,
    find_missing_computers,
    set_aside,
)
from backup_monitoring.store.orphans import OrphanFinder
from backup_monitoring.store.schema import RunMeta, make_key
from backup_monitoring.store.store_file import StoreFile
from backup_monitoring.store.writer import StoreWriter
from backup_monitoring.uploads import read_uploads

_A_FLEET = 10  # computers: so many are not taken away by their owners at once

Progress = Callable[[Iterable[tuple[int, Account]], int], Iterable[tuple[int, Account]]]


@dataclass(kw_only=True)
class CollectorRun:
    """What a pass has done.

    Args:
        failed: a line for each part that could not be read or written.
        notes: lines about the store itself.
    """

    started: datetime
    accounts: int = 0
    computers: int = 0
    seconds: float = 0
    findings: list[Finding] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def counted(self) -> Counter[str]:
        """Return how many findings there are of each kind."""
        return Counter(finding.kind for finding in self.findings)


def collect(
    settings: Settings,
    now: datetime,
    phase: Callable[[str], None],
    progress: Progress,
    *,
    given_time: bool,
) -> CollectorRun:
    """Make one pass into the store's folder.

    Args:
        settings: ``store.folder`` is set.
        now: the pass's time, aware UTC.
        phase: told before each wait.
        progress: wraps the accounts as they are looked at.
        given_time: *now* is not the clock's.

    Raises:
        StoreError: the folder, or a file in it, cannot be written; another pass is running.
        UsageError: a given time lies before the last pass.
        SettingsError: the filter is none.
    """
    folder = settings.store.folder
    assert folder is not None  # noqa: S101 - asked for by the caller
    with _locked(folder):
        try:
            return _passed(settings, now, phase, progress, given_time)
        except HistoryDamagedError:
            note = set_aside(folder)
            made = _passed(settings, now, phase, progress, given_time)
            return replace(made, notes=[note, *made.notes])


def _passed(
    settings: Settings,
    now: datetime,
    phase: Callable[[str], None],
    progress: Progress,
    given_time: bool,
) -> CollectorRun:
    folder = settings.store.folder
    assert folder is not None  # noqa: S101 - asked for by the caller
    began = time.monotonic()
    history = HistoryFile(folder, now, settings.policies.quota.sudden_loss)
    try:
        made = _Making(settings, folder, history, CollectorRun(started=now), phase)
        made.check_clock(now, given_time)
        made.run(now, progress, began)
    finally:
        history.close()
    return made.made


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the store's lock; it ends with the process, whatever kills it."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            str(folder),
            f"cannot be written ({error.strerror})",
            "make the folder, and let the collector's user write there",
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StoreError(
            str(folder / LOCK), "another pass is running", "wait for it, or make passes rarer"
        ) from None
    try:
        yield
    finally:
        os.close(lock)


class _Making:
    """The parts of a pass."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        history: HistoryFile,
        made: CollectorRun,
        phase: Callable[[str], None],
    ) -> None:
        self.made = made
        self._settings = settings
        self._folder = folder
        self._history = history
        self._phase = phase
        self._of_entries: list[Finding] = []
        self._of_homes: list[Finding] = []
        self._old = folder / STATE
        self._before = self._old_meta()
        if history.remade is not None:
            made.notes.append(history.remade)

    def _old_meta(self) -> RunMeta:
        """Return what the last pass says of itself; nothing where it left no file for us."""
        try:
            state = StoreFile(self._old)
            try:
                return state.meta()
            finally:
                state.close()
        except StoreError as error:
            if self._old.exists():
                self.made.notes.append(f"{self._old} is made anew: {error.problem}")
            return RunMeta(None, None, None, 0, None, None)

    def check_clock(self, now: datetime, given_time: bool) -> None:
        """See that time does not run backwards."""
        last = self._history.last_pass()
        if last is None or now >= last:
            return
        if given_time:
            raise UsageError(
                "--now",
                f"before the last pass, {last:%Y-%m-%d %H:%M:%S} +00:00",
                "give a later one",
            )
        if last - now > CLOCK_SLACK:
            problem = f"the clock was set back: the last pass was {format_time(last, UTC)}"
            self.made.findings.append(Finding("clock", "this server", problem))

    def run(self, now: datetime, progress: Progress, began: float) -> None:
        """Read both parts, and write the store."""
        writer = StoreWriter(self._folder)
        try:
            directory_error = self._read_directory(writer, now)
            storage_error = self._read_storage(writer, now, progress)
            self._phase("writing the store")
            self.made.seconds = time.monotonic() - began
            meta = RunMeta(
                self._before.directory_read if directory_error else now,
                self._before.storage_read if storage_error else now,
                now,
                self.made.seconds,
                directory_error,
                storage_error,
            )
            # The memory first: were it lost, an older one would be asked what has changed.
            self._history.commit(self._settings.store.keep, whole=not self.made.failed)
            writer.finish(meta, self.made.findings)
        except BaseException:
            writer.abandon()
            raise

    def _read_directory(self, writer: StoreWriter, now: datetime) -> str | None:
        """Write the accounts of the directory, else the last known; return why not the first."""
        self._history.mark()
        try:
            with open_directory(self._settings.directory, self._phase) as directory:
                self._phase("reading the directory")
                gathering = DirectoryCollector(directory, self._settings.directory, writer)
                found = self._grown(gathering.accounts(now))
                self.made.accounts = writer.add_accounts(self._some(found))
                self.made.findings += gathering.people()
                self._find_unserved(directory, now)
        except DirectoryError as error:
            self._history.undo()
            self.made.failed.append(f"directory: {error}")
            if self._before.directory_read is None:
                raise
            writer.forget_accounts()
            self.made.accounts = writer.take_over_accounts(self._old)
            return str(error)
        return None

    def _find_unserved(self, directory: Directory, now: datetime) -> None:
        """Note the accounts on no server; what this server has stands without them."""
        settings = self._settings.directory
        try:
            self.made.findings += find_unassigned(directory, settings, now)
        except DirectoryError as error:
            self.made.failed.append(f"accounts on no backup server: {error}")
            # In the store, too: a count that fell to 0 would look as if all were well.
            problem = f"accounts on no backup server could not be looked for: {error.problem}"
            self.made.findings.append(Finding("unassigned", settings.accounts_base, problem))

    def _some(self, found: Iterable[tuple[Account, bool]]) -> Iterator[tuple[Account, bool]]:
        """Yield *found*; without a single account in scope it is no answer to rely on."""
        in_scope = 0
        for account, scoped in found:
            in_scope += scoped
            yield account, scoped
        if not in_scope:
            settings = self._settings.directory
            problem = f"no active account below it by {settings.accounts_filter}"
            remedy = "check accounts_base, accounts_filter and host, and what the reader may see"
            raise DirectoryError(settings.accounts_base, problem, remedy)

    def _grown(self, found: Iterable[tuple[Account, bool]]) -> Iterator[tuple[Account, bool]]:
        for account, in_scope in found:
            growth = self._history.growth(account) if in_scope else None
            yield account._replace(growth=growth), in_scope

    def _read_storage(self, writer: StoreWriter, now: datetime, progress: Progress) -> str | None:
        """Write what lies in the homes, else what was last known; return why not the first."""
        self._history.mark()
        homes, found = 0, 0
        met: set[str] = set()
        orphans = OrphanFinder()
        zones = self._settings.policies.schedule.zones
        for number, account in progress(writer.accounts(), self.made.accounts):
            self._of_entries += account.findings
            key = make_key(account.uid)
            if key in met:  # they have one name for the past, and for services
                problem = f"another entry has its uid {account.uid}, too: that one counts"
                self._of_entries.append(Finding("attribute", account.dn, problem))
                continue
            met.add(key)
            if account.status is AccountStatus.NO_FILES:
                continue
            orphans.know(account, self._settings.homes)
            if account.status is not AccountStatus.ACTIVE:
                continue
            self._phase(f"reading the files of account {account.uid}")
            uploads = read_uploads(account, self._settings.homes, zones, Files.ALL, now)
            homes += account.provisioned
            found += uploads.missing is None and uploads.refused is None
            self._write_home(writer, number, account, uploads)
        self.made.findings += self._of_entries
        if homes and not found:
            return self._no_storage(writer, f"not one home of {homes} accounts can be read")
        if self._history.lost >= _A_FLEET and not self.made.computers:
            problem = f"none of {self._history.lost} computers has a folder any more"
            return self._no_storage(writer, problem)
        self.made.findings += self._of_homes
        self.made.findings += orphans.findings()
        return None

    def _write_home(
        self, writer: StoreWriter, number: int, account: Account, uploads: Uploads
    ) -> None:
        computers = self._history.looked(account, uploads)
        writer.add_home(number, uploads, computers)
        self.made.computers += len(uploads.computers)
        self._of_homes += uploads.findings
        self._of_homes += find_missing_computers(account, computers)
        self._of_homes += _home_findings(account, uploads)

    def _no_storage(self, writer: StoreWriter, problem: str) -> str:
        """Keep what was known of the storage: a disk that is not mounted is no news of accounts."""
        error = f"{self._settings.homes.root}: {problem}; is it mounted, and readable?"
        self._history.undo()
        self.made.computers = 0
        self.made.failed.append(f"storage: {error}")
        if self._before.storage_read is not None:
            writer.take_over_homes(self._old)
        else:
            writer.forget_homes()
        return error


def _home_findings(account: Account, uploads: Uploads) -> Iterator[Finding]:
    problem = uploads.refused or uploads.missing
    if problem is not None and account.provisioned and account.status is AccountStatus.ACTIVE:
        word = "may not be read" if uploads.refused else "is not there"
        text = f"its home {word}: {problem}"
        yield Finding("home", f"account {account.uid}", text)


def try_accounts(
    settings: Settings, uids: list[str], now: datetime, phase: Callable[[str], None]
) -> CollectorRun:
    """Read only these accounts, and write nothing.

    Raises:
        DirectoryError: the directory did not answer completely.
    """
    from backup_monitoring.model import Need
    from backup_monitoring.store.live import live_accounts

    began = time.monotonic()
    made = CollectorRun(started=now)
    asked = {uid.lower() for uid in uids}
    for account, uploads in live_accounts(settings, Need.ALL, Files.ALL, uids, now, phase):
        made.accounts += 1
        made.computers += len(uploads.computers)
        made.findings += (*account.findings, *uploads.findings)
        made.findings += _home_findings(account, uploads)
        asked.discard(account.uid.lower())
    made.failed += [f"{uid}: no such account" for uid in uids if uid.lower() in asked]
    made.seconds = time.monotonic() - began
    return made
