"""Surveys the homes of an installation: are they there, and are there reports in them?"""

import errno
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.model import (
    OPERATIONS_GUIDE,
    Account,
    InvalidReport,
    Start,
    Uploads,
    format_count,
    format_time,
)
from backup_monitoring.selftest.part_lines import Outcome, PartLine
from backup_monitoring.settings import Settings
from backup_monitoring.tasks import (
    ReportTime,
    date_report,
    format_clock_error,
    is_ahead,
)
from backup_monitoring.uploads import HomeError, resolve_home

_ENOUGH = 3  # homes or computers: of fewer, each may be a new one
_DENIED = os.strerror(errno.EACCES)
_KINDS = ("start", "end", "schedule")
_CAPABILITY = (
    "this user may not read {}: the collector's unit gives it CAP_DAC_READ_SEARCH, which it does "
    f"not have here; try it as root, or with the capability ({OPERATIONS_GUIDE}, The store)"
)


class _DatedStart(NamedTuple):
    """A start report of *account*, and when it was written; *ahead*: in the future."""

    ahead: bool
    dated: ReportTime
    account: Account
    start: Start


class HomeSurvey:
    """What was found in homes.

    Args:
        settings: where the homes are. now: aware UTC.
        lacks_capability: this user is the collector's, without the privilege of its unit.
    """

    def __init__(self, settings: Settings, now: datetime, *, lacks_capability: bool) -> None:
        self._settings = settings
        self._homes = settings.homes
        self._now = now
        self._lacks_capability = lacks_capability
        self._readable = 0  # homes; of the others a text each, by what is wrong with them
        self._without_incoming = 0
        self._missing: list[str] = []
        self._refused: list[str] = []
        self._pathless: list[str] = []
        self._newest: _DatedStart | None = None
        self._computers = 0
        self._valid = dict.fromkeys(_KINDS, 0)
        self._invalid: dict[str, dict[str, InvalidReport]] = {kind: {} for kind in _KINDS}

    def add_home(self, account: Account, uploads: Uploads) -> None:
        """Note what the home of *account* shows."""
        if uploads.missing is not None:
            self._missing += [uploads.missing] * account.provisioned
        elif uploads.refused is not None:
            homes = self._refused if self._has_path(account) else self._pathless
            homes.append(f"account {account.uid}: {uploads.refused}")
        else:
            self._readable += 1
            self._without_incoming += uploads.no_incoming is not None
            self._add_reports(account, uploads)

    def _has_path(self, account: Account) -> bool:
        try:
            resolve_home(account, self._homes)
        except HomeError:
            return False
        return True

    def _add_reports(self, account: Account, uploads: Uploads) -> None:
        for computer in uploads.computers:
            self._computers += 1
            reports = (computer.start, computer.end, computer.schedule)
            for kind, report in zip(_KINDS, reports, strict=True):
                if isinstance(report, InvalidReport):
                    self._invalid[kind][report.where] = report
                elif report is not None:
                    self._valid[kind] += 1
            if isinstance(computer.start, Start):
                self._add_start(account, computer.start)

    def _add_start(self, account: Account, start: Start) -> None:
        found = _DatedStart(
            is_ahead(start, self._now), date_report(start, self._now), account, start
        )
        # A report in the future must not hide the others.
        self._newest = max(
            filter(None, (self._newest, found)), key=lambda each: (not each.ahead, each.dated.time)
        )

    def report_homes(self) -> Iterator[PartLine]:
        """Yield lines about the homes."""
        unreadable = (self._missing, self._refused, self._pathless)
        total = sum(map(len, unreadable), self._readable)
        if self._readable:
            yield PartLine(Outcome.OK, "homes", f"{self._readable} of {total} found")
        if self._missing:
            yield self._report_missing(total)
        if self._refused:
            yield self._report_refused(total)
        if self._pathless:
            name = self._settings.directory.attributes.home
            yield _fail_homes(
                f"{len(self._pathless)} of {total} without a path: {self._pathless[0]}; "
                f"correct {name}, let the bind account read it, or see path in [homes]"
            )
        if self._without_incoming == self._readable >= _ENOUGH:
            yield _fail_homes(
                f"{self._homes.root}: none of {self._readable} homes has a folder "
                f"{self._homes.incoming}; check that its disk is mounted, and root, path and "
                "incoming in [homes]"
            )

    def _report_missing(self, total: int) -> PartLine:
        count = f"{len(self._missing)} of {total}"
        if len(self._missing) < total:
            for path in self._missing:
                if (mount := _find_empty_folder(path)) is not None:
                    return _fail_homes(
                        f"{mount}: is empty, and {count} homes are missing, for example {path}; "
                        "mount its disk, or correct root and path in [homes]"
                    )
        text = (
            f"{count} missing, for example {self._missing[0]}; check root and path in [homes], "
            "or host in [directory] if another server has them"
        )
        return _fail_homes(text) if len(self._missing) == total else _note("homes", text)

    def _report_refused(self, total: int) -> PartLine:
        denied = [text for text in self._refused if text.endswith(_DENIED)]
        if self._lacks_capability and len(denied) == len(self._refused):
            text = _CAPABILITY.format(f"{len(denied)} of {total}")
            return PartLine(Outcome.NOT_TRIED, "homes", text)
        return _fail_homes(
            f"{len(self._refused)} of {total} cannot be read: {self._refused[0]}; "
            f"let this program read them ({OPERATIONS_GUIDE}, Privilege), "
            "or have the customer remove a link"
        )

    def report_reports(self) -> Iterator[PartLine]:
        """Yield lines about the reports."""
        invalid = {where: each for kind in _KINDS for where, each in self._invalid[kind].items()}
        if self._newest is not None:
            yield PartLine(Outcome.OK, "reports", self._describe_newest(self._newest))
        elif self._readable and not invalid:
            yield PartLine(
                Outcome.FAILED,
                "reports",
                "none found; check incoming, depth, report_folders and start_files in [homes]",
            )
        if invalid:
            yield self._report_invalid(list(invalid.values()))
        for kind, files in (
            ("end", self._homes.end_files),
            ("schedule", self._homes.schedule_files),
        ):
            if self._computers >= _ENOUGH and not self._valid[kind] and not self._invalid[kind]:
                text = f"none of {self._computers} computers has the file {' or '.join(files)}"
                yield _note("reports", f"{text}; check {kind}_files in [homes]")

    def _describe_newest(self, newest: _DatedStart) -> str:
        at = format_time(newest.dated.shown, timezone(newest.start.offset))
        text = f"found; the newest start is of account {newest.account.uid}, {at}"
        clock = format_clock_error(newest.dated.error)
        return f"{text}; {clock}" if clock else text

    def _report_invalid(self, invalid: list[InvalidReport]) -> PartLine:
        """Return the line about *invalid* reports: a failure, if all of a kind are."""
        text = f"{len(invalid)} not valid, for example {invalid[0]}"
        none_valid = [k for k in _KINDS if self._invalid[k] and not self._valid[k]]
        if not none_valid:
            return _note("reports", text)
        if self._lacks_capability and all(each.problem == _DENIED for each in invalid):
            what = format_count(len(invalid), "report")
            return PartLine(Outcome.NOT_TRIED, "reports", _CAPABILITY.format(what))
        return PartLine(
            Outcome.FAILED,
            "reports",
            f"{text}, and no valid {' or '.join(none_valid)} was found; "
            f"if permission is missing, see Privilege in {OPERATIONS_GUIDE}",
        )


def _find_empty_folder(path: str) -> str | None:
    """Return the nearest folder above the missing *path* that exists, if it is empty.

    A disk that is not mounted leaves an empty folder.
    """
    for folder in Path(path).parents:
        try:
            with os.scandir(folder) as entries:
                return None if any(True for _ in entries) else str(folder)
        except FileNotFoundError:
            continue
        except OSError:  # whether it is empty cannot be known
            return None
    return None


def _fail_homes(text: str) -> PartLine:
    return PartLine(Outcome.FAILED, "homes", text)


def _note(part: str, text: str) -> PartLine:
    return PartLine(Outcome.NOTE, part, text)
