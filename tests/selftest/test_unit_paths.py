"""Files of the settings that the shipped units hide from the programs."""

from pathlib import Path

import pytest

from backup_monitoring.selftest.unit_paths import HIDDEN, SHOWN, list_hidden_files
from backup_monitoring.settings import Settings, read_settings

UNITS = Path(__file__).parent.parent.parent / "examples" / "systemd"
ETC = Path("/etc/backup-monitoring/backup-monitoring.toml")


def settings_with(folder: Path, ca_file: str) -> Settings:
    file = folder / "s.toml"
    file.write_text(
        '[directory]\nuri = "ldaps://ldap.example.org"\nsuffix = "dc=example,dc=org"\n'
        f'ca_file = "{ca_file}"\n'
    )
    return read_settings(file)


@pytest.mark.parametrize(
    ("ca_file", "hidden"),
    [
        ("/etc/backup-monitoring/ca.crt", False),
        ("/etc/ssl/certs/ca.pem", False),
        ("/usr/share/ca-certificates/ca.crt", False),
        ("/etc/pki/tls/certs/ca-bundle.crt", False),
        ("/opt/ca.crt", False),
        ("/etc/pki/ca.crt", True),
        ("/etc/backup-monitoring/../pki/ca.crt", True),
        ("/srv/ca.crt", True),
        ("/root/ca.crt", True),
        ("/home/admin/ca.crt", True),
        ("/var/lib/ca/ca.crt", True),
    ],
)
def test_what_the_units_hide_is_named(tmp_path: Path, ca_file: str, hidden: bool) -> None:
    settings = settings_with(tmp_path, ca_file)

    assert list(list_hidden_files(settings)) == []  # other settings than the units'

    found = list(list_hidden_files(settings._replace(file=ETC)))

    assert [each.partition(":")[0] for each in found] == ["[directory] ca_file"] * hidden
    assert all(f"does not show {ca_file} to the program; move it" in each for each in found)


def test_own_texts_that_the_unit_hides_are_named(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, "/etc/ssl/certs/ca.pem")
    notify = settings.notify._replace(templates=Path("/srv/texts"))

    (found,) = list_hidden_files(settings._replace(file=ETC, notify=notify))

    assert found.startswith("[notify] templates: the unit backup-monitoring-deliver does not show")


def test_the_end_of_a_link_must_be_visible(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").symlink_to("/srv/ca.crt")
    settings = settings_with(tmp_path, str(tmp_path / "ca.crt"))

    assert len(list(list_hidden_files(settings._replace(file=ETC)))) == 1


@pytest.mark.parametrize("name", ["collect", "deliver"])
def test_the_lists_are_those_of_the_units(name: str) -> None:
    lines = (UNITS / f"backup-monitoring-{name}.service").read_text(encoding="utf-8").splitlines()
    values: dict[str, list[str]] = {}
    for line in lines:
        key, _, value = line.partition("=")
        values.setdefault(key, []).extend(value.split())
    hidden = {each.removesuffix(":ro") for each in values["TemporaryFileSystem"]}
    by_other_keys = {"ProtectHome": {"/home", "/root"}, "PrivateTmp": {"/tmp"}}
    for key, folders in by_other_keys.items():
        assert values[key] in (["yes"], ["tmpfs"])
        hidden |= folders

    assert set(HIDDEN) == hidden
    shown = {each.removeprefix("-") for each in values["BindReadOnlyPaths"] + values["BindPaths"]}
    for folder in SHOWN:
        assert any(Path(folder).is_relative_to(each) for each in shown), folder
