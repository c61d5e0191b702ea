"""Scans a server's store, and delivers the mails to an oracle in place of a mail server."""

import quopri
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import backup_monitoring.mail
from backup_monitoring.mail.transport import SendOutcome, SendResult
from backup_monitoring.notify.notifier import Notifier
from backup_monitoring.settings.load import Settings
from backup_monitoring.store.store_file import open_store
from simulation.mail_oracle import UNKNOWN, Arrived, Key, MailOracle, Seen, Slot
from simulation.owners import OPERATOR, PROVIDER
from walls import MINUTE

_TEMPLATES = {
    "mail.jinja": """{% set title %}{{ kind }} {{ task }} {{ uid }} {{ role }}{% endset %}
{% set subject = title %}{% set because = "" %}
{% set lead = "" %}{% set todo = "" %}{% set why = "" %}
""",
    "layout/mail.txt": """{{ subject }}
{% for item in items %}* {{ item.title }} {{ item.lines|first }}
{% endfor %}
""",
    "layout/mail.html": "{{ subject }}",
}
_LIST = """{% set subject %}LIST {{ digest }} {{ task }}{% endset %}{% set title = subject %}
{% set lead = "" %}{% set todo = "" %}{% set more = "" %}{% set why = "" %}
"""
_LISTS = ("digest.jinja", "operator.jinja", "accounts.jinja")
_STEP = 11 * MINUTE  # longer than `settle` and `digest_delay`
_STEPS = 4
_LIMIT = 300.0
_INVISIBLE = re.compile("[\u2060\u2063]")
_WAITING = """
SELECT (SELECT count(*) FROM mails WHERE status IN ('settling', 'waiting', 'sending'))
    + (SELECT count(*) FROM digests WHERE status IN ('settling', 'waiting', 'composed'))
"""


def write_templates(folder: Path) -> None:
    """Write a provider's own templates, with which mails say what an oracle can read."""
    texts = {**_TEMPLATES, **dict.fromkeys(_LISTS, _LIST)}
    for name, text in texts.items():
        file = folder / "templates" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def format_settings(more: str = "") -> str:
    """Return section [notify]; *more* are further lines."""
    lines = [
        "[notify]",
        'trigger = "scan"',
        f'operator = "{OPERATOR}"',
        'from = "backup@provider.example.org"',
        'smtp = "sendmail:/bin/false"',
        'outbox = "outbox.sqlite"',
        'templates = "templates"',
        more,
        "",
    ]
    return "\n".join(lines)


class Postman:
    """Scans and delivers, as the timers of the notifier do.

    Args:
        settings: with [notify] of `format_settings`.
    """

    def __init__(self, settings: Settings, store: Path, oracle: MailOracle) -> None:
        self._settings = settings
        self._store = store
        self._oracle = oracle
        self._arrived: list[Arrived] = []
        self._now = datetime.min.replace(tzinfo=UTC)

    def scan(self, now: datetime, gone: set[str]) -> None:
        """Scan after a collector run, and deliver until nothing is left but what must wait."""
        seen = dict(self._read_states())
        code, text = Notifier(self._settings, now, lambda _: None).scan()
        assert code in (0, 1), text
        assert "FAILED" not in text, text
        self._oracle.scan(seen, gone, now)
        for number in range(_STEPS):
            self._deliver(now + number * _STEP)
            if not self._is_waiting():
                break
        self._oracle.take(self._arrived, now)
        self._arrived.clear()

    def _deliver(self, now: datetime) -> None:
        self._now = now
        with patch.object(backup_monitoring.mail, "open_transport", lambda *_: self, create=True):
            code, text = Notifier(self._settings, now, lambda _: None).deliver(_LIMIT, _LIMIT)
        assert code == 0, text

    def _is_waiting(self) -> bool:
        db = sqlite3.connect(self._settings.notify.outbox or "")
        try:
            return bool(db.execute(_WAITING).fetchone()[0])
        finally:
            db.close()

    def _read_states(self) -> Iterator[tuple[Key, Seen]]:
        state = open_store(self._store)
        try:
            for uid, _, task, verdict, *_ in state.verdicts().list_failing(self._oracle.ongoing):
                full = verdict.facts is not None and verdict.facts.cause == "full"
                yield (
                    (uid, task),
                    Seen(
                        verdict.state,
                        frozenset(verdict.failing),
                        frozenset(verdict.retired),
                        frozenset(verdict.uncertain),
                        task == "status" and full,
                    ),
                )
        finally:
            state.close()

    def send(self, sender: str, address: str, message: bytes) -> SendResult:
        """Take a mail, as a `Transport`."""
        self._arrived.append(read_mail(self._now, address, message))
        return SendResult(SendOutcome.ACCEPTED, "")

    def close(self) -> None:
        """End, as a `Transport`."""


def read_mail(at: datetime, address: str, message: bytes) -> Arrived:
    """Return what a mail of our templates says."""
    head, _, rest = message.partition(b"\r\n\r\n")
    headers = dict(re.findall(r"^([A-Za-z-]+): (.*?)\r?$", head.decode(), re.MULTILINE))
    body = quopri.decodestring(rest.partition(b"\r\n\r\n")[2].partition(b"\r\n--=_")[0])
    subject, *lines = _INVISIBLE.sub("", body.decode()).strip().splitlines()
    number, answers = headers["Message-ID"], headers.get("In-Reply-To", "")
    words = subject.split()
    if words[0] != "LIST":
        return Arrived(at, address, "", (_read_event(address, words),), number, answers)
    said = tuple(_read_event(address, line.split()[1:]) for line in lines if line)
    return Arrived(at, address, words[1], said, number, task=(words[2:] or [""])[0])


def _read_event(address: str, words: list[str]) -> tuple[str, Slot]:
    if words[1] == UNKNOWN:  # "quota: UNKNOWN 4000101"
        return UNKNOWN, Slot((address, PROVIDER), (words[2].rstrip(","), words[0].rstrip(":")))
    kind, task, uid, role = words[:4]
    return kind, Slot((address, role), (uid, task))
