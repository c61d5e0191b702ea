"""The task client: its settings, options and metrics."""

import re
from collections.abc import Mapping
from typing import Annotated, NamedTuple

from backup_monitoring.model import Files, Key, Need, Needs, parse_text
from backup_monitoring.tasks.task import MetricInfo, Task

_SEPIOLA = "Sepiola Online Backup Client"


def _parse_minimum(value: object) -> str:
    # Only the form is checked: only the client check loads the library that compares versions.
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?", parse_text(value)):
        raise ValueError('not a valid version; write for example "2.0.11"')
    return parse_text(value)


class ClientPolicy(NamedTuple):
    """[client]: how old a backup program may be."""

    strict: Annotated[
        bool,
        Key(
            "`true`: a program without a minimum, or without a valid version, is UNKNOWN",
            "true: an unknown program or version is UNKNOWN",
        ),
    ] = False
    minimum: Annotated[
        Mapping[str, str],
        Key(
            "for programs that are too old. A key is the exact identifier that a program writes "
            "into its reports, its value the oldest good version: an older one is WARNING.",
            "an older version is WARNING",
            parse=_parse_minimum,
            example={"Online Backup Perl Script": "2.0.9"},
        ),
    ] = {}
    minimum_critical: Annotated[
        Mapping[str, str],
        Key(
            "the same for CRITICAL.",
            "an older version is CRITICAL",
            parse=_parse_minimum,
            example={"Online Backup Perl Script": "2.0.0"},
        ),
    ] = {}


CLIENT = Task(
    name="client",
    question="is a computer's backup program too old?",
    description="Checks the versions of backup programs against the minimum in the settings, "
    "[client.minimum] and [client.minimum_critical].",
    rule="client.evaluate_client",
    needs=Needs(Need.HOME, Files.REPORTS),
    policy=ClientPolicy,
    facts="client_facts.ClientFacts",
    metrics=(MetricInfo("outdated", "", "computers with a program that is too old"),),
    causes="client_facts.CAUSES",
    reseller_words=("upgrade", "client"),
)
