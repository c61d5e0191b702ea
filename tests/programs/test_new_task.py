"""CONTRIBUTING's "How to add a check", done on a copy of the tree: its four steps are enough."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from programs.daemons import Icinga, needed
from programs.installed import NOW, ROOT, Programs, build_wheel, install

DECLARATION = '''"""The task example: its settings, options and metrics."""

from typing import Annotated, NamedTuple

from backup_monitoring.model import COUNT, Files, Key, Need, Needs, Threshold
from backup_monitoring.tasks.task import MetricInfo, Option, Task


class ExamplePolicy(NamedTuple):
    """[example]: how many computers an account may have."""

    computers: Annotated[
        Threshold, Key("WARNING for an account with this many computers", threshold=COUNT)
    ] = Threshold(COUNT.make(3), "default")


EXAMPLE = Task(
    name="example",
    question="does an account have too many computers?",
    description="Checks the number of computers of backup accounts.",
    rule="example.evaluate_example",
    needs=Needs(Need.HOME, Files.REPORTS),
    policy=ExamplePolicy,
    facts="example_facts.ExampleFacts",
    causes="example_facts.CAUSES",
    metrics=(MetricInfo("computers", "", "computers that have uploaded reports"),),
    reseller_words=("example",),
    options=(
        Option(
            ("-w", "--warning"),
            "RANGE",
            "good number of computers, {default} by default ([example] computers)",
            ExamplePolicy,
            "computers",
        ),
    ),
    has_computers=False,
)
'''
FACTS = '''"""What mails say of a verdict on example: its facts, and what may be wrong."""

from datetime import datetime, tzinfo
from typing import Annotated, NamedTuple

from backup_monitoring.tasks.fact import Cause, Fact


class ExampleFacts(NamedTuple):
    """The facts of a verdict on example; None where not known."""

    cause: str = ""
    computers: Annotated[int | None, Fact("the account's computers", 4, 2)] = None
    zone: tzinfo | None = None

    @property
    def since(self) -> datetime | None:
        """When the problem began: not known."""
        return None


CAUSES: tuple[Cause, ...] = (
    Cause("many", "the account has too many computers", "Offer a larger product."),
)
'''
RULE = '''"""Example: does an account have too many computers?"""

from datetime import datetime

from backup_monitoring.model import Account, Metric, State, Uploads, Verdict
from backup_monitoring.tasks.account_eligibility import check_home, check_status
from backup_monitoring.tasks.aggregate import list_reporting_computers
from backup_monitoring.tasks.example_facts import ExampleFacts
from backup_monitoring.tasks.example_task import ExamplePolicy
from backup_monitoring.tasks.policies import Policies


def evaluate_example(
    account: Account, uploads: Uploads, policies: Policies, _now: datetime
) -> Verdict:
    """Evaluate whether *account* has more computers than the threshold allows.

    Source: docs/rules.md, "Example".
    """
    if verdict := check_status(account) or check_home(account, uploads):
        return verdict
    threshold = policies[ExamplePolicy].computers
    count = len(list_reporting_computers(uploads))
    metrics = (Metric("computers", count, "", threshold.good),)
    summary = f"{count} computers, threshold {threshold.good} ({threshold.origin})"
    state = State.OK if count in threshold.good else State.WARNING
    cause = "" if state is State.OK else "many"
    return Verdict(state, summary, None, metrics, facts=ExampleFacts(cause, count))
'''
TABLE = '''"""Example: too many computers."""

import pytest

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.verdicts import State
from backup_monitoring.tasks.example import evaluate_example
from backup_monitoring.tasks.policies import Policies
from cases import at, computer, daily, uploads


@pytest.mark.parametrize(("count", "state"), [(0, State.OK), (2, State.OK), (3, State.WARNING)])
def test_the_number_of_computers(count: int, state: State) -> None:
    computers = [computer(f"web{n}", schedule=daily(20, 0)) for n in range(count)]
    account = Account("4000101", "uid=4000101")

    verdict = evaluate_example(
        account, uploads(*computers), Policies(), at("2026-11-24T12:00+01:00")
    )

    assert verdict.state is state
'''
RULES = """
## Example

An account with more computers than its product allows is WARNING.
"""
TEMPLATE = """{# Too many computers. cause: many. #}
{% set what %}the computers{% endset %}
{% set short %}Too many computers{% endset %}
{% set over_short %}no longer too many computers{% endset %}
{% set brief %}{% if computers is not none %}{{ computers }} computers{% endif %}{% endset %}
{% set threshold %}{% endset %}
{% set problem %}Your account has too many computers.{% endset %}
{% set steps %}- Order a larger product.
- Or remove a computer.
{% endset %}
{% set over %}Your account no longer has too many computers.{% endset %}
"""
LIBRARY = "lib/backup_monitoring"
REGISTRY = f"{LIBRARY}/tasks/registry.py"
NEW = {
    # 1. the task: its declaration, its facts and its rule (and its name in the registry)
    f"{LIBRARY}/tasks/example_task.py": DECLARATION,
    f"{LIBRARY}/tasks/example_facts.py": FACTS,
    f"{LIBRARY}/tasks/example.py": RULE,
    # 2. its table (and its section in docs/rules.md)
    "tests/tasks/test_example.py": TABLE,
    # 3. its mails (and their translations)
    f"{LIBRARY}/mail/templates/example.jinja": TEMPLATE,
}
BY_HAND = {*NEW, REGISTRY, "docs/rules.md", "CHANGELOG.md"}
CHECKED = (
    "tasks/test_example.py",
    "tasks/test_registry.py",
    "test_docs.py",
    "test_generated.py",
    "test_house.py",
    "test_unknown.py",
    "settings",
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree in which the four steps were done."""
    root = tmp_path_factory.mktemp("copy") / "tree"
    files = _git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for file in filter(lambda each: (ROOT / each).exists(), files):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, root / file, follow_symlinks=False)
    _git(root, "init", "--quiet")
    _git(root, "add", ".")
    for path, text in NEW.items():
        (root / path).write_text(text, encoding="utf-8")
    _replace(root / REGISTRY, "CLIENT, UNUSED)", "CLIENT, UNUSED, EXAMPLE)")
    line = "from backup_monitoring.tasks.policies import"
    _replace(
        root / REGISTRY, line, f"from backup_monitoring.tasks.example_task import EXAMPLE\n{line}"
    )
    for file, more in (("docs/rules.md", RULES), ("CHANGELOG.md", "- `check_backup_example`\n")):
        with (root / file).open("a", encoding="utf-8") as opened:
            opened.write(more)
    _run(root, "-m", "tools.generate")
    return root


@pytest.fixture(scope="module")
def new_programs(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The programs of the copy, from its wheel."""
    wheel = build_wheel(tmp_path_factory.mktemp("new_wheel"), tree)
    return install(wheel, tmp_path_factory.mktemp("new_env") / "env")


def _replace(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1, before
    file.write_text(text.replace(before, after), encoding="utf-8")


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=root, check=True, capture_output=True, text=True
    ).stdout


def _run(root: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{root}/lib:{root}/checks:{root}"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.installed
def test_only_the_files_of_the_steps_are_touched_by_hand(tree: Path) -> None:
    listed = _git(tree, "ls-files", "--modified", "--others", "--exclude-standard")
    changed = set(listed.splitlines())
    paths = "import tools.generate as t; print(*(p.relative_to(t.ROOT) for p, _ in t.render_all()))"
    generated = _run(tree, "-c", paths).split()

    assert "checks/check_backup_example.py" in changed
    assert changed - BY_HAND <= {*generated}
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in BY_HAND:
        documented = path.removeprefix(f"{LIBRARY}/").replace("/de/", "/LANGUAGE/")
        documented = re.sub("/(en|fr|it)/", "/LANGUAGE/", documented)
        assert f"`{documented}`" in text or f"`{path}`" in text, path


@pytest.mark.installed
def test_the_tests_of_the_copy_pass(tree: Path) -> None:
    chosen = [f"tests/{name}" for name in CHECKED]
    # A folder of its own: pytest closes that of this run to other users, whom other tests need.
    _run(tree, "-m", "pytest", "-q", "-x", f"--basetemp={tree.parent / 'inner'}", *chosen)
    _run(tree, "-m", "pytest", "-q", "-x", "tests/mail/test_compose.py", "-k", "example")


@pytest.mark.installed
def test_the_new_check_is_installed_and_judges(
    new_programs: Programs, tree: Path, example: Path, tmp_path: Path
) -> None:
    asked = new_programs.run("check_backup_example", "--help")
    assert "-w RANGE" in asked.out
    assert "good number of computers, 2 by default ([example] computers)" in " ".join(
        asked.out.split()
    )

    settings = str(example)
    given = ("--config", settings, "--now", NOW, "-a", "4000109")
    assert new_programs.run("check_backup_example", *given).first == (
        "BACKUP EXAMPLE OK - 4000109: 2 computers, threshold 0:2 (default) | computers=2;2;;0"
    )
    assert new_programs.run("check_backup_example", *given, "-w", "1").code == 1

    own = tmp_path / "own.toml"
    text = example.read_text(encoding="utf-8").replace('"ldif:', f'"ldif:{example.parent}/')
    text = text.replace('"tree', f'"{example.parent}/tree')
    own.write_text(f"{text}\n[example]\ncomputers = 2\n")
    ran = new_programs.run("check_backup_example", "--config", str(own), *given[2:])
    assert ran.first.startswith(
        "BACKUP EXAMPLE WARNING - 4000109: 2 computers, threshold 0:1 (settings)"
    )
    own.write_text(f"{text}\n[example]\ncomputer = 2\n")
    refused = new_programs.run("check_backup_example", "--config", str(own))
    assert refused.code == 3
    assert "[example] computer: unknown key; did you mean 'computers'?" in refused.out


@pytest.mark.server
def test_icinga_takes_its_command_and_its_services(
    new_programs: Programs, tree: Path, example: Path, tmp_path: Path
) -> None:
    needed("icinga2")
    (tmp_path / "store").mkdir()
    text = example.read_text(encoding="utf-8").replace('"ldif:', f'"ldif:{example.parent}/')
    text = text.replace('"tree', f'"{example.parent}/tree')
    settings = tmp_path / "settings.toml"
    settings.write_text(f'{text}\n[store]\nfolder = "store"\n')
    given = ("--config", str(settings), "--now", NOW)
    assert new_programs.run("collect_backup_state", *given).code == 0
    objects = tmp_path / "objects.conf"
    made = new_programs.run(
        "generate_backup_objects", *given, "--tasks", "example,quota", "--output", str(objects)
    )
    assert made.code == 0, made.out
    assert '"4000109-example"' in objects.read_text(encoding="utf-8")
    shipped = [
        str(tree / "icinga" / f"icinga2-{name}.conf")
        for name in ("commands", "templates", "active")
    ]

    icinga = Icinga(tmp_path / "icinga", new_programs.bin, shipped, objects)

    assert "backup_example" in (tree / "icinga" / "icinga2-commands.conf").read_text()
    icinga.check()


@pytest.mark.installed
def test_its_mail_has_its_fact_and_the_documents_have_its_rows(tree: Path) -> None:
    mail = _run(
        tree,
        "-c",
        "from backup_monitoring.mail.samples import *\n"
        "from backup_monitoring.mail.compose import compose_event\n"
        "from backup_monitoring.model import EventKind, Recipient, Role\n"
        "from backup_monitoring.settings import NotifySettings\n"
        "event = make_sample_event('example', EventKind.PROBLEM)\n"
        "recipient = Recipient('a@example.org', '', Role.CUSTOMER, 'en')\n"
        "settings = NotifySettings(sender='backup@example.org')\n"
        "mail = compose_event(event, recipient, make_sample_about('example'), settings)\n"
        "print(mail.data.decode())",
    )
    assert "Too many computers" in mail
    assert "4 computers" in mail
    for file, row in (
        ("README.md", "| `check_backup_example` | does an account have too many computers?"),
        ("docs/checks.md", "## check_backup_example"),
        ("docs/mails.md", "| example | `computers` | number | the account's computers |"),
        ("docs/operations.md", '<a id="example-many"></a>'),
        ("docs/operations.md", "| example | `computers` |  | computers that have uploaded reports"),
        ("docs/settings.md", "## [example]"),
        ("icinga/icinga2-passive.conf", 'template Service "backup-account-example"'),
        ("icinga/nagios4-commands.cfg", "command_name check_backup_example_account"),
        ("icinga/nagios4-active.cfg", "backup-account-example"),
        ("icinga/nagios4-passive.cfg", "backup-account-example"),
        ("icinga/nrpe-commands.cfg", "command[check_backup_example]="),
        ("icinga/director-active.json", '"object_name": "backup-account-example"'),
        ("icinga/director-passive.json", '"check_command": "backup-passive-example"'),
        ("icinga/icinga2-passive-commands.conf", 'object CheckCommand "backup-passive-example"'),
        ("icinga/icinga2-agent.conf", '"example"'),
    ):
        assert row in (tree / file).read_text(encoding="utf-8"), file
