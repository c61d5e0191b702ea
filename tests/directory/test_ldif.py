"""LDIF files: what is read, and what is refused with its line."""

import base64
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backup_monitoring.directory.bases import MissingBaseError
from backup_monitoring.directory.entries import Entry
from backup_monitoring.directory.ldif import _BLOCK
from backup_monitoring.directory.opening import open_directory
from backup_monitoring.model.errors import DirectoryError, SettingsError
from backup_monitoring.settings.directory import DirectorySettings

BASE = "ou=accounts,dc=a"
ONE = b"dn: uid=1,ou=accounts,dc=a\nobjectClass: sstBackup\nuid: 1\ncn: One\n"
SEARCH = b"# extended LDIF\n#\n# LDAPv3\n# base <ou=accounts,dc=a> with scope subtree\n#"
RESULT = b"\n# search result\nsearch: 2\nresult: 0 Success\n\n# numResponses: 2\n"
PAGE = b"control: 1.2.840.113556.1.4.319 false MA0=\npagedresults: cookie=CAAAAAAAAAA=\n"


def at(path: Path) -> DirectorySettings:
    return DirectorySettings(uri=(f"ldif:{path}",), accounts_base=BASE, file="s.toml")


def read(path: Path, content: bytes, chosen: str = "(uid=*)") -> list[Entry]:
    file = path / "directory.ldif"
    file.write_bytes(content)
    with open_directory(at(file), lambda phase: None) as directory:
        return list(directory.entries(BASE, chosen, ["uid", "cn"]))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(ONE, id="plain"),
        pytest.param(ONE + b"\n", id="blank line at the end"),
        pytest.param(b"version: 1\n\n" + ONE, id="version of its own"),
        pytest.param(b"version: 1\n" + ONE, id="version at the first"),
        pytest.param(b"# hello\n# \n continued\n\n" + ONE, id="comments before"),
        pytest.param(ONE.replace(b"uid: 1", b"# dn: x\n  y\nuid: 1"), id="comment inside"),
        pytest.param(ONE.replace(b"\n", b"\r\n") + b"\r\n", id="CRLF"),
        pytest.param(b"\n\n\n" + ONE + b"\n\n\n", id="blank lines"),
        pytest.param(ONE.replace(b"ou=accounts", b"ou=acc\n ounts"), id="folded name"),
        pytest.param(ONE.replace(b"uid: 1", b"ui\n d: \n 1"), id="folded attribute"),
        pytest.param(ONE.replace(b"cn: One", b"cn:: T25l"), id="base64"),
        pytest.param(ONE.replace(b"cn: One", b"cn:: T2\n 5l\nx: y\n z"), id="folded values"),
        pytest.param(ONE.replace(b"One", b"O\n ne\nx: y\n z: :"), id="colons in folded values"),
        pytest.param(ONE + b"# a comment without a colon\n", id="comment behind"),
        pytest.param(ONE + b"# cn: Two\n", id="a value in a comment"),
        pytest.param(ONE.replace(b"cn: One", b"commonName:One"), id="alias, no space"),
        pytest.param(ONE.replace(b"cn: One", b"CN: One\njpegPhoto:: AAAA"), id="case"),
        pytest.param(
            b"dn:: " + base64.b64encode(b"uid=1,ou=accounts,dc=a") + ONE[26:], id="base64 name"
        ),
        pytest.param(ONE + b"description: a:<b\n", id="a value with :<"),
        pytest.param(b"\xef\xbb\xbf" + ONE, id="byte order mark"),
        pytest.param(b"\xef\xbb\xbfversion: 1\r\n" + ONE, id="byte order mark before a version"),
        pytest.param(SEARCH + b"\n\n" + ONE + RESULT, id="ldapsearch without -LLL"),
        pytest.param(
            SEARCH
            + RESULT.replace(b"\n# numResponses: 2\n", PAGE + SEARCH)
            + b"\n\n"
            + ONE
            + RESULT,
            id="pages of ldapsearch",
        ),
        pytest.param(b"version: 1\n\n#\n# LDAPv3\n#\n\n" + ONE + b"\n# search result\n", id="-L"),
    ],
)
def test_one_entry_in_many_spellings(tmp_path: Path, content: bytes) -> None:
    first = b"dn: dc=a\ndc: a\n\n"
    begins = content.startswith((b"version", b"\xef\xbb\xbf"))
    wholes = [content] if begins else [content, first + content]

    for whole in wholes:
        (entry,) = read(tmp_path, whole)

        assert entry == Entry("uid=1,ou=accounts,dc=a", {"uid": [b"1"], "cn": [b"One"]})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(ONE[:-1], "line 1: the file ends in the middle of a line", id="torn line"),
        pytest.param(ONE + b"\n" + ONE[:20], "line 6: the file ends", id="torn second"),
        pytest.param(
            ONE + b"entryUUID: x\n\n" + ONE,
            "line 7: the file ends in the middle of an entry",
            id="slapcat always ends with a blank line",
        ),
        pytest.param(
            ONE + b"\n\n\ndn: uid=2,ou=accounts,dc=a\n", "line 8: the entry has no", id="bare name"
        ),
        pytest.param(
            ONE + b"\r\n\r\n" + b"dn: uid=2,dc=a\nchangetype: delete\n\n",
            "line 7: a change record",
            id="change",
        ),
        pytest.param(ONE + b"cn:< file:///etc/passwd\n", "the value of cn is in", id="link"),
        pytest.param(ONE + b"jpegPhoto:< file:///x\n", "another file (:<)", id="unwanted link"),
        pytest.param(ONE + b"cn:: !!!!\n", "line 1: a value is not valid base64", id="base64"),
        pytest.param(ONE + b"cn:: YQ\n", "a value is not valid base64", id="base64 padding"),
        pytest.param(ONE + b"nonsense\n", "no colon in 'nonsense'", id="no colon"),
        pytest.param(
            ONE + b"a b: c\n", "line 1: 'a b' is not a valid attribute name", id="no name"
        ),
        pytest.param(
            ONE + b"x_" * 99 + b": c\n",
            f" '{'x_' * 20}' is not a valid attribute name",
            id="long name",
        ),
        pytest.param(
            b"dn: ou=accounts,dc=a\nou: accounts\n \n" + ONE,
            "line 1: two entries without an empty line between them",
            id="a space in the line between",
        ),
        pytest.param(
            b"DN: ou=accounts,dc=a\nou: accounts\n" + ONE.replace(b"dn:", b"DN:"),
            "line 1: two entries without an empty line between them",
            id="no line between, and dn in capitals",
        ),
        pytest.param(b"uid: 1\n\n", "line 1: an entry must begin with dn:", id="no dn"),
        pytest.param(b"version: 2\n" + ONE, "not LDIF version 1", id="version"),
        pytest.param(b"", "no entry 'ou=accounts,dc=a', nor any below", id="empty"),
        pytest.param(
            b"dn: dc=b\ndc: b\n\n", "check [directory] accounts_base or suffix", id="other tree"
        ),
        pytest.param(
            ONE + b"cn: " + b"x" * 17_000_000, "an entry of more than", id="a line without end"
        ),
        pytest.param(b"\x00\xff" * 100_000, "line 1: the file ends", id="no LDIF at all"),
        pytest.param(
            ONE + b"\n" + ONE,
            "line 6: the entry 'uid=1,ou=accounts,dc=a' is there twice",
            id="twice",
        ),
        pytest.param(
            ONE.decode().encode("utf-16"),
            "line 1: it is UTF-16; convert it",
            id="UTF-16 of PowerShell",
        ),
        pytest.param(ONE.decode().encode("utf-16-be"), "it is UTF-16", id="UTF-16 without a mark"),
        pytest.param(
            SEARCH + b"\n\n" + ONE + RESULT.replace(b"0 Success", b"4 Size limit exceeded"),
            "line 12: ldapsearch ended with '4 Size limit exceeded': a part is missing",
            id="ldapsearch at a limit",
        ),
        pytest.param(
            SEARCH + b"\n\n" + ONE + b"\n", "before the result of ldapsearch", id="cut off"
        ),
        pytest.param(
            SEARCH + b"\n\n" + ONE + RESULT.replace(b"\n# num", PAGE + b"\n# num"),
            "before the result of ldapsearch",
            id="cut off between pages",
        ),
    ],
)
def test_refused(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(DirectoryError) as raised:
        read(tmp_path, content)

    assert says in str(raised.value)
    assert str(tmp_path / "directory.ldif") in raised.value.where


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match=r"No such file.*check \[directory\] uri in s.toml"):
        open_directory(at(tmp_path / "none.ldif"), lambda phase: None)


def test_a_file_that_cannot_be_read_to_its_end() -> None:
    settings = at(Path("/proc/self/mem"))  # opens, and gives an error when it is read

    with (
        open_directory(settings, lambda phase: None) as directory,
        pytest.raises(DirectoryError, match="cannot be read: Input/output error"),
    ):
        list(directory.entries(BASE, "(uid=*)", ["uid"]))


def test_each_wait_has_its_phase(tmp_path: Path) -> None:
    file = tmp_path / "directory.ldif"
    file.write_bytes(ONE)
    phases: list[str] = []

    with open_directory(at(file), phases.append) as directory:
        list(directory.entries(BASE, "(uid=*)", ["uid"]))
        list(directory.entries(BASE, "(uid=*)", ["uid"]))

    assert phases == [f"opening {file}", f"reading {file}", f"reading {file}"]


def test_only_one_level(tmp_path: Path) -> None:
    names = [
        BASE,
        f"uid=1,{BASE}",
        f"ou=x,uid=1,{BASE}",
        "uid=2,dc=a",
        r"uid=a\,b,OU=Accounts,DC=A",
        "uid=3;ou=accounts;dc=a",
        "uid=4;ou=x,ou=accounts,dc=a",
        r"uid=5\,ou=accounts,dc=a",
    ]
    content = "".join(f"dn: {name}\nuid: x\n\n" for name in names).encode()

    assert [entry.dn for entry in read(tmp_path, content)] == [names[1], names[4], names[5]]


def test_a_whole_tree(tmp_path: Path) -> None:
    names = [
        "uid=1,ou=People,o=x",
        "ou=deep,ou=deeper,uid=1,OU=people , O=X",
        "ou=people,o=x",
        "uid=a\\,b,ou=people,o=x",
        "cn=c,uid=a\\,b,ou=people,o=x",
        "uid=2;ou=people;o=x",
        "ou=other,o=x",
        "uid=1,ou=other,o=x",
        "uid=3\\,ou=people,o=x",
        "uid=1,xou=people,o=x",
        "ou=people,o=x,o=y",
        "o=x",
    ]
    path = tmp_path / "directory.ldif"
    path.write_text("".join(f"dn: {name}\nuid: u\n\n" for name in names))
    with open_directory(at(path), lambda phase: None) as directory:
        found = [each.dn for each in directory.tree("ou=people,o=x", "(uid=*)", ["uid"])]
        with pytest.raises(MissingBaseError, match="ou=nowhere"):
            list(directory.tree("ou=nowhere,o=x", "(uid=*)", ["uid"]))

    assert found == names[:6]


@pytest.mark.parametrize("behind", ["", "dn: dc=b\ndc: b\n\n"])
def test_an_empty_base_is_an_answer(tmp_path: Path, behind: str) -> None:
    file = tmp_path / "directory.ldif"
    file.write_text(f"dn: {BASE}\nou: accounts\n\n{behind}")

    with open_directory(at(file), lambda phase: None) as directory:
        for search in (directory.entries, directory.tree):
            assert list(search(BASE, "(uid=*)", ["uid"])) == []


def test_the_filter_s_attributes_are_not_given(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, ONE, "(objectClass=SSTBackup)")

    assert entry.attributes.keys() == {"uid", "cn"}


def test_bytes_that_are_no_text_are_kept(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, ONE.replace(b"One", b"\xff\xfe").replace(b"uid=1", b"uid=\xff"))

    assert entry.attributes["cn"] == [b"\xff\xfe"]
    assert entry.text("cn") == "\udcff\udcfe"
    assert entry.dn == "uid=\udcff,ou=accounts,dc=a"


def test_blocks_do_not_matter(tmp_path: Path) -> None:
    for shift in range(-6, 7):
        first = ONE + b"x: " + b"y" * (_BLOCK - 5 - 2 * len(ONE) + shift) + b"\n\n"
        others = [ONE.replace(b"uid=1", name) for name in (b"uid=2", b"uid=3")]
        content = (first + b"\n".join(others)).replace(b"\n", b"\r\n")

        assert len(read(tmp_path, content)) == 3


def test_one_by_name(tmp_path: Path) -> None:
    file = tmp_path / "directory.ldif"
    file.write_bytes(b"dn: dc=a\ndc: a\n\n" + ONE)
    directory = open_directory(at(file), lambda phase: None)

    found = directory.entry("UID=1, ou=Accounts,dc=a", ["cn"])

    assert found == Entry("uid=1,ou=accounts,dc=a", {"cn": [b"One"]})
    assert directory.entry("uid=2,ou=accounts,dc=a", ["cn"]) is None


@pytest.mark.parametrize(
    "uri", [(), ("ldif:a", "ldif:b"), ("ldap://a", "ldif:b"), ("ldap:/a",), ("ldap://a:b",)]
)
def test_bad_uris(uri: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="uri"):
        open_directory(DirectorySettings(uri=uri), lambda phase: None)


VALUES = st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=3)


def _written(attributes: dict[str, list[bytes]]) -> bytes:
    """Write as slapcat does: base64 where it must be, folded at 76 columns."""
    content = b""
    for name, values in {"dn": [f"cn=x,{BASE}".encode()], **attributes}.items():
        for value in values:
            plain = (
                value.isascii() and value.decode().isprintable() and value.strip(b" :<") == value
            )
            line = f"{name}: ".encode() + value
            if not plain:
                line = f"{name}:: ".encode() + base64.b64encode(value)
            first, rest = line[:76], line[76:]
            folds = [rest[n : n + 75] for n in range(0, len(rest), 75)]
            content += b"\n ".join([first, *folds]) + b"\n"
    return content + b"\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.fixed_dictionaries({"uid": VALUES}, optional={"cn": VALUES}),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_round_trip(tmp_path: Path, attributes: dict[str, list[bytes]], end: bytes) -> None:
    (entry,) = read(tmp_path, _written(attributes).replace(b"\n", end))

    assert entry.attributes == attributes


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    said = ""
    found = []
    try:
        found = read(tmp_path, ONE + b"\n" + content + b"\n\n")
    except DirectoryError as error:
        said = str(error)

    assert "line " in said or found[0].dn == "uid=1,ou=accounts,dc=a"


def test_an_entry_is_found_by_the_name_that_was_read(tmp_path: Path) -> None:
    """No server writes a name with an empty part; both ways to read it must agree."""
    file = tmp_path / "directory.ldif"
    file.write_bytes(ONE.replace(b"dn: ", b"dn: ,"))
    with open_directory(at(file), lambda phase: None) as directory:
        [entry] = directory.tree(BASE, "(uid=*)", ["uid"])
        assert directory.entry(entry.dn, ["uid"]) == entry
