"""Turns an event, or a list of them, into the contents of a mail in one language."""

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
    build_reader,
    time_of,
)
from backup_monitoring.model import Event, EventKind, Recipient, Role, State
from backup_monitoring.settings import NotifySettings

MOST_ITEMS = 300
_ORDER = (
    EventKind.PROBLEM,
    EventKind.REMINDER,
    EventKind.CUSTOM,
    EventKind.MONITORING_ENDED,
    EventKind.RECOVERY,
)
_MOST_STEPS = 3
_SUBJECT = 200
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class ListPurpose(Enum):
    """What a mail with a list is for."""

    RESELLER = "RESELLER"
    UNKNOWN = "UNKNOWN"
    STORM = "STORM"
    FIRST_SCAN = "FIRST_SCAN"
    FALLBACK = "FALLBACK"
    NO_SCAN = "NO_SCAN"


class ListItem(NamedTuple):
    """A row of a list: *note* is why, for the provider; '' for none.

    An event of no account ('') has its note alone.
    """

    event: Event
    about: About = About()
    note: str = ""


class MailList(NamedTuple):
    """A list to tell.

    Args:
        digest: what for. items: its rows; who may see each is the caller's business.
        host: of a storm, the backup server. of: how many accounts it has; None: not said.
        reason, since: why there is no list, and since when, UTC; '' and None where there is one.
    """

    digest: ListPurpose
    items: Sequence[ListItem]
    host: str = ""
    of: int | None = None
    reason: str = ""
    since: datetime | None = None


class ListEntry(NamedTuple):
    """A row as it is shown: *title*, the *lines* below it and its *tone*."""

    title: str
    lines: tuple[str, ...]
    tone: str


class MailContent(NamedTuple):
    """A mail's words, plain text, for the layouts; its fields are their variables."""

    language: str
    subject: str
    tone: str
    title: str
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
    selfcare_title: str
    self_service: str
    selfcare_link: str
    why: str


class MailScene(NamedTuple):
    """Whose mail, in which language, with which settings."""

    words: TemplateSet
    reader: MailReader
    policy: NotifySettings
    labels: Mapping[str, str]


def build_scene(
    words: TemplateSet, recipient: Recipient, policy: NotifySettings, zone: tzinfo
) -> MailScene:
    """Return what stays the same for all parts of a mail."""
    values = words.language_values()
    labels = cast("Mapping[str, str]", values["labels"])
    return MailScene(words, build_reader(recipient, Formats.of(values), zone), policy, labels)


def build_event_content(scene: MailScene, event: Event, about: About) -> MailContent:
    """Return the mail about *event*."""
    variables, texts = _event_texts(scene, event, about)
    return _content(
        scene, variables, texts, _tone(event), rows=_rows(scene, event, variables, texts)
    )


def _count(listing: MailList) -> int:
    """Return how many accounts the list is about; of what reached nobody, how many rows."""
    if listing.digest is ListPurpose.FALLBACK:
        return len(listing.items)
    return len({item.event.uid for item in listing.items})


def build_list_content(scene: MailScene, listing: MailList) -> MailContent:
    """Return the mail with the list."""
    shown = sorted(listing.items, key=lambda item: _ORDER.index(item.event.kind))[:MOST_ITEMS]
    kinds = [item.event.kind for item in listing.items]
    to_operator = scene.reader.recipient.role is Role.OPERATOR
    variables: Variables = {
        **build_person_variables(scene.reader.recipient, scene.policy),
        "digest": listing.digest.value,
        "count": _count(listing),
        "left_out": len(listing.items) - len(shown),
        "problems": sum(kind in (EventKind.PROBLEM, EventKind.REMINDER) for kind in kinds),
        "over": kinds.count(EventKind.RECOVERY),
        "ended": kinds.count(EventKind.MONITORING_ENDED),
        "host": neutralize(listing.host) if to_operator else "",
        "of": listing.of,
    }
    texts = scene.words.texts("digest", variables)
    items = tuple(_entry(scene, listing.digest, item) for item in shown)
    outage = {
        "note": neutralize(listing.reason, 500),
        "since": time_of(listing.since, scene.reader),
    }
    rows = tuple((scene.labels[name], said) for name, said in outage.items() if said)
    return _content(scene, variables, texts, "note", rows, items)


def _event_texts(scene: MailScene, event: Event, about: About) -> tuple[Variables, dict[str, str]]:
    variables = build_person_variables(scene.reader.recipient, scene.policy)
    variables |= build_event_variables(event, about, scene.reader)
    texts = scene.words.texts(event.task, variables)
    # Where no cause is known, the task's own words would claim one.
    if not variables["cause"] and event.kind is not EventKind.RECOVERY:
        texts |= scene.words.texts("plain", variables)
    told = {
        name: join_lines(texts[name]) for name in TASK_TEXTS if name not in ("problem", "steps")
    }
    told |= {name: texts[name] for name in ("problem", "steps")}
    return variables, told | scene.words.texts("mail", {**variables, **told})


TASK_TEXTS = ("short", "over_short", "brief", "threshold", "problem", "steps", "over")


def _content(
    scene: MailScene,
    variables: Variables,
    texts: Mapping[str, str],
    tone: str,
    rows: tuple[tuple[str, str], ...] = (),
    items: tuple[ListEntry, ...] = (),
) -> MailContent:
    greeting = scene.words.texts("greeting", variables)["greeting"]
    policy, labels = scene.policy, scene.labels
    self_service = str(variables["self_service"])
    return MailContent(
        language=scene.words.language,
        subject=_header(texts["subject"]),
        tone=tone,
        title=join_lines(texts["title"]),
        greeting=join_lines(greeting),
        lead=split_paragraphs(texts["lead"]),
        rows=rows,
        items=items,
        more=join_lines(texts.get("more", "")),
        steps_title=labels["steps"],
        steps=split_steps(texts["todo"])[:_MOST_STEPS],
        support_title=labels["support"] if policy.support else "",
        support=policy.support,
        support_link=_link(policy.support),
        selfcare_title=labels["self_service"] if self_service else "",
        self_service=self_service,
        selfcare_link=_link(self_service),
        why=join_lines(texts["why"]),
    )


def _rows(
    scene: MailScene, event: Event, variables: Variables, texts: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    failing = event.kind in (EventKind.PROBLEM, EventKind.REMINDER)
    output = variables["output"] if _says_output(scene, event, texts["brief"]) else ""
    told = {
        "account": _named(variables),
        "customer": variables["customer"],
        "computer": variables["computer"],
        "server": variables["host"],
        "since": variables["since"] if event.kind is not EventKind.RECOVERY else "",
        "value": texts["brief"] if event.kind is not EventKind.MONITORING_ENDED else "",
        "threshold": texts["threshold"] if failing else "",
        "output": output,
    }
    return tuple((scene.labels[name], str(value)) for name, value in told.items() if value)


def _says_output(scene: MailScene, event: Event, brief: str) -> bool:
    """Tell whether to show the verdict's own sentence, which is English and for administrators."""
    role = scene.reader.recipient.role
    if role is Role.OPERATOR:
        return True
    # Others get it only where nothing else says what is wrong.
    return event.kind in (EventKind.PROBLEM, EventKind.REMINDER) and not brief


def _named(variables: Variables) -> str:
    account, uid = str(variables["account"]), str(variables["uid"])
    return account if account == uid else f"{account} ({uid})"


def _entry(scene: MailScene, digest: ListPurpose, item: ListItem) -> ListEntry:
    event, note = item.event, neutralize(item.note, 500)
    if not event.uid:
        return ListEntry(note, (), _tone(event))
    variables, texts = _event_texts(scene, event, item.about)
    to_operator = scene.reader.recipient.role is Role.OPERATOR
    where = [_named(variables), str(variables["customer"]), str(variables["computer"])]
    since = f"{scene.labels['since']}: {variables['since']}" if variables["since"] else ""
    brief = texts["brief"] if event.kind is not EventKind.MONITORING_ENDED else ""
    if digest is ListPurpose.UNKNOWN:  # nothing is known to be wrong with the backup
        brief = ""
    custom = event.kind is EventKind.CUSTOM and not event.comment
    output = str(variables["output"]) if custom or _says_output(scene, event, brief) else ""
    lines = (
        ", ".join(part for part in where if part),
        *_own_words(variables),
        brief,
        since if event.kind is not EventKind.RECOVERY else "",
        output,
        f"{event.task}: {event.state.name}" if digest is ListPurpose.FALLBACK else "",
        f"{scene.labels['note']}: {note}" if note and to_operator else "",
    )
    title = join_lines(texts["title"])
    if digest is ListPurpose.UNKNOWN:
        title = f"{event.task}: {event.state.name}"
    return ListEntry(title, tuple(line for line in lines if line), _tone(event))


def _own_words(variables: Variables) -> tuple[str, ...]:
    """Return what somebody of the provider writes: nothing but in CUSTOM events."""
    if variables["kind"] != EventKind.CUSTOM.value:
        return ()
    said = split_paragraphs(str(variables["comment"]))
    author = str(variables["author"])
    return (": ".join(filter(None, (author, *said[:1]))), *said[1:])


def _tone(event: Event) -> str:
    if event.kind is EventKind.RECOVERY:
        return "good"
    if event.kind in (EventKind.PROBLEM, EventKind.REMINDER):
        return {State.CRITICAL: "bad", State.WARNING: "warn"}.get(event.state, "note")
    return "note"


def _header(text: str) -> str:
    subject = join_lines(_CONTROLS.sub(" ", text))
    return subject if len(subject) <= _SUBJECT else subject[: _SUBJECT - 3] + "..."


def _link(text: str) -> str:
    """Return where a setting leads to, '' where it is not only an address."""
    if re.fullmatch(r"https?://[^\s<>\"']+", text):
        return text
    return f"mailto:{text}" if re.fullmatch(r"[\w.+-]+@[\w.-]+\.[A-Za-z]+", text) else ""
