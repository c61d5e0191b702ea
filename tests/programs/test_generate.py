"""generate_backup_objects: real daemons load its output, whatever names accounts have."""

import json
import re
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backup_monitoring.model.file_names import encode_name
from backup_monitoring.tasks import registry
from programs.daemons import Icinga, Nagios, needed, running, until
from programs.installed import Programs
from programs.test_store import Store

pytestmark = [pytest.mark.installed, pytest.mark.server]
TASKS = tuple(sorted(registry.TASKS))
FACE = "\N{GRINNING FACE}"
HOSTILE = {
    "new\nline": 'x" }\nobject Host "evil" {',
    'quo"te': "{{{ throw 1 }}}",
    "$service.vars.secret$": "$HOSTNAME$ $odd",
    "a;b": "; define host {",
    FACE: f"{FACE} \\n \\",
    "l" * 70: "/* // #",
    "'`touch it`": "'`touch it` & $(touch it) |",
    "ends\\": "a\r\nb\tc\x01d",
    "../x!y": "</script>",
    "Muster, Anna": "=a,b",
    "=, ": ",",
}
TEMPLATES = {
    "active": ("icinga2-commands.conf", "icinga2-templates.conf", "icinga2-active.conf"),
    "passive": (
        "icinga2-templates.conf",
        "icinga2-passive-commands.conf",
        "icinga2-passive.conf",
        "icinga2-submit.conf",
    ),
}
LINKS = (
    '\n[icinga]\nnotes_url = "https://noc.example.org/backup/{account}.html?a=1&b=%20"\n'
    'action_url = "/admin/{account}"\n'
)
NAGIOS_TEMPLATES = {
    "active": ("nagios4-commands.cfg", "nagios4-templates.cfg", "nagios4-active.cfg"),
    "passive": ("nagios4-templates.cfg", "nagios4-passive.cfg"),
}


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def hostile_accounts() -> str:
    """Return accounts as LDIF whose UIDs and names nobody would choose."""
    text = ""
    for number, (uid, name) in enumerate(HOSTILE.items()):
        escaped = "".join(f"\\{byte:02x}" for byte in uid.encode())
        text += (
            f"\ndn: uid={escaped},ou=accounts,ou=backup,ou=services,dc=example,dc=org\n"
            "objectClass: account\nobjectClass: posixAccount\nobjectClass: sstBackup\n"
            f"uid:: {_base64(uid)}\ncn:: {_base64(name)}\nhomeDirectory: /home/h{number}\n"
            "host: backup-01\nsstIsActive: TRUE\nsstQuota: 1000000\nsstBackupSize: 990000\n"
            "sstIncrementSize: 9000\n"
        )
    return text


@pytest.fixture
def store(programs: Programs, example: Path, tmp_path: Path) -> Store:
    return Store(programs, example, tmp_path / "example")


def with_hostile_accounts(store: Store) -> Store:
    """Add them to the directory, and run the collector."""
    with (store.folder / "directory.ldif").open("a") as ldif:
        ldif.write(hostile_accounts())
    assert store.collect().code == 0
    return store


@pytest.fixture
def hostile(store: Store) -> Store:
    return with_hostile_accounts(store)


def objects(store: Store, form: str, *options: str) -> Path:
    """Return the file that the program writes."""
    output = store.folder / f"objects.{form}"
    ran = store.run("generate_backup_objects", "--format", form, "--output", str(output), *options)
    assert ran.code == 0, ran.out
    return output


@pytest.mark.parametrize("hosts", [(), ("--host-per-account",)], ids=["server", "account"])
@pytest.mark.parametrize("way", TEMPLATES)
def test_icinga_loads_it(hostile: Store, tmp_path: Path, way: str, hosts: tuple[str, ...]) -> None:
    needed("icinga2")
    file = objects(hostile, "icinga2", *hosts)

    icinga = Icinga(tmp_path / "icinga", tmp_path, TEMPLATES[way], file)

    assert f"Instantiated {5 * (18 + len(HOSTILE))} Services" in icinga.check()


def test_icinga_may_have_the_hosts_already(store: Store, tmp_path: Path) -> None:
    needed("icinga2")
    assert store.collect().code == 0
    file = objects(store, "icinga2", "--no-hosts")
    text = file.read_text()
    assert "object Host" not in text
    hosts = set(re.findall(r'host_name = "(.*)"', text))
    own = "".join(f'object Host "{host}" {{\n  check_command = "dummy"\n}}\n' for host in hosts)
    file.write_text(own + text)

    icinga = Icinga(tmp_path / "icinga", tmp_path, TEMPLATES["passive"], file)

    assert f"Instantiated {5 * 18} Services" in icinga.check()


def test_to_compare_writes_nothing_beside_the_file(store: Store) -> None:
    assert store.collect().code == 0

    ran = store.run("generate_backup_objects", "--diff", "--output", "/nowhere/at/all")

    assert (ran.code, ran.out.splitlines()[1]) == (1, "new: 4000101-client")


@pytest.mark.parametrize("hosts", [(), ("--host-per-account",)], ids=["server", "account"])
@pytest.mark.parametrize("way", NAGIOS_TEMPLATES)
def test_nagios_loads_it(hostile: Store, tmp_path: Path, way: str, hosts: tuple[str, ...]) -> None:
    needed("nagios4")
    hostile.settings(more=LINKS)
    file = objects(hostile, "nagios", *hosts)

    nagios = Nagios(tmp_path / "nagios", tmp_path, NAGIOS_TEMPLATES[way], file)

    said = nagios.check()
    assert f"Checked {5 * (18 + len(HOSTILE))} services" in said
    assert "Checked 5 service groups" in said
    assert "default contacts" not in said


def test_icinga_has_the_names_as_they_are(hostile: Store, tmp_path: Path) -> None:
    needed("icinga2", "openssl")
    icinga = Icinga(
        tmp_path / "icinga", tmp_path, TEMPLATES["passive"], objects(hostile, "icinga2")
    )

    with running(icinga):
        services = icinga.services()

    for uid in HOSTILE:
        service = services[f"{encode_name(uid)}-quota"]
        assert service["vars"]["backup_account"] == uid.replace("$", "$$")
        assert service["display_name"].startswith(f"Backup quota: {uid}"[:40])
    named = services["4000101-quota"]["display_name"]
    assert named == "Backup quota: 4000101 Web server of the office"


@pytest.mark.parametrize("per_account", [False, True], ids=["server", "account"])
def test_links_and_customers(hostile: Store, tmp_path: Path, per_account: bool) -> None:
    needed("icinga2", "openssl")
    hostile.settings(more=LINKS)
    file = objects(hostile, "icinga2", *["--host-per-account"] * per_account)
    icinga = Icinga(tmp_path / "icinga", tmp_path, TEMPLATES["passive"], file)

    with running(icinga):
        services = icinga.all_services()
        hosts = icinga.ask("/v1/objects/hosts")["results"]

    for uid in ("4000101", *HOSTILE):
        name = encode_name(uid)
        service = services[f"{name}!quota" if per_account else f"backup-01!{name}-quota"]
        assert service["notes_url"] == f"https://noc.example.org/backup/{name}.html?a=1&b=%20"
        assert service["action_url"] == f"/admin/{name}"
    named = services["4000101!quota" if per_account else "backup-01!4000101-quota"]
    assert named["vars"]["backup_customer"] == "4000001"
    assert named["vars"]["backup_reseller"] == "4000000"
    assert len(services) == 5 * (18 + len(HOSTILE))
    if per_account:
        assert {each["name"] for each in services.values()} == set(TASKS)
        host = next(each["attrs"] for each in hosts if each["name"] == "4000101")
        assert host["display_name"] == "4000101 Web server of the office"
        assert host["vars"]["backup_customer"] == "4000001"


def test_nagios_has_links_and_customers(store: Store) -> None:
    assert store.collect().code == 0
    store.settings(more=LINKS)

    text = objects(store, "nagios", "--host-per-account", "--tasks", "quota").read_text()

    link = "https://noc.example.org/backup/4000101.html?a=1&b=%20"
    shared = (
        f"  _BACKUP_CUSTOMER 4000001\n  _BACKUP_RESELLER 4000000\n"
        f"  notes_url {link}\n  action_url /admin/4000101\n}}\n"
    )
    assert (
        "\ndefine host {\n  use backup-server\n  host_name 4000101\n"
        f"  alias 4000101 Web server of the office\n{shared}"
    ) in text
    assert (
        "\ndefine service {\n  use backup-account-quota\n  host_name 4000101\n"
        "  service_description quota\n"
        "  display_name Backup quota: 4000101 Web server of the office\n"
        "  notes 4000101 Web server of the office\n"
        f"  _BACKUP_ACCOUNT 4000101\n  _BACKUP_TASK quota\n{shared}"
    ) in text


def test_a_link_that_is_not_valid(store: Store) -> None:
    assert store.collect().code == 0
    for link in ("javascript:x", "https://noc/{uid}", "https://noc/$HOSTNAME$", "https://a b"):
        store.settings(more=f'\n[icinga]\nnotes_url = "{link}"\n')

        ran = store.run("generate_backup_objects")

        assert ran.code == 3
        assert 'not a valid link; write "https://HOST/{account}.html"' in ran.out


def test_icinga_runs_the_checks(hostile: Store, tmp_path: Path, programs: Programs) -> None:
    needed("icinga2", "openssl")
    file = objects(hostile, "icinga2", "--tasks", "quota")
    assert hostile.collect(now=datetime.now(UTC).isoformat()).code == 0
    add = f'    backup_quota_config = "{hostile.config}"\n'
    text = file.read_text().replace("    backup_task", f"{add}    backup_task")
    file.write_text(text.replace("  host_name", "  check_interval = 2s\n  host_name"))
    icinga = Icinga(tmp_path / "icinga", programs.bin, TEMPLATES["active"], file)

    with running(icinga):
        until(lambda: all(each["last_check_result"] for each in icinga.services().values()))
        services = icinga.services()

    outputs = {name: each["last_check_result"]["output"] for name, each in services.items()}
    assert [services[f"{uid}-quota"]["state"] for uid in (4000101, 4000102, 4000103)] == [0, 1, 2]
    for uid in HOSTILE:  # every one is found: the argument arrived as it is
        assert "99.9 % of " in outputs[f"{encode_name(uid)}-quota"], outputs


def test_the_directors_rows(hostile: Store) -> None:
    rows = json.loads(objects(hostile, "director").read_text())

    assert len(rows) == 5 * (18 + len(HOSTILE))
    taken = {each.replace("$", "$$").replace(FACE, "\N{REPLACEMENT CHARACTER}") for each in HOSTILE}
    assert {row["backup_account"] for row in rows} > taken
    assert rows == sorted(rows, key=lambda row: row["backup_account"].replace("$$", "$"))
    assert {row["template"] for row in rows} == {f"backup-account-{task}" for task in TASKS}


def test_an_encoded_uid_is_reported(hostile: Store) -> None:
    output = str(hostile.folder / "o")

    ran = hostile.run("generate_backup_objects", "--output", output)

    assert f"note: account {'l' * 70} is named {encode_name('l' * 70)}" in ran.out
    assert ran.out.count("note: account ") == len(HOSTILE)


@pytest.mark.parametrize("hosts", [(), ("--host-per-account",)], ids=["server", "account"])
@pytest.mark.parametrize("form", ["icinga2", "director", "nagios"])
def test_what_would_change(store: Store, form: str, hosts: tuple[str, ...]) -> None:
    assert store.collect().code == 0
    file = objects(store, form, "--tasks", "quota,status", *hosts)
    before, names = file.read_bytes(), (store.folder / "directory.ldif").read_text()
    again = ("--format", form, "--output", str(file), "--diff", "--tasks", "quota,status", *hosts)
    assert store.run("generate_backup_objects", *again).code == 0

    (store.folder / "directory.ldif").write_text(names.replace("4000102", "4000199"))
    assert store.collect().code == 0
    ran = store.run("generate_backup_objects", *again)

    assert ran.code == 1
    assert "new: 4000199-quota" in ran.out
    assert "gone: 4000102-status" in ran.out
    assert file.read_bytes() == before
    assert [path.name for path in store.folder.glob("tmp*")] == []


def test_a_name_that_changes_is_drift(store: Store) -> None:
    assert store.collect().code == 0
    file = objects(store, "icinga2")
    file.write_text(file.read_text().replace("Web server of", "Servers of"))

    ran = store.run("generate_backup_objects", "--output", str(file), "--diff")

    assert (ran.code, ran.out.splitlines()[-1]) == (1, "the same services, with other contents")


def test_it_is_stable_and_sorted(store: Store) -> None:
    assert store.collect().code == 0
    first = objects(store, "icinga2").read_bytes()

    assert objects(store, "icinga2").read_bytes() == first
    names = re.findall(r'object Service "(.*)"', first.decode())
    assert names == sorted(names)
    assert store.run("generate_backup_objects").out.encode() == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tasks", "quota,nothing"), "'nothing' is none of client"),
        (("--diff",), "compares with a file"),
        (("--no-hosts", "--host-per-account"), "leaves out what --host-per-account makes"),
        (("--output", "/nowhere/at/all"), "does not exist"),
        (("--format", "xml"), "invalid choice"),
    ],
)
def test_wrong_options(store: Store, options: tuple[str, ...], message: str) -> None:
    assert store.collect().code == 0

    ran = store.run("generate_backup_objects", *options)

    assert ran.code == 3
    assert message in ran.out
