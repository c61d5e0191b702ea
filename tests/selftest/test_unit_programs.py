"""Units that start the programs of another installation."""

from pathlib import Path

import pytest

from backup_monitoring.selftest.unit_programs import list_foreign_units

UNIT = "backup-monitoring-collect.service"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Two installations, and a link to the first one."""
    for name in ("own", "other"):
        program = tmp_path / name / "bin" / "collect_backup_state"
        program.parent.mkdir(parents=True)
        program.touch()
    (tmp_path / "link").symlink_to("own")
    return tmp_path


def write_unit(file: Path, program: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"[Service]\nExecStart=\nExecStart={program}/bin/collect_backup_state -v\n")
    return file


def find(programs: Path) -> list[str]:
    own = programs / "own" / "bin" / "backup_settings"
    return list(list_foreign_units(str(own), [programs / "etc", programs / "lib"]))


@pytest.mark.parametrize("name", ["own", "link"])
def test_units_of_this_installation(programs: Path, name: str) -> None:
    write_unit(programs / "lib" / UNIT, programs / name)
    write_unit(programs / "lib" / "backup-other.service", programs / "other")

    assert find(programs) == []
    assert list(list_foreign_units("backup_settings", [programs / "lib"])) == []


def test_an_older_unit_that_was_left_hides_that_of_the_package(programs: Path) -> None:
    write_unit(programs / "lib" / UNIT, programs / "own")
    left = write_unit(programs / "etc" / UNIT, programs / "other")

    (text,) = find(programs)

    program = programs / "other" / "bin" / "collect_backup_state"
    assert text.startswith(f"{left} starts {program}, of another installation; copy the unit of ")


def test_a_unit_whose_program_was_removed(programs: Path) -> None:
    write_unit(programs / "etc" / UNIT, programs / "removed")

    (text,) = find(programs)

    assert "/removed/bin/collect_backup_state, which does not exist; " in text


def test_what_systemctl_edit_has_changed_counts(programs: Path) -> None:
    write_unit(programs / "lib" / UNIT, programs / "removed")
    write_unit(programs / "lib" / f"{UNIT}.d" / "b.conf", programs / "other")
    write_unit(programs / "etc" / f"{UNIT}.d" / "a.conf", programs / "removed")
    write_unit(programs / "etc" / f"{UNIT}.d" / "b.conf", programs / "own")

    assert find(programs) == []


def test_a_unit_that_is_masked(programs: Path) -> None:
    write_unit(programs / "lib" / UNIT, programs / "other")
    (programs / "etc").mkdir()
    (programs / "etc" / UNIT).symlink_to("/dev/null")

    assert find(programs) == []


def test_a_link_that_leads_nowhere_is_no_unit(programs: Path) -> None:
    (programs / "etc").mkdir()
    (programs / "etc" / UNIT).symlink_to("/nowhere")

    assert find(programs) == []
