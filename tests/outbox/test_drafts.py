"""Drafts: what a mail is written from, through the outbox and back."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.mail.about import About
from backup_monitoring.mail.compose import compose_event
from backup_monitoring.mail.headers import MailError
from backup_monitoring.model.notices import Event, EventKind, Recipient, Role, Thread
from backup_monitoring.model.verdicts import Facts, State
from backup_monitoring.notify.composer import Composer
from backup_monitoring.outbox.drafts import Draft, read_draft, write_draft
from backup_monitoring.settings.load import read_settings
from backup_monitoring.settings.notify import NotifySettings
from backup_monitoring.tasks.fact_kinds import FactKind, list_facts, load_facts
from backup_monitoring.tasks.registry import TASKS
from backup_monitoring.tasks.schedule_facts import ScheduleFacts

AT = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
POLICY = NotifySettings(sender="Backup <backup@example.org>")
EVENT = Event(
    "4000101", "status", EventKind.PROBLEM, State.CRITICAL, AT, "3 failed", "web01", AT, "b1"
)
ANNA = Recipient("anna@example.org", "Anna", Role.CUSTOMER, "de")

VALUES: dict[FactKind, st.SearchStrategy[object]] = {
    FactKind.TEXT: st.text(),
    FactKind.FLAG: st.booleans(),
    FactKind.NUMBER: st.integers(-(2**70), 2**70),
    FactKind.SIZE: st.integers(0, 2**70),
    FactKind.PERCENT: st.floats(allow_nan=False, allow_infinity=False),
    FactKind.DAY: st.dates(),
    FactKind.TIME: st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    FactKind.AGE: st.integers(-(10**9), 10**9).map(lambda seconds: timedelta(seconds=seconds)),
}
ZONES = st.sampled_from(
    [UTC, ZoneInfo("Europe/Zurich"), ZoneInfo("Asia/Kathmandu"), timezone(timedelta(hours=-5))]
)


@st.composite
def facts(draw: st.DrawFn) -> tuple[str, Facts | None]:
    """A task, and facts of a verdict on it."""
    task = draw(st.sampled_from(sorted(TASKS)))
    known = draw(st.sets(st.sampled_from(list_facts(task))))
    made: Facts = load_facts(task)(**{each.name: draw(VALUES[each.kind]) for each in known})
    return task, draw(st.sampled_from([None, made]))


@given(facts(), ZONES, st.text(), st.none() | st.builds(Thread, st.text(), st.text()))
def test_a_draft_comes_back_as_it_was(
    sent: tuple[str, Facts | None], zone: timezone, text: str, thread: Thread | None
) -> None:
    task, facts_sent = sent
    about = About(text, text[::-1], facts_sent, zone)
    event = EVENT._replace(task=task, summary=text, zone=zone)
    draft = Draft(event, ANNA._replace(name=text), about, thread, text)

    back = read_draft(write_draft(draft))

    zones = (back.event.zone, back.about.zone)
    back = back._replace(event=back.event._replace(zone=zone), about=back.about._replace(zone=zone))
    assert back == draft
    assert {each and each.utcoffset(AT) for each in zones} == {zone.utcoffset(AT)}
    assert type(back.about.facts) is type(facts_sent)


def test_facts_that_no_mail_uses_are_left_out() -> None:
    about = About(facts=ScheduleFacts("missed", missed=3, zone=ZoneInfo("Europe/Zurich")))
    event = EVENT._replace(task="schedule")

    back = read_draft(write_draft(Draft(event, ANNA, about)))

    assert back.about.facts == ScheduleFacts("missed", missed=3)


def test_a_fact_that_a_task_no_longer_has_is_left_out() -> None:
    about = About(facts=ScheduleFacts("missed", missed=3))
    text = write_draft(Draft(EVENT._replace(task="schedule"), ANNA, about))

    back = read_draft(text.replace('"missed":3', '"missed":3,"moon":"full"'))

    assert back.about.facts == ScheduleFacts("missed", missed=3)


def test_its_key_is_the_message_id() -> None:
    draft = Draft(EVENT, ANNA, About()).with_key(POLICY)

    assert draft.key.endswith("@example.org>")
    moved = POLICY._replace(sender="backup@elsewhere.example.org")
    assert compose_event(*draft[:3], moved, key=draft.key).message_id == draft.key


def test_without_a_sender_there_is_a_key_all_the_same() -> None:
    nobody = POLICY._replace(sender="nobody")

    key = Draft(EVENT, ANNA, About()).with_key(nobody).key

    assert key.endswith(".invalid>")
    assert compose_event(EVENT, ANNA, About(), POLICY, key=key).message_id == key


@pytest.mark.parametrize("text", ["", "{}", "no JSON", write_draft(Draft(EVENT, ANNA, About()))])
def test_what_cannot_be_written_is_one_mails_fault(text: str, tmp_path: Path) -> None:
    (tmp_path / "directory.ldif").write_text("")
    file = tmp_path / "settings.toml"
    file.write_text(
        '[directory]\nuri = "ldif:directory.ldif"\nsuffix = "dc=example,dc=org"\n'
        '[notify]\nfrom = "nobody"\n'
    )

    with pytest.raises(MailError):
        Composer(read_settings(file), None, AT).compose_draft(text)
