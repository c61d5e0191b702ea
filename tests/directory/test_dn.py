"""Distinguished names: equal when they mean the same, however they are escaped."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.directory.dn import normalize_dn
from backup_monitoring.directory.entries import fold_case

SPECIAL = re.compile(r'["+,;<>\\]|^[ #]| \Z', re.DOTALL)


def escaped(value: str) -> str:
    """Return *value* as it may stand behind ``attribute=`` in a distinguished name."""
    return SPECIAL.sub(lambda found: "\\" + found[0], value).replace("\0", "\\00")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("uid=1,ou=people,dc=a", "UID=1, OU=People ,dc=A"),
        ("userid=1,dc=a", "uid=1,domainComponent=a"),
        (r"cn=a\2cb,dc=a", r"cn=a\,b,dc=a"),
        (r"cn=J\c3\bcrg", "cn=jürg"),
        ("cn=a+uid=1,dc=a", "uid=1+cn=A,dc=a"),
        ("cn=a  b", "cn=a b"),
    ],
)
def test_equal(one: str, other: str) -> None:
    assert normalize_dn(one) == normalize_dn(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("cn=a,dc=b", r"cn=a\,dc=b"), ("cn=a", "uid=a"), ("cn=a,cn=b", "cn=b,cn=a"), ("", "cn=a")],
)
def test_not_equal(one: str, other: str) -> None:
    assert normalize_dn(one) != normalize_dn(other)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_an_escaped_value_stays_one_value(value: str) -> None:
    (relative, *parent) = normalize_dn(f"cn={escaped(value)},dc=a")

    assert parent == [(("dc", "a"),)]
    assert relative == (("cn", fold_case(" ".join(value.split()))),)
