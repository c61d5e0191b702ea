"""What a path depends on: links are followed, and nothing on a mount is touched unannounced."""

from pathlib import Path

import pytest

from backup_monitoring.uploads.mounts import MountWalk, read_mounts


class RefusedError(Exception):
    pass


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("home/a", "disk1/b/incoming", "disk2/c", "nas/d"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "home" / "b").symlink_to(tmp_path / "disk1" / "b")
    (tmp_path / "home" / "c").symlink_to("../home/./../disk2/c")
    (tmp_path / "home" / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to("home")
    return tmp_path


def walk(tree: Path, path: str, *, dead: str = "", below: str = "") -> tuple[str, list[str]]:
    """Return what *path* depends on, and what was announced; the last part '' if refused."""
    mounts = {str(tree / name): name for name in ("disk1", "disk2", "nas")}
    mounts |= {"/": "/", str(tree / "disk1/b/incoming"): "nas:"}
    entered: list[str] = []

    def enter(place: str) -> None:
        entered.append(place)
        if place == dead:
            raise RefusedError

    try:
        found = MountWalk(mounts, enter).follow(f"{tree}{path}", below)
    except RefusedError:
        found = ""
    return found, list(dict.fromkeys(entered))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/home/a", "/"),
        ("/home/a/", "/"),
        ("/home//./a", "/"),
        ("/home/b", "disk1"),
        ("/link/b", "disk1"),
        ("/home/c", "disk2"),
        ("/link/c/x/y", "disk2"),
        ("/home/loop", "/"),
        ("/nas", "nas"),
        ("/nas/../home/a", "/"),
        ("/nas/\udcff/d", "nas"),
        ("/home/\ud800", "/"),
        ("/none/none", "/"),
    ],
)
def test_a_path(tree: Path, path: str, found: str) -> None:
    assert walk(tree, path)[0] == found


def test_what_is_below_a_home_is_followed_by_no_link(tree: Path) -> None:
    (tree / "home" / "a" / "incoming").symlink_to(tree / "nas")

    assert walk(tree, "/home/a", below="incoming") == ("/", ["/"])
    assert walk(tree, "/home/b", below="incoming") == ("nas:", ["/", "disk1", "nas:"])


def test_what_is_dead_ends_the_walk(tree: Path) -> None:
    assert walk(tree, "/link/b/x", dead="disk1") == ("", ["/", "disk1"])
    assert walk(tree, "/link/c", dead="disk1") == ("disk2", ["/", "disk2"])


def test_the_mounts_of_the_system() -> None:
    mounts = read_mounts()

    assert mounts["/"] == "/"
    assert mounts["/proc"] == "/proc"


@pytest.mark.parametrize(
    ("line", "point", "found"),
    [
        ("/ /home rw - nfs4 nas1:/export/home rw", "/home", "nas1:"),
        ("/ /home rw shared:3 - fuse.sshfs backup@nas1:/ rw", "/home", "backup@nas1:"),
        ("/x /a\\040b\\134c rw - ext4 /dev/sdb1 rw", "/a b\\c", "/a b\\c"),
        ("/ /d rw - ext4 /dev/disk/by-path/pci-0000:00:1f.2 rw", "/d", "/d"),
        ("/ /s rw - cifs //nas1/share rw", "/s", "/s"),
        ("/ /t rw - tmpfs tmpfs rw", "/t", "/t"),
        ("/ /a\rb\x85c rw - fuse  rw", "/a\rb\x85c", "/a\rb\x85c"),
    ],
)
def test_a_line_of_the_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, point: str, found: str
) -> None:
    file = tmp_path / "mountinfo"
    file.write_text(f"36 25 0:32 {line}\n")
    monkeypatch.setattr("backup_monitoring.uploads.mounts._MOUNTS", file)

    assert read_mounts() == {"/": "/", point: found}  # the root: as in a chroot


def test_a_system_that_does_not_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("backup_monitoring.uploads.mounts._MOUNTS", tmp_path / "none")

    assert read_mounts() == {}
    assert MountWalk({}, lambda _: None).follow(str(tmp_path), "") == ""
