"""What is a task? All that programs, mails and documents need to know of it, besides its rule."""

from typing import Any, NamedTuple

from backup_monitoring.model import Needs


class MetricInfo(NamedTuple):
    """A metric of the rule: its *name*, its *unit* ('' for a number), and its *meaning*."""

    name: str
    unit: str
    meaning: str


class Total(NamedTuple):
    """A sum over all accounts of their attribute *name*, as performance data.

    Args:
        unit: of the sum. meaning: for the documents. maximum: the total that limits it, '' if none.
    """

    name: str
    unit: str
    meaning: str
    maximum: str = ""


class Option(NamedTuple):
    """An option of the check that replaces a field of a policy.

    Args:
        flags: as on the command line, the long one last.
        metavar: RANGE and AGE are good values, DAYS is a number of days.
        help: with ``{default}`` where the field's default is to be shown.
        policy: the policy's type. field: its field.
        needs_store: why only a store can answer it, '' if live data can, too.
    """

    flags: tuple[str, ...]
    metavar: str
    help: str
    policy: type[Any]
    field: str
    needs_store: str = ""


class Task(NamedTuple):
    """What others need to know of a task.

    Args:
        name: of the program, the service, the template and the section of the settings.
        question: what the check answers, for help and documents.
        description: of ``--help``, in sentences.
        rule: its function in this package, as "module.function"; loaded when it is needed.
        thresholds: of the same kind, the text of an account's thresholds; '' if it has none.
        shortcut: of the same kind, whether an account is certainly OK; '' if only the rule knows.
        needs: of the entry and of the home directory.
        policy: the type of its section of the settings.
        facts: of the same kind as *rule*, the type of its verdicts' facts.
        metrics: of its verdicts. totals: over all accounts.
        causes: of the same kind, what may be wrong; the first is assumed if facts name none.
        options: of the check, besides those of all checks.
        reseller_words: the provider's words for its problems, in the settings of a reseller.
        has_computers: whether its verdict is that of a computer.
    """

    name: str
    question: str
    description: str
    rule: str
    needs: Needs
    policy: type[Any]
    facts: str
    metrics: tuple[MetricInfo, ...]
    causes: str
    reseller_words: tuple[str, ...]
    thresholds: str = ""
    shortcut: str = ""
    totals: tuple[Total, ...] = ()
    options: tuple[Option, ...] = ()
    has_computers: bool = True
