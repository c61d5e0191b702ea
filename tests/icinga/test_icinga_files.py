"""The committed configuration is what the programs generate, and holds no secret."""

import json
import re
from pathlib import Path

import pytest

from backup_monitoring.plugin.check import LIMIT
from backup_monitoring.tasks import registry
from tools.commands import list_commands

FOLDER = Path(__file__).parent.parent.parent / "icinga"
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix in {".conf", ".cfg", ".json"})
TASKS = tuple(sorted(registry.TASKS))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_holds_no_secret(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    for value in re.findall(r"(?i)(?:password|secret|token)\w*\"?\s*[=:]\s*(.+)", text):
        assert value in ("BackupSubmitPassword", '"..."'), value


def test_every_check_is_a_command_whose_limit_is_above_its_own() -> None:
    text = (FOLDER / "icinga2-commands.conf").read_text(encoding="utf-8")
    commands = dict(
        re.findall(r'object CheckCommand "(\w+)" \{.*?timeout = (\d+)s', text, flags=re.DOTALL)
    )

    assert set(commands) == {f"backup_{task}" for task in (*TASKS, "monitoring")}
    for task in TASKS:
        assert int(commands[f"backup_{task}"]) > LIMIT
    assert int(commands["backup_monitoring"]) > 10


def test_every_variable_is_described_and_has_its_commands_prefix() -> None:
    for command in list_commands():
        for argument in command.arguments:
            assert argument.variable.startswith(f"{command.name}_")
            assert len(argument.text) > 10


def test_no_shipped_object_has_a_dummy_s_variables() -> None:
    """They would be shown among those of each service, and a host's would make it OK."""
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        objects = re.split(r"^(?=object|template|apply)", text, flags=re.MULTILINE)
        for each in objects:
            assert "dummy_" not in each or each.startswith("object CheckCommand"), each


def test_the_quota_commands_arguments() -> None:
    quota = next(command for command in list_commands() if command.name == "backup_quota")
    kinds = {each.key: (each.flag, each.repeated) for each in quota.arguments}

    assert kinds == {
        "--account": (False, True),
        "--config": (False, False),
        "--timeout": (False, False),
        "--live": (True, False),
        "--verbose": (True, False),
        "--warning": (False, False),
        "--critical": (False, False),
        "--forecast-warning": (False, False),
    }


@pytest.mark.parametrize("way", ["active", "passive"])
def test_a_basket_is_whole(way: str) -> None:
    basket = json.loads((FOLDER / f"director-{way}.json").read_text(encoding="utf-8"))
    templates = basket["ServiceTemplate"]
    fields = [
        field
        for each in (*basket.get("Command", {}).values(), *templates.values())
        for field in each.get("fields", [])
    ]

    assert "uuid" not in json.dumps(basket)
    assert {str(field["datafield_id"]) for field in fields} == set(basket["Datafield"])
    for task in TASKS:
        template = templates[f"backup-account-{task}"]
        assert template["check_command"] in basket.get("Command", basket["ExternalCommand"])
        assert set(template["groups"]) <= set(basket["ServiceGroup"])
        assert set(template["imports"]) <= set(templates)
    for field in basket["Datafield"].values():
        assert field["description"]


def test_the_directors_hook_gets_the_same_values_as_icingas() -> None:
    basket = json.loads((FOLDER / "director-notify.json").read_text(encoding="utf-8"))
    text = (FOLDER / "icinga2-notify.conf").read_text(encoding="utf-8")
    variables = re.findall(r'env\.NOTIFY_(\w+) = "(.*)"', text)

    assert [each["value"] for each in basket["Command"]["backup-notify"]["arguments"].values()] == [
        # "=" before the UID: whatever it contains, it is one
        f"--{name.lower().replace('_', '-')}={'=' * (name == 'ACCOUNT')}{macro}"
        for name, macro in variables
    ]


def test_both_ways_have_a_template_for_every_check() -> None:
    for way in ("icinga2-active.conf", "icinga2-passive.conf"):
        text = (FOLDER / way).read_text(encoding="utf-8")
        for task in TASKS:
            assert f'template Service "backup-account-{task}"' in text
    for way in ("nagios4-active.cfg", "nagios4-passive.cfg"):
        names = (FOLDER / way).read_text(encoding="utf-8").split()
        for task in TASKS:
            assert f"backup-account-{task}" in names
