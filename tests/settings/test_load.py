"""Settings: typed parts, or an error that names file, key and remedy."""

from datetime import timedelta
from pathlib import Path

import pytest

from backup_monitoring.directory.opening import create_directory
from backup_monitoring.model.errors import SettingsError
from backup_monitoring.model.verdicts import Range, Threshold
from backup_monitoring.net.secrets import read_password
from backup_monitoring.settings.directory import PASSWORD_VARIABLE
from backup_monitoring.settings.load import Settings, find_settings_file, read_settings
from backup_monitoring.tasks.client_task import ClientPolicy
from backup_monitoring.tasks.quota_task import QuotaPolicy
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def read(tmp_path: Path, text: str, **environment: str) -> Settings:
    file = tmp_path / "s.toml"
    file.write_text(text, encoding="utf-8")
    return read_settings(file, environment)


MINIMAL = '[directory]\nuri = "ldif:a.ldif"\n'


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://icinga.example.org:5665/", "https://icinga.example.org:5665"),
        ("https://icinga_1.example.org", "https://icinga_1.example.org"),
        ("https://[::1]:5665", "https://[::1]:5665"),
        ("https://[2001:db8::5665]", "https://[2001:db8::5665]"),
    ],
)
def test_urls_of_icinga(tmp_path: Path, url: str, kept: str) -> None:
    assert read(tmp_path, f'{MINIMAL}[icinga]\nurl = "{url}"\n').icinga.url == kept


@pytest.mark.parametrize(
    "url",
    [
        *("http://a", "https://", "https://a:0", "https://a:65536", "https://a/b", "https://a b"),
        *("https://::1", "https://[::1", "https://[::1]:0", "https://[1::2::3]", "https://[]"),
        *("https://user@a", "https://a:1:2", "https://[192.0.2.1]"),
    ],
)
def test_not_urls_of_icinga(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match=r"\[icinga\] url: .* not a valid URL"):
        read(tmp_path, f'{MINIMAL}[icinga]\nurl = "{url}"\n')


@pytest.mark.parametrize("language", ["de", "de_CH", "rm, de;q=0.5"])
def test_the_language_of_mails(tmp_path: Path, language: str) -> None:
    text = f'{MINIMAL}[notify]\nlanguage = "{language}"\n'

    assert read(tmp_path, text).notify.language == language


@pytest.mark.parametrize("language", ["German", "de;q=2", "de CH"])
def test_not_a_language_of_mails(tmp_path: Path, language: str) -> None:
    with pytest.raises(SettingsError, match=r"\[notify\] language: .* not a language tag"):
        read(tmp_path, f'{MINIMAL}[notify]\nlanguage = "{language}"\n')


@pytest.mark.parametrize("text", [MINIMAL, MINIMAL.replace("\n", "\r\n"), f"# ä\n{MINIMAL}"])
def test_a_byte_order_mark_is_skipped(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())

    assert read_settings(tmp_path / "s.toml", {}).directory.uri == (f"ldif:{tmp_path}/a.ldif",)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_settings_in_utf_16_are_named(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "s.toml").write_bytes(MINIMAL.encode(encoding))

    with pytest.raises(SettingsError, match=r"s\.toml: is not UTF-8, but UTF-16; convert it"):
        read_settings(tmp_path / "s.toml", {})


def test_a_byte_order_mark_is_not_a_part_of_the_password(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"\xef\xbb\xbfgeheim\r\n")
    (tmp_path / "password").chmod(0o600)

    assert read_password(tmp_path / "password") == "geheim"


@pytest.mark.parametrize(
    "password",
    [
        *("geheim\n".encode(each) for each in ("utf-16", "utf-16-le", "utf-16-be")),
        "gehäim\n".encode("latin-1"),
    ],
)
def test_a_password_in_another_encoding(tmp_path: Path, password: bytes) -> None:
    (tmp_path / "password").write_bytes(password)
    (tmp_path / "password").chmod(0o600)

    with pytest.raises(SettingsError, match=r"cannot read the password \(not UTF-8\)"):
        read_password(tmp_path / "password")


def test_defaults(tmp_path: Path) -> None:
    settings = read(tmp_path, MINIMAL)

    assert settings.directory.uri == (f"ldif:{tmp_path}/a.ldif",)
    assert settings.directory.accounts_base == (
        "ou=accounts,ou=backup,ou=services,dc=stoney-cloud,dc=org"
    )
    assert settings.directory.verify
    assert settings.policies[QuotaPolicy].warning == Threshold(Range(end=85), "default")
    assert settings.policies[SchedulePolicy].grace == timedelta(hours=2)
    assert settings.policies[WarnAfterPolicy].days == 1


def test_what_the_file_sets(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        MINIMAL
        + 'suffix = "o=example"\n[quota]\nwarning = 70\n[warn_after]\nbackups = 3\ndays = 0\n'
        + '[schedule]\nzones = ["Asia/Tokyo"]\ngrace = "90m"\n'
        + '[schedule.weekdays]\n"1/a" = [1, 7]\n[homes]\nroot = "tree"\n'
        + '[client.minimum]\n"Some Client" = "2.0rc1"\n',
    )

    assert settings.directory.people_base == "ou=people,o=example"
    assert settings.policies[QuotaPolicy].warning == Threshold(Range(end=70), "settings")
    assert settings.policies[WarnAfterPolicy].backups == Threshold(Range(end=2), "settings")
    assert settings.policies[WarnAfterPolicy].days_origin == "settings"
    assert [zone.key for zone in settings.policies[SchedulePolicy].zones] == ["Asia/Tokyo"]
    assert settings.policies[SchedulePolicy].weekdays == {"1/a": frozenset({1, 7})}
    assert settings.policies[ClientPolicy].minimum == {"Some Client": "2.0rc1"}
    assert settings.homes.root == tmp_path / "tree"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[directory]\nurl = "x"', "[directory] uri: is not set"),
        (MINIMAL + "pagesize = 3", "[directory] pagesize: unknown key; did you mean "),
        (MINIMAL + "[qota]\n", "[qota]: unknown key; did you mean 'quota'?"),
        (MINIMAL + "[quota]\nwarning = '85'", "[quota] warning: '85' is not a percentage"),
        (MINIMAL + "[quota]\nwarning = -1", "not a percentage"),
        (MINIMAL + "page_size = " + "9" * 5000, "not valid TOML"),
        (MINIMAL + "uid = " + "[" * 5000, "not valid TOML: nested too deeply"),
        (MINIMAL + "attributes = 3", "must be a table; write it as [directory.attributes]"),
        (MINIMAL + 'ca_file = "\\u0000"', "ca_file: '\\x00' is not a valid path"),
        (MINIMAL + '[store]\nfolder = ""', "[store] folder: '' is not a valid path"),
        (MINIMAL + '[homes]\nroot = "a\\u0000b"', "[homes] root: 'a\\x00b' is not a valid path"),
        ('[directory]\nuri = "ldif:\\u0000"', "is not a valid path"),
        (MINIMAL + "[warn_after]\ndays = true", "not a whole number from 0 to 99"),
        (
            MINIMAL + '[schedule]\ngrace = "2 hours"',
            'not a duration; write for example "90m", "2h" or "14d"',
        ),
        (MINIMAL + '[schedule]\ngrace = "900000d"', "longer than ten years"),
        (
            MINIMAL + '[schedule]\nzones = ["Mars/Base"]',
            "['Mars/Base'] is not a list of IANA time zones; correct 'Mars/Base'",
        ),
        (
            MINIMAL + f'[schedule]\nzones = ["{"Z/" * 400}Z"]',
            "is not a list of IANA time zones; correct 'Z/Z/Z/",
        ),
        (
            MINIMAL + "[schedule.weekdays]\nx = [0]",
            "[0] is not a list of days; use 1 (Monday) to 7 (Sunday)",
        ),
        (MINIMAL + "[schedule.weekdays]\nx = [8]", "[8] is not a list of days"),
        (MINIMAL + "start_tls = true", "start_tls: requires ldap://; remove it"),
        ('[directory]\nuri = "http://x"', 'not a valid URI; write "ldaps://HOST", "ldap://HOST"'),
        (
            '[directory]\nuri = "ldap://x"\nbind_dn = "cn=x"',
            "password_file: is not set; name the password's file",
        ),
        (
            '[directory]\nuri = "ldap://x"\npassword_file = "pw"',
            "password_file: requires bind_dn; set both, or neither",
        ),
        (
            '[directory]\nuri = "ldaps://cn=a:geheim@x"',
            "uri: must not contain a user; use bind_dn",
        ),
        (MINIMAL + 'bind = "kerberos"', "'kerberos' is not a kind of bind; use simple"),
        (
            MINIMAL + 'host = "b-3"\nservers = ["b-1", "b-2"]',
            "[directory] servers: does not contain 'b-3', the value of host; name all",
        ),
        (MINIMAL + 'servers = ["b-1", " "]', "servers: ['b-1', ' '] is not a list of server"),
        (MINIMAL + 'servers = ["b\\u0000"]', "is not a list of server names; correct it"),
        (MINIMAL + "servers = []", "servers: [] is neither a string nor a list of strings"),
        (MINIMAL + '[homes]\npath = "{user}"', "path: unknown placeholder {user}; use {home}"),
        (
            MINIMAL + '[homes]\nincoming = "../x"',
            "'../x' is not a folder below the home directory; write a relative",
        ),
        (MINIMAL + '[homes]\ntimeout = "0s"', "timeout: '0s' is not a duration from 1s to 1m"),
        (MINIMAL + '[homes]\ntimeout = "61s"', "timeout: '61s' is not a duration from 1s to 1m"),
        (MINIMAL + '[store]\nkeep = "23h"', "keep: '23h' is not a duration of at least 1d"),
        (MINIMAL + "[homes]\ntimeout = 10", "timeout: 10 is not a string; put it in quotes"),
        (
            MINIMAL + '[homes]\nstart_files = ["a/b"]',
            "not a list of file names; write them without a path",
        ),
        (
            MINIMAL + '[client.minimum]\n"P" = "new"',
            "'new' is not a valid version; write for example",
        ),
        ("[directory", "not valid TOML: "),
        (MINIMAL + "[quota]\nzzzz = 1", "[quota] zzzz: unknown key; did you mean "),
        (MINIMAL + "suffix = 3", "[directory] suffix: 3 is not a string; put it in quotes"),
        (
            MINIMAL + "verify = 1",
            "[directory] verify: 1 is neither true nor false; write one of them",
        ),
        (MINIMAL + "[warn_after]\ndays = 100", "100 is not a whole number from 0 to 99"),
        (MINIMAL + "[warn_after]\ndays = 1.0", "1.0 is not a whole number from 0 to 99"),
        (
            MINIMAL + "[notify]\nstorm_failures = 7",
            "[notify] storm_failures: 7 of 6 outcomes cannot be failures; set at most storm_of",
        ),
        (MINIMAL + "[notify]\nstorm_of = 1", "1 is not a whole number from 2 to 1000"),
        (MINIMAL + "[quota]\nwarning = true", "True is not a percentage"),
        (MINIMAL + "[quota]\nwarning = 1001", "1001 is not a percentage"),
        (MINIMAL + "servers = 3", "servers: 3 is neither a string nor a list of strings"),
        (MINIMAL + 'servers = ["b-1", 3]', "is neither a string nor a list of strings"),
        *(
            (
                MINIMAL + f'[homes]\nend_files = ["a.xml", "{name}"]',
                "is not a list of file names; write",
            )
            for name in ("", ".", "..", "a/b", "a\\u0000")
        ),
    ],
)
def test_errors_name_the_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)

    assert str(caught.value).startswith(f"{tmp_path}/s.toml")
    assert says in str(caught.value)


def test_values_at_their_borders(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        MINIMAL
        + "[warn_after]\nbackups = 0\ndays = 99\n[quota]\nwarning = 0\ncritical = 1000\n"
        + '[homes]\nreport_folders = [".a", "b"]\n',
    )

    assert settings.policies[WarnAfterPolicy].days == 99
    assert settings.policies[QuotaPolicy].warning.good == Range(end=0)
    assert settings.policies[QuotaPolicy].critical.good == Range(end=1000)
    assert settings.homes.report_folders == (".a", "b")


def test_what_is_in_effect_and_where_it_comes_from(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        MINIMAL + "suffix = 'o=a\"b\\c'\nverify = false\n[quota]\nwarning = 70\n",
    )

    shown = {(each.section, each.key): each[2:] for each in settings.in_effect}
    assert shown["directory", "suffix"] == ('"o=a\\"b\\\\c"', "file")
    assert shown["directory", "verify"] == ("false", "file")
    assert shown["directory", "start_tls"] == ("false", "default")
    assert shown["directory", "timeout"] == ('"5s"', "default")
    assert shown["directory", "host"] == ("(none)", "default")
    assert shown["quota", "warning"] == ("70", "file")
    assert shown["homes", "start_files"] == ('["backupStarted.xml"]', "default")


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("", ()),
        ('servers = ["b-1", "b-2"]', ("b-1", "b-2")),
        ('host = "B-2"\nservers = ["b-1", "b-2"]', ("b-1", "b-2")),
        ('host = "b-1"\nservers = "B-1"', ("B-1",)),
        ('host = "b-1"', ()),
    ],
)
def test_the_backup_servers(tmp_path: Path, text: str, servers: tuple[str, ...]) -> None:
    assert read(tmp_path, MINIMAL + text).directory.servers == servers


def test_a_password_in_the_uri_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="uri: must not contain a user") as caught:
        read(tmp_path, '[directory]\nuri = ["ldap://a", "ldaps://reader:geheim@b"]\n')

    assert "geheim" not in str(caught.value)


def test_no_file_names_path_and_example(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml.*no such settings file.*example"):
        read_settings(tmp_path / "none.toml")


@pytest.mark.parametrize(("mode", "refused"), [(0o640, False), (0o600, False), (0o644, True)])
def test_a_password_that_others_may_read_is_refused(
    tmp_path: Path, mode: int, refused: bool
) -> None:
    (tmp_path / "pw").write_text("secret\n")
    (tmp_path / "pw").chmod(mode)
    text = '[directory]\nuri = "ldap://x"\nbind_dn = "cn=x"\npassword_file = "pw"\n'

    settings = read(tmp_path, text).directory

    if refused:
        with pytest.raises(SettingsError, match="other users can read this password"):
            create_directory(settings, lambda phase: None)
    else:
        assert read_password(tmp_path / "pw") == "secret"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "No such file or directory); check that the file exists", id="none"),
        pytest.param(b"p\xe4ss", "not UTF-8); write it in UTF-8", id="Latin-1"),
        pytest.param(b"\nsecret\n", "is empty; write the password into its first line", id="empty"),
    ],
)
def test_a_password_file_that_cannot_be_used(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / "pw").touch(0o600)
        (tmp_path / "pw").write_bytes(content)

    with pytest.raises(SettingsError) as raised:
        read_password(tmp_path / "pw")

    assert says in str(raised.value)


def test_a_missing_password_file_matters_to_the_directory_only(tmp_path: Path) -> None:
    text = '[directory]\nuri = "ldap://x"\nbind_dn = "cn=x"\npassword_file = "not there"\n'

    assert read(tmp_path, text).directory.bind == "simple"


def test_the_password_comes_from_the_environment_and_is_never_shown(tmp_path: Path) -> None:
    text = '[directory]\nuri = "ldap://x"\nbind_dn = "cn=x"\n'

    settings = read(tmp_path, text, **{PASSWORD_VARIABLE: "geheim"})

    assert settings.directory.password == "geheim"
    assert "geheim" not in repr(settings)


def test_where_the_file_is() -> None:
    assert find_settings_file("a", {"BACKUP_MONITORING_CONFIG": "b"}) == Path("a")
    assert find_settings_file(None, {"BACKUP_MONITORING_CONFIG": "b"}) == Path("b")
    assert find_settings_file(None, {}) == Path("/etc/backup-monitoring/backup-monitoring.toml")


def test_the_annotated_example_shows_every_key(tmp_path: Path) -> None:
    annotated = (EXAMPLES / "backup-monitoring.toml").read_text(encoding="utf-8")
    settings = read(tmp_path, annotated)

    assert settings.directory.uri == ("ldaps://ldap.example.org",)
    for setting in settings.in_effect:
        assert f"{setting.key} = " in annotated, setting


@pytest.mark.parametrize(
    "path", ["", "bounces@example.org", "bounces+{token}@example.org", "{token}@b.example.org"]
)
def test_return_paths(tmp_path: Path, path: str) -> None:
    assert read(tmp_path, f'{MINIMAL}[notify]\nreturn_path = "{path}"\n').notify.return_path == path


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("bounces", "not an address"),
        ("bounces{token}", "not an address"),
        ("bounces@{token}.example.org", 'not an address with at most one {token}, before the "@"'),
        ("{token}{token}@example.org", "at most one {token}"),
        ("{tocken}@example.org", "at most one {token}"),
        ("Bounces <bounces@example.org>", "at most one {token}"),
        (f"{'b' * 29}{{token}}@example.org", "room for 28 characters"),
    ],
)
def test_return_paths_that_are_not_valid(tmp_path: Path, path: str, says: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read(tmp_path, f'{MINIMAL}[notify]\nreturn_path = "{path}"\n')

    assert "[notify] return_path: " in str(raised.value)
    assert says in str(raised.value)


@pytest.mark.parametrize("name", ["localhost", "back up.example.org", "a.b\\r\\nMAIL", ".", "[x"])
def test_names_of_this_host_that_are_not_valid(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"\[notify\] helo_name: .* is not a full host name"):
        read(tmp_path, f'{MINIMAL}[notify]\nhelo_name = "{name}"\n')
