"""Checks an installation step by step, and says what to do where a step fails."""

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
from backup_monitoring.settings import HomesSettings, Settings, list_zone_findings
from backup_monitoring.tasks import SchedulePolicy
from backup_monitoring.uploads import HomeError, HomeReader, resolve_home

_HOMES = 1000


class InstallationCheck:
    """A check of *settings*; `failed` is whether a step has failed."""

    def __init__(self, settings: Settings, now: datetime, phase: Callable[[str], None]) -> None:
        self.failed = False
        self._settings = settings
        self._now = now
        self._phase = phase
        self._readable = 0  # homes; of the others a text each, by what is wrong with them
        self._missing: list[str] = []
        self._refused: list[str] = []
        self._pathless: list[str] = []
        self._starts: list[tuple[Account, Start]] = []
        self._invalid: list[InvalidReport] = []

    def run(self) -> Iterator[str]:
        """Yield a line per step, ``ok`` or ``FAILED`` first; stop if no further step can work."""
        yield _ok(f"settings: {self._settings.file} is valid")
        for finding in list_zone_findings(self._settings.policies[SchedulePolicy].zones):
            yield self._fail(f"time zone: {finding}")
        yield from self._check_directory()
        if self._settings.notify.sender:
            yield from self._check_mail_server()

    def _fail(self, text: str) -> str:
        self.failed = True
        return f"FAILED  {text}"

    def _check_directory(self) -> Iterator[str]:
        try:
            directory = create_directory(self._settings.directory, self._phase)
        except MonitoringError as error:  # the password's file
            yield self._fail(f"directory: {error}")
            return
        try:
            for step in directory.steps():
                line = _note if isinstance(step, FallbackStep) else _ok
                yield line(f"directory: {step}")
            count = self._read_accounts(directory)
        except MonitoringError as error:
            yield self._fail(f"directory: {error}")
            return
        finally:
            directory.close()
        yield self._report_accounts(count)
        if count:
            yield from self._report_homes()
            yield from self._report_reports()

    def _read_accounts(self, directory: Directory) -> int:
        """Return the number of accounts; read the homes of the first ones."""
        settings = self._settings
        accounts = read_accounts(directory, settings.directory, Need.HOME, self._now)
        zones = settings.policies[SchedulePolicy].zones
        reader = HomeReader(settings.homes, zones, Files.START, self._now, self._phase)
        count = 0
        for number, account, uploads in reader.read(enumerate(islice(accounts, _HOMES), 1)):
            count = number
            self._note_uploads(account, uploads)
        self._phase("counting accounts")
        return count + sum(1 for _ in accounts)

    def _note_uploads(self, account: Account, uploads: Uploads) -> None:
        if uploads.missing is not None:
            self._missing += [uploads.missing] * account.provisioned
            return
        if uploads.refused is not None:
            has_path = _has_home_path(account, self._settings.homes)
            homes = self._refused if has_path else self._pathless
            homes.append(f"account {account.uid}: {uploads.refused}")
            return
        self._readable += 1
        for computer in uploads.computers:
            if isinstance(computer.start, Start):
                self._starts.append((account, computer.start))
            elif isinstance(computer.start, InvalidReport):
                self._invalid.append(computer.start)

    def _report_accounts(self, count: int) -> str:
        directory = self._settings.directory
        if count:
            return _ok(f"accounts: {count} active below {directory.accounts_base}")
        host = f" of host {directory.host}" if directory.host else ""
        return self._fail(
            f"accounts: none{host} below {directory.accounts_base} by {directory.accounts_filter}; "
            "check suffix or accounts_base, accounts_filter and host in [directory], and whether "
            "the bind account may read uid, objectClass and "
            f"{directory.attributes.active}"
        )

    def _report_homes(self) -> Iterator[str]:
        unreadable = (self._missing, self._refused, self._pathless)
        total = sum(map(len, unreadable), self._readable)
        if self._readable:
            yield _ok(f"homes: {self._readable} of {total} found")
        if self._missing:
            text = (
                f"homes: {len(self._missing)} of {total} missing, for example "
                f"{self._missing[0]}; check root and path in [homes], "
                "or host in [directory] if another server has them"
            )
            all_missing = len(self._missing) == total
            yield self._fail(text) if all_missing else _note(text)
        if self._refused:
            yield self._fail(
                f"homes: {len(self._refused)} of {total} cannot be read: {self._refused[0]}; "
                "let this program read them (docs/operations.md, Privilege), "
                "or have the customer remove a link"
            )
        if self._pathless:
            name = self._settings.directory.attributes.home
            yield self._fail(
                f"homes: {len(self._pathless)} of {total} without a path: {self._pathless[0]}; "
                f"correct {name}, let the bind account read it, or see path in [homes]"
            )

    def _report_reports(self) -> Iterator[str]:
        if self._starts:
            # A computer whose clock is ahead must not hide the others.
            past = [pair for pair in self._starts if pair[1].at <= self._now]
            account, start = max(past or self._starts, key=lambda pair: pair[1].at)
            newest = format_time(start.at, timezone(start.offset))
            yield _ok(f"reports: found; the newest start is of account {account.uid}, {newest}")
        elif self._readable and not self._invalid:
            yield self._fail(
                "reports: none found; check incoming, depth, report_folders and start_files "
                "in [homes]"
            )
        if self._invalid:
            text = f"reports: {len(self._invalid)} not valid, for example {self._invalid[0]}"
            permission = f"{text}; if permission is missing, see Privilege in docs/operations.md"
            yield _note(text) if self._starts else self._fail(permission)

    def _check_mail_server(self) -> Iterator[str]:
        from backup_monitoring.mail import try_transport

        self._phase(f"trying {self._settings.notify.smtp}")
        try:
            for step in try_transport(self._settings.notify):
                yield _ok(f"mail: {step}")
        except MonitoringError as error:
            yield self._fail(f"mail: {error}")


def _ok(text: str) -> str:
    return f"ok      {text}"


def _note(text: str) -> str:
    return f"note    {text}"


def _has_home_path(account: Account, settings: HomesSettings) -> bool:
    try:
        resolve_home(account, settings)
    except HomeError:
        return False
    return True
