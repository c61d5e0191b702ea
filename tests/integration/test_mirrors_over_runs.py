"""A mirror that fails in the middle of an answer costs one collector run, not every one."""

from pathlib import Path

import pytest

from backup_monitoring.settings.load import read_settings
from backup_monitoring.store.collector import collect
from cases import at
from integration import slapd
from integration.conftest import StartSlapd
from integration.faulty import break_off, faulty
from integration.test_ldap import account
from integration.test_mirrors import SECOND_PAGE, UIDS

pytestmark = pytest.mark.server


def test_the_next_run_begins_with_the_other_server(start_slapd: StartSlapd, tmp_path: Path) -> None:
    own = start_slapd(slapd.TREE + "".join(map(account, UIDS)))
    password, store = tmp_path / "password", tmp_path / "store"
    password.write_text(slapd.PASSWORD)
    password.chmod(0o600)
    store.mkdir()
    (tmp_path / "home").mkdir()

    def run(now: str, *uris: str) -> list[str]:
        (tmp_path / "s.toml").write_text(
            f'[directory]\nuri = {list(uris)}\nbind_dn = "{slapd.READER}"\n'
            f'password_file = "password"\npage_size = 10\n[homes]\nroot = "."\n'
            '[store]\nfolder = "store"\n'
        )
        done = collect(
            read_settings(tmp_path / "s.toml"),
            at(now),
            lambda phase: None,
            lambda accounts, total: accounts,
            given_time=False,
        )
        return [each for each in done.failed if each.startswith("directory: ")]

    with faulty(own.port, SECOND_PAGE, break_off) as bad:
        both = (bad, own.uri)
        failed = [
            run("2026-11-20T20:55+01:00", own.uri),
            *(run(f"2026-11-20T21:0{number}+01:00", *both) for number in range(2)),
        ]

    assert [len(each) for each in failed] == [0, 1, 0]
    assert failed[1][0].startswith(f"directory: {bad}: the connection broke: ")
