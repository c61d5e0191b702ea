"""Reads the uploads in an account's home directory."""

import os
from collections.abc import Sequence
from datetime import datetime, tzinfo
from functools import lru_cache

from backup_monitoring.model import (
    Account,
    Computer,
    End,
    Files,
    Finding,
    InvalidReport,
    Receipt,
    Schedule,
    Start,
    Uploads,
)
from backup_monitoring.settings import HomesSettings, Names
from backup_monitoring.uploads.arrivals import ReportFile, make_report_file
from backup_monitoring.uploads.home_owner import (
    ForeignHomeError,
    HomeOwners,
    check_home,
    find_owners,
)
from backup_monitoring.uploads.home_path import HomeError, resolve_home
from backup_monitoring.uploads.reports import read_end, read_schedule, read_start
from backup_monitoring.uploads.safe_open import (
    FileContent,
    FileError,
    find_owner,
    open_below,
    open_home,
    read_file,
)
from backup_monitoring.uploads.traversal import Traversal

_Found = ReportFile | InvalidReport | None


def read_uploads(
    account: Account,
    settings: HomesSettings,
    zones: Sequence[tzinfo],
    wanted: Files,
    now: datetime,
) -> Uploads:
    """Read the uploads in *account*'s home directory; below it no link is followed.

    Args:
        account: its ``home`` and ``uid`` determine the path.
        settings: where home directories are, and the names of the files.
        zones: those of the settings, which resolve ambiguous offsets.
        wanted: reports that are not wanted are None; `Uploads.data` is reliable with DATA only.
        now: aware UTC.

    Returns:
        The computers found, and whatever is wrong with them. Raises nothing.
    """
    root = str(settings.root).rstrip("/")
    try:
        path = resolve_home(account, settings)
        owners = find_owners(account.uid_number, root)
        home = open_home(path)
    except HomeError as error:
        return Uploads(refused=str(error))
    except FileNotFoundError:
        return Uploads(missing=path)
    except OSError as error:
        return Uploads(refused=f"{path}: {error.strerror or 'cannot be read'}")
    except UnicodeError:  # not a name that a folder can have
        return Uploads(missing=path)
    try:
        folder = check_home(path, root, owners, os.fstat(home))
        reader = _ComputerReader(settings, zones, wanted, now, owners)
        uploads = _read_home(home, path, settings, reader)
        return uploads if uploads.refused is not None else uploads._replace(home=folder)
    except ForeignHomeError as error:
        return Uploads(refused=f"{path}: {error}")
    except OSError as error:
        return Uploads(refused=f"{path}: {error.strerror or 'cannot be read'}")
    finally:
        os.close(home)


def _read_home(home: int, path: str, settings: HomesSettings, reader: "_ComputerReader") -> Uploads:
    where = f"{path}/{settings.incoming}"
    reader.where = where
    try:
        incoming = open_below(home, tuple(filter(None, settings.incoming.split("/"))) or (".",))
        try:
            problem = reader.owners.describe(find_owner(incoming))
            if problem is not None:
                return Uploads(refused=f"{where}: {problem}")
            seconds = settings.timeout.total_seconds() / 2  # the rest is for a slow last step
            traversal = Traversal(
                incoming, settings.report_folders, settings.depth, reader, seconds
            )
            traversal.run(look_for_data=reader.look_for_data)
        finally:
            os.close(incoming)
    except FileNotFoundError:
        return Uploads(no_incoming=where)
    except NotADirectoryError:
        return Uploads(refused=f"{where}: a link, which is not followed, or not a folder")
    except OSError as error:
        return Uploads(refused=f"{where}: {error.strerror or 'cannot be read'}")
    findings = list(dict.fromkeys(reader.findings))
    if traversal.cut_short:
        findings.append(Finding("traversal", where, traversal.cut_short))
    computers = tuple(sorted(reader.computers, key=lambda computer: computer.name))
    return Uploads(
        computers, data=traversal.data, cut_short=traversal.cut_short, findings=tuple(findings)
    )


class _ComputerReader:
    """Reads the reports of each computer that the traversal finds."""

    def __init__(
        self,
        settings: HomesSettings,
        zones: Sequence[tzinfo],
        wanted: Files,
        now: datetime,
        owners: HomeOwners,
    ) -> None:
        self.where = ""
        self.owners = owners
        self.computers: list[Computer] = []
        self.findings: list[Finding] = []
        self._settings = settings
        self._zones = zones
        self._now = now
        self._start, self._end, self._schedule, self.look_for_data = _split_wanted(wanted)

    def visit_reports(self, folder: int, name: str, below: str) -> None:
        """Read the reports in the open folder *folder* of the computer *name*."""
        uid = find_owner(folder)
        problem = self.owners.describe(uid)
        if problem is not None:
            self.visit_unreadable(name, f"{below} {problem}")
            return
        where = f"{self._path(name)}/{below}"
        # All before the first is parsed: when one came depends on the others.
        files = _make_report_files(
            [
                _read_first(folder, names, uid, where) if wanted else None
                for names, wanted in (
                    (self._settings.start_files, self._start),
                    (self._settings.end_files, self._end),
                    (self._settings.schedule_files, self._schedule),
                )
            ]
        )
        start, end, schedule = self._parse(*files)
        for report in (start, end, schedule):
            if isinstance(report, InvalidReport):
                kind = "offset" if "ambiguous offset" in report.problem else "report"
                self.findings.append(Finding(kind, report.where, report.problem))
        self.computers.append(Computer(name, start, end, schedule))

    def visit_unreadable(self, name: str, problem: str) -> None:
        """Add a computer whose folder cannot be read.

        Its reports may have been read before: then what lies beside them cannot be read.
        """
        if any(computer.name == name for computer in self.computers):
            return
        report = InvalidReport(self._path(name), problem)
        self.findings.append(Finding("report", report.where, problem))
        self.computers.append(
            Computer(
                name,
                report if self._start else None,
                report if self._end else None,
                report if self._schedule else None,
            )
        )

    def _path(self, name: str) -> str:
        return f"{self.where}/{name}" if name else self.where

    def _parse(
        self, start_file: _Found, end_file: _Found, schedule_file: _Found
    ) -> tuple[
        Start | InvalidReport | None, End | InvalidReport | None, Schedule | InvalidReport | None
    ]:
        zones, now = self._zones, self._now
        start = (
            read_start(start_file, zones, now) if isinstance(start_file, ReportFile) else start_file
        )
        end = read_end(end_file, zones, now) if isinstance(end_file, ReportFile) else end_file
        if not isinstance(schedule_file, ReportFile):
            return start, end, schedule_file
        known = start if isinstance(start, Start) else None
        return start, end, read_schedule(schedule_file, zones, now, known)


@lru_cache
def _split_wanted(wanted: Files) -> tuple[bool, bool, bool, bool]:
    """Return whether to read the start, the end and the schedule, and to look for data."""
    schedule = Files.SCHEDULE in wanted
    return schedule or Files.START in wanted, Files.END in wanted, schedule, Files.DATA in wanted


def _read_first(
    folder: int, names: Names, uid: int, where: str
) -> tuple[FileContent, str] | InvalidReport | None:
    """Return content and path of the first of *names* that exists."""
    for name in names:
        path = f"{where}/{name}"
        try:
            content = read_file(folder, name, uid)
        except FileError as error:
            came = None if error.changed is None else Receipt(error.changed)
            return InvalidReport(path, str(error), came)
        if content is not None:
            return content, path
    return None


def _make_report_files(
    found: Sequence[tuple[FileContent, str] | InvalidReport | None],
) -> list[_Found]:
    contents: list[FileContent] = []
    for each in found:
        if each is not None and not isinstance(each, InvalidReport):
            contents.append(each[0])
    return [
        each
        if each is None or isinstance(each, InvalidReport)
        else make_report_file(*each, [other for other in contents if other is not each[0]])
        for each in found
    ]
