"""Filters: what matches without a server, and what is no filter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.directory.entries import fold_case
from backup_monitoring.directory.filters import escape_value, parse_filter
from backup_monitoring.model.errors import SettingsError

ENTRY = {
    "objectclass": [b"top", b"sstBackup"],
    "cn": ["Jürg  Müller".encode(), b"second"],
    "uid": [b"4000101"],
    "sstquota": [b"100"],
    "o": [b"a*b (c)\\"],
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("(uid=4000101)", True),
        ("(UserID=4000101)", True),
        ("(uid=400010)", False),
        ("(objectClass=SSTBACKUP)", True),
        ("(cn=jÜRG MÜLLER)", True),
        (r"(cn=j\c3\bcrg m\c3\bcller)", True),
        ("(cn=*)", True),
        ("(mail=*)", False),
        ("(cn=j*)", True),
        ("(cn=J*R*ler)", True),
        ("(cn=*sec*)", True),
        ("(cn=jürg*rg*)", False),
        ("(uid=400*0101)", True),
        ("(uid=40001*0101)", False),
        ("(sstQuota>=99)", True),
        ("(sstQuota>=101)", False),
        ("(sstQuota<=100)", True),
        ("(sstQuota<=9)", False),
        ("(sstQuota>=100)", True),
        ("(sstQuota<=99)", False),
        ("(sstQuota<=x)", True),
        ("(o>=a)", True),
        ("(o<=a)", False),
        ("(o>=b)", False),
        ("(o<=b)", True),
        ("(o>=5)", True),
        (r"(o>=A\2aB \28c\29\5c)", True),
        (r"(o<=A\2aB \28c\29\5c)", True),
        ("(uid=5*101)", False),
        ("(uid=400*9)", False),
        ("(cn=*ec*on*)", True),
        ("(cn=*ec*co*)", False),
        ("(cn>=sec)", True),
        ("(cn~=second)", True),
        (r"(o=a\2ab \28c\29\5c)", True),
        ("(&(uid=4000101)(cn=second))", True),
        ("(&(uid=4000101)(cn=third))", False),
        ("(|(uid=1)(cn=second))", True),
        ("(|(uid=1)(cn=third))", False),
        ("(!(mail=*))", True),
        ("(!(uid=4000101))", False),
        ("(&(objectClass=sstBackup)(!(|(uid=1)(uid=2)))(sstQuota>=1))", True),
        ("(&)", True),
        ("(|)", False),
    ],
)
def test_matches(text: str, matches: bool) -> None:
    assert parse_filter(text).matches(ENTRY) is matches


@pytest.mark.parametrize(
    "text",
    [
        "",
        "uid=1",
        "(uid=1",
        "(uid=1))",
        "(uid=1)(uid=2)",
        "(!(uid=1)(uid=2))",
        "(!)",
        "()",
        "(uid)",
        "(=1)",
        "(uid=a(b)",
        r"(uid=\zz)",
        "(uid>=a*)",
        "(uid>=*)",
        "(&(uid=1)",
        "(&(uid=1)x",
        "(& (uid=1))",
        "(&(uid=1)x)",
        "(" * 5000,
        "(!" * 5000 + "(a=b)" + ")" * 5000,
    ],
)
def test_an_invalid_filter_is_refused(text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_filter(text)

    assert repr(text) in str(raised.value)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("(&(uid=1)", "not valid at its end"),
        ("(&(uid=1)x)", "not valid at 'x)'"),
        ("(uid=1)" + "y" * 30, f"not valid at '{'y' * 20}'"),
    ],
)
def test_where_it_is_not_valid(text: str, where: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_filter(text)

    assert where in str(raised.value)


def test_50_filters_in_one_another() -> None:
    assert parse_filter("(!" * 50 + "(uid=4000101)" + ")" * 50).matches(ENTRY)

    with pytest.raises(SettingsError):
        parse_filter("(!" * 51 + "(uid=4000101)" + ")" * 51)


def test_an_extensible_match_is_the_server_s() -> None:
    chosen = parse_filter("(cn:caseExactMatch:=Second)")

    with pytest.raises(SettingsError, match="ldif:"):
        chosen.matches(ENTRY)


def test_names_are_those_that_it_looks_at() -> None:
    assert parse_filter("(&(UserID=1)(!(surname=*)))").names == {"uid", "sn"}


@given(st.text())
def test_an_escaped_value_matches_itself(value: str) -> None:
    raw = value.encode("utf-8", "ignore")
    chosen = parse_filter(f"(cn={escape_value(raw.decode())})")

    assert chosen.matches({"cn": [raw]})


@given(st.text(), st.text(alphabet="()*\\\0&|!=<>~: ax"))
def test_an_escaped_value_matches_nothing_else(value: str, other: str) -> None:
    def find_matches(text: str) -> list[str]:
        return fold_case(text).split()

    value = value.encode("utf-8", "ignore").decode()
    same = find_matches(value) == find_matches(other)

    assert same or not parse_filter(f"(cn={escape_value(other)})").matches({"cn": [value.encode()]})


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("a*b", r"a\2ab"),
        ("(x)", r"\28x\29"),
        ("\\", r"\5c"),
        ("\0", r"\00"),
        ("é", "é"),
        ("\udcff", r"\ff"),
        (" a ", r"\20a\20"),
    ],
)
def test_escape(value: str, escaped: str) -> None:
    assert escape_value(value) == escaped
