"""Fleets with an overview, and its metrics as Prometheus's own parser reads them."""

import re
from pathlib import Path
from xml.sax.saxutils import escape

from prometheus_client.parser import text_string_to_metric_families

from programs.in_process import Done, run_program
from store.fleet import Fleet
from store.test_same import fill

RUN = "2026-11-21T12:00+01:00"
NEXT_DAY = "2026-11-22T12:00+01:00"
SHOWN = "2026-11-22T12:07+01:00"
SETTINGS = """
[client.minimum]
"Online Backup Perl Script" = "2.0.12"
[notify]
trigger = "scan"
from = "backup@example.org"
operator = "noc@example.org"
outbox = "outbox.sqlite"
smtp = "sendmail:/bin/false"
[overview]
metrics_file = "backup.prom"
"""
# What customers may call a backup program, and its version.
HOSTILE = (
    ('a"} 1\nbackup_accounts{task="quota', "1"),
    ("back\\slash\\", "\\n"),
    ("\u202eevil\u2028\x7f", "1.0"),
    ("<b>|pipe", "{}"),
    ("x" * 5000, "y" * 5000),
    ("", "2.0"),
    ("grün 中文 😀", "1,2=3"),
)

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def make_mixed(folder: Path) -> Fleet:
    """Accounts of every kind after runs on two days, with mails that wait."""
    fleet = Fleet(folder)
    fleet.settings_text(SETTINGS)
    fill(fleet)
    fleet.collect(RUN)
    (fleet.home / "good" / "incoming").rename(fleet.home / "good" / "left")
    fleet.collect(NEXT_DAY)
    for job in ("--scan", "--deliver"):
        assert run(fleet, "notify_backup", job, now=NEXT_DAY).code in (0, 1)
    return fleet


def run(fleet: Fleet, program: str, *options: str, now: str = SHOWN) -> Done:
    return run_program(program, "--config", str(fleet.file), "--now", now, *options)


def write(fleet: Fleet, now: str = SHOWN) -> Series:
    """Write the metrics; return them."""
    done = run(fleet, "backup_overview", now=now)
    assert done.code == 0, done.out
    return read(fleet.folder / "backup.prom")


def read(file: Path) -> Series:
    found: Series = {}
    for family in text_string_to_metric_families(file.read_text(encoding="utf-8")):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


def value(series: Series, name: str, **labels: str) -> float:
    return series[name, frozenset(labels.items())]


def choose(series: Series, name: str) -> dict[frozenset[tuple[str, str]], float]:
    return {labels: number for (each, labels), number in series.items() if each == name}


def performance(done: Done) -> dict[str, float]:
    """Return the performance data of a check's output, by name."""
    (data,) = re.findall(r" \| (.*)$", done.out.partition("\n")[0])
    pairs = (each.partition("=") for each in data.split(" "))
    return {name: float(re.match(r"[0-9.]+", text)[0]) for name, _, text in pairs}  # type: ignore[index]


def use_client(fleet: Fleet, uid: str, name: str, identifier: str, version: str) -> None:
    """Let a computer report this backup program."""
    client = (
        f"<client><identifier>{escape(identifier)}</identifier>"
        f"<version>{escape(version)}</version></client>"
    )
    (fleet.reports(uid, name) / "backupEnded.xml").write_text(
        "<backup_ended><enddate>2026-11-20T20:40:00+01:00</enddate><id>1</id>"
        f"<success>1</success>{client}</backup_ended>",
        encoding="utf-8",
    )
