"""The variables of the templates: from an event, its account, and the reader."""

from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from backup_monitoring.mail.about import About
from backup_monitoring.mail.formats import Formats, count_whole_days
from backup_monitoring.mail.sanitize import hide_internals, neutralize, neutralize_lines
from backup_monitoring.model import Event, Facts, Recipient, Role
from backup_monitoring.settings import NotifySettings
from backup_monitoring.tasks import FactKind, list_facts, load_causes, load_facts

Variables = dict[str, object]


class MailReader(NamedTuple):
    """The reader of a mail: *formats* of the language, *zone* of the times."""

    recipient: Recipient
    formats: Formats
    zone: tzinfo


def build_person_variables(recipient: Recipient, policy: NotifySettings) -> Variables:
    """Return the variables that every template has."""
    return {
        "recipient": neutralize(recipient.name),
        "surname": neutralize(recipient.surname),
        "personal_title": neutralize(recipient.title),
        "gender": recipient.gender if recipient.gender in ("m", "f") else "",
        "role": recipient.role.value,
        "reason": neutralize(recipient.reason, 500) if recipient.role is Role.OPERATOR else "",
        "support": policy.support if recipient.role is not Role.OPERATOR else "",
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
        "ending": event.ending.value if event.ending is not None else "",
        "host": neutralize(event.host) if to_operator else "",
        "output": neutralize(output, 500),
        "author": neutralize(event.author),
        "comment": neutralize_lines(event.comment),
        **build_fact_variables(event, about.facts, reader),
    }


def build_fact_variables(event: Event, facts: Facts | None, reader: MailReader) -> Variables:
    """Return a variable per fact of the task: '' and None for unknown texts and numbers."""
    known = load_facts(event.task)() if facts is None else facts
    values = known._asdict()
    variables: Variables = {"cause": _choose_cause(event, facts)}
    for declared in list_facts(event.task):
        name, value = declared.name, values[declared.name]
        if declared.kind is FactKind.AGE:
            name, value = f"{name}_days", None if value is None else count_whole_days(value)
        elif declared.kind not in (FactKind.NUMBER, FactKind.FLAG):
            above = values.get(declared.fact.above)
            value = "" if value is None else _format_fact(declared.kind, value, above, reader)
        elif declared.kind is FactKind.FLAG:
            value = bool(value)
        variables[name] = value
    return variables


def _format_fact(kind: FactKind, value: Any, above: float | None, reader: MailReader) -> str:
    formats = reader.formats
    match kind:
        case FactKind.SIZE:
            return formats.format_size(value)
        case FactKind.PERCENT:
            return formats.format_percent(value, above)
        case FactKind.TIME:
            return formats.format_time_in_text(value, reader.zone)
        case FactKind.DAY:
            return formats.format_day_in_text(value)
    return neutralize(value)


def _choose_cause(event: Event, facts: Facts | None) -> str:
    """Return the cause, '' if only the event's summary says what is wrong."""
    causes = [cause.name for cause in load_causes(event.task)]
    for cause in (facts.cause if facts is not None else "", event.cause):
        if cause in causes:
            return cause
    return causes[0] if facts is not None else ""


def format_moment(moment: object, reader: MailReader) -> str:
    """Return *moment* in the reader's zone and format, '' if it is not a time."""
    return reader.formats.format_time(moment, reader.zone) if isinstance(moment, datetime) else ""


def format_moment_in_text(moment: datetime | None, reader: MailReader) -> str:
    """Return *moment* as `format_moment` does, for a sentence."""
    return reader.formats.format_time_in_text(moment, reader.zone) if moment is not None else ""
