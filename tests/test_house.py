"""The house: who may import whom, and what each program loads."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import backup_monitoring

ROOT = Path(__file__).parent.parent
LIB = ROOT / "lib" / "backup_monitoring"
OURS = "backup_monitoring"
# Top to bottom: a package may import those that are named, and each of them is below it.
LAYERS: Mapping[str, tuple[str, ...]] = {
    "selftest": (
        *("directory", "icinga", "mail", "model", "notify", "outbox", "settings", "store"),
        *("overview", "tasks", "uploads"),
    ),
    "icinga": ("model", "net", "plugin", "settings", "store", "tasks"),
    "overview": ("model", "outbox", "records", "settings", "store", "tasks"),
    "plugin": ("model", "records", "settings", "store", "tasks"),
    "notify": ("mail", "model", "outbox", "records", "settings", "store", "tasks"),
    "records": ("model", "store", "tasks"),
    "store": ("directory", "model", "settings", "tasks", "uploads"),
    "outbox": ("mail", "model", "settings", "tasks"),
    "directory": ("model", "net", "settings"),
    "mail": ("model", "net", "settings", "tasks"),
    "uploads": ("model", "settings"),
    "net": ("model", "settings"),
    "settings": ("model", "tasks"),
    "tasks": ("model",),
    "model": (),
}
# The only modules that may import a library, by how their names begin.
ONLY = {
    "ldap3": ("directory.",),
    "nagiosplugin": ("plugin.",),
    "sqlite3": ("store.", "outbox."),
    "jinja2": ("mail.", "overview.page"),
    "smtplib": ("mail.",),
    "tomllib": ("settings.load", "settings.hook_settings"),
    "tqdm": (),
}
MOST_LINES = 400
MODULES = {
    ".".join(path.relative_to(LIB).with_suffix("").parts): path
    for path in sorted(LIB.rglob("*.py"))
    if path.parent != LIB
}
PROGRAMS = sorted((ROOT / "checks").glob("*.py"))
GENERATORS = [*(ROOT / "icinga").glob("*.py"), *(ROOT / "tools").glob("*.py")]


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Yield every module that *path* imports, wherever in it, with each name from it."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def package_of(module: str) -> str:
    return module.split(".")[0]


def ours(path: Path) -> Iterator[tuple[str, str]]:
    """Yield what *path* imports of the library: dotted module below it, and name."""
    for module, name in imported(path):
        if module.startswith(f"{OURS}."):
            yield module.removeprefix(f"{OURS}."), name


def neighbours(module: str) -> set[str]:
    """Return the modules of its own package that *module* imports."""
    found = set()
    for target, name in ours(MODULES[module]):
        for each in (target, f"{target}.{name}"):
            if each in MODULES and package_of(each) == package_of(module):
                found.add(each)
    return found


def test_the_layers_are_all_packages() -> None:
    packages = {path.name for path in LIB.iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert set(LAYERS) == packages
    assert [path.name for path in LIB.glob("*.py")] == ["__init__.py"]


def test_the_layers_go_down() -> None:
    order = list(LAYERS)

    for package, below in LAYERS.items():
        assert all(order.index(each) > order.index(package) for each in below), package


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_and_to_faces(module: str) -> None:
    package = package_of(module)

    for target, name in ours(MODULES[module]):
        other = package_of(target)
        if other == package:
            continue
        assert other in LAYERS[package], f"{package} may not import {other}"
        assert target == other, f"{target}.{name} goes past the face of {other}"
        assert name in face_of(other), f"{name} is not in the face of {other}"


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_imports_faces(path: Path) -> None:
    for target, name in ours(path):
        assert target in LAYERS, f"{target}.{name} goes past a face"
        assert name in face_of(target)


def test_the_library_imports_no_program() -> None:
    programs = {path.stem for path in PROGRAMS}

    for module, path in MODULES.items():
        assert not programs & {name.split(".")[0] for name, _ in imported(path)}, module


@pytest.mark.parametrize("package", LAYERS)
def test_modules_of_a_package_import_each_other_without_a_cycle(package: str) -> None:
    open_modules = {each for each in MODULES if package_of(each) == package}
    open_modules.discard(f"{package}.__init__")

    while open_modules:
        leaves = {each for each in open_modules if not neighbours(each) & open_modules - {each}}
        assert leaves, f"these import each other in a circle: {sorted(open_modules)}"
        open_modules -= leaves


def face_of(package: str) -> list[str]:
    face: list[str] = __import__(f"{OURS}.{package}", fromlist=["__all__"]).__all__
    return face


@pytest.mark.parametrize("package", LAYERS)
def test_a_face_has_what_others_use_and_nothing_else(package: str) -> None:
    used = {
        name
        for path in [*MODULES.values(), *PROGRAMS, *GENERATORS]
        if path.parent.name != package
        for target, name in ours(path)
        if target == package
    }

    assert set(face_of(package)) == used
    modules = {each.rpartition(".")[2] for each in MODULES if package_of(each) == package}
    assert not modules & set(face_of(package)), "a module would hide the name"
    for name in face_of(package):
        assert getattr(__import__(f"{OURS}.{package}", fromlist=[name]), name) is not None


def test_a_face_refuses_other_names() -> None:
    with pytest.raises(AttributeError, match=r"'backup_monitoring\.model' has no attribute 'nope'"):
        backup_monitoring.face("backup_monitoring.model", str(LIB / "model" / "__init__.py"))[1](
            "nope"
        )


def test_no_class_is_defined_twice_and_no_module_has_anothers_name() -> None:
    classes = Counter(
        node.name.lstrip("_")
        for path in MODULES.values()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ClassDef)
    )
    names = Counter(each.rpartition(".")[2] for each in MODULES)

    assert [name for name, count in classes.items() if count > 1] == []
    assert [name for name, count in names.items() if count > 1] == ["__init__"]


def test_no_package_is_more_than_a_fifth_of_the_code() -> None:
    lines = Counter[str]()
    for module, path in MODULES.items():
        lines[package_of(module)] += len(path.read_text(encoding="utf-8").splitlines())

    assert max(lines.values()) * 5 <= lines.total(), lines.most_common(3)


def test_a_module_opens_with_its_one_task_and_is_short() -> None:
    for path in [LIB / "__init__.py", *MODULES.values(), *PROGRAMS]:
        text = ast.get_docstring(parse(path))
        assert text, path
        assert text.splitlines()[0].endswith((".", "?", ":")), path
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES, path


# --- what is pure, and who may use a library ---

PURE = sorted(
    module
    for module in MODULES
    if package_of(module) in ("tasks", "model")
    or module
    in (
        "store.growth",
        "store.history",
        "store.losses",
        "outbox.conversation",
        "outbox.storms",
        "notify.decide",
        "notify.recipients",
        "notify.rules",
        "notify.steps",
        "notify.summary",
    )
    or module in ("uploads.offsets", "uploads.cron", "uploads.reports", "uploads.xml_report")
)


@pytest.mark.parametrize("module", PURE)
def test_what_is_pure_reads_nothing(module: str) -> None:
    forbidden = {"os", "pathlib", "time", "socket", "subprocess", "sqlite3", "ldap3"}
    calls = {
        node.func.attr
        for node in ast.walk(parse(MODULES[module]))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }

    assert not forbidden & {name.split(".")[0] for name, _ in imported(MODULES[module])}
    assert not {"now", "utcnow", "today"} & calls


@pytest.mark.parametrize(("library", "by"), ONLY.items())
def test_a_library_is_used_by_few(library: str, by: tuple[str, ...]) -> None:
    users = {
        module
        for module, path in MODULES.items()
        if any(name.split(".")[0] == library for name, _ in imported(path))
    }

    assert all(user.startswith(by) for user in users) if by else not users, users


# --- who judges ---

# A collector run judges each account, all others read its verdicts; these are the exceptions:
# without a store, with options that change a threshold, or at another time.
JUDGES = {
    "evaluate_all": ["plugin.judged_accounts", "store.judging", "store.live_source"],
    "is_certainly_ok": ["plugin.judged_accounts"],
}


@pytest.mark.parametrize("function", JUDGES)
def test_only_a_run_judges_and_what_asks_for_it(function: str) -> None:
    users = [
        module
        for module, path in MODULES.items()
        if package_of(module) != "tasks" and function in {name for _, name in imported(path)}
    ]

    assert users == JUDGES[function]


# --- what a program loads ---

# What a run needs not, by program: each costs every check of every account its time.
HEAVY = ("ldap3", "jinja2", "email", "smtplib", "ssl", "http", "tqdm", "dateutil", "packaging")
QUICK = ("argparse", "nagiosplugin", "tomllib", "typing", "zoneinfo", "tasks", "plugin.check")
RULES = {each: f"tasks.{each}" for each in ("quota", "schedule", "status", "client", "unused")}
STORE_ONLY = (
    *("directory", "uploads", "mail", "outbox", "notify", "icinga", "overview"),
    *("selftest", "net", "records"),
)
FORBIDDEN = {
    "check_backup_quota -a 4000102 -v": (*HEAVY, *STORE_ONLY),
    "check_backup_schedule -a 4000102 -v": (*(set(HEAVY) - {"dateutil"}), *STORE_ONLY),
    "check_backup_status -a 4000102 -v": (*(set(HEAVY) - {"dateutil"}), *STORE_ONLY),
    "check_backup_client -a 4000102 -v": (*(set(HEAVY) - {"packaging"}), *STORE_ONLY),
    "check_backup_unused -a 4000102 -v": (*HEAVY, *STORE_ONLY),
    **{f"check_backup_{task} -a 4000102": (*HEAVY, *STORE_ONLY, *QUICK) for task in RULES},
    # The settings of client need packaging.
    **{
        f"check_backup_{task}": (*(set(HEAVY) - {"packaging"}), *STORE_ONLY, *RULES.values())
        for task in RULES
    },
    "check_backup_monitoring": (*HEAVY, *(set(STORE_ONLY) - {"outbox", "selftest"})),
    "backup_settings": (*HEAVY, "sqlite3", *STORE_ONLY),
    "generate_backup_objects": (*HEAVY, *(set(STORE_ONLY) - {"icinga"})),
    "backup_overview": (*HEAVY, *(set(STORE_ONLY) - {"outbox", "overview"}), *RULES.values()),
    "collect_backup_state": (
        "ldap3",
        "jinja2",
        "smtplib",
        "mail",
        "outbox",
        "notify",
        "plugin.check",
    ),
    "notify_backup -a 4000102 --type PROBLEM --task quota --state WARNING": (
        *HEAVY,
        *(set(QUICK) - {"tomllib", "typing", "tasks"}),
        *("sqlite3", "store", "notify.batch", "outbox.outbox_file"),
        *(set(STORE_ONLY) - {"outbox", "notify"}),
    ),
    "notify_backup --log": ("ldap3", "jinja2", "directory", "uploads", "icinga", *RULES.values()),
    "notify_backup --deliver": (
        *("ldap3", "directory", "uploads", "icinga", "records", *RULES.values()),
    ),
}
FACES = {f"{OURS}.{package}" for package in LAYERS}
LISTED = """
import sys
from backup_monitoring.plugin import Watchdog
program = __import__(sys.argv[1])
class Still(Watchdog):
    def __init__(self): pass
    def limit(self, seconds): pass
    def phase(self, doing): pass
program.main(sys.argv[2:], Still())
print("loaded:", *sys.modules)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return settings whose store has the examples' accounts."""
    folder = tmp_path_factory.mktemp("house")
    settings = folder / "settings.toml"
    settings.write_text(
        f'[directory]\nuri = "ldif:{ROOT}/examples/directory.ldif"\nsuffix = "dc=example,dc=org"\n'
        f'[homes]\nroot = "{ROOT}/examples/storage"\n[store]\nfolder = "{folder}"\n'
        f'[notify]\noutbox = "{folder}/outbox.sqlite"\n[schedule]\nzones = ["Europe/Zurich"]\n'
        f'[overview]\nmetrics_file = "{folder}/backup.prom"\n',
        encoding="utf-8",
    )
    loaded("collect_backup_state", settings)
    return settings


def loaded(command: str, settings: Path) -> set[str]:
    """Return the modules that *command* has loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", LISTED, *command.split(), "--config", str(settings)],
        env={"PYTHONPATH": f"{ROOT / 'lib'}:{ROOT / 'checks'}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.rpartition("loaded: ")[2].split())


@pytest.mark.parametrize("command", FORBIDDEN)
def test_a_program_loads_only_what_it_needs(store: Path, command: str) -> None:
    modules = loaded(command, store)

    for name in FORBIDDEN[command]:
        # A package whose face alone is loaded has loaded nothing of what is behind it.
        inside = {each for each in modules if each.startswith(f"{OURS}.{name}.")}
        assert not inside, sorted(inside)
        assert {name, f"{OURS}.{name}"}.isdisjoint(modules - FACES), name


# --- CONTRIBUTING ---


def test_contributing_has_each_package_with_its_line() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    tree = dict(re.findall(r"^  (\w+)/ +(.+)$", text, flags=re.MULTILINE))

    assert list(tree) == list(LAYERS)
    for package, line in tree.items():
        doc = ast.get_docstring(parse(LIB / package / "__init__.py")) or ""
        _, _, task = doc.partition(": ")
        assert task.rstrip(".").casefold() == line.casefold(), package


def test_contributing_names_files_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## How to add")[0]

    for name in re.findall(r"`((?:" + "|".join(LAYERS) + r")/\w+\.py)`", text):
        assert (LIB / name).is_file(), name
