"""The variables of the templates: from an event, its account, and the reader."""

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
    """The reader of a mail: *formats* of the language, *zone* of the times."""

    recipient: Recipient
    formats: Formats
    zone: tzinfo


def build_reader(recipient: Recipient, formats: Formats, zone: tzinfo) -> MailReader:
    """Return *recipient* as a reader; *zone* is used if theirs is not known."""
    return MailReader(recipient, formats, choose_reader_zone(recipient, zone))


def choose_reader_zone(recipient: Recipient, zone: tzinfo) -> tzinfo:
    """Return the recipient's own zone if it is known, else *zone*."""
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
    """Return the variables of an event: texts, '' if something is not known."""
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
        "since": format_moment(event.since, reader),
        "at": format_moment(event.at, reader),
        "host": neutralize(event.host) if to_operator else "",
        "output": neutralize(output, 500),
        "author": neutralize(event.author),
        "comment": neutralize_lines(event.comment),
        **build_fact_variables(event, about.facts, reader),
    }


def build_fact_variables(
    event: Event, facts: Mapping[str, object], reader: MailReader
) -> Variables:
    """Return the variables of a verdict's facts: '' and None for unknown texts and numbers."""
    known = {name: value for name, value in facts.items() if _is_valid(name, value)}
    return {
        "cause": _choose_cause(event, known),
        "at_least": bool(known.get("at_least")),
        "identifier": neutralize(str(known.get("identifier", ""))),
        "version": neutralize(str(known.get("version", ""))),
        "minimum": neutralize(str(known.get("minimum", ""))),
        **_format_numbers(known),
        **_format_sizes(known, reader.formats),
        **_format_times(known, reader),
    }


def _choose_cause(event: Event, known: Mapping[str, object]) -> str:
    """Return the cause, '' if only the event's summary says what is wrong."""
    causes = CAUSES.get(event.task, ())
    for cause in (known.get("cause"), event.cause):
        if cause in causes:
            return str(cause)
    return causes[0] if causes and known.keys() - {"cause"} else ""


def _is_valid(name: str, value: object) -> bool:
    types = FACTS.get(name, ())
    if isinstance(value, bool) and bool not in types:
        return False
    if isinstance(value, datetime) and value.tzinfo is None:
        return False
    return isinstance(value, types)


def _format_numbers(known: Mapping[str, object]) -> Variables:
    names = ("others", "missed", "failed", "threshold_backups", "threshold_days", "days_to_full")
    spans = {"age_days": known.get("age"), "threshold_age_days": known.get("threshold_age")}
    days = {n: count_whole_days(v) if isinstance(v, timedelta) else None for n, v in spans.items()}
    return {**{name: known.get(name) for name in names}, **days}


def _format_sizes(known: Mapping[str, object], formats: Formats) -> Variables:
    names = ("used", "capacity", "sudden_loss_before", "sudden_loss_after")
    sizes = {name: value for name in names if isinstance(value := known.get(name), int)}
    texts: Variables = {n: formats.format_size(sizes[n]) if n in sizes else "" for n in names}
    free = max(0, sizes["capacity"] - sizes["used"]) if {"used", "capacity"} <= set(sizes) else None
    texts["free"] = formats.format_size(free) if free is not None else ""
    percent = _parse_number(known.get("percent"))
    threshold = _parse_number(known.get("threshold_percent"))
    if percent is not None:
        texts["percent"] = formats.format_percent(percent, threshold)
    if threshold is not None:
        texts["threshold_percent"] = formats.format_percent(threshold)
    return {"percent": "", "threshold_percent": "", **texts}


def _parse_number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _format_times(known: Mapping[str, object], reader: MailReader) -> Variables:
    names = ("first_due", "next_due", "last_backup", "failed_at", "last_success", "created")
    texts: Variables = {name: format_moment(known.get(name), reader) for name in names}
    day = known.get("sudden_loss_day")
    texts["sudden_loss_day"] = reader.formats.format_day(day) if isinstance(day, date) else ""
    return texts


def format_moment(moment: object, reader: MailReader) -> str:
    """Return *moment* in the reader's zone and format, '' if it is not a time."""
    return reader.formats.format_time(moment, reader.zone) if isinstance(moment, datetime) else ""
