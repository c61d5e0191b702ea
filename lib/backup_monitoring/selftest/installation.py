"""Checks an installation part by part, and says what to do where a part fails."""

import os
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from backup_monitoring.directory import (
    Directory,
    FallbackStep,
    create_directory,
    open_directory,
    read_accounts,
)
from backup_monitoring.model import Account, Files, MonitoringError, Need
from backup_monitoring.notify import call_within
from backup_monitoring.selftest import file_parts
from backup_monitoring.selftest.home_survey import HomeSurvey
from backup_monitoring.selftest.other_user import NoPrivilegeError, User, find_user_of, try_as
from backup_monitoring.selftest.part_lines import Outcome, PartLine
from backup_monitoring.selftest.unit_paths import list_hidden_files
from backup_monitoring.selftest.unit_programs import list_foreign_units
from backup_monitoring.selftest.users import find_part_users, name_user
from backup_monitoring.settings import Settings, list_zone_findings
from backup_monitoring.tasks import SchedulePolicy
from backup_monitoring.uploads import HomeReader

PARTS = (
    *("settings", "directory", "homes", "store", "outbox", "log", "messages", "mail"),
    *("icinga", "nagios", "overview"),
)
_HOMES = 1000
_SHARE = 0.9  # of the time limit for all parts together
_WAITS = 2  # a mail server may take this part of its time to answer: it shows which step hangs


class _Part(NamedTuple):
    """A part of the installation.

    Args:
        skipped: why it is not tried; None if it is.
        owner: the number of the user who uses it, as whom root tries it; None: as root.
    """

    name: str
    run: Callable[[], Iterator[PartLine]]
    skipped: str | None = None
    owner: int | None = None


class InstallationCheck:
    """A check of the installation with *settings* by this user; it changes nothing.

    Args:
        now: aware UTC. phase: called with a few words before each wait.
        seconds: that the whole check may take; each part has its share.
        parts: some of `PARTS`; none means all.
        program: the path of this program, with whose folder the units are compared.
    """

    def __init__(
        self,
        settings: Settings,
        now: datetime,
        phase: Callable[[str], None],
        seconds: float = 300,
        parts: Collection[str] = (),
        program: str = "",
    ) -> None:
        self._failed: set[str] = set()
        self._settings = settings
        self._now = now
        self._announce = phase
        self._doing = ""
        self._wanted = parts or PARTS
        self._program = program
        self._seconds = seconds * _SHARE / len(self._wanted)
        self._users = find_part_users(settings)
        self._unable: set[int] = set()  # users who cannot run this program
        self._accounts: list[Account] | None = None
        self._zones = settings.policies[SchedulePolicy].zones

    @property
    def failed(self) -> bool:
        """Whether a part has failed."""
        return bool(self._failed)

    def run(self) -> Iterator[str]:
        """Yield the lines about each part."""
        for part in self._list_parts():
            if part.name in self._wanted:
                yield from map(self._note_failure, self._try_part(part))

    def run_as(self, user: User) -> Iterator[str]:
        """Yield the lines about each part as *user* has tried it; see `find_user`."""
        if user.uid == os.geteuid():
            yield from self.run()
            return
        self._announce(f"trying the installation as {user.name}")
        seconds = self._seconds * len(self._wanted)
        try:
            lines = try_as(user, self._settings.file, self._now, seconds, self._wanted)
            yield from map(self._note_failure, lines)
        except MonitoringError as error:
            yield self._note_failure(PartLine(Outcome.FAILED, "program", str(error)))

    def _note_failure(self, line: PartLine) -> str:
        if line.outcome is Outcome.FAILED:
            self._failed.add(line.part)
        return str(line)

    def _list_parts(self) -> Iterator[_Part]:
        """Yield the parts in their order."""
        users = self._users
        collector = None if users.collects else _format_only(users.collector)
        yield _Part("settings", self._try_settings)
        yield _Part("directory", self._try_directory, collector, users.collector)
        if self._failed & {"directory", "accounts"}:
            collector = collector or "its accounts are not known"
        yield _Part("homes", self._try_homes, collector)
        unset = _find_unset("store", folder=self._settings.store.folder)
        yield _Part("store", self._try_store, unset, users.collector)
        yield from self._list_notifier_parts()
        yield from self._list_submitter_parts()
        yield self._make_overview_part()

    def _list_notifier_parts(self) -> Iterator[_Part]:
        notify, users = self._settings.notify, self._users
        other = _format_only(users.notifier)
        not_its_own = None if users.delivers else other
        unset = _find_unset("notify", outbox=notify.outbox)
        unused = other if users.is_collector_only else None
        yield _Part("outbox", self._try_outbox, unset or unused, users.notifier)
        unset = _find_unset("notify", log=notify.log)
        unused = None if users.queues else other
        yield _Part("log", self._try_log, unset or unused, users.notifier)
        unset = "[notify] from is not set" if not notify.sender else None
        for name, run in (("messages", self._try_messages), ("mail", self._try_mail)):
            yield _Part(name, run, unset or not_its_own, users.notifier)

    def _list_submitter_parts(self) -> Iterator[_Part]:
        icinga, users = self._settings.icinga, self._users
        other = None if users.collects else _format_only(users.collector)
        unset = _find_unset("icinga", url=icinga.url)
        yield _Part("icinga", self._try_icinga, unset or other, users.collector)
        unset = _find_unset("icinga", spool=icinga.spool, command_file=icinga.command_file)
        taken = "results go to [icinga] url" if icinga.url else None
        unused = "the notifier does not use it" if users.is_notifier_only else None
        if users.is_overview_only:
            unused = "the overview does not use it"
        yield _Part("nagios", self._try_nagios, taken or unset or unused)

    def _make_overview_part(self) -> _Part:
        overview, users = self._settings.overview, self._users
        unset = _find_unset("overview", folder=overview.folder, metrics_file=overview.metrics_file)
        unused = None if users.shows else "only the user of the overview needs it"
        return _Part("overview", self._try_overview, unset or unused, users.overview)

    def _try_part(self, part: _Part) -> Iterator[PartLine]:
        if part.skipped is not None:
            yield PartLine(Outcome.NOT_TRIED, part.name, part.skipped)
            return
        self._enter(f"trying {part.name}")
        if os.geteuid() == 0 and part.owner:
            yield from self._try_as_owner(part, part.owner)
        else:
            yield from self._try_here(part)

    def _try_as_owner(self, part: _Part, owner: int) -> Iterator[PartLine]:
        user = find_user_of(owner)
        if user is None:
            text = f"the user {owner}, who owns it, has no name on this server"
            yield PartLine(Outcome.NOT_TRIED, part.name, text)
        elif owner in self._unable:
            text = f"{user.name}, who needs it, cannot run this program"
            yield PartLine(Outcome.NOT_TRIED, part.name, text)
        else:
            try:
                file = self._settings.file
                yield from try_as(user, file, self._now, self._seconds, [part.name])
            except NoPrivilegeError:
                yield from self._try_here(part)
            except MonitoringError as error:
                self._unable.add(owner)
                yield PartLine(Outcome.FAILED, "program", str(error))

    def _try_here(self, part: _Part) -> Iterator[PartLine]:
        lines: list[PartLine] = []

        def collect() -> bool:
            for line in part.run():
                lines.append(line)
            return True

        try:
            done = call_within(self._seconds, collect)
        except MonitoringError as error:
            lines.append(PartLine(Outcome.FAILED, part.name, str(error)))
            done = True
        yield from list(lines)
        if not done:
            text = f"{self._doing}: did not end within {self._seconds:g} s; see what it waits for"
            yield PartLine(Outcome.FAILED, part.name, text)

    def _enter(self, doing: str) -> None:
        self._doing = doing
        self._announce(doing)

    def _try_settings(self) -> Iterator[PartLine]:
        yield PartLine(Outcome.OK, "settings", f"{self._settings.file} is valid")
        for finding in list_zone_findings(self._zones):
            yield PartLine(Outcome.FAILED, "zone", str(finding))
        for text in list_hidden_files(self._settings):
            yield PartLine(Outcome.NOTE, "settings", text)
        if self._settings.file.is_relative_to("/etc/backup-monitoring"):  # which the units read
            for text in list_foreign_units(self._program):
                yield PartLine(Outcome.NOTE, "units", text)

    def _try_directory(self) -> Iterator[PartLine]:
        directory = create_directory(self._settings.directory, self._enter)
        try:
            for step in directory.steps():
                outcome = Outcome.NOTE if isinstance(step, FallbackStep) else Outcome.OK
                yield PartLine(outcome, "directory", step)
            count = self._read_accounts(directory)
        finally:
            directory.close()
        yield self._report_accounts(count)

    def _read_accounts(self, directory: Directory) -> int:
        """Return the number of accounts; keep the first ones."""
        found = read_accounts(directory, self._settings.directory, Need.HOME, self._now)
        self._accounts = list(islice(found, _HOMES))
        self._enter("counting accounts")
        return len(self._accounts) + sum(1 for _ in found)

    def _report_accounts(self, count: int) -> PartLine:
        directory = self._settings.directory
        if count:
            text = f"{count} active below {directory.accounts_base}"
            return PartLine(Outcome.OK, "accounts", text)
        host = f" of host {directory.host}" if directory.host else ""
        text = (
            f"none{host} below {directory.accounts_base} by {directory.accounts_filter}; "
            "check suffix or accounts_base, accounts_filter and host in [directory], and whether "
            "the bind account may read uid, objectClass and "
            f"{directory.attributes.active}"
        )
        return PartLine(Outcome.FAILED, "accounts", text)

    def _try_homes(self) -> Iterator[PartLine]:
        if self._accounts is None:  # another user has tried the directory
            with open_directory(self._settings.directory, self._enter) as directory:
                self._read_accounts(directory)
        survey = HomeSurvey(
            self._settings, self._now, lacks_capability=self._users.lacks_capability
        )
        homes = self._settings.homes
        reader = HomeReader(homes, self._zones, Files.REPORTS, self._now, self._enter)
        for _, account, uploads in reader.read(enumerate(self._accounts or ())):
            survey.add_home(account, uploads)
        yield from survey.report_homes()
        yield from survey.report_reports()

    def _try_store(self) -> Iterator[PartLine]:
        store, writes = self._settings.store, self._users.collects
        yield from file_parts.try_store(store, self._now, writes=writes)

    def _try_outbox(self) -> Iterator[PartLine]:
        notify, writes = self._settings.notify, self._users.queues
        yield from file_parts.try_notifier_outbox(notify, self._now, writes=writes)

    def _try_log(self) -> Iterator[PartLine]:
        log = self._settings.notify.log
        assert log is not None  # noqa: S101 - else it is skipped
        yield from file_parts.try_notifier_log(log)

    def _try_messages(self) -> Iterator[PartLine]:
        yield from file_parts.try_messages(self._settings.notify)

    def _try_mail(self) -> Iterator[PartLine]:
        from backup_monitoring.mail import TransportRemark, try_transport

        self._enter(f"trying {self._settings.notify.smtp}")
        for step in try_transport(self._settings.notify, self._seconds / _WAITS):
            outcome = Outcome.NOTE if isinstance(step, TransportRemark) else Outcome.OK
            yield PartLine(outcome, "mail", step)

    def _try_icinga(self) -> Iterator[PartLine]:
        from backup_monitoring.icinga import try_api

        self._enter(f"trying {self._settings.icinga.url}")
        yield PartLine(Outcome.OK, "icinga", try_api(self._settings.icinga))

    def _try_nagios(self) -> Iterator[PartLine]:
        icinga = self._settings.icinga
        yield from file_parts.try_nagios(icinga.spool, icinga.command_file)

    def _try_overview(self) -> Iterator[PartLine]:
        yield from file_parts.try_overview(self._settings.overview)


def _format_only(uid: int | None) -> str:
    return f"only the user {name_user(uid)} needs it"


def _find_unset(section: str, **keys: object) -> str | None:
    """Return the words that none of *keys* in *section* is set, None if one is."""
    if any(keys.values()):
        return None
    return f"[{section}] {' and '.join(keys)} {'are' if len(keys) > 1 else 'is'} not set"
