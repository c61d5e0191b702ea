"""Phishing: what a customer can write becomes no link, whatever the mail program makes links of."""

import email
import email.policy
import re
from html.parser import HTMLParser
from typing import NamedTuple

import phonenumbers
import pytest
from linkify_it import LinkifyIt
from linkify_it.tlds import TLDS

from backup_monitoring.mail.about import About
from backup_monitoring.mail.compose import Mail, compose_event
from backup_monitoring.mail.content import ListItem, ListPurpose, MailList
from backup_monitoring.mail.lists import compose_list
from backup_monitoring.mail.samples import make_sample_about, make_sample_event
from backup_monitoring.mail.sanitize import neutralize
from backup_monitoring.model.notices import EventKind, Recipient, Role
from backup_monitoring.model.verdicts import State
from backup_monitoring.settings.notify import NotifySettings
from backup_monitoring.tasks.client_facts import ClientFacts

LANGUAGES = ("de", "en", "fr", "it")
SUPPORT, SELF_SERVICE = "support@example.net", "https://selfcare.example.net/"
POLICY = NotifySettings(
    sender="Backup <backup@example.net>", support=SUPPORT, self_service=SELF_SERVICE
)
NAMES = (
    "log in at www.93.184.216.34/login",
    "93.184.216.34",
    "your data is at 93.184.216.34:8080/x",
    "http://93.184.216.34",
    "evil.example.com",
    "evil.com/login?id=1",
    "EVIL.CO.UK",
    "www.evil",
    "www2.evil.com",
    "https://evil.example.com/x",
    "//evil.example.com/x",
    "hxxp://evil.com",
    "https:evil.com",
    "ftp.evil.com",
    "ftp://evil.com",
    "evil。com evil．com evil｡com",
    "münchen.de",
    "xn--e1afmkfd.xn--p1ai",
    "[click](https://evil.com)",
    "support@evil.com",
    "mailto:support@evil.com",
    "Support <support@evil.com>",
    "tel:0900123456",
    "sms:+41441234567",
    "skype:evil?call",
    "javascript:alert(1)",
    "file://server/share",
    r"\\evil.com\share",
    "call +41 44 123 45 67",
    "call 044 123 45 67",
    "call (044) 123-45-67",
    "call 0900123456",
    "call 0900/12.34.56",
    "call 1-800-555-1234",
    "call 555-1234",
    "call +41 (0)44 123 45 67",
    "call 0 9 0 0 1 2 3 4 5 6",
    "call ０４４ １２３ ４５ ６７",
)
# What Outlook, Thunderbird, Apple Mail and Gmail make links of, at least: all of it is looked for
# with every character that is not a space, as the least careful of them do.
SCHEME = r"\b(?:https?|ftp|file|mailto|tel|sms|skype|callto|javascript|data|news|sip|xmpp):\S"
LINKS = re.compile(
    rf"{SCHEME}|\w:?//\S|(?<!\S)//\S|\bwww\d*\.\S|\bftp\.\S|\\\\\w"
    r"|[\w-](?:[.。．｡][\w-]+)*[.。．｡][^\W\d_]{2,}|\d{1,3}(?:\.\d{1,3}){3}|\w@\w",
    re.IGNORECASE,
)
LINKIFY = LinkifyIt(options={"fuzzy_ip": True, "fuzzy_link": True, "fuzzy_email": True}).tlds(TLDS)
REGIONS = ("CH", "DE", "FR", "IT", "US")
PROGRAMS = re.compile(r"\b(?:notify_backup|collect_backup_state|check_backup_monitoring)\b")


class Texts(HTMLParser):
    """Collects the text of a page, and what its links lead to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.links: set[str] = set()
        self._hidden = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links |= {value or "" for name, value in attrs if name in ("href", "src")}
        self._hidden = tag in ("style", "title") or (self._hidden and tag != "/style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._hidden else data


class Shown(NamedTuple):
    """What a mail program shows of a mail."""

    subject: str
    text: str
    page: str
    links: set[str]


def show(mail: Mail) -> Shown:
    message = email.message_from_bytes(mail.data, policy=email.policy.default)
    text, page = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert page is not None
    seen = Texts(page.get_content())
    return Shown(str(message["Subject"]), text.get_content(), seen.text, seen.links)


def find_links(text: str) -> list[str]:
    """Return what mail programs make links of in *text*, without the provider's own."""
    text = text.replace(SUPPORT, "").replace(SELF_SERVICE, "").replace("4000100", "")
    found = [match[0] for match in LINKS.finditer(text)]
    found += [match.text for match in LINKIFY.match(text) or ()]
    for region in REGIONS:
        numbers = phonenumbers.PhoneNumberMatcher(
            text, region, leniency=phonenumbers.Leniency.POSSIBLE
        )
        found += [
            each.raw_string for each in numbers if len(re.findall(r"\d", each.raw_string)) > 6
        ]
    return found


def test_each_pattern_is_a_link_before() -> None:
    """Otherwise the tests below could not fail."""
    for name in NAMES:
        assert find_links(name), name


@pytest.mark.parametrize("name", NAMES)
def test_a_name_becomes_no_link_and_stays_readable(name: str) -> None:
    assert not find_links(neutralize(name))
    assert not find_links(f"({neutralize(name)}): {neutralize(name)}")

    shown = re.sub("[\N{WORD JOINER}\N{INVISIBLE SEPARATOR}]", "", neutralize(name))

    assert shown == name.replace("<", "‹").replace(">", "›")


def mails_with(name: str, language: str) -> list[Mail]:
    """Return mails of each kind in which all that a customer can write is *name*."""
    recipient = Recipient("anna@example.net", name, Role.CUSTOMER, language, surname=name)
    mails = []
    for kind in EventKind:
        for task in ("quota", "schedule", "client"):
            event = make_sample_event(task, kind)._replace(
                computer=name, comment=name, author=name, summary=name
            )
            facts = make_sample_about(task, kind).facts
            if isinstance(facts, ClientFacts):
                facts = facts._replace(identifier=name, version=name)
            mails += [
                compose_event(event, recipient, About(name, name, facts), POLICY),
                compose_event(event, recipient, About(name, name), POLICY),
            ]
    for purpose in ListPurpose:
        event = make_sample_event("status", EventKind.PROBLEM, State.UNKNOWN)
        event = event._replace(computer=name, summary=name)
        listing = MailList(purpose, [ListItem(event, About(name, name), name)], "backup-01")
        operator = recipient._replace(role=Role.OPERATOR)
        mails.append(compose_list(listing, operator, POLICY, event.at, event.zone or About().zone))
    return mails


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_of_a_customer_becomes_a_link(language: str) -> None:
    name = "log in at www.93.184.216.34/x or https://evil.com, evil.com, a@evil.com, tel:0900123456"
    for mail in mails_with(name, language):
        shown = show(mail)
        assert mail.complaints == ()
        assert "evil" in shown.text
        assert "evil" in shown.page
        for text in (shown.subject, shown.text, shown.page):
            assert not find_links(text)
        assert shown.links <= {f"mailto:{SUPPORT}", SELF_SERVICE}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_name_is_quoted_in_every_subject(language: str) -> None:
    name = "x” » and log in at «“y"
    for mail in mails_with(name, language):
        rest = re.sub(r"«\N{NO-BREAK SPACE}?[^»]*»|“[^”]*”", "", mail.subject)
        assert "log in" not in rest
        assert "‘y" not in rest
