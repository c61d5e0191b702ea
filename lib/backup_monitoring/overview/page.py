"""The page: static files of what the last collector run found, for any web server or none."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from backup_monitoring.model import CLOCK_SLACK, FINDING_KINDS, State, format_count, format_time
from backup_monitoring.overview.account_lists import AccountLists, group_findings
from backup_monitoring.overview.account_page import AccountPages, make_icinga_link
from backup_monitoring.overview.account_rows import (
    RankedRow,
    Row,
    RowMaker,
    rank_row,
    write_row,
)
from backup_monitoring.overview.fleet import FleetReader, PartAge
from backup_monitoring.overview.page_folder import PageFolder
from backup_monitoring.overview.texts import PageTexts
from backup_monitoring.overview.whole_file import WrittenFiles
from backup_monitoring.settings import OverviewSettings, Settings
from backup_monitoring.store import open_store
from backup_monitoring.tasks import TASKS, load_causes

_FILES = Path(__file__).parent / "files"
_TEMPLATES = Path(__file__).parent / "templates"
_MOST_ROWS = 200  # in the HTML; the script shows as many more at a time
_MOST_CHANGES = 12
_MOST_LISTED = 500  # findings of a kind, computers that look retired
_WORST_FIRST = sorted(State, key=lambda state: -state.badness)


def write_page(
    settings: Settings, folder: Path, now: datetime, phase: Callable[[str], None]
) -> WrittenFiles:
    """Write the page into *folder*.

    Args:
        settings: ``store.folder`` is set. now: aware UTC.
        phase: called with a few words before each wait.

    Raises:
        StoreError: the store cannot be read. OverviewError: the folder cannot be written.
    """
    assert settings.store.folder is not None  # noqa: S101 - the caller has checked it
    state = open_store(settings.store.folder)
    try:
        fleet = FleetReader(state, settings, now)
        with PageFolder.open(folder) as files:
            _PageWriter(fleet, files, now).write(phase)
    finally:
        state.close()
    line = f"{folder}/index.html: {format_count(files.written, 'file')} written, {files.kept} kept"
    line += f", {files.removed} removed" if files.removed else ""
    failed = () if fleet.outbox_error is None else (f"outbox: {fleet.outbox_error}",)
    return WrittenFiles(line, failed)


class _PageWriter:
    """Writes all files of one *fleet*."""

    def __init__(self, fleet: FleetReader, files: PageFolder, now: datetime) -> None:
        settings = fleet.settings.overview
        self._now = now
        self._fleet = fleet
        self._files = files
        self._settings = settings
        self._texts = PageTexts(fleet.zone, show_addresses=settings.show_recipients)
        self._rows: list[RankedRow] = []
        self._changes: list[Row] = []
        self._lists = AccountLists(self._texts, fleet.as_of)
        self._templates = _make_environment(self._texts, settings)

    def write(self, phase: Callable[[str], None]) -> None:
        for file in sorted(_FILES.iterdir()):
            self._files.write(file.name, file.read_text(encoding="utf-8"))
        phase("writing the pages of accounts")
        self._write_accounts()
        self._rows.sort()
        phase("writing the lists")
        self._write_lists()
        phase("writing the front page")
        self._write_front()

    def _write_accounts(self) -> None:
        fleet, settings = self._fleet, self._settings
        maker = RowMaker(self._texts, fleet.as_of, fleet.settings)
        today = fleet.as_of.astimezone(fleet.zone).toordinal()
        pages = AccountPages(
            self._texts,
            fleet.as_of,
            today,
            settings.icinga_url,
            show_recipients=settings.show_recipients,
        )
        template = self._templates.get_template("account.jinja")
        for view in fleet.iter_accounts():
            successes = maker.find_successes(view)
            row = maker.make_row(view, successes)
            ranked = RankedRow(rank_row(row), write_row(row))
            self._rows.append(ranked)
            self._lists.add(view, row, ranked)
            changes = (maker.make_change(view, each) for each in view.verdicts)
            self._changes += [each for each in changes if each is not None]
            page = pages.make(view, row, successes)
            self._files.write(f"{row['page']}.html", template.render(page))

    def _write_lists(self) -> None:
        lists = self._lists
        resellers = lists.list_resellers()
        for reseller in resellers:
            self._write(f"resellers/{reseller['page']}.html", "reseller", reseller=reseller)
        self._write("lists/resellers.html", "resellers", resellers=resellers)
        self._write("lists/clients.html", "clients", clients=lists.list_clients())
        retired = lists.list_retired()
        self._write("lists/retired.html", "retired", retired=retired, most=_MOST_LISTED)
        findings = group_findings(self._fleet.state.findings(), self._texts)
        self._write(
            "lists/findings.html",
            "findings",
            findings=findings,
            kinds=FINDING_KINDS,
            most=_MOST_LISTED,
        )
        causes = {task: load_causes(task) for task in TASKS}
        self._write("lists/what-to-do.html", "what_to_do", causes=causes)

    def _write(self, file: str, template: str, **variables: object) -> None:
        rendered = self._templates.get_template(f"{template}.jinja").render(variables)
        self._files.write(file, rendered)

    def _write_front(self) -> None:
        fleet, settings = self._fleet, self._settings
        failing = [row for row in self._rows if row.is_failing]
        self._changes.sort(key=lambda change: str(change["since"]), reverse=True)
        verdicts = fleet.state.verdicts()
        parts = fleet.list_parts()
        too_old = _find_limit(parts)
        age_problem = _find_age_problem(parts, too_old, self._now)
        self._write(
            "index.html",
            "front",
            store=parts,
            zone=str(fleet.zone),
            as_of=fleet.as_of,
            too_old=too_old,
            age_problem=age_problem,
            outbox_error=fleet.outbox_error,
            counts={task: verdicts.count(task) for task in TASKS},
            states=_WORST_FIRST,
            accounts=len(self._rows),
            failing=len(failing),
            rows=[row.read() for row in failing[:_MOST_ROWS]],
            changes=self._changes[:_MOST_CHANGES],
            more_changes=max(0, len(self._changes) - _MOST_CHANGES),
            changed=_count_changes(self._changes),
            refresh=int(settings.refresh.total_seconds()),
        )
        self._files.write("data.js", _format_data(self._rows, settings))
        age = {
            "read": fleet.as_of.isoformat(),
            "shown": format_time(fleet.as_of, fleet.zone),
            "too_old": None if too_old is None else too_old.isoformat(),
            "problem": age_problem,
        }
        self._files.write("age.js", f"window.A={json.dumps(age)};\n")


def _find_limit(parts: Sequence[PartAge]) -> datetime | None:
    """Return when checks will refuse the first of *parts*, None if one was never read."""
    limits = [part.too_old for part in parts]
    return None if None in limits else min(each for each in limits if each is not None)


def _find_age_problem(parts: Sequence[PartAge], too_old: datetime | None, now: datetime) -> str:
    """Return in words why the data are not those of *now*, '' if they are."""
    if any(part.read is not None and part.read > now + CLOCK_SLACK for part in parts):
        return "In the future"
    return "Too old" if too_old is None or now > too_old else ""


def _count_changes(changes: Sequence[Row]) -> Mapping[str, int]:
    """Return how many checks failed newly, became worse, or were solved, in words."""
    counts = Counter[str]()
    for change in changes:
        before, state = (State[change[name]] for name in ("state_before", "state"))
        if state is State.OK:
            counts["solved"] += 1
        elif before is State.OK:
            counts["new"] += 1
        else:
            counts["worse" if state.badness > before.badness else "better"] += 1
    return counts


def _format_data(rows: Sequence[RankedRow], settings: OverviewSettings) -> str:
    """Return the script with all rows: ``fetch`` of a file fails without a web server."""
    # Only ASCII, and nothing that could end a script: whoever includes it.
    icinga_url = json.dumps(settings.icinga_url)
    text = f'{{"icinga_url":{icinga_url},"accounts":[{",".join(row.text for row in rows)}]}}'
    text = text.replace("<", "\\u003c")
    return f"window.D={text};\n"


def _make_environment(texts: PageTexts, settings: OverviewSettings) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(
        title=settings.title,
        clean=texts.clean,
        icinga=partial(make_icinga_link, settings.icinga_url),
        show_recipients=settings.show_recipients,
    )
    environment.filters.update(time=texts.write_time, iso=texts.write_iso_time)
    return environment
