"""The variables of the templates, from an event and what is known about its account."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from backup_monitoring.mail.about import About
from backup_monitoring.mail.formats import Formats, count_whole_days
from backup_monitoring.mail.sanitize import hide_internals, neutralize, neutralize_lines
from backup_monitoring.model import Event, Person, Recipient, Role
from backup_monitoring.settings import NotifySettings
from backup_monitoring.tasks import CAUSES, FACTS

Variables = dict[str, object]


class MailReader(NamedTuple):
    """For whom something is written: *formats* of the language, *zone* of the clocks."""

    recipient: Recipient
    formats: Formats
    zone: tzinfo


def build_reader(recipient: Recipient, formats: Formats, zone: tzinfo) -> MailReader:
    """Return *recipient* as a reader; *zone* is shown where theirs is not known."""
    return MailReader(recipient, formats, choose_reader_zone(recipient, zone))


def choose_reader_zone(recipient: Recipient, zone: tzinfo) -> tzinfo:
    """Return the recipient's own zone, else *zone*."""
    return Person("", "", time_zone=recipient.time_zone).zone or zone


def build_person_variables(recipient: Recipient, policy: NotifySettings) -> Variables:
    """Return the variables that every template has."""
    return {
        "recipient": neutralize(recipient.name),
        "gender": recipient.gender if recipient.gender in ("m", "f") else "",
        "role": recipient.role.value,
        "reason": neutralize(recipient.reason, 500) if recipient.role is Role.OPERATOR else "",
        "support": policy.support,
        "self_service": policy.self_service if recipient.role is Role.CUSTOMER else "",
    }


def build_event_variables(event: Event, about: About, reader: MailReader) -> Variables:
    """Return the variables of an event: texts, '' where something is not known."""
    to_operator = reader.recipient.role is Role.OPERATOR
    output = event.summary if to_operator else hide_internals(event.summary, event.host)
    uid = neutralize(event.uid)
    return {
        "uid": uid,
        "task": event.task,
        "kind": event.kind.value,
        "state": event.state.name,
        "account": neutralize(about.name) or uid,
        "customer": neutralize(about.customer),
        "computer": neutralize(event.computer or ""),
        "since": time_of(event.since, reader),
        "at": time_of(event.at, reader),
        "host": neutralize(event.host) if to_operator else "",
        "output": neutralize(output, 500),
        "author": neutralize(event.author),
        "comment": neutralize_lines(event.comment),
        **build_fact_variables(event, about.facts, reader),
    }


def build_fact_variables(
    event: Event, facts: Mapping[str, object], reader: MailReader
) -> Variables:
    """Return the variables of a verdict's facts: '' for a text and None for a number not known."""
    known = {name: value for name, value in facts.items() if _sound(name, value)}
    return {
        "cause": _cause(event, known),
        "at_least": bool(known.get("at_least")),
        "identifier": neutralize(str(known.get("identifier", ""))),
        "version": neutralize(str(known.get("version", ""))),
        "minimum": neutralize(str(known.get("minimum", ""))),
        **_numbers(known),
        **_sizes(known, reader.formats),
        **_times(known, reader),
    }


def _cause(event: Event, known: Mapping[str, object]) -> str:
    """Return what is wrong, '' where nothing but the event's summary tells it."""
    causes = CAUSES.get(event.task, ())
    for cause in (known.get("cause"), event.cause):
        if cause in causes:
            return str(cause)
    return causes[0] if causes and known.keys() - {"cause"} else ""


def _sound(name: str, value: object) -> bool:
    types = FACTS.get(name, ())
    if isinstance(value, bool) and bool not in types:
        return False
    if isinstance(value, datetime) and value.tzinfo is None:
        return False
    return isinstance(value, types)


def _numbers(known: Mapping[str, object]) -> Variables:
    names = ("others", "missed", "failed", "threshold_backups", "threshold_days", "days_to_full")
    spans = {"age_days": known.get("age"), "limit_age_days": known.get("threshold_age")}
    days = {n: count_whole_days(v) if isinstance(v, timedelta) else None for n, v in spans.items()}
    return {**{name: known.get(name) for name in names}, **days}


def _sizes(known: Mapping[str, object], formats: Formats) -> Variables:
    names = ("used", "capacity", "sudden_loss_before", "sudden_loss_after")
    sizes = {name: value for name in names if isinstance(value := known.get(name), int)}
    said: Variables = {n: formats.size(sizes[n]) if n in sizes else "" for n in names}
    free = max(0, sizes["capacity"] - sizes["used"]) if {"used", "capacity"} <= set(sizes) else None
    said["free"] = formats.size(free) if free is not None else ""
    percent, limit = _number(known.get("percent")), _number(known.get("threshold_percent"))
    said["percent"] = formats.percent(percent, limit) if percent is not None else ""
    said["threshold_percent"] = formats.percent(limit) if limit is not None else ""
    return said


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _times(known: Mapping[str, object], reader: MailReader) -> Variables:
    names = ("first_due", "next_due", "last_backup", "failed_at", "last_success", "created")
    said: Variables = {name: time_of(known.get(name), reader) for name in names}
    day = known.get("sudden_loss_day")
    said["sudden_loss_day"] = reader.formats.day(day) if isinstance(day, date) else ""
    return said


def time_of(moment: object, reader: MailReader) -> str:
    """Return *moment* on the reader's clock, '' if it is none."""
    return reader.formats.time(moment, reader.zone) if isinstance(moment, datetime) else ""
