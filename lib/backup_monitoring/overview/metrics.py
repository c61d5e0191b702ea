"""The metrics: the figures of all accounts as series, a bounded number of them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from math import inf
from pathlib import Path

from backup_monitoring.model import FINDING_KINDS, sanitize
from backup_monitoring.outbox import OutboxStatus
from backup_monitoring.overview.exposition import Family, Kind, Sample, render_families
from backup_monitoring.overview.figures import Figures
from backup_monitoring.overview.whole_file import WrittenFiles, replace_file
from backup_monitoring.tasks import TASKS, ClientCount

_MOST_CLIENTS = 20
_LONGEST = 80  # characters of a label
_NONE = "-"  # an empty label is none for Prometheus
_OTHER = ("other", _NONE)
_UNITS = {"B": "_bytes", "s": "_seconds", "": ""}


def write_metrics(figures: Figures, file: Path) -> WrittenFiles:
    """Write the metrics of *figures* into *file*, as a whole or not at all, readable by all.

    Raises:
        OverviewError: it cannot be written.
    """
    families = list(make_families(figures))
    replace_file(file, render_families(families))
    count = sum(len(family.samples) for family in families)
    failed = (f"outbox: {figures.mails}",) if isinstance(figures.mails, Exception) else ()
    return WrittenFiles(f"{count} series in {file}", failed)


def make_families(figures: Figures) -> Iterator[Family]:
    """Yield the metrics: fewer than 200 series, however many accounts there are."""
    yield from _make_account_families(figures)
    yield from _make_totals(figures)
    yield from _make_run_families(figures)
    yield _make_clients(figures.clients)
    yield from _make_mail_families(figures)


def _make_account_families(figures: Figures) -> Iterator[Family]:
    yield _make_gauge(
        "backup_accounts",
        "Number of accounts by the state that each check has of them.",
        *(
            Sample({"task": task, "state": state.name.lower()}, count)
            for task, counts in figures.accounts.items()
            for state, count in counts.items()
        ),
    )
    yield Family(
        "backup_accounts_changed_total",
        Kind.COUNTER,
        "How often an account came into a state; one that goes on after UNKNOWN is not counted "
        "again.",
        [
            Sample({"task": task, "to": state.name.lower()}, count)
            for (task, state), count in figures.changes.items()
        ],
    )
    yield _make_gauge(
        "backup_oldest_failure_seconds",
        "How long the account that has been WARNING or CRITICAL for longest has had that state, "
        "0 if there is none.",
        *(Sample({"task": task}, _measure(age)) for task, age in figures.failing_for.items()),
    )


def _make_totals(figures: Figures) -> Iterator[Family]:
    for total in (total for task in TASKS.values() for total in task.totals):
        name = f"backup_{total.name}{_UNITS[total.unit]}"
        help = f"{total.meaning[:1].upper()}{total.meaning[1:]} of all accounts."
        yield _make_gauge(name, help, Sample({}, figures.totals[total.name]))


def _make_run_families(figures: Figures) -> Iterator[Family]:
    yield _make_gauge(
        "backup_collect_age_seconds",
        "How long ago the collector had read each part completely, when this was written; +Inf: "
        "never.",
        *(
            Sample({"part": part}, inf if age is None else _measure(age))
            for part, age in figures.ages.items()
        ),
    )
    yield _make_gauge(
        "backup_collect_duration_seconds",
        "How long the last collector run took.",
        Sample({}, round(figures.duration.total_seconds(), 3)),
    )
    yield _make_gauge(
        "backup_findings",
        "Number of findings of the last collector run, by kind.",
        *(Sample({"kind": kind}, figures.findings.get(kind, 0)) for kind in FINDING_KINDS),
    )
    yield _make_gauge(
        "backup_metrics_timestamp_seconds",
        "When this was written, in seconds since 1970.",
        Sample({}, int(figures.at.timestamp())),
    )


def _make_clients(clients: Iterable[ClientCount]) -> Family:
    return _make_gauge(
        "backup_clients",
        "Number of computers in use, by the backup program that wrote their newest report.",
        *(
            Sample({"identifier": identifier, "version": version}, computers)
            for (identifier, version), computers in _choose_clients(clients).items()
        ),
    )


def _choose_clients(clients: Iterable[ClientCount]) -> dict[tuple[str, str], int]:
    """Return the number of computers of the most used programs, and of all others together.

    Those that most accounts use count as such: a single customer could make up any number of
    programs. Two that look alike once they are harmless are one.
    """
    computers = Counter[tuple[str, str]]()
    accounts = Counter[tuple[str, str]]()
    for client, number, users in clients:
        name = (_name(client.identifier), _name(client.version))
        computers[name] += number
        accounts[name] = max(accounts[name], users)  # a customer can make up systems, too
    ranked = sorted(computers, key=lambda name: (-accounts[name], -computers[name], name))
    chosen = {name: computers[name] for name in ranked[:_MOST_CLIENTS]}
    if others := ranked[_MOST_CLIENTS:]:
        chosen[_OTHER] = chosen.get(_OTHER, 0) + sum(computers[name] for name in others)
    return chosen


def _name(text: str) -> str:
    return sanitize(text, _LONGEST) or _NONE


def _make_mail_families(figures: Figures) -> Iterator[Family]:
    mails = figures.mails
    if mails is None:
        return
    is_readable = isinstance(mails, OutboxStatus)
    yield _make_gauge(
        "backup_outbox_readable",
        "1 if the outbox could be read, else 0: then nothing is known of its mails.",
        Sample({}, int(is_readable)),
    )
    if not isinstance(mails, OutboxStatus):
        return
    yield _make_gauge(
        "backup_mails",
        "Number of mails that wait, are held in a storm, or were refused in the last 24 hours.",
        Sample({"state": "waiting"}, mails.waiting),
        Sample({"state": "held"}, mails.held),
        Sample({"state": "refused"}, mails.refused),
    )
    yield _make_gauge(
        "backup_mails_oldest_seconds",
        "How long the oldest mail that waits could have been delivered.",
        Sample({}, _measure(mails.oldest)),
    )
    yield _make_gauge(
        "backup_calls",
        "Number of calls of the notification command that wait, spooled or to be retried.",
        Sample({"state": "spooled"}, mails.spooled),
        Sample({"state": "retried"}, mails.retried),
    )
    yield _make_gauge(
        "backup_calls_oldest_seconds",
        "How long the oldest call of the notification command has waited.",
        Sample({}, _measure(mails.oldest_call)),
    )


def _make_gauge(name: str, help: str, *samples: Sample) -> Family:
    return Family(name, Kind.GAUGE, help, samples)


def _measure(age: timedelta | None) -> int:
    return 0 if age is None else int(age.total_seconds())
