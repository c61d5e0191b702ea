"""Texts of a small XML file by path, and what is refused."""

import pytest

from backup_monitoring.uploads.xml_report import FormError, read_elements


def nested(depth: int) -> bytes:
    return b"<r>" * depth + b"x" + b"</r>" * depth


def many(elements: int) -> bytes:
    return b"<r>" + b"<e></e>" * (elements - 1) + b"</r>"


@pytest.mark.parametrize(
    ("data", "elements"),
    [
        (b"<r/>", {"": [""]}),
        (b"<r> text\t</r>", {"": ["text"]}),
        (b"<r>a<b>1</b>c<b> 2\r\n</b></r>", {"": [""], "b": ["1", "2"]}),
        (b"<r><b><c/></b><c>3</c></r>", {"": [""], "b": [""], "b/c": [""], "c": ["3"]}),
        (b"<r>a<!-- b -->c<![CDATA[<d>]]>&lt;</r>", {"": ["ac<d><"]}),
        (b"<r xmlns:x='urn:x'><x:b>1</x:b></r>", {"": [""], "x:b": ["1"]}),
        (b"<?xml version='1.0' encoding='utf-8'?><r/>", {"": [""]}),
    ],
)
def test_texts_by_path(data: bytes, elements: dict[str, list[str]]) -> None:
    assert read_elements(data, "r") == elements


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"<r><b>1</b>", "no element found", id="torn after all that matters"),
        pytest.param(nested(9), "elements nested too deeply", id="deep"),
        pytest.param(many(401), "too many elements", id="many"),
        pytest.param(
            b"<?xml version='1.0' encoding='UTF-7'?><r/>", "the encoding is not UTF-8", id="UTF-7"
        ),
        pytest.param(b"<a/>", "root element is not r", id="another root"),
        pytest.param(b"<r xmlns='urn:x'/>", "root element is not r", id="a root in a namespace"),
        pytest.param(b"<r><b xmlns='urn:x'/></r>", "in a namespace", id="a namespace"),
        pytest.param(b"<r><%b/></r>" % (b"n" * 101), "too long", id="a long name"),
    ],
)
def test_what_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(FormError, match=says):
        read_elements(data, "r")


def test_what_is_just_taken() -> None:
    assert read_elements(nested(8), "r")["r/r/r/r/r/r/r"] == ["x"]
    assert len(read_elements(many(400), "r")["e"]) == 399
    assert read_elements(b"<r><%b/></r>" % (b"n" * 100), "r") == {"": [""], "n" * 100: [""]}
