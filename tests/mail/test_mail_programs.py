"""Mails in real programs: SpamAssassin's rules about their form, and threads in notmuch."""

import email
import mailbox
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from backup_monitoring.mail.compose import Mail, compose_event
from backup_monitoring.mail.samples import make_sample_about, make_sample_event, preview_messages
from backup_monitoring.model.notices import EventKind, Recipient, Role, Thread
from backup_monitoring.settings.notify import NotifySettings

pytestmark = pytest.mark.server

LANGUAGES = ("de", "en", "fr", "it")
POLICY = NotifySettings(
    sender="Backup of Example <backup@example.org>",
    reply_to="support@example.org",
    support="support@example.org",
    self_service="https://selfcare.example.org/",
)
ANNA = Recipient(
    "anna@example.org", "Anna Müller", Role.CUSTOMER, "de", gender="f", surname="Müller"
)
# No server has received these mails; and that a mail has HTML is neither good nor bad.
OF_THE_TEST = {"NO_RECEIVED", "NO_RELAYS", "HTML_MESSAGE"}
RULE = re.compile(r"^\s*-?\d+\.\d+ ([A-Z][A-Z0-9_]+) ", re.MULTILINE)
HOSTILE = "log in at www.93.184.216.34/login, evil.example.com, +41 44 123 45 67 or a@evil.com"


def find(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{program} is not installed: tests/run installs it")
        pytest.skip(f"{program} is not installed")
    return found


def call(folder: Path, program: str, *arguments: str) -> str:
    """Return the output of *program*, whose home is *folder*."""
    done = subprocess.run(
        [find(program), *arguments],
        env={"HOME": str(folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        capture_output=True,
        timeout=300,
        check=True,
    )
    return done.stdout.decode("utf-8", "replace")


def make_hostile(language: str) -> Mail:
    event = make_sample_event("schedule", EventKind.PROBLEM)._replace(computer=HOSTILE)
    about = make_sample_about("schedule")._replace(name=HOSTILE, customer=HOSTILE)
    return compose_event(event, ANNA._replace(language=language), about, POLICY)


def make_spam() -> Mail:
    """Return a mail without two headers that every program writes."""
    mail = make_hostile("en")
    return mail._replace(data=re.sub(rb"\r\n(?:Date|Message-ID): [^\r]*", b"", mail.data))


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[str]]:
    """The rules of SpamAssassin that each mail hits, without those of the test itself."""
    folder = tmp_path_factory.mktemp("spam")
    mails = dict(preview_messages("anna@example.org", POLICY))
    mails |= {f"hostile-{language}": make_hostile(language) for language in LANGUAGES}
    mails["spam"] = make_spam()
    box = mailbox.mbox(folder / "box")
    for name, mail in mails.items():
        message = email.message_from_bytes(mail.data)
        message["X-Sample"] = name  # it sorts them by their dates
        box.add(message)
    box.close()
    checked = call(folder, "spamassassin", "--local", "--test-mode", "--mbox", str(folder / "box"))
    _, *parts = re.split(r"^X-Sample: (\S+)$", checked, flags=re.MULTILINE)
    assert {*parts[::2]} == {*mails}
    assert all("Content analysis details:" in report for report in parts[1::2])
    return {
        name: {*RULE.findall(report)} - OF_THE_TEST
        for name, report in zip(parts[::2], parts[1::2], strict=True)
    }


def test_a_spam_filter_finds_nothing_in_any_kind_of_mail(rules: Mapping[str, set[str]]) -> None:
    assert len(rules) > 40
    assert {name: hit for name, hit in rules.items() if hit and name != "spam"} == {}
    assert rules["spam"] >= {"MISSING_DATE", "MISSING_MID"}  # otherwise it looked at nothing


def test_a_thread_stays_one_thread(tmp_path: Path) -> None:
    folder = tmp_path / "Mail" / "cur"
    folder.mkdir(parents=True)
    (tmp_path / ".notmuch-config").write_text(
        f"[database]\npath={tmp_path / 'Mail'}\n[user]\nprimary_email=anna@example.org\n"
    )
    threads = 0
    for address in ("anna@example.org", "other@example.org"):
        for task in ("schedule", "status"):
            threads += 1
            thread = None
            for days, kind in enumerate(
                (EventKind.PROBLEM, EventKind.REMINDER, EventKind.CUSTOM, EventKind.RECOVERY)
            ):
                event = make_sample_event(task, kind)
                event = event._replace(at=event.at + timedelta(days=days))
                recipient = ANNA._replace(address=address)
                mail = compose_event(
                    event, recipient, make_sample_about(task, kind), POLICY, thread
                )
                (folder / f"{threads}-{days}:2,").write_bytes(mail.data)
                first = thread.first if thread is not None else mail.message_id
                thread = Thread(first, mail.message_id)
    call(tmp_path, "notmuch", "new")

    found = call(tmp_path, "notmuch", "search", "--output=summary", "*").splitlines()

    assert call(tmp_path, "notmuch", "count", "*").strip() == "16"
    assert len(found) == threads == 4
    assert all("[4/4]" in line for line in found)
