"""Where an account's folder is."""

from pathlib import Path

import pytest

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.errors import SettingsError
from backup_monitoring.settings.homes import HomesSettings, check_template
from backup_monitoring.uploads.home_path import HomeError, resolve_home


def path_of(template: str, uid: str, home: str | None, root: str = "/") -> str:
    settings = HomesSettings(root=Path(root), path=template)
    return resolve_home(Account(uid, "", home=home), settings)


@pytest.mark.parametrize(
    ("template", "uid", "home", "path"),
    [
        ("{home}", "3723707", "/home/3723707", "/home/3723707"),
        ("{home}", "1", "/var/chroot/./home/1", "/var/chroot/./home/1"),
        (
            "/var/backup/{last1}/{last3}/{mid3}/{uid}/chroot{home}",
            "3723707",
            "/home/3723707",
            "/var/backup/7/707/723/3723707/chroot/home/3723707",
        ),
        ("/srv/{uid}", "anna", None, "/srv/anna"),
        ("/srv/{mid3}/{uid}", "123456", None, "/srv/123/123456"),
        ("{home}", "1", "/home/{uid}", "/home/{uid}"),
        ("{home}", "1", "/home/a..b", "/home/a..b"),
    ],
)
def test_paths(template: str, uid: str, home: str | None, path: str) -> None:
    assert path_of(template, uid, home) == path


def test_the_root_is_put_before() -> None:
    assert path_of("{home}", "1", "/home/1", root="/mnt/tree/") == "/mnt/tree/home/1"


@pytest.mark.parametrize(
    ("template", "uid", "home", "says"),
    [
        ("{home}", "1", None, "no home"),
        ("{home}", "1", "", "no home"),
        ("{home}", "1", "home/1", "not an absolute path"),
        ("{home}", "1", "/home/1/../2", "contains .."),
        ("{home}", "1", "/home/1/..", "contains .."),
        ("{home}", "1", "/home/1\0", "NUL"),
        ("/srv/{uid}", "../1", None, "not a valid folder name"),
        ("/srv/{uid}", "..", None, "contains .."),
        ("/srv/{uid}", ".", None, "not a valid folder name"),
        ("/srv/{uid}", "", None, "not a valid folder name"),
        ("/srv/{mid3}", "12345", None, "too few digits"),
        ("/srv/{mid3}", "anna", None, "too few digits"),
    ],
)
def test_homes_that_are_refused(template: str, uid: str, home: str | None, says: str) -> None:
    with pytest.raises(HomeError, match=says):
        path_of(template, uid, home)


@pytest.mark.parametrize("template", ["{home}", "/srv/{uid}", "/a/{last1}/{last3}/{mid3}{home}"])
def test_templates(template: str) -> None:
    check_template(template, "settings: home")


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("/srv/{user}", "unknown placeholder {user}"),
        ("/srv/{}", "unknown placeholder {}"),
        ("/srv/{uid", "brace"),
        ("/srv/uid}", "brace"),
        ("/srv/../{uid}", "not a valid path"),
        ("/srv/\0/{uid}", "not a valid path"),
        ("srv/{uid}", "not an absolute path"),
        ("", "not an absolute path"),
    ],
)
def test_templates_that_are_refused(template: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        check_template(template, "x.toml: [homes] home")

    assert says in str(refused.value)
    assert refused.value.where == "x.toml: [homes] home"
