"""Monitoring systems that read JSON, as docs/icinga.md sets them up."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from programs.installed import NOW, ROOT, Programs
from records.schema import FILE, parse

pytestmark = pytest.mark.installed
SECTION = (
    (ROOT / "docs" / "icinga.md").read_text(encoding="utf-8").partition("\n## Other monitoring ")[2]
)


def documented(begin: str, programs: Programs, example: Path) -> str:
    """Return the block of the documentation that begins so, with the paths of this test."""
    (block,) = re.findall(rf"```\w+\n({re.escape(begin)}.*?)```", SECTION, flags=re.DOTALL)
    options = f" --config {example} --now {NOW} --output json"
    text: str = block
    return text.replace("/opt/backup-monitoring/bin", str(programs.bin)).replace(
        " --output json", options
    )


@pytest.mark.parametrize("task", ["quota", "status"])
def test_zabbix_agent_reads_a_document(
    programs: Programs, example: Path, tmp_path: Path, task: str
) -> None:
    agent = shutil.which("zabbix_agentd", path="/usr/sbin:/usr/bin")
    assert agent is not None, "install zabbix-agent"
    settings = tmp_path / "zabbix_agentd.conf"
    parameter = documented("UserParameter=", programs, example)
    settings.write_text(f"Hostname=b\nServer=127.0.0.1\nTimeout=30\n{parameter}")

    done = subprocess.run(
        [agent, "-c", settings, "-t", f"backup.check[{task}]"], capture_output=True, text=True
    )

    value = re.fullmatch(rf"backup\.check\[{task}\] +\[t\|(.*)\]\n", done.stdout, re.DOTALL)
    assert value is not None, done.stdout + done.stderr
    document = parse(value[1])
    assert (document["task"], document["exit_code"]) == (task, {"quota": 2, "status": 1}[task])
    assert len(document["accounts"]) > 2


def test_a_local_check_of_checkmk_is_made_of_documents(
    programs: Programs, example: Path, tmp_path: Path
) -> None:
    script = tmp_path / "backup"
    script.write_text(documented("#!/bin/sh", programs, example))

    done = subprocess.run(["sh", script], capture_output=True, text=True, check=True)

    lines = done.stdout.splitlines()
    assert done.stderr == ""
    assert len(lines) == 5 * 18
    assert all(re.match(r'[0-3] "Backup \w+ [\w.@-]+" \S+ \S', line) for line in lines)
    assert (
        '1 "Backup schedule 4000104" missed=1 1 backup missed since 2026-11-23 20:00 +01:00, '
        "threshold 1 d (entry)"
    ) in lines
    assert [line for line in lines if line.startswith('3 "Backup quota 4000115" - no usable')]


def test_a_failing_check_gives_no_lines(programs: Programs, example: Path, tmp_path: Path) -> None:
    script = tmp_path / "backup"
    script.write_text(documented("#!/bin/sh", programs, tmp_path / "none.toml"))

    done = subprocess.run(["sh", script], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("", "")


def test_the_schema_is_installed(programs: Programs) -> None:
    installed = programs.bin.parent / "share" / "backup-monitoring" / FILE.name

    assert json.loads(installed.read_text()) == json.loads(FILE.read_text())
    assert (programs.packages / "backup_monitoring" / "records" / FILE.name).is_file()
