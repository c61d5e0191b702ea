"""Records: verdicts, metrics and findings as JSON."""

import json
from datetime import date, timedelta, timezone
from math import inf
from zoneinfo import ZoneInfo

import jsonschema
import pytest

from backup_monitoring.model.findings import Finding
from backup_monitoring.model.verdicts import Facts, Metric, Range, State, Verdict
from backup_monitoring.notify.decision_records import make_decision_record
from backup_monitoring.outbox.decisions import PastDecision, PendingMail
from backup_monitoring.outbox.delivery_log import LogAction
from backup_monitoring.records.account_records import make_account_record, make_finding_record
from backup_monitoring.records.fact_records import make_fact_records
from backup_monitoring.records.metric_records import make_metric_record
from backup_monitoring.records.record_values import write_name, write_time
from backup_monitoring.store.account_verdict import AccountVerdict
from backup_monitoring.tasks.client_facts import ClientFacts
from backup_monitoring.tasks.quota_facts import QuotaFacts
from backup_monitoring.tasks.registry import TASKS
from backup_monitoring.tasks.schedule_facts import ScheduleFacts
from backup_monitoring.tasks.state_since import StateSince
from backup_monitoring.tasks.unused_facts import UnusedFacts
from cases import at
from records.schema import schema, validate

ZURICH = ZoneInfo("Europe/Zurich")
MISSED = Verdict(
    State.WARNING,
    "1 backup missed since <b>2026-11-23 20:00</b>",
    "mail|01\udcff",
    (Metric("missed", 1, "", Range(end=0), Range(end=inf)),),
    ("mail01: WARNING - 1 backup missed",),
    ScheduleFacts("missed", missed=1, first_due=at("2026-11-23T20:00+01:00"), zone=ZURICH),
    ("mail|01\udcff",),
    ("old",),
    ("new",),
)
FOUND = AccountVerdict(
    "4000104",
    ("backup-01", "backup-02"),
    "schedule",
    MISSED,
    StateSince(State.WARNING, at("2026-11-23T22:00:01.5+01:00"), before=State.OK),
    "threshold 1 d (entry)",
    (Finding("offset", "/home/4000104\n", "ambiguous"),),
)


def test_an_account_is_a_record() -> None:
    record = make_account_record(FOUND)

    validate(record, "account")
    assert record == {
        "account": "4000104",
        "servers": ["backup-01", "backup-02"],
        "task": "schedule",
        "state": "WARNING",
        "summary": "1 backup missed since ‹b›2026-11-23 20:00‹/b›",
        "computer": "mail|01\\xff",
        "cause": "missed",
        "since": "2026-11-23T21:00:01+00:00",
        "since_at_least": False,
        "state_before": "OK",
        "problem_since": "2026-11-23T19:00:00+00:00",
        "metrics": [
            {
                "name": "missed",
                "value": 1,
                "unit": "",
                "warning": {"start": 0, "end": 0, "inverted": False},
                "critical": {"start": 0, "end": None, "inverted": False},
                "minimum": 0,
                "maximum": None,
            }
        ],
        "facts": {"missed": 1, "first_due": "2026-11-23T20:00:00+01:00", "zone": "Europe/Zurich"},
        "thresholds": "threshold 1 d (entry)",
        "failing_computers": ["mail|01\\xff"],
        "retired_computers": ["old"],
        "uncertain_computers": ["new"],
        "details": ["mail01: WARNING - 1 backup missed"],
        "findings": [{"kind": "offset", "where": "/home/4000104\\n", "problem": "ambiguous"}],
    }


def test_an_account_of_which_little_is_known_is_a_record() -> None:
    record = make_account_record(
        AccountVerdict("4000104", (), "quota", Verdict(State.UNKNOWN, "no such account"))
    )

    validate(record, "account")
    assert {name for name, value in record.items() if value is None} == {
        *("computer", "cause", "since", "state_before", "problem_since"),
    }
    assert (record["metrics"], record["facts"], record["findings"]) == ([], {}, [])


@pytest.mark.parametrize(
    ("task", "facts", "record"),
    [
        ("quota", None, {}),
        ("quota", QuotaFacts(), {}),
        (
            "quota",
            QuotaFacts("used", used=2**63, percent=88.00001, sudden_loss_day=date(2026, 11, 21)),
            {"used_bytes": 2**63, "percent": 88, "sudden_loss_day": "2026-11-21"},
        ),
        ("client", ClientFacts(identifier="<x>\udcff\x1b"), {"identifier": "<x>\\xff\x1b"}),
        (
            "unused",
            UnusedFacts(age=timedelta(days=2), zone=timezone(timedelta(hours=-3))),
            {"age_seconds": 172800, "zone": "UTC-03:00"},
        ),
    ],
)
def test_facts_have_their_units_in_their_names(
    task: str, facts: Facts | None, record: dict[str, object]
) -> None:
    assert make_fact_records(task, facts) == record
    validate(record, "facts")


def test_every_fact_of_every_task_is_valid() -> None:
    from backup_monitoring.tasks.fact_kinds import list_facts, load_facts

    for task in TASKS:
        samples = {name: fact.sample for name, _, fact in list_facts(task) if fact.sample}
        record = make_fact_records(task, load_facts(task)(**samples))

        validate(record, "facts")
        assert len(record) == len(samples)


@pytest.mark.parametrize(
    ("good", "record"),
    [
        (Range(), {"start": 0, "end": None, "inverted": False}),
        (Range(-inf, 0.5), {"start": None, "end": 0.5, "inverted": False}),
        (Range(10, 20, True), {"start": 10, "end": 20, "inverted": True}),
    ],
)
def test_ranges_have_no_infinite_ends(good: Range, record: dict[str, object]) -> None:
    made = make_metric_record(Metric("used_percent", 85.123456, "%", critical=good))

    validate(made, "metric")
    assert (made["value"], made["warning"], made["critical"]) == (85.1235, None, record)


@pytest.mark.parametrize(
    ("time", "zone", "text"),
    [
        ("2026-11-23T20:00:00.999+01:00", "Europe/Zurich", "2026-11-23T20:00:00+01:00"),
        ("2026-11-23T20:00+01:00", "Asia/Kathmandu", "2026-11-24T00:45:00+05:45"),
        ("0999-11-23T20:00+00:00", "UTC", "0999-11-23T20:00:00+00:00"),
        ("0001-01-01T00:00+00:00", "America/New_York", "0001-01-01T00:00:00+00:00"),
        # Monrovia's offset was -00:44:30 until 1972.
        ("1971-01-01T00:00+00:00", "Africa/Monrovia", "1971-01-01T00:00:00+00:00"),
    ],
)
def test_times_are_of_rfc_3339(time: str, zone: str, text: str) -> None:
    written = write_time(at(time), ZoneInfo(zone))

    assert written == text
    validate(written, "time")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a|<b>\n\x1b[31m\u202e", "a|<b>\n\x1b[31m\u202e"),
        ("Zürich \N{GRINNING FACE}", "Zürich \N{GRINNING FACE}"),
        ("\udcff\udc80\ud800", "\\xff\\x80\\ud800"),
    ],
)
def test_names_stay_as_they_are_and_are_unicode(name: str, written: str) -> None:
    assert write_name(name) == written
    written.encode()


def test_what_is_not_of_the_schema_is_refused() -> None:
    record = make_account_record(FOUND)

    for wrong in (
        {**record, "more": 1},
        {**record, "state": "warning"},
        {**record, "since": "2026-11-23 21:00"},
        {name: value for name, value in record.items() if name != "computer"},
        {**record, "facts": {"used_bytes": "many"}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            validate(wrong, "account")


def test_a_finding_is_a_record() -> None:
    record = make_finding_record(Finding("home", "a|b", "<x>\x00"))

    validate(record, "finding")
    assert record == {"kind": "home", "where": "a¦b", "problem": "‹x›\\x00"}


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.dumps(schema()).count("#/$defs/") > 10


def test_the_schema_has_all_actions() -> None:
    actions = schema()["$defs"]["decision"]["properties"]["action"]["enum"]

    assert actions == [action.value for action in LogAction]


def test_a_decision_is_a_record() -> None:
    at_noon = at("2026-11-24T12:00+01:00")
    pending = (PendingMail("a@example.org", "waiting", at_noon),)
    decision = PastDecision(
        at_noon, LogAction.COMPLAINT, "a\udcff", "quota", "", "", ("a@example.org",), "<b>", pending
    )

    record = make_decision_record(decision)

    validate(record, "decision")
    assert record == {
        "time": "2026-11-24T11:00:00+00:00",
        "action": "complaint",
        "account": "a\\xff",
        "task": "quota",
        "kind": None,
        "state": None,
        "addresses": ["a@example.org"],
        "reason": "‹b›",
        "pending": [
            {
                "address": "a@example.org",
                "status": "waiting",
                "next_try": "2026-11-24T11:00:00+00:00",
            }
        ],
    }
