"""Tries an installation step by step, and says what to do where a step fails."""

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from itertools import islice

from backup_monitoring.directory import Directory, FallbackStep, create_directory, read_accounts
from backup_monitoring.model import (
    Account,
    Files,
    InvalidReport,
    MonitoringError,
    Need,
    Start,
    Uploads,
    format_time,
)
from backup_monitoring.settings import HomesSettings, Settings
from backup_monitoring.uploads import HomeError, read_uploads, resolve_home

_HOMES = 1000


class InstallationCheck:
    """One try of *settings*; `failed` says whether a step did."""

    def __init__(self, settings: Settings, now: datetime, phase: Callable[[str], None]) -> None:
        self.failed = False
        self._settings = settings
        self._now = now
        self._phase = phase
        self._homes = 0
        self._missing: list[str] = []
        self._refused: list[str] = []
        self._pathless: list[str] = []
        self._reports: list[tuple[Account, Start]] = []
        self._unreadable: list[InvalidReport] = []

    def run(self) -> Iterator[str]:
        """Yield a line a step, ``ok`` or ``FAILED`` first; stop where no further step can work."""
        yield _ok(f"settings: {self._settings.file} is understood")
        yield from self._directory()
        if self._settings.notify.sender:
            yield from self._mail_server()

    def _directory(self) -> Iterator[str]:
        try:
            directory = create_directory(self._settings.directory, self._phase)
        except MonitoringError as error:  # the password's file
            yield self._failure(f"directory: {error}")
            return
        try:
            for step in directory.steps():
                say = _note if isinstance(step, FallbackStep) else _ok
                yield say(f"directory: {step}")
            found = self._accounts(directory)
        except MonitoringError as error:
            yield self._failure(f"directory: {error}")
            return
        finally:
            directory.close()
        yield from self._count(found)
        if found:
            yield from self._storage()

    def _failure(self, text: str) -> str:
        self.failed = True
        return f"FAILED  {text}"

    def _accounts(self, directory: Directory) -> int:
        """Count the accounts; look into the homes of the first ones."""
        settings = self._settings
        found = read_accounts(directory, settings.directory, Need.HOME, self._now)
        counted = 0
        for account in islice(found, _HOMES):
            counted += 1
            self._phase(f"reading the files of account {account.uid}")
            zones = settings.policies.schedule.zones
            self._note(
                account, read_uploads(account, settings.homes, zones, Files.START, self._now)
            )
        self._phase("counting accounts")
        return counted + sum(1 for _ in found)

    def _note(self, account: Account, uploads: Uploads) -> None:
        if uploads.missing is not None:
            self._missing += [uploads.missing] * account.provisioned
            return
        if uploads.refused is not None:
            of_entry = _names_no_home(account, self._settings.homes)
            where = self._pathless if of_entry else self._refused
            where.append(f"account {account.uid}: {uploads.refused}")
            return
        self._homes += 1
        for computer in uploads.computers:
            if isinstance(computer.start, Start):
                self._reports.append((account, computer.start))
            elif isinstance(computer.start, InvalidReport):
                self._unreadable.append(computer.start)

    def _count(self, found: int) -> Iterator[str]:
        directory = self._settings.directory
        if found:
            yield _ok(f"accounts: {found} active below {directory.accounts_base}")
            return
        host = f" of host {directory.host}" if directory.host else ""
        yield self._failure(
            f"accounts: none{host} below {directory.accounts_base} by {directory.accounts_filter}; "
            "check suffix or accounts_base, accounts_filter and host in [directory], and that "
            "the directory lets this reader see uid, objectClass and "
            f"{directory.attributes.active}"
        )

    def _storage(self) -> Iterator[str]:
        looked = sum(map(len, (self._missing, self._refused, self._pathless)), self._homes)
        yield from self._homes_found(looked)
        if self._reports:
            history = [pair for pair in self._reports if pair[1].at <= self._now] or self._reports
            account, start = max(history, key=lambda pair: pair[1].at)
            said = format_time(start.at, timezone(start.offset))
            yield _ok(f"reports: read; the newest start is of account {account.uid}, {said}")
        elif self._homes and not self._unreadable:
            yield self._failure(
                "reports: not one found; check incoming, depth, report_folders and start_files "
                "in [homes]"
            )
        if self._unreadable:
            text = f"reports: {len(self._unreadable)} not understood, such as {self._unreadable[0]}"
            alone = f"{text}; where that is permission, see Privilege in docs/operations.md"
            yield _note(text) if self._reports else self._failure(alone)

    def _mail_server(self) -> Iterator[str]:
        from backup_monitoring.mail import try_transport

        self._phase(f"trying {self._settings.notify.smtp}")
        try:
            for step in try_transport(self._settings.notify):
                yield _ok(f"mail: {step}")
        except MonitoringError as error:
            yield self._failure(f"mail: {error}")

    def _homes_found(self, looked: int) -> Iterator[str]:
        if self._homes:
            yield _ok(f"homes: {self._homes} of {looked} found")
        if self._missing:
            text = (
                f"homes: {len(self._missing)} of {looked} not there, such as {self._missing[0]}; "
                "check root and home in [homes], "
                "or host in [directory] if another server has them"
            )
            alone = not self._homes and not self._refused and not self._pathless
            yield self._failure(text) if alone else _note(text)
        if self._refused:
            yield self._failure(
                f"homes: {len(self._refused)} of {looked} may not be read: {self._refused[0]}; "
                "let this program read them (docs/operations.md, Privilege), "
                "or have the customer remove a link"
            )
        if self._pathless:
            name = self._settings.directory.attributes.home
            yield self._failure(
                f"homes: {len(self._pathless)} of {looked} have no path: {self._pathless[0]}; "
                f"correct {name}, let the directory show it to this reader, "
                "or see home in [homes]"
            )


def _ok(text: str) -> str:
    return f"ok      {text}"


def _note(text: str) -> str:
    return f"note    {text}"


def _names_no_home(account: Account, settings: HomesSettings) -> bool:
    try:
        resolve_home(account, settings)
    except HomeError:
        return True
    return False
