"""The documents' tables of the tasks: programs, options, metrics, facts and causes."""

from collections.abc import Iterable, Iterator, Sequence

from backup_monitoring.plugin import BackupCheck, Parser, make_parser
from backup_monitoring.tasks import TASKS, FactKind, Task, list_facts, load_causes
from tools.commands import load_check

_SHOWN = {
    FactKind.TEXT: "text",
    FactKind.FLAG: "true or false",
    FactKind.NUMBER: "number",
    FactKind.SIZE: "size",
    FactKind.PERCENT: "percentage",
    FactKind.TIME: "time",
    FactKind.DAY: "date",
    FactKind.AGE: "number of days",
}


def make_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def render_questions() -> str:
    """Return what each check answers, and what it reads."""
    rows = ([f"`check_backup_{t.name}`", t.question, _name_sources(t)] for t in TASKS.values())
    return make_table(("program", "question", "reads"), rows)


def _name_sources(task: Task) -> str:
    return "directory" if task.needs.files is None else "directory, homes"


def render_checks() -> str:
    """Return a section for each check, with the options that not all have."""
    common = {action.dest for action in make_parser(_NoOptions(next(iter(TASKS))))._actions}
    return "\n".join(_format_check(task, common) for task in TASKS.values())


class _NoOptions(BackupCheck):
    """A check that has the options of all checks only."""

    def __init__(self, task: str) -> None:
        super().__init__(task)
        self.task = self.task._replace(options=())


def _format_check(task: Task, common: set[str]) -> str:
    question = task.question[0].upper() + task.question[1:]
    text = f"## check_backup_{task.name}\n\n{question} Reads the {_name_sources(task)}.\n"
    text = text.replace("directory, homes", "directory and the homes")
    text += f"[Rule](rules.md#{task.name}).\n"
    rows = list(_list_options(make_parser(load_check(task.name)), common))
    return f"{text}\n{make_table(('option', 'meaning'), rows)}" if rows else text


def _list_options(parser: Parser, common: set[str]) -> Iterator[tuple[str, str]]:
    for action in parser._actions:
        if action.dest not in common:
            *short, long = action.option_strings
            value = f" {action.metavar}" if action.metavar else ""
            value = f" [{action.metavar}]" if action.nargs == "?" else value
            yield ", ".join(f"`{flag}`" for flag in (*short, long + value)), str(action.help)


def render_metrics() -> str:
    """Return the metrics of one account."""
    rows = (
        (task.name, f"`{metric.name}`", metric.unit, metric.meaning)
        for task in TASKS.values()
        for metric in task.metrics
    )
    return make_table(("check", "label", "unit", "meaning"), rows)


def render_totals() -> str:
    """Return the metrics over all accounts that not all checks have."""
    rows = []
    for task in TASKS.values():
        for total in task.totals:
            limit = f"; its maximum is `{total.maximum}`" if total.maximum else ""
            rows.append((task.name, f"`{total.name}`", total.unit, total.meaning + limit))
    return make_table(("check", "label", "unit", "meaning"), rows)


def render_facts() -> str:
    """Return the variables that templates have of a task's facts."""
    rows = []
    for task in TASKS.values():
        for name, kind, fact in list_facts(task.name):
            variable = f"{name}_days" if kind is FactKind.AGE else name
            rows.append((task.name, f"`{variable}`", _SHOWN[kind], fact.meaning))
    return make_table(("task", "variable", "type", "meaning"), rows)


def render_causes() -> str:
    """Return what may be wrong, and what the provider can do about it; each row is an anchor."""
    rows = (
        (
            f'<a id="{task.name}-{cause.name}"></a>{task.name}',
            f"`{cause.name}`",
            cause.meaning,
            cause.action,
        )
        for task in TASKS.values()
        for cause in load_causes(task.name)
    )
    return make_table(("check", "cause", "meaning", "what to do"), rows)
