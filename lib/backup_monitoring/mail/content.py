"""Builds the content of a mail about an event, or a list of them, in one language."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from enum import Enum
from typing import NamedTuple, cast

from backup_monitoring.mail.about import About
from backup_monitoring.mail.formats import Formats
from backup_monitoring.mail.sanitize import neutralize
from backup_monitoring.mail.template_loader import (
    TemplateSet,
    join_lines,
    split_paragraphs,
    split_steps,
)
from backup_monitoring.mail.variables import (
    MailReader,
    Variables,
    build_event_variables,
    build_person_variables,
    format_moment,
    format_moment_in_text,
)
from backup_monitoring.model import Event, EventKind, Recipient, Role, State
from backup_monitoring.settings import NotifySettings

_ORDER = (
    EventKind.PROBLEM,
    EventKind.REMINDER,
    EventKind.CUSTOM,
    EventKind.MONITORING_ENDED,
    EventKind.RECOVERY,
)
_MAX_STEPS = 3
_MAX_SUBJECT = 200
_MAX_PREHEADER = 150  # mail programs show less of it
_MAX_NAMES = 3  # accounts in the subject of the operator's digest
_LONGEST_NAME = 40
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class ListPurpose(Enum):
    """What a mail with a list is about."""

    RESELLER = "RESELLER"
    CUSTOMER = "CUSTOMER"
    STATES = "STATES"
    SUMMARY = "SUMMARY"
    OPERATOR = "OPERATOR"
    STORM = "STORM"
    FIRST_SCAN = "FIRST_SCAN"
    NO_SCAN = "NO_SCAN"
    NO_LOOKUP = "NO_LOOKUP"


_TEMPLATES = {
    ListPurpose.OPERATOR: "operator",
    ListPurpose.CUSTOMER: "accounts",
    ListPurpose.STATES: "accounts",
    ListPurpose.SUMMARY: "accounts",
}


class ListItem(NamedTuple):
    """A row of a list; *note* is why only the operator is notified, '' if there is nothing to say.

    Of an event without an account ('') only the note is shown.
    """

    event: Event
    about: About = About()
    note: str = ""


class MailList(NamedTuple):
    """The list of a mail.

    Args:
        purpose: what the mail is about. items: the rows; the caller decides who may see them.
        host: of a storm, the backup server. of: the number of its customers, None if not known;
            of a summary, the number of the recipient's accounts.
        reason: of NO_SCAN and NO_LOOKUP, why nobody is notified; else ''.
        since: of these and of a storm, since when, UTC; else None.
        task: of a storm, '' if its accounts are no longer monitored. customers: how many.
        until: of a storm, when its mails are sent, UTC. again: whether there was a mail before.
        part, parts: of several mails with parts of a list, which this is, and how many there are.
    """

    purpose: ListPurpose
    items: Sequence[ListItem]
    host: str = ""
    of: int | None = None
    reason: str = ""
    since: datetime | None = None
    part: int = 1
    parts: int = 1
    task: str = ""
    customers: int = 0
    until: datetime | None = None
    again: bool = False


class ListEntry(NamedTuple):
    """A row of a list as it is shown: *title*, the *lines* below it, and its *tone*."""

    title: str
    lines: tuple[str, ...]
    tone: str


class MailContent(NamedTuple):
    """The texts of a mail, plain, for the layouts: its fields are their variables."""

    language: str
    colon: str
    subject: str
    tone: str
    title: str
    preheader: str
    greeting: str
    lead: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    items: tuple[ListEntry, ...]
    more: str
    steps_title: str
    steps: tuple[str, ...]
    support_title: str
    support: str
    support_link: str
    self_service_title: str
    self_service: str
    self_service_link: str
    why: str


class MailScene(NamedTuple):
    """What all parts of a mail share: its templates, reader, settings and labels."""

    words: TemplateSet
    reader: MailReader
    policy: NotifySettings
    labels: Mapping[str, str]
    colon: str


def build_scene(
    words: TemplateSet, recipient: Recipient, policy: NotifySettings, zone: tzinfo
) -> MailScene:
    """Return the scene of a mail to *recipient* with times in *zone*."""
    values = words.get_language_values()
    labels = cast("Mapping[str, str]", values["labels"])
    reader = MailReader(recipient, Formats.of(values), zone)
    return MailScene(words, reader, policy, labels, str(values["colon"]))


def build_event_content(scene: MailScene, event: Event, about: About) -> MailContent:
    """Build the content of the mail about *event*."""
    variables, texts = _render_event(scene, event, about)
    rows = _make_rows(scene, event, variables, texts)
    content = _make_content(scene, variables, texts, _choose_tone(event), rows)
    # The first paragraph of these only says what follows.
    first = 1 if event.kind in (EventKind.REMINDER, EventKind.CUSTOM) else 0
    return content._replace(preheader=_shorten(" ".join(content.lead[first : first + 1])))


def sort_items(items: Sequence[ListItem]) -> list[int]:
    """Return the indexes of *items* in the order in which they are shown, problems first."""
    return sorted(range(len(items)), key=lambda index: _ORDER.index(items[index].event.kind))


def build_list_content(
    scene: MailScene, listing: MailList, shown: Sequence[ListItem]
) -> MailContent:
    """Build the content of the mail with a list, of which these items are *shown*."""
    kinds = [item.event.kind for item in listing.items]
    to_operator = scene.reader.recipient.role is Role.OPERATOR
    variables: Variables = {
        **build_person_variables(scene.reader.recipient, scene.policy),
        "digest": listing.purpose.value,
        "count": len({item.event.uid for item in listing.items}),
        **_build_operator_variables(listing),
        "left_out": len(listing.items) - len(shown),
        "problems": sum(kind in (EventKind.PROBLEM, EventKind.REMINDER) for kind in kinds),
        "over": kinds.count(EventKind.RECOVERY),
        "ended": kinds.count(EventKind.MONITORING_ENDED),
        "host": neutralize(listing.host) if to_operator else "",
        "of": listing.of,
        "task": listing.task,
        "customers": listing.customers,
        "until": format_moment_in_text(listing.until, scene.reader),
        "again": listing.again,
    }
    texts = scene.words.render_texts(_TEMPLATES.get(listing.purpose, "digest"), variables)
    items = tuple(_make_entry(scene, listing.purpose, item) for item in shown)
    outage = {
        "note": neutralize(listing.reason, 500),
        "since": format_moment(listing.since, scene.reader),
    }
    rows = tuple((scene.labels[name], text) for name, text in outage.items() if text)
    fine = listing.purpose is ListPurpose.SUMMARY and not items
    content = _make_content(scene, variables, texts, "good" if fine else "note", rows, items)
    first = [scene.colon.join((item.title, *item.lines[:1])) for item in items[:3]]
    content = content._replace(preheader=_shorten(" · ".join(first) or " ".join(content.lead)))
    return _number_part(scene, listing, content)


def _number_part(scene: MailScene, listing: MailList, content: MailContent) -> MailContent:
    """Return *content* with the number of the part in its subject, if it is one of several."""
    if listing.parts == 1:
        return content
    number = scene.labels["part"].format(part=listing.part, parts=listing.parts)
    return content._replace(
        subject=f"{content.subject} {number}", title=f"{content.title} {number}"
    )


def _build_operator_variables(listing: MailList) -> Variables:
    """Return the variables of ``operator.jinja``: the first accounts, and how many rows."""
    names = list(dict.fromkeys(item.event.uid for item in listing.items if item.event.uid))
    notes = sum(bool(item.note) for item in listing.items)
    return {
        "names": [neutralize(name, _LONGEST_NAME) for name in names[:_MAX_NAMES]],
        "more_names": len(names[_MAX_NAMES:]),
        "undelivered": notes,
        "unknown": len({item.event.uid for item in listing.items if _is_unknown(item)}),
        "heard": sum(not item.note and not _is_unknown(item) for item in listing.items),
    }


def _is_unknown(item: ListItem) -> bool:
    """Return whether a row of the operator's digest is about an account that cannot be judged."""
    return not item.note and item.event.state is State.UNKNOWN


def _render_event(scene: MailScene, event: Event, about: About) -> tuple[Variables, dict[str, str]]:
    """Return the variables of *event*, and the texts of its task and of ``mail.jinja``."""
    variables = build_person_variables(scene.reader.recipient, scene.policy)
    variables |= build_event_variables(event, about, scene.reader)
    texts = scene.words.render_texts(event.task, variables)
    # If no cause is known, the task's own texts would claim one.
    if not variables["cause"] and event.kind is not EventKind.RECOVERY:
        texts |= scene.words.render_texts("plain", {**variables, "what": texts["what"]})
    of_task = {
        name: texts[name] if name in ("problem", "steps") else join_lines(texts[name])
        for name in TASK_TEXTS
    }
    return variables, of_task | scene.words.render_texts("mail", {**variables, **of_task})


TASK_TEXTS = ("what", "short", "over_short", "brief", "threshold", "problem", "steps", "over")


def _make_content(
    scene: MailScene,
    variables: Variables,
    texts: Mapping[str, str],
    tone: str,
    rows: tuple[tuple[str, str], ...] = (),
    items: tuple[ListEntry, ...] = (),
) -> MailContent:
    greeting = scene.words.render_texts("greeting", variables)["greeting"]
    labels, support = scene.labels, str(variables["support"])
    self_service = str(variables["self_service"])
    return MailContent(
        language=scene.words.language,
        colon=scene.colon,
        subject=_clean_subject(texts["subject"]),
        tone=tone,
        title=join_lines(texts["title"]),
        preheader="",
        greeting=join_lines(greeting),
        lead=split_paragraphs(texts["lead"]),
        rows=rows,
        items=items,
        more=join_lines(texts.get("more", "")),
        steps_title=labels["steps"],
        steps=split_steps(texts["todo"])[:_MAX_STEPS],
        support_title=labels["support"] if support else "",
        support=support,
        support_link=_make_link(support),
        self_service_title=labels["self_service"] if self_service else "",
        self_service=self_service,
        self_service_link=_make_link(self_service),
        why=join_lines(texts["why"]),
    )


def _make_rows(
    scene: MailScene, event: Event, variables: Variables, texts: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    failing = event.kind in (EventKind.PROBLEM, EventKind.REMINDER)
    output = variables["output"] if _shows_output(scene, event, texts["brief"]) else ""
    since, brief = _list_values(event, variables, texts)
    values = {
        "account": _format_account(variables),
        "customer": variables["customer"],
        "computer": variables["computer"],
        "server": variables["host"],
        "since": since,
        "value": brief,
        "threshold": texts["threshold"] if failing else "",
        "output": output,
    }
    labels = {**scene.labels, "value": scene.labels.get(event.task, scene.labels["value"])}
    return tuple((labels[name], str(value)) for name, value in values.items() if value)


def _list_values(event: Event, variables: Variables, texts: Mapping[str, str]) -> tuple[str, str]:
    """Return since when the problem lasts and its value, '' where the mail is not about them."""
    if event.kind is EventKind.CUSTOM and event.comment:
        return "", ""  # what the staff writes may be about something else
    since = str(variables["since"]) if event.kind is not EventKind.RECOVERY else ""
    return since, texts["brief"] if event.kind is not EventKind.MONITORING_ENDED else ""


def _shows_output(scene: MailScene, event: Event, brief: str) -> bool:
    """Return whether to show the verdict's summary: it is English and for administrators."""
    role = scene.reader.recipient.role
    if role is Role.OPERATOR:
        return True
    # Others see it only if nothing else says what is wrong.
    return event.kind in (EventKind.PROBLEM, EventKind.REMINDER) and not brief


def _format_account(variables: Variables) -> str:
    account, uid = str(variables["account"]), str(variables["uid"])
    return account if account == uid else f"{account} ({uid})"


def _make_entry(scene: MailScene, purpose: ListPurpose, item: ListItem) -> ListEntry:
    event, note = item.event, neutralize(item.note, 500)
    if not event.uid:
        return ListEntry(note, (), _choose_tone(event))
    if event.zone is not None:
        scene = scene._replace(reader=scene.reader._replace(zone=event.zone))
    variables, texts = _render_event(scene, event, item.about)
    to_operator = scene.reader.recipient.role is Role.OPERATOR
    where = [_format_account(variables), str(variables["customer"]), str(variables["computer"])]
    since, brief = _list_values(event, variables, texts)
    # Nothing is known to be wrong with the backup, and nobody else should have been notified.
    unknown = purpose is ListPurpose.OPERATOR and _is_unknown(item)
    if unknown:
        brief = ""
    state = f"{event.task}{scene.colon}{event.state.name}"
    custom = event.kind is EventKind.CUSTOM and not event.comment
    output = str(variables["output"]) if custom or _shows_output(scene, event, brief) else ""
    lines = (
        ", ".join(part for part in where if part),
        *_format_comment(variables, scene.colon),
        join_lines(texts.get("because", "")),
        brief,
        f"{scene.labels['since']}{scene.colon}{since}" if since else "",
        output,
        state if purpose is ListPurpose.OPERATOR and note else "",
        f"{scene.labels['note']}{scene.colon}{note}" if note and to_operator else "",
    )
    title = join_lines(texts["title"])
    if unknown:
        title = state
    return ListEntry(title, tuple(line for line in lines if line), _choose_tone(event))


def _format_comment(variables: Variables, colon: str) -> tuple[str, ...]:
    """Return the lines of a CUSTOM event's comment, after its author; none for other events."""
    if variables["kind"] != EventKind.CUSTOM.value:
        return ()
    paragraphs = split_paragraphs(str(variables["comment"]))
    author = str(variables["author"])
    return (colon.join(filter(None, (author, *paragraphs[:1]))), *paragraphs[1:])


def _shorten(text: str) -> str:
    if len(text) <= _MAX_PREHEADER:
        return text
    return f"{text[:_MAX_PREHEADER].rpartition(' ')[0]} ..."


def _choose_tone(event: Event) -> str:
    if event.kind is EventKind.RECOVERY:
        return "good"
    if event.kind in (EventKind.PROBLEM, EventKind.REMINDER):
        return {State.CRITICAL: "bad", State.WARNING: "warn"}.get(event.state, "note")
    return "note"


def _clean_subject(text: str) -> str:
    subject = join_lines(_CONTROLS.sub(" ", text))
    return subject if len(subject) <= _MAX_SUBJECT else subject[: _MAX_SUBJECT - 3] + "..."


def _make_link(text: str) -> str:
    """Return the link for *text*, a URL or a mail address; '' if it is neither."""
    if re.fullmatch(r"https?://[^\s<>\"']+", text):
        return text
    return f"mailto:{text}" if re.fullmatch(r"[\w.+-]+@[\w.-]+\.[A-Za-z]+", text) else ""
