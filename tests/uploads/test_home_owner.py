"""Whose a home is: nothing of another customer's is read."""

import os
from pathlib import Path

import pytest

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.findings import Finding
from backup_monitoring.model.needs import Files
from backup_monitoring.model.uploads import InvalidReport, Start, Uploads
from backup_monitoring.settings.homes import HomesSettings
from backup_monitoring.uploads.reader import read_uploads
from uploads.test_reader import NOW, Tree

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
OWN, OTHER, SYSTEM = 4000101, 4000102, 33


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A home with a computer, owned by its customer."""
    made = Tree(tmp_path / "above" / "root")
    made.computer("web01")
    give(made.home, OWN)
    return made


def give(path: Path, owner: int) -> None:
    for each in (path, *path.rglob("*")):
        os.lchown(each, owner, owner)


def read(tree: Tree, uid_number: int | None = OWN, home: str = "/home/4000101") -> Uploads:
    account = Account("4000101", "", home=home, uid_number=uid_number)
    return read_uploads(account, HomesSettings(root=tree.root), [], Files.ALL, NOW)


def is_read(uploads: Uploads) -> bool:
    return any(isinstance(each.start, Start) for each in uploads.computers)


@pytest.mark.parametrize("owner", [OWN, SYSTEM, 0])
def test_a_home_of_its_own_or_of_the_administrator(tree: Tree, owner: int) -> None:
    give(tree.home, owner)

    uploads = read(tree)

    assert is_read(uploads)
    assert uploads.findings == ()
    assert uploads.home is not None
    assert uploads.home.is_own is (owner == OWN)
    assert uploads.home.path == str(tree.home)


def test_an_entry_that_does_not_show_the_number_proves_nothing(tree: Tree) -> None:
    """Access rules may hide it: that is no reason for an alarm."""
    give(tree.home, OTHER)

    assert is_read(read(tree, None))


@pytest.mark.parametrize("part", ["", "/incoming"])
def test_a_home_of_another_customer(tree: Tree, part: str) -> None:
    os.chown(f"{tree.home}{part}", OTHER, OTHER)

    assert read(tree) == Uploads(
        refused=f"{tree.home}{part}: belongs to the user {OTHER}, not to this account's, {OWN}"
    )


def test_reports_of_another_customer_in_a_home(tree: Tree) -> None:
    """As after a computer was moved here from another account."""
    tree.computer("moved")
    give(tree.incoming / "web01", OWN)
    give(tree.incoming / "moved", OTHER)

    uploads = read(tree)

    moved, web01 = uploads.computers
    problem = f".sepiola_backup belongs to the user {OTHER}, not to this account's, {OWN}"
    assert moved.start == InvalidReport(f"{tree.incoming}/moved", problem)
    assert moved.start == moved.end == moved.schedule
    assert isinstance(web01.start, Start)
    assert uploads.findings == (Finding("report", f"{tree.incoming}/moved", problem),)


def test_a_hard_link_to_another_customers_report(tree: Tree) -> None:
    reports = tree.incoming / "web01" / ".sepiola_backup"
    os.chown(reports / "backupStarted.xml", OTHER, OTHER)

    (computer,) = read(tree).computers

    assert isinstance(computer.start, InvalidReport)
    assert computer.start.problem == "belongs to another user than its folder"


@pytest.mark.parametrize("uid_number", [OWN, None])
def test_a_home_behind_a_link_in_another_customers_home(tree: Tree, uid_number: int | None) -> None:
    """That one decides where it leads, and when."""
    other = tree.root / "home" / "4000102"
    other.mkdir()
    (other / "link").symlink_to(tree.home)
    give(other, OTHER)

    uploads = read(tree, uid_number, "/home/4000102/link")

    assert uploads.computers == ()
    assert uploads.refused is not None
    assert uploads.refused.startswith(
        f"{other}/link: it lies behind {other}, which belongs to the user {OTHER}"
    )


def test_a_link_of_the_administrator_into_another_customers_home(tree: Tree) -> None:
    other = tree.root / "home" / "4000102"
    (other / "old").mkdir(parents=True)
    os.chown(other, OTHER, OTHER)
    os.chown(other / "old", OWN, OWN)
    (tree.root / "home" / "link").symlink_to(other / "old")

    uploads = read(tree, OWN, "/home/link")

    assert uploads.refused is not None
    assert uploads.refused.endswith(f"behind {other}, which belongs to the user {OTHER}")


@pytest.mark.parametrize("target", ["{root}/data", "data", "../{root.name}/data", "./x/../data/"])
def test_links_of_the_administrator_are_followed(tree: Tree, target: str) -> None:
    os.chown(tree.root.parent, OTHER, OTHER)  # above the root
    home = tree.root / "home"
    home.rename(tree.root / "data")
    (tree.root / "x").mkdir()
    home.symlink_to(target.format(root=tree.root))

    uploads = read(tree, OWN)

    assert is_read(uploads)
    assert uploads.home is not None
    assert uploads.home.path == str(tree.root / "data" / "4000101")


@pytest.mark.parametrize("uid_number", [OWN, None])
def test_a_jail_of_its_own(tree: Tree, uid_number: int | None) -> None:
    """Its folders may be the customer's, too."""
    jail = tree.root / "backup" / "4000101" / "chroot"
    (jail / "home").mkdir(parents=True)
    tree.home.rename(jail / "home" / "4000101")
    give(jail.parent, OWN)

    assert is_read(read(tree, uid_number, "/backup/4000101/chroot/./home/4000101"))


def test_a_mount_that_keeps_no_owners(tree: Tree) -> None:
    """All is its user's, the root of the mount included."""
    give(tree.root, 12345)

    assert is_read(read(tree))


def test_what_is_above_the_root_is_the_administrators(tree: Tree) -> None:
    os.chown(tree.root.parent, OTHER, OTHER)

    assert is_read(read(tree))
