"""Accounts as records: the verdict of an account in one task."""

from backup_monitoring.model import Finding
from backup_monitoring.records.fact_records import make_fact_records
from backup_monitoring.records.metric_records import make_metric_record
from backup_monitoring.records.record_values import (
    Record,
    write_name,
    write_sentence,
    write_time,
)
from backup_monitoring.store import AccountVerdict


def make_account_record(found: AccountVerdict) -> Record:
    """Return the verdict of an account in one task, with what *found* has of it.

    Source: the schema, ``$defs/account``.
    """
    verdict, since, facts = found.verdict, found.since, found.verdict.facts
    before = None if since is None else since.before
    return {
        "account": write_name(found.uid),
        "servers": [write_name(host) for host in found.hosts],
        "task": found.task,
        "state": verdict.state.name,
        "summary": write_sentence(verdict.summary),
        "computer": None if verdict.computer is None else write_name(verdict.computer),
        "cause": None if facts is None or not facts.cause else facts.cause,
        "since": None if since is None else write_time(since.at),
        "since_at_least": since is not None and since.at_least,
        "state_before": None if before is None else before.name,
        "problem_since": None if facts is None else write_time(facts.since),
        "metrics": [make_metric_record(metric) for metric in verdict.metrics],
        "facts": make_fact_records(found.task, facts),
        "thresholds": write_sentence(found.thresholds),
        "failing_computers": [write_name(name) for name in verdict.failing],
        "retired_computers": [write_name(name) for name in verdict.retired],
        "uncertain_computers": [write_name(name) for name in verdict.uncertain],
        "details": [write_sentence(line) for line in verdict.details],
        "findings": [make_finding_record(finding) for finding in found.findings],
    }


def make_finding_record(finding: Finding) -> Record:
    """Return *finding*."""
    return {
        "kind": finding.kind,
        "where": write_sentence(finding.where),
        "problem": write_sentence(finding.problem),
    }
