"""Mails: every kind in every language, hostile names, own templates, headers."""

import email
import email.policy
import os
import re
import subprocess
import sys
import textwrap
from datetime import UTC, date, datetime, timedelta, timezone
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backup_monitoring.mail.about import About
from backup_monitoring.mail.catalogs import PACKAGED, list_languages, list_uncompiled
from backup_monitoring.mail.compose import Mail, compose_event
from backup_monitoring.mail.content import (
    TASK_TEXTS,
    ListItem,
    ListPurpose,
    MailContent,
    MailList,
    build_event_content,
    build_scene,
)
from backup_monitoring.mail.formats import Formats
from backup_monitoring.mail.headers import MailError
from backup_monitoring.mail.lists import MAX_HTML, compose_list, compose_parts
from backup_monitoring.mail.samples import (
    make_sample_about,
    make_sample_event,
    make_sample_list,
    make_samples,
    preview_messages,
)
from backup_monitoring.mail.sanitize import hide_internals, neutralize
from backup_monitoring.mail.template_loader import (
    TemplateSet,
    load_templates,
    split_paragraphs,
    split_steps,
)
from backup_monitoring.model.accounts import GIB
from backup_monitoring.model.notices import Ending, Event, EventKind, Recipient, Role, Thread
from backup_monitoring.model.verdicts import State
from backup_monitoring.settings.notify import NotifySettings
from backup_monitoring.tasks.client_facts import ClientFacts
from backup_monitoring.tasks.fact_kinds import list_facts, load_causes, load_facts
from backup_monitoring.tasks.registry import TASKS
from backup_monitoring.tasks.schedule_facts import ScheduleFacts
from backup_monitoring.tasks.status_facts import StatusFacts

ROOT = Path(__file__).parent.parent.parent
LANGUAGES = ("de", "en", "fr", "it")
AT = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
ZONE = timezone(timedelta(hours=1))
POLICY = NotifySettings(
    sender="Backup of Example <backup@example.org>",
    reply_to="support@example.org",
    support="support@example.org",
    self_service="https://selfcare.example.org/",
    language="fr",
)
ANNA = Recipient(
    "anna@example.org", "Anna Müller", Role.CUSTOMER, "de-CH", gender="f", surname="Müller"
)
NOC = Recipient("noc@example.org", "", Role.OPERATOR, "en", reason="[notify] operator")
UNITS = ("MiB", "GiB")
HOSTILE = (
    "a\r\nBcc: victim@example.net",
    "\u202egpj.exe",
    "<script>alert(1)</script><a href='http://evil.example'>x</a>",
    "http://evil.example/x www.evil.example evil.example",
    "mailto:x@evil.example javascript:alert(1)",
    "\udcff\udc80 no UTF-8",
    "x" * 255,
    "{{ 7 * 7 }}{% raw %}",
    "- step\n---\n- step",
    "=?utf-8?q?Bcc=3A_x?= \x00\x1b[2J",
    '"quoted", <y@evil.example>;',
)


def parsed(mail: Mail) -> EmailMessage:
    """Return the message as a mail program sees it."""
    return email.message_from_bytes(mail.data, policy=email.policy.default)


def body(mail: Mail, kind: str = "plain") -> str:
    """Return the text or the HTML of *mail*."""
    found = parsed(mail).get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def words(text: str) -> str:
    """Return *text* in one line, with ordinary blanks."""
    return " ".join(text.split())


class Tags(HTMLParser):
    """Collects the tags and the links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", EventKind)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_mail_says_what_and_who(
    language: str, kind: EventKind, task: str, role: Role
) -> None:
    recipient = ANNA._replace(language=language, role=role)
    mail = compose_event(
        make_sample_event(task, kind), recipient, make_sample_about(task, kind), POLICY
    )
    text, page = body(mail), body(mail, "html")

    assert mail.complaints == ()
    assert parsed(mail)["Subject"] == mail.subject
    names = re.findall("[«“]\\s?(.*?)\\s?[»”]", mail.subject)  # what comes from outside is quoted
    assert names == ["Example server", "web01"][: 1 + TASKS[task].has_computers]
    assert mail.subject.count(":") <= 1
    for part in ("Müller", "Example server", "4000100", "Example customer"):
        assert part in words(text)
        assert part in page
    assert (POLICY.support in text) is (POLICY.support in page) is (role is not Role.OPERATOR)
    assert (POLICY.self_service in text) is (role is Role.CUSTOMER)
    assert ("backup-01" in text) is (role is Role.OPERATOR)
    numbered = len(re.findall(r"^\d\. ", text, flags=re.MULTILINE))
    silent = (EventKind.RECOVERY, EventKind.CUSTOM)
    assert numbered in ((0,) if kind in silent else (2, 3))
    assert not re.search(r" [.,]|\.[A-ZÄÖÜ]|None|\{|\}", text.replace("https://", ""))


def test_every_language_shows_the_same_numbers() -> None:
    shown: dict[str, dict[str, list[str]]] = {}
    for language in LANGUAGES:
        for name, mail in make_samples(ANNA._replace(language=language), POLICY):
            numbers = re.findall(r"\d+", mail.subject + body(mail))
            shown.setdefault(name.removeprefix(language), {})[language] = sorted(numbers)

    assert len(shown) > 30
    for name, numbers_of in shown.items():
        for language in LANGUAGES:
            assert numbers_of[language] == numbers_of["en"], name


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", EventKind)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_without_facts_is_shorter_but_whole(
    language: str, kind: EventKind, task: str
) -> None:
    event = Event("4000100", task, kind, State.CRITICAL, AT, "the check's own words")
    mail = compose_event(
        event, Recipient("a@example.org", "", Role.CUSTOMER, language), About(), POLICY
    )
    text = body(mail)

    assert not re.search(r" [.,]|None|\(\s*\)|«\s*»", text)
    if kind in (EventKind.PROBLEM, EventKind.REMINDER):
        assert "the check's own words" in text


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", [EventKind.PROBLEM, EventKind.REMINDER])
@pytest.mark.parametrize("language", LANGUAGES)
def test_where_only_the_output_is_known_no_cause_is_named(
    language: str, kind: EventKind, task: str
) -> None:
    recipient = ANNA._replace(language=language)
    event = Event("4000100", task, kind, State.WARNING, AT, "shrunk from 8.0 GiB to 1.0 GiB")
    caused = [
        compose_event(event._replace(cause=cause), recipient, About(), POLICY)
        for cause in [each.name for each in load_causes(task)]
    ]

    mail = compose_event(event, recipient, About(), POLICY)
    silent = compose_event(event._replace(summary=""), recipient, About(), POLICY)

    assert mail.subject not in {each.subject for each in caused}
    assert "shrunk from 8.0 GiB to 1.0 GiB" in body(mail)
    assert not re.search("shrunk|  ", words(body(silent)))
    steps_of = [set(re.findall(r"^\d\. .*", body(each), re.MULTILINE)) for each in (mail, *caused)]
    assert len(steps_of[0]) == 2
    assert not steps_of[0] & set().union(*steps_of[1:])


@pytest.mark.parametrize(
    ("language", "brief", "problem"),
    [
        ("de", "mehr als 99 Backups", "Mehr als 99 geplante Backups wurden"),
        ("en", "more than 99 backups missed", "More than 99 scheduled backups did not run"),
        ("fr", "plus de 99 sauvegardes", "Plus de 99 sauvegardes prévues"),
        ("it", "più di 99 backup", "Più di 99 backup previsti"),
    ],
)
def test_more_missed_backups_than_are_counted(language: str, brief: str, problem: str) -> None:
    recipient = NOC._replace(role=Role.CUSTOMER, language=language)
    about = About(facts=ScheduleFacts("missed", missed=100))

    mail = compose_event(make_sample_event("schedule", EventKind.PROBLEM), recipient, about, POLICY)

    text = words(body(mail))
    assert brief in text
    assert problem in text
    assert "100" not in text.replace("4000100", "")


@pytest.mark.parametrize(
    ("language", "hours", "not_ended", "ended"),
    [
        ("de", 26, "ist nach 26 h noch nicht abgeschlossen. Vielleicht läuft es", "wurde nicht"),
        ("de", 170, "ist nach 7 Tagen noch nicht abgeschlossen", "wurde nicht abgeschlossen"),
        ("en", 26, "has not finished after 26 h. It may still be running", "did not finish"),
        ("en", 170, "has not finished after 7 days", "did not finish"),
        ("fr", 26, "n’est pas terminée après 26 h. Elle est peut-être encore", "ne s’est pas"),
        ("fr", 170, "n’est pas terminée après 7 jours", "ne s’est pas terminée"),
        (
            "it",
            26,
            "non è terminato dopo 26 h. Forse è ancora in corso",
            "«web01» non è terminato.",
        ),
        ("it", 170, "non è terminato dopo 7 giorni", "«web01» non è terminato."),
    ],
)
def test_a_backup_that_may_still_run_is_not_said_to_be_over(
    language: str, hours: int, not_ended: str, ended: str
) -> None:
    recipient = NOC._replace(role=Role.CUSTOMER, language=language)
    event = make_sample_event("status", EventKind.PROBLEM)

    late, over = (
        words(body(compose_event(event, recipient, About(facts=facts), POLICY)))
        for facts in (
            StatusFacts("never_ended", failed=1, unended_hours=hours),
            StatusFacts("never_ended", failed=1),
        )
    )

    assert (not_ended in late, ended in late) == (True, False)
    assert (not_ended in over, ended in over) == (False, True)


@pytest.mark.parametrize(
    ("language", "words_not_used"),
    [
        (
            "de",
            "Grenze|ohne Urteil|(nicht|nie|Fehlern) beendet|, am |Nun waren|so gut wie|Wer gewarnt",
        ),
        (
            "en",
            "as good as|by hand|[Ll]ook (in|whether)|mended|faults|never ended|was changed since",
        ),
        (
            "fr",
            "averti[^ sr]|à la main|soudain |jugé|verdict|échouées de suite|Gi?B|[Rr]egardez si",
        ),
        ("it", "in data|[Ss]orvegli|giudi|lei stesso|\\bmemoria|[Gg]uardi|avvisata"),
    ],
)
def test_sentences_that_were_replaced_do_not_come_back(language: str, words_not_used: str) -> None:
    for task in TASKS:
        for cause in load_causes(task):
            about = make_sample_about(task)
            assert about.facts is not None
            about = about._replace(facts=about.facts._replace(cause=cause.name))
            event = make_sample_event(task, EventKind.PROBLEM, State.CRITICAL)
            mail = compose_event(event, ANNA._replace(language=language), about, POLICY)
            assert not re.search(words_not_used, words(mail.subject + body(mail)))
    for sample in make_samples(ANNA._replace(language=language), POLICY):
        text = words(sample.mail.subject + body(sample.mail))
        assert not re.search(words_not_used, text), sample.name


@pytest.mark.parametrize(
    ("day", "shown"),
    [
        (1, "è terminato con errori il 1º novembre"),
        (8, "è terminato con errori l’8 novembre"),
        (11, "è terminato con errori l’11 novembre"),
        (18, "è terminato con errori il 18 novembre"),
    ],
)
def test_the_italian_article_of_a_day(day: int, shown: str) -> None:
    facts = StatusFacts("errors", failed_at=AT.replace(day=day))
    event = make_sample_event("status", EventKind.PROBLEM)

    mail = compose_event(event, ANNA._replace(language="it"), About(facts=facts), POLICY)

    assert shown in words(body(mail))


@pytest.mark.parametrize(
    ("language", "since", "others"),
    [
        ("de", "begann am 20. November 2026, 20:00 Uhr (UTC+01:00). Was seither", "Ein weiterer"),
        ("en", "started on 20 November 2026, 20:00 (UTC+01:00). Anything changed", "One more"),
        ("fr", "le 20 novembre 2026 à 20:00 (UTC+01:00). Ce qui a été modifié", "Un autre"),
        ("it", "il 20 novembre 2026, ore 20:00 (UTC+01:00). Ciò che", "È interessato"),
    ],
)
def test_what_is_not_backed_up_since_then_stands_behind_the_last_backup(
    language: str, since: str, others: str
) -> None:
    event, about = make_sample_event("schedule", EventKind.PROBLEM), make_sample_about("schedule")

    text = words(body(compose_event(event, ANNA._replace(language=language), about, POLICY)))

    assert text.index(since) < text.index(others)


@pytest.mark.parametrize(
    ("language", "retired", "deleted", "freed"),
    [
        ("de", "Löschen Sie dafür keine Daten.", "auch aus dem Backup", "Platz wird erst frei"),
        ("en", "Do not delete any data", "disappears from the backup", "only becomes free once"),
        (
            "fr",
            "ne supprimez aucune donnée",
            "disparaissent aussi de la",
            "n’est libéré que lorsque",
        ),
        ("it", "non cancelli alcun dato", "scompaiono anche dal backup", "si libera solo quando"),
    ],
)
def test_no_step_costs_data_without_saying_so(
    language: str, retired: str, deleted: str, freed: str
) -> None:
    recipient = ANNA._replace(language=language)
    texts = {
        task: words(
            body(
                compose_event(
                    make_sample_event(task, EventKind.PROBLEM),
                    recipient,
                    make_sample_about(task),
                    POLICY,
                )
            )
        )
        for task in TASKS
    }
    listing = make_sample_list(ListPurpose.FIRST_SCAN)
    first_scan = compose_list(listing, recipient._replace(role=Role.OPERATOR), POLICY, AT, ZONE)

    assert all(retired in texts[task] for task in ("schedule", "status"))
    assert deleted in texts["quota"]
    assert freed in texts["quota"]
    assert not any("--retire" in text for text in texts.values())
    assert "collect_backup_state --retire UID/COMPUTER" in words(body(first_scan))


def test_french_has_a_blank_before_each_colon_and_its_own_units() -> None:
    said = "the store: its last run is 2 h old"
    for sample in make_samples(ANNA._replace(language="fr"), POLICY):
        for kind in ("plain", "html"):
            text = re.sub("<(style|[^>]*)>", "", body(sample.mail, kind).replace(said, ""))
            text = text.partition("}\n}")[2] or text  # the style sheet
            assert not re.search(r"[^\N{NO-BREAK SPACE}][:;?!](?=\s|$)|[GM]iB", text), sample.name


@pytest.mark.parametrize(
    ("language", "row"),
    [
        ("de", "Installiert: Sepiola Online Backup Client 2.5.0"),
        ("en", "Installed: Sepiola Online Backup Client 2.5.0"),
        ("fr", "Installé\N{NO-BREAK SPACE}: Sepiola Online Backup Client 2.5.0"),
        ("it", "Installato: Sepiola Online Backup Client 2.5.0"),
    ],
)
def test_a_version_is_not_called_a_value(language: str, row: str) -> None:
    event, about = make_sample_event("client", EventKind.PROBLEM), make_sample_about("client")

    text = body(compose_event(event, ANNA._replace(language=language), about, POLICY))

    assert f"\n{row}" in text


@pytest.mark.parametrize("computer", ["web01", None])
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_no_longer_monitored_has_one_reason(language: str, computer: str | None) -> None:
    recipient = ANNA._replace(language=language)
    event = make_sample_event("status", EventKind.MONITORING_ENDED)._replace(computer=computer)
    about = make_sample_about("status")
    reasons = []
    for ending in (*Ending, None):
        ended = event._replace(ending=ending)
        text = words(body(compose_event(ended, recipient, about, POLICY)))
        listing = MailList(ListPurpose.RESELLER, [ListItem(ended, about)])
        listed = body(
            compose_list(listing, recipient._replace(role=Role.RESELLER), POLICY, AT, ZONE)
        )
        # the second line of the list's only item is the reason
        reason = words(
            re.findall(r"^\* .*\n(?:  .*\n)+?  (.*(?:\n    .*)*)", listed, re.MULTILINE)[0]
        )
        assert reason in text
        assert not re.search(r" [.,]|None", text)
        reasons.append(reason)

    assert len(set(reasons)) == 4
    assert sum("web01" in reason for reason in reasons) == (computer is not None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_note_of_the_operator_has_steps_only_without_a_text(language: str) -> None:
    recipient = ANNA._replace(language=language)
    note = make_sample_event("quota", EventKind.CUSTOM, State.CRITICAL)
    about = make_sample_about("quota")

    with_text = compose_event(note, recipient, about, POLICY)
    without = compose_event(note._replace(comment=""), recipient, about, POLICY)

    assert not re.search(r"^1\. ", body(with_text), re.MULTILINE)
    assert "92" not in body(with_text)
    assert re.search(r"^1\. ", body(without), re.MULTILINE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_list_names_no_cause_that_is_not_known(language: str) -> None:
    recipient = NOC._replace(role=Role.RESELLER, language=language)
    plain = Event("1", "quota", EventKind.PROBLEM, State.WARNING, AT, "shrunk")
    items = [
        ListItem(plain._replace(cause=cause))
        for cause in ("", *(each.name for each in load_causes("quota")))
    ]
    mails = [
        compose_event(item.event, recipient._replace(role=Role.CUSTOMER), About(), POLICY)
        for item in items
    ]

    mail = compose_list(MailList(ListPurpose.RESELLER, items), recipient, POLICY, AT, ZONE)

    titles = re.findall(r"^\* (.*)", body(mail), re.MULTILINE)
    assert len(set(titles)) == len(titles) == 4
    assert [re.split(r"\s?: ", each.subject)[0] for each in mails] == titles


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_fact_may_be_missing_and_each_cause_is_named(language: str, task: str) -> None:
    recipient = ANNA._replace(language=language)
    subjects = set()
    for cause in load_causes(task):
        facts = make_sample_about(task).facts
        assert facts is not None
        for left_out in (None, *(each.name for each in list_facts(task))):
            blank = load_facts(task)()._asdict()
            unknown = {} if left_out is None else {left_out: blank[left_out]}
            some = facts._replace(cause=cause.name, **unknown)
            about = make_sample_about(task)._replace(facts=some)
            mail = compose_event(
                make_sample_event(task, EventKind.PROBLEM), recipient, about, POLICY
            )
            assert not re.search(r"None| [.,]", body(mail))
            if left_out is None:
                subjects.add(mail.subject)

    assert len(subjects) == len(load_causes(task))


@pytest.mark.parametrize("purpose", ListPurpose)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_list_composes(language: str, purpose: ListPurpose) -> None:
    role = Role.RESELLER if purpose is ListPurpose.RESELLER else Role.OPERATOR
    recipient = NOC._replace(language=language, role=role)
    mail = compose_list(make_sample_list(purpose), recipient, POLICY, AT, ZONE)
    text = body(mail)

    assert mail.complaints == ()
    assert text.count("\n* ") == len(make_sample_list(purpose).items)
    assert ("no address was found" in text) is (purpose is ListPurpose.OPERATOR)
    assert ("backup-01" in mail.subject) is (purpose is ListPurpose.STORM)
    assert not re.search(r" [.,]|None", text)


def test_a_reseller_never_reads_of_hosts_paths_and_notes() -> None:
    event = make_sample_event("status", EventKind.PROBLEM)._replace(
        summary="not understood: /var/backup/1/chroot/home/1/x.xml on BACKUP-01"
    )
    items = [ListItem(event, About("Office"), "uid=1,ou=people has no mail")]
    recipient = NOC._replace(role=Role.RESELLER)

    mail = compose_list(
        MailList(ListPurpose.RESELLER, items, "backup-01"), recipient, POLICY, AT, ZONE
    )

    for hidden in ("/var", "chroot", "backup-01", "BACKUP-01", "ou=people"):
        assert hidden not in body(mail)
        assert hidden not in body(mail, "html")
    assert "not understood: ..." in body(mail)


def test_a_list_in_one_mail_is_cut_and_says_so() -> None:
    event = make_sample_event("quota", EventKind.PROBLEM)
    items = [ListItem(event._replace(uid=str(number))) for number in range(1000)]

    listing = MailList(ListPurpose.STORM, items, task="quota", customers=1000)
    mail = compose_list(listing, NOC, POLICY, AT, ZONE)

    shown = body(mail).count("\n* ")
    assert 50 < shown < 1000
    assert f"And {1000 - shown} more." in body(mail)
    assert "1000 customers with problems" in mail.subject
    assert len(body(mail, "html").encode()) <= 102_000


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("de", "Büro " * 30),
        ("en", "044 123 45 67 " * 14),
        ("fr", "Office"),
        ("it", "Office"),
    ],
)
def test_a_long_list_is_shown_in_several_mails(language: str, name: str) -> None:
    events = [
        make_sample_event("quota", kind)._replace(uid=f"{kind.name}{number}")
        for number in range(160)
        for kind in (EventKind.RECOVERY, EventKind.PROBLEM)
    ]
    listing = MailList(ListPurpose.RESELLER, [ListItem(event, About(name)) for event in events])
    recipient = ANNA._replace(language=language, role=Role.RESELLER)

    parts = compose_parts(listing, recipient, POLICY, AT, ZONE)

    assert sorted(index for _, shown in parts for index in shown) == list(range(320))
    assert len(parts) > 1
    assert len({mail.message_id for mail, _ in parts}) == len(parts)
    for number, (mail, shown) in enumerate(parts, 1):
        text, page = body(mail), body(mail, "html")
        assert len(page.encode()) <= 102_000
        assert re.search(rf"\({number} \w+ {len(parts)}\)$", mail.subject)
        for index in shown:
            assert f"({events[index].uid})" in text
            assert f"({events[index].uid})" in page
        assert text.count("\n* ") == len(shown)
        assert not re.search(r"^(Und|And|Et|E altri) \d+", text, re.MULTILINE)
    kinds = [events[index].kind for _, shown in parts for index in shown]
    assert kinds == [EventKind.PROBLEM] * 160 + [EventKind.RECOVERY] * 160


def test_a_list_that_fits_is_one_mail() -> None:
    listing = make_sample_list(ListPurpose.RESELLER)
    recipient = NOC._replace(role=Role.RESELLER)

    parts = compose_parts(listing, recipient, POLICY, AT, ZONE)
    empty = compose_parts(MailList(ListPurpose.OPERATOR, ()), NOC, POLICY, AT, ZONE)

    whole = compose_list(listing, recipient, POLICY, AT, ZONE)
    assert (body(parts[0].mail), parts[0].mail.subject) == (body(whole), whole.subject)
    assert len(parts) == len(empty) == 1
    assert MAX_HTML < 102_000


def test_a_list_shows_problems_first() -> None:
    items = [
        ListItem(make_sample_event("quota", EventKind.RECOVERY)._replace(uid="1")),
        ListItem(make_sample_event("quota", EventKind.PROBLEM)._replace(uid="2")),
    ]
    recipient = NOC._replace(role=Role.RESELLER)

    mail = compose_list(MailList(ListPurpose.RESELLER, items), recipient, POLICY, AT, ZONE)

    assert mail.subject == "Backup accounts: 1 with problems, 1 solved"
    assert re.findall(r"^  (\d)$", body(mail), flags=re.MULTILINE) == ["2", "1"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_list_shows_a_comment(language: str) -> None:
    note = make_sample_event("quota", EventKind.CUSTOM)._replace(
        author="noc", comment="We move your data on Friday.\n\nSee www.example.org <now>"
    )
    recipient = NOC._replace(role=Role.RESELLER, language=language)
    items = [
        ListItem(note, About("Office")),
        ListItem(note._replace(comment="", summary="97 % on backup-01"), About("Office")),
        ListItem(note._replace(author="", comment="", summary=""), About("Office")),
    ]

    mail = compose_list(MailList(ListPurpose.RESELLER, items), recipient, POLICY, AT, ZONE)

    text, colon = body(mail), "\N{NO-BREAK SPACE}: " if language == "fr" else ": "
    shown = "See www\u2060.\u2060example.\u2060org ‹now›"
    assert f"\n  noc{colon}We move your data on Friday.\n  {shown}\n" in text
    assert "\n  noc\n" in text
    assert "\n  97 % on ...\n" in text
    assert "‹now›" in body(mail, "html")


@pytest.mark.parametrize(
    ("name", "surname", "title", "gender", "language", "greeting"),
    [
        ("Anna Müller", "Müller", "", "f", "de-CH", "Guten Tag Frau Müller"),
        ("Beat Muster", "Muster", "", "m", "de", "Guten Tag Herr Muster"),
        ("Anna von Arx", "von Arx", "Dr.", "f", "de", "Guten Tag Frau Dr. von Arx"),
        ("Beat Muster", "Muster", "Prof. Dr.", "m", "de", "Guten Tag Herr Prof. Dr. Muster"),
        ("Kim Muster", "Muster", "Dr.", "", "de", "Guten Tag Dr. Muster"),
        ("Kim Muster", "Muster", "", "", "de", "Guten Tag Kim Muster"),
        ("Support", "", "", "", "de", "Guten Tag Support"),
        ("Anna", "", "", "f", "de", "Guten Tag Anna"),
        ("", "", "", "", "de", "Guten Tag"),
        ("", "", "Dr.", "f", "de", "Guten Tag"),
        ("Anna Müller", "Müller", "", "f", "en-GB", "Dear Ms Müller,"),
        ("Anna Müller", "Müller", "Dr", "f", "en-GB", "Dear Dr Müller,"),
        ("Anna Müller", "Müller", "", "x", "en", "Dear Anna Müller,"),
        ("", "", "", "", "en", "Hello,"),
        ("Beat Muster", "Muster", "", "m", "fr-CH", "Bonjour Monsieur Muster,"),
        ("Anna Müller", "Müller", "", "f", "fr-CH", "Bonjour Madame Müller,"),
        ("Anna Müller", "Müller", "Dr.", "f", "fr-CH", "Bonjour Dr. Müller,"),
        ("Support", "", "", "", "fr", "Bonjour Support,"),
        ("Anna Müller", "Müller", "", "f", "it", "Gentile signora Müller,"),
        ("Beat Muster", "Muster", "", "m", "it", "Gentile signor Muster,"),
        ("Beat Muster", "Muster", "Dott.", "m", "it", "Gentile Dott. Muster,"),
        ("", "", "", "", "it", "Buongiorno,"),
    ],
)
def test_greeting(
    name: str, surname: str, title: str, gender: str, language: str, greeting: str
) -> None:
    recipient = ANNA._replace(
        name=name, surname=surname, title=title, gender=gender, language=language
    )
    mail = compose_event(
        make_sample_event("quota", EventKind.PROBLEM), recipient, make_sample_about("quota"), POLICY
    )

    assert body(mail).splitlines()[0] == greeting


@pytest.mark.parametrize(
    ("tag", "settings_language", "found"),
    [
        ("de-CH", "en", "de"),
        ("DE-ch", "en", "de"),
        ("it", "en", "it"),
        ("", "fr", "fr"),
        ("DE_ch", "fr", "de"),
        (" de-CH ", "fr", "de"),
        ("fr-CH, de;q=0.5", "en", "fr"),
        ("de;q=0.5, fr-CH", "en", "fr"),
        ("rm, it;q=0.5", "de", "it"),
        ("de-Latn-CH-x-private", "fr", "de"),
        ("deutsch", "fr", "fr"),
        ("de;q=0", "fr", "fr"),
        ("*", "fr", "fr"),
        ("fr", "de, it", "fr"),
        ("rm", "de, it", "de"),
        ("../../etc", "fr", "fr"),
        ("layout", "fr", "fr"),
        ("de\n", "it", "de"),
        ("rm", "it-CH", "it"),
        ("d" * 5000, "en", "en"),
        ("xx", "yy", "en"),
    ],
)
def test_language(tag: str, settings_language: str, found: str) -> None:
    assert load_templates(None, tag, settings_language).language == found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("de-AT", "de-at"),
        ("de-AT-1996", "de-at"),
        ("de-AT-x-1996", "de-at"),
        ("de-CH", "de"),
        ("rm-AT, de-AT;q=0.5", "de-at"),
        ("fr, de-AT", "fr"),
    ],
)
def test_the_most_special_language_that_there_is(tmp_path: Path, wanted: str, found: str) -> None:
    write_catalog(tmp_path, "de_AT", {})

    assert load_templates(tmp_path, wanted).language == found


@pytest.mark.parametrize(
    ("computers", "shown"),
    [
        (ZoneInfo("Europe/Zurich"), "21. November 2026, 20:00 Uhr (UTC+01:00)"),
        (ZoneInfo("America/St_Johns"), "21. November 2026, 15:30 Uhr (UTC-03:30)"),
        (None, "21. November 2026, 21:00 Uhr (UTC+02:00)"),
    ],
)
def test_times_are_the_computers(computers: ZoneInfo | None, shown: str) -> None:
    event = make_sample_event("quota", EventKind.PROBLEM)._replace(zone=computers)
    about = make_sample_about("quota")._replace(zone=timezone(timedelta(hours=2)))
    listing = MailList(ListPurpose.RESELLER, [ListItem(event, about)])

    mail = compose_event(event, ANNA, about, POLICY)
    listed = compose_list(listing, ANNA._replace(role=Role.RESELLER), POLICY, AT, about.zone)

    assert f"Seit: {shown}" in words(body(mail))
    assert f"Seit: {shown}" in words(body(listed))
    offset = (computers or about.zone).utcoffset(AT)
    assert parsed(mail)["Date"].datetime.utcoffset() == offset


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [
        ("de", "1. März 2026", "2. März 2026"),
        ("en", "1 March 2026", "2 March 2026"),
        ("fr", "1er mars 2026", "2 mars 2026"),
        ("it", "1º marzo 2026", "2 marzo 2026"),
    ],
)
def test_dates(language: str, first: str, second: str) -> None:
    formats = Formats.of(load_templates(None, language).get_language_values())

    assert words(formats.format_day(date(2026, 3, 1))) == first
    assert words(formats.format_day(date(2026, 3, 2))) == second


@pytest.mark.parametrize(
    ("value", "threshold", "shown"),
    [
        (92.0, 85.0, "92 %"),
        (92.34, 85.0, "92,3 %"),
        (85.04, 85.0, "85,04 %"),
        (85.0000001, 85.0, "85,000000 %"),
        (100.0, None, "100 %"),
    ],
)
def test_a_percentage_is_shown_above_its_threshold(
    value: float, threshold: float | None, shown: str
) -> None:
    formats = Formats(",", (), "", ("", ""), "", "", UNITS)

    assert words(formats.format_percent(value, threshold)) == shown


@pytest.mark.parametrize(
    ("size", "shown"), [(10 * GIB, "10.0 GiB"), (5 * 2**20, "5.0 MiB"), (0, "0.0 MiB")]
)
def test_size(size: int, shown: str) -> None:
    assert words(Formats(".", (), "", ("", ""), "", "", UNITS).format_size(size)) == shown


def test_headers() -> None:
    mail = compose_event(
        make_sample_event("quota", EventKind.PROBLEM), ANNA, make_sample_about("quota"), POLICY
    )
    message = parsed(mail)

    assert message["From"].addresses[0].display_name == "Backup of Example"
    assert message["From"].addresses[0].addr_spec == "backup@example.org"
    assert message["To"].addresses[0].display_name == "Anna Müller"
    assert message["To"].addresses[0].addr_spec == "anna@example.org"
    assert message["Reply-To"] == "support@example.org"
    assert message["Date"].datetime == AT
    assert message["Message-ID"] == mail.message_id
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Id"] == "<backup-warnings.example.org>"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["In-Reply-To"] is None
    assert message["References"] is None
    assert message.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
    assert mail.data.replace(b"\r\n", b"").count(b"\n") == 0
    assert mail.data.isascii()


@pytest.mark.parametrize(
    "name",
    [
        "word " * 30,
        "Wörter " * 30,
        "x" * 255,
        "a" * 30,
        "a;b, c: d; " * 20,
        "李" * 120,
        "=?utf-8?q?x?=",
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_subjects_of_any_length_are_read_back(language: str, name: str) -> None:
    recipient = ANNA._replace(language=language)

    mail = compose_event(
        make_sample_event("quota", EventKind.PROBLEM), recipient, About(name), POLICY
    )

    assert parsed(mail)["Subject"] == mail.subject
    lines = mail.data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert all(re.search(rb":? \S", line) for line in lines)


@pytest.mark.parametrize(
    ("self_service", "role", "header"),
    [
        ("https://selfcare.example.org/", Role.CUSTOMER, "<https://selfcare.example.org/>"),
        ("https://a.example.org/?a,b", Role.CUSTOMER, "<https://a.example.org/?a%2Cb>"),
        (
            f"https://a.example.org/{'x' * 300}",
            Role.CUSTOMER,
            f"<https://a.example.org/{'x' * 300}>",
        ),
        ("https://selfcare.example.org/", Role.RESELLER, None),
        ("https://selfcare.example.org/", Role.OPERATOR, None),
        ("http://selfcare.example.org/", Role.CUSTOMER, None),
        ("https://ä.example.org/", Role.CUSTOMER, None),
        ("ask our support", Role.CUSTOMER, None),
        ("", Role.CUSTOMER, None),
    ],
)
def test_a_customer_can_unsubscribe_where_there_is_self_service(
    self_service: str, role: Role, header: str | None
) -> None:
    policy = POLICY._replace(self_service=self_service)
    event, about = make_sample_event("quota", EventKind.PROBLEM), make_sample_about("quota")

    mail = compose_event(event, ANNA._replace(role=role), about, policy)

    assert parsed(mail)["List-Unsubscribe"] == header
    assert (header or "").encode() in mail.data
    assert b"List-Unsubscribe-Post" not in mail.data


@pytest.mark.parametrize(
    ("kind", "preheader"),
    [
        (EventKind.PROBLEM, "Ihr Backup belegt 92 % der 10.0 GiB, die Ihnen zur Verfügung stehen."),
        (EventKind.REMINDER, "Ihr Backup belegt 92 % der 10.0 GiB, die Ihnen zur Verfügung"),
        (EventKind.RECOVERY, "Ihr Backup belegt noch 40 % der 10.0 GiB, die Ihnen zur"),
        (EventKind.MONITORING_ENDED, "Wir hatten Sie vor diesem Problem gewarnt: "),
        (EventKind.CUSTOM, "The service will be maintained tonight."),
    ],
)
def test_the_first_line_in_a_list_of_mails_says_what_is_wrong(
    kind: EventKind, preheader: str
) -> None:
    mail = compose_event(
        make_sample_event("quota", kind), ANNA, make_sample_about("quota", kind), POLICY
    )

    hidden = re.search(r'<div style="display: none;[^>]*>(.*)</div>\n<table', body(mail, "html"))
    assert hidden is not None
    assert words(hidden[1]).startswith(preheader)
    assert len(hidden[1]) <= 154
    assert body(mail).startswith("Guten Tag Frau Müller\n")


def test_the_first_line_of_a_list_has_the_first_accounts() -> None:
    items = [
        ListItem(
            make_sample_event("quota", EventKind.PROBLEM)._replace(uid=str(number)), About(name)
        )
        for number, name in enumerate(("Office", "Shop", "<Lab>", "Store"))
    ]
    recipient = NOC._replace(role=Role.RESELLER)

    mail = compose_list(MailList(ListPurpose.RESELLER, items), recipient, POLICY, AT, ZONE)

    first = "Problem with the backup space: Office (0) · Problem with the backup space: Shop (1) · "
    assert f"{first}Problem with the backup space: ‹Lab› (2)</div>" in body(mail, "html")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", EventKind)
def test_long_names_end_no_subject_within_their_quotation(kind: EventKind, language: str) -> None:
    event = make_sample_event("client", kind)._replace(computer="c" * 300)
    about = make_sample_about("client", kind)._replace(name="a long name " * 30)

    mail = compose_event(event, ANNA._replace(language=language), about, POLICY)

    names = re.findall("[«“]\\s?(.*?)\\s?[»”]", mail.subject)
    assert [len(name) for name in names] == [60, 60]
    assert mail.subject.endswith(("»", "”", "»)", "”)"))


def test_a_thread_has_its_first_and_last_mail() -> None:
    first = compose_event(make_sample_event("quota", EventKind.PROBLEM), ANNA, About(), POLICY)
    thread = Thread(first.message_id, "<last@example.org>")

    later = compose_event(
        make_sample_event("quota", EventKind.RECOVERY), ANNA, About(), POLICY, thread
    )
    second = Thread(first.message_id, first.message_id)
    reply = compose_event(
        make_sample_event("quota", EventKind.REMINDER), ANNA, About(), POLICY, second
    )

    assert parsed(later)["In-Reply-To"] == "<last@example.org>"
    assert parsed(later)["References"] == f"{first.message_id} <last@example.org>"
    assert parsed(reply)["References"] == first.message_id
    assert later.message_id != first.message_id


def test_a_mail_with_the_same_id_has_the_same_bytes() -> None:
    event, about = make_sample_event("quota", EventKind.PROBLEM), make_sample_about("quota")

    first = compose_event(event, ANNA, about, POLICY)
    again = compose_event(event, ANNA, about, POLICY, key=first.message_id)
    other = compose_event(event, ANNA, about, POLICY)

    assert again == first
    assert other.message_id != first.message_id


def test_a_resellers_sender_goes_first_and_an_unusable_one_is_reported() -> None:
    event = make_sample_event("quota", EventKind.PROBLEM)
    good = ANNA._replace(sender="Reseller Ltd. <support@reseller.example.org>")
    bad = ANNA._replace(sender="Reseller\r\nBcc: x@example.net")

    mail = compose_event(event, good, About(), POLICY)
    replaced = compose_event(event, bad, About(), POLICY)

    assert parsed(mail)["From"] == '"Reseller Ltd." <support@reseller.example.org>'
    assert parsed(mail)["Reply-To"] is None
    assert mail.message_id.endswith("@reseller.example.org>")
    assert parsed(replaced)["From"].addresses[0].addr_spec == "backup@example.org"
    assert "sstMailFrom" in replaced.complaints[0]


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b@c", "a b@example.org", "ä@example.org", "a@b.ch\r\nBcc: c@d.ch"]
)
def test_an_invalid_address_is_an_error(address: str) -> None:
    event = make_sample_event("quota", EventKind.PROBLEM)

    with pytest.raises(MailError):
        compose_event(event, ANNA._replace(address=address), About(), POLICY)
    with pytest.raises(MailError, match="from"):
        compose_event(event, ANNA, About(), POLICY._replace(sender=address))


def test_a_long_domain_does_not_break_the_identifier() -> None:
    sender = f"x@{'a' * 60}.{'b' * 60}.example.org"

    mail = compose_event(
        make_sample_event("quota", EventKind.PROBLEM), ANNA, About(), POLICY._replace(sender=sender)
    )

    assert mail.message_id.encode() in mail.data


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=255)), st.sampled_from([*TASKS]))
@example(HOSTILE[0], "schedule")
@example(HOSTILE[2], "status")
@settings(deadline=None, max_examples=100)
def test_hostile_names_stay_names(hostile: str, task: str) -> None:
    event = make_sample_event(task, EventKind.PROBLEM)
    harmless_mail = compose_event(event, ANNA, make_sample_about(task), POLICY)
    event = event._replace(
        uid=hostile, computer=hostile, summary=hostile, author=hostile, comment=hostile
    )
    facts = make_sample_about(task).facts
    if isinstance(facts, ClientFacts):
        facts = facts._replace(identifier=hostile, version=hostile, minimum=hostile)
    about = About(hostile, hostile, facts)
    recipient = ANNA._replace(name=hostile, surname=hostile, title=hostile, reason=hostile)

    mail = compose_event(event, recipient, about, POLICY)

    # The account, customer and computer have rows as before, unless their name is empty.
    assert parsed(mail).keys() == parsed(harmless_mail).keys()
    assert parsed(mail)["To"].addresses[0].addr_spec == "anna@example.org"
    assert len(parsed(mail)["To"].addresses) == 1
    head, _, rest = mail.data.partition(b"\r\n\r\n")
    assert max(map(len, head.split(b"\r\n"))) <= 120
    assert max(map(len, rest.split(b"\r\n"))) <= 78
    page = Tags(body(mail, "html"))
    assert set(page.links) == {"mailto:support@example.org", "https://selfcare.example.org/"}
    assert set(page.tags) <= set(Tags(body(harmless_mail, "html")).tags)
    text = body(mail)
    assert set(re.findall(r"\w+://\S+", text)) <= {"https://selfcare.example.org/"}
    assert not re.search(r"[\w.]@[\w.]", text.replace("support@example.org", ""))
    assert all(line.isprintable() for line in _visible(text))
    assert all(line.isprintable() for line in _visible(mail.subject))


def _visible(text: str) -> list[str]:
    invisible = "[\N{WORD JOINER}\N{INVISIBLE SEPARATOR}]"
    return re.sub(invisible, "", text).replace("\N{NO-BREAK SPACE}", " ").split("\n")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_in_lists(hostile: str) -> None:
    event = make_sample_event("schedule", EventKind.PROBLEM)._replace(computer=hostile, uid=hostile)
    listing = MailList(
        ListPurpose.STORM, [ListItem(event, About(hostile, hostile), hostile)] * 2, hostile
    )

    mail = compose_list(listing, NOC._replace(name=hostile), POLICY, AT, ZONE)

    assert set(Tags(body(mail, "html")).links) == set()
    assert "script" not in Tags(body(mail, "html")).tags
    assert body(mail).count("\n* ") == 2
    assert parsed(mail)["Bcc"] is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web01.example.org", "web01.\u2060example.\u2060org"),
        ("http://x", "http\u2060:\u2060/\u2060/x"),
        ("C:\\a\\b", "C\u2060:\u2060\\a\\b"),
        ("+41 44 1", "+41 44 1"),
        ("044 123", "044 123"),
        ("044 123 4", "044\u2063 123\u2063 4"),
        ("account 4000101", "account 4000101"),
        ("since 2026-11-19 20:00 -05:00", "since 2026-11-19 20:00 -05:00"),
        ("version 2.5.0", "version 2.5.0"),
        ("1.2.3.4", "1.\u20602.\u20603.\u20604"),
        ("x» – log in «y", "x› – log in ‹y"),
        ("a@b", "a@\u2060b"),
        ("85.5 % at 20:00", "85.5 % at 20:00"),
        ("limit: 2", "limit: 2"),
        ("<b>", "‹b›"),
        ("=?utf-8?q?x?=", "=\u2060?utf-8?q?x?="),
        ("x" * 300, "x" * 197 + "..."),
        ("\x00" * 200, "\\x00" * 49 + "\\..."),
    ],
)
def test_harmless(text: str, shown: str) -> None:
    assert neutralize(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("in /var/backup/x: bad", "in ... bad"),
        ("kept customer/web01", "kept customer/web01"),
        ("Backup-01 is full", "... is full"),
        ("1/2 done", "1/2 done"),
    ],
)
def test_without_internals(text: str, shown: str) -> None:
    assert hide_internals(text, "backup-01") == shown


def test_a_comment_keeps_its_paragraphs() -> None:
    event = make_sample_event("quota", EventKind.CUSTOM)._replace(
        comment="One.\r\n\r\nTwo.\n- Three."
    )

    text = body(compose_event(event, ANNA, make_sample_about("quota"), POLICY))

    assert "\n\nOne.\n\nTwo.\n\n- Three.\n\n" in text


def test_the_samples_have_every_fact() -> None:
    for task in TASKS:
        problem = make_sample_about(task).facts
        over = make_sample_about(task, EventKind.RECOVERY).facts
        assert problem is not None
        assert over is not None
        for name, _, _ in list_facts(task):
            blank = (None, "")
            shown = problem._asdict()[name] not in blank or over._asdict()[name] not in blank
            assert shown or name == "others", (task, name)


# --- own texts ---


def write(folder: Path, name: str, text: str) -> Path:
    """Write an own template, return the folder."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def write_catalog(folder: Path, language: str, texts: dict[str, str], like: str = "") -> Path:
    """Write a catalog with *texts* and, of the language *like*, the others; return the folder."""
    catalog = Catalog(locale=None, charset="utf-8")
    if like:
        with (PACKAGED / like / "LC_MESSAGES" / "mails.po").open("rb") as file:
            catalog = read_po(file)
    for message, text in texts.items():
        catalog.delete(message)
        catalog.add(message, text)
    file_name = folder / language / "LC_MESSAGES" / "mails.mo"
    file_name.parent.mkdir(parents=True, exist_ok=True)
    with file_name.open("wb") as file:
        write_mo(file, catalog)
    return folder


def compose_sample(folder: Path, language: str = "de", task: str = "quota") -> Mail:
    """Return the sample mail in *language*, with the own texts of *folder*."""
    event, about = make_sample_event(task, EventKind.PROBLEM), make_sample_about(task)
    policy = POLICY._replace(templates=folder)
    return compose_event(event, ANNA._replace(language=language), about, policy)


def test_a_template_is_replaced_by_the_folder(tmp_path: Path) -> None:
    write(tmp_path, "greeting.jinja", "{% set greeting %}Grüezi {{ recipient }}{% endset %}")
    write(tmp_path, "layout/mail.txt", "{{ greeting }} / {{ subject }}")

    mail = compose_sample(tmp_path)

    assert body(mail).strip() == f"Grüezi Anna Müller / {mail.subject}"
    assert "Grüezi Anna Müller" in body(mail, "html")
    assert mail.complaints == ()


def test_a_text_is_replaced_by_the_folder(tmp_path: Path) -> None:
    write_catalog(tmp_path, "de", {"Dear Ms %(surname)s,": "Grüezi Frau %(surname)s"})

    mail, other = compose_sample(tmp_path), compose_sample(tmp_path, "it")

    assert body(mail).startswith("Grüezi Frau Müller\n\nIhr Backup belegt 92")
    assert body(other).startswith("Gentile signora Müller,\n")
    assert mail.complaints == other.complaints == ()


def test_the_documented_text_is_replaced(tmp_path: Path) -> None:
    (block,) = re.findall(r"```po\n(.*?)```", (ROOT / "docs" / "mails.md").read_text(), re.DOTALL)
    write(tmp_path, "de/LC_MESSAGES/mails.po", textwrap.dedent(f"  {block}"))
    text = tmp_path / "de" / "LC_MESSAGES" / "mails.po"
    with text.open("rb") as source, text.with_suffix(".mo").open("wb") as file:
        write_mo(file, read_po(source))

    mail = compose_sample(tmp_path)

    assert body(mail).startswith("Grüezi Frau Müller\n\nIhr Backup belegt 92")
    assert mail.complaints == ()


def test_a_new_text_of_an_own_template_is_translated_by_the_folder(tmp_path: Path) -> None:
    write(tmp_path, "greeting.jinja", '{% set greeting = _("A good day,") %}')
    write_catalog(tmp_path, "de", {"A good day,": "Einen guten Tag"})

    german, english, french = (compose_sample(tmp_path, each) for each in ("de", "en", "fr"))

    assert body(german).startswith("Einen guten Tag\n")
    assert body(english).startswith("A good day,\n")
    assert body(french).startswith("Bonjour Madame Müller,\n")
    assert german.complaints == english.complaints == ()
    assert french.complaints == (
        f"{tmp_path}: UntranslatedError: no translation into fr of 'A good day,'",
    )


def test_a_language_is_added_by_the_folder(tmp_path: Path) -> None:
    write_catalog(tmp_path, "rm", {"Hello,": "Bun di,"}, like="it")

    event = make_sample_event("quota", EventKind.PROBLEM)
    recipient = ANNA._replace(language="rm-CH", name="", surname="")
    mail = compose_event(event, recipient, About(), POLICY._replace(templates=tmp_path))

    assert list_languages(tmp_path) == ["de", "en", "fr", "it", "rm"]
    assert body(mail).startswith("Bun di,\n")
    assert '<html lang="rm">' in body(mail, "html")
    assert mail.complaints == ()


@pytest.mark.parametrize("name", ["de-at", "de_AT"])
def test_a_dialect_has_only_what_differs(tmp_path: Path, name: str) -> None:
    write_catalog(tmp_path, name, {"January": "Jänner", "Questions?": "Fragen?!"})

    mail = compose_sample(tmp_path, "de-AT")

    assert body(mail).startswith("Guten Tag Frau Müller\n")
    assert '<html lang="de-at">' in body(mail, "html")
    assert mail.complaints == ()


@pytest.mark.parametrize(
    "slip",
    [
        "{% set short %}{{ no_such_variable }}{% endset %}",
        "{% if %}",
        "{% set short %}{{ missed + 'x' }}{% endset %}",
        "{% set short %}{{ 1 / 0 }}{% endset %}",
        '{% include "schedule.jinja" %}',
        "nothing is set",
    ],
)
def test_a_slip_in_an_own_template_costs_a_complaint_not_the_mail(
    tmp_path: Path, slip: str
) -> None:
    write(tmp_path, "schedule.jinja", slip)
    event, about = make_sample_event("schedule", EventKind.PROBLEM), make_sample_about("schedule")

    mail = compose_sample(tmp_path, task="schedule")

    assert mail.data == compose_event(event, ANNA, about, POLICY, key=mail.message_id).data
    assert len(mail.complaints) == 1
    assert str(tmp_path) in mail.complaints[0]


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({"What to do": "%(no)s"}, "KeyError"),
        ({"Dear Ms %(surname)s,": "Frau %(surname)"}, "ValueError"),
    ],
)
def test_a_slip_in_an_own_text_costs_a_complaint_not_the_mail(
    tmp_path: Path, texts: dict[str, str], says: str
) -> None:
    catalog = Catalog(charset="utf-8")
    for message, text in texts.items():
        catalog.add(message, text, context="label" if message[0] == "W" else None)
    write_catalog(tmp_path, "de", {})
    with (tmp_path / "de" / "LC_MESSAGES" / "mails.mo").open("wb") as file:
        write_mo(file, catalog)

    mail = compose_sample(tmp_path)

    event, about = make_sample_event("quota", EventKind.PROBLEM), make_sample_about("quota")
    assert mail.data == compose_event(event, ANNA, about, POLICY, key=mail.message_id).data
    assert len(mail.complaints) == 1
    assert says in mail.complaints[0]


@pytest.mark.parametrize("content", [b"", b"no catalog at all, not even a header"])
def test_a_damaged_catalog_costs_a_complaint_not_the_mail(tmp_path: Path, content: bytes) -> None:
    write_catalog(tmp_path, "de", {})
    (tmp_path / "de" / "LC_MESSAGES" / "mails.mo").write_bytes(content)

    mail = compose_sample(tmp_path)

    assert body(mail).startswith("Guten Tag Frau Müller\n")
    assert len(mail.complaints) == 1
    assert str(tmp_path) in mail.complaints[0]


def test_an_own_text_that_is_not_compiled_is_reported(tmp_path: Path) -> None:
    text = tmp_path / "de" / "LC_MESSAGES" / "mails.po"
    write(tmp_path, "de/LC_MESSAGES/mails.po", "")

    missing = compose_sample(tmp_path)
    write_catalog(tmp_path, "de", {})
    list_uncompiled.cache_clear()
    compiled = compose_sample(tmp_path)
    os.utime(text, (2**31, 2**31))
    list_uncompiled.cache_clear()
    older = compose_sample(tmp_path)

    says = f"{text}: has no effect; run: msgfmt -o {text.with_suffix('.mo')} {text}"
    assert missing.complaints == older.complaints == (says,)
    assert compiled.complaints == ()


def test_a_folder_of_own_texts_that_is_missing_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "misspelt"

    mail = compose_sample(folder)

    assert body(mail).startswith("Guten Tag Frau Müller\n")
    assert mail.complaints == (f"{folder}: is not a folder; correct [notify] templates",)


def test_an_incomplete_language_is_reported(tmp_path: Path) -> None:
    write_catalog(tmp_path, "rm", {"Hello,": "Bun di,"})

    mail = compose_sample(tmp_path, "rm")

    assert body(mail).startswith("Bonjour Madame Müller,")
    assert "UntranslatedError: no translation into rm of " in mail.complaints[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_are_all_used(language: str) -> None:
    labels = dict(load_templates(None, language).get_language_values())["labels"]
    code = "".join(
        (ROOT / "lib/backup_monitoring/mail" / name).read_text() for name in ("content.py",)
    )

    for label in labels:  # type: ignore[attr-defined]
        used = label in TASKS or f'"{label}"' in code or f"'{label}'" in code
        assert used, label


def test_paragraphs_and_steps() -> None:
    assert split_paragraphs("One\n  line.\n---\n\n---\nTwo.") == ("One line.", "Two.")
    assert split_steps("\n- One\n  line.\n - Two - three.\n") == ("One line.", "Two - three.")


def test_every_kind_language_and_list_is_previewed() -> None:
    names = [sample.name for sample in preview_messages("a@example.org", POLICY)]

    assert len(names) == len(set(names)) == len(LANGUAGES) * (len(EventKind) + len(ListPurpose))
    for language in LANGUAGES:
        for kind in EventKind:
            assert any(name.startswith(f"{language}-{kind.value.lower()}-") for name in names)


def test_previews_show_slips_in_own_templates(tmp_path: Path) -> None:
    policy = POLICY._replace(templates=write(tmp_path, "digest.jinja", "{{ wrong }}"))

    complaints = {s.name for s in preview_messages("a@example.org", policy) if s.mail.complaints}

    lists = ("reseller", "storm", "first_scan", "no_scan", "no_lookup")  # of this template
    assert complaints == {f"{language}-list-{each}" for language in LANGUAGES for each in lists}


def test_previews_show_a_slip_where_only_the_output_is_known(tmp_path: Path) -> None:
    policy = POLICY._replace(templates=write(tmp_path, "plain.jinja", "{{ wrong }}"))

    complaints = {s.name for s in preview_messages("a@example.org", policy) if s.mail.complaints}

    assert complaints == {f"{language}-list-storm" for language in LANGUAGES}


def test_nothing_is_fetched_from_elsewhere() -> None:
    for sample in make_samples(ANNA, POLICY):
        page = body(sample.mail, "html")
        assert not set(Tags(page).tags) & {"img", "link", "script", "iframe", "object"}
        assert "url(" not in page


def test_the_template_engine_is_loaded_only_to_compose() -> None:
    code = "import sys, backup_monitoring.mail.compose; sys.exit('jinja2' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT / "lib").returncode == 0


# --- documentation ---


def _documented(heading: str) -> set[str]:
    text = (ROOT / "docs" / "mails.md").read_text(encoding="utf-8")
    part = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", part, flags=re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_the_documented_variables_are_the_given_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    given_to: dict[str, set[str]] = {}
    original = TemplateSet.render_texts

    def spy(self: TemplateSet, template: str, variables: dict[str, object]) -> dict[str, str]:
        given_to.setdefault(template, set()).update(variables)
        return original(self, template, variables)

    monkeypatch.setattr(TemplateSet, "render_texts", spy)
    list(make_samples(ANNA, POLICY))

    everywhere = _documented("Variables of every template")
    event = everywhere | _documented("Variables of an event")
    for task in TASKS:
        assert given_to[task] == event | _documented_facts(task), task
    facts = set().union(*map(_documented_facts, TASKS))
    assert given_to["mail"] == event | facts | _documented("Texts of a task")
    for template in ("digest", "operator", "accounts"):
        assert given_to[template] == everywhere | _documented("Variables of a list")
    assert _documented("Texts of a task") == set(TASK_TEXTS)
    assert _documented("Variables of the layouts") == set(MailContent._fields)


def _documented_facts(task: str) -> set[str]:
    text = (ROOT / "docs" / "mails.md").read_text(encoding="utf-8")
    return set(re.findall(rf"^\| {task} \| `(\w+)` \|", text, flags=re.MULTILINE))


def test_the_content_is_plain_text() -> None:
    scene = build_scene(load_templates(None, "en"), ANNA, POLICY, ZONE)
    event = make_sample_event("status", EventKind.PROBLEM)._replace(computer="a&b")

    content = build_event_content(scene, event, make_sample_about("status"))

    assert "a&b" in content.lead[0]
    assert "a&amp;b" in body(
        compose_event(event, ANNA, make_sample_about("status"), POLICY), "html"
    )
    facts = make_sample_about("quota").facts
    assert facts is not None
    assert date(2026, 11, 21) == facts._asdict()["sudden_loss_day"]
