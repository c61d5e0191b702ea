"""The shipped baskets in a real Icinga Director, and accounts imported by it (--director)."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from programs.daemons import SHIPPED, Icinga, needed
from programs.director import Director, directing
from programs.installed import Programs
from programs.test_generate import HOSTILE, LINKS, objects, with_hostile_accounts
from programs.test_store import Store

pytestmark = [pytest.mark.installed, pytest.mark.server]
KINDS = {
    "Command": "command",
    "HostTemplate": "host",
    "ServiceTemplate": "service",
    "ServiceGroup": "servicegroup",
    "User": "user",
    "NotificationTemplate": "notification",
    "Notification": "notification",
}
VARIABLES = ("backup_account", "backup_task", "backup_customer", "backup_reseller")
WAYS = ("active", "passive")
OTHERS = ("director-import.json", "director-notify.json")


@pytest.fixture
def store(
    request: pytest.FixtureRequest, programs: Programs, example: Path, tmp_path: Path
) -> Store:
    if not request.config.getoption("--director"):
        pytest.skip("slow: asked for by --director")
    store = with_hostile_accounts(Store(programs, example, tmp_path / "example"))
    store.settings(more=LINKS)
    return store


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """Where states come from."""
    found: str = request.param
    return found


@pytest.fixture
def director(store: Store, tmp_path: Path, way: str) -> Iterator[Director]:
    folder = tmp_path / "director"
    folder.mkdir()
    with directing(folder) as director:
        for name in (f"director-{way}.json", *OTHERS):
            director.say("basket", "restore", given=json.dumps(basket(name, folder)))
        yield director


def basket(name: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Return what is shipped, with *folder* as that of the import."""
    text = (SHIPPED / name).read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(
        text.replace("/var/lib/backup-monitoring-director", str(folder))
    )
    return found


def test_the_director_has_what_is_shipped(director: Director, way: str) -> None:
    seen = 0
    for name in (f"director-{way}.json", *OTHERS):
        made = basket(name, director.folder)
        for kind, command in KINDS.items():
            for title, wanted in made.get(kind, {}).items():
                shown = director.show(command, title)
                for key, value in wanted.items():
                    assert _plain(shown[key]) == _plain(value), (title, key)
                    seen += 1
    assert seen > 50


def _plain(value: object) -> object:
    """Return *value* without order where there is none."""
    return sorted(map(str, value)) if isinstance(value, list) else value


def test_the_director_has_the_data_fields(director: Director, way: str) -> None:
    wanted = basket(f"director-{way}.json", director.folder)["Datafield"].values()

    rows = director.select("SELECT varname, description, datatype FROM director_datafield")

    assert sorted(rows) == sorted(
        [each["varname"], each["description"], each["datatype"].replace("\\", "\\\\")]
        for each in wanted
    )


def test_accounts_become_services(
    director: Director, store: Store, tmp_path: Path, way: str
) -> None:
    needed("icinga2")
    made = objects(store, "director")
    rows = json.loads(made.read_text(encoding="utf-8"))
    made.rename(director.folder / "accounts.json")
    for host in sorted({row["host"] for row in rows}):
        director.say("host", "create", host, "--imports", "backup-server")

    ran = director.say("importsource", "run", "--id", "1")
    assert "in sync" in ran, director.select("SELECT last_error_message FROM import_source")
    ran = director.say("syncrule", "run", "--id", "1")
    assert "in sync" in ran, director.select("SELECT last_error_message FROM sync_rule")

    assert len(rows) == 5 * (18 + len(HOSTILE))
    for row in (rows[0], *(each for each in rows if each["backup_account"] in HOSTILE)):
        service = director.show("service", row["name"], "--host", row["host"])
        assert service["vars"] == {key: row[key] for key in VARIABLES if row[key] is not None}
        for link in ("notes_url", "action_url"):
            assert service[link] == row[link]
        assert service["display_name"] == row["display_name"]
        assert service["imports"] == [row["template"]]
    rendered = tmp_path / "rendered.conf"
    rendered.write_text(director.rendered(), encoding="utf-8")
    shipped = ("icinga2-passive-commands.conf",) if way == "passive" else ()
    loaded = Icinga(tmp_path / "icinga", tmp_path, shipped, rendered).check()
    assert f"Instantiated {len(rows)} Services" in loaded
    assert f"Instantiated {len(rows)} Notifications" in loaded


def test_an_account_that_is_gone_has_no_service(director: Director) -> None:
    file = director.folder / "accounts.json"
    director.say("host", "create", "backup-01", "--imports", "backup-server")
    rows = [
        {
            "name": f"{uid}-quota",
            "host": "backup-01",
            "display_name": f"Backup quota: {uid}",
            "backup_account": uid,
            "backup_task": "quota",
            "backup_customer": None,
            "backup_reseller": None,
            "notes_url": None,
            "action_url": None,
            "template": "backup-account-quota",
        }
        for uid in ("4000101", "4000102")
    ]
    for left in (rows, rows[1:]):
        file.write_text(json.dumps(left))
        director.say("importsource", "run", "--id", "1")
        time.sleep(1.1)  # it tells its runs apart by their seconds
        director.say("syncrule", "run", "--id", "1")

    names = director.select("SELECT object_name FROM icinga_service WHERE object_type = 'object'")
    assert names == [["4000102-quota"]]
