"""The quick decoder says what ldap3's own says, and never more than the message has."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.directory.decoder import DecodeError, Names, take_entries
from backup_monitoring.directory.entries import Entry


def element(tag: int, content: bytes, long: int = 0) -> bytes:
    """Encode an element; *long*: octets of its length, 0 for as few as it takes."""
    size = len(content)
    if size < 128 and not long:
        return bytes([tag, size]) + content
    octets = long or (size.bit_length() + 7) // 8
    return bytes([tag, 128 + octets]) + size.to_bytes(octets, "big") + content


def message(
    dn: bytes, attributes: dict[bytes, list[bytes]], number: int = 7, long: int = 0
) -> bytes:
    """Encode an LDAPMessage with a SearchResultEntry (RFC 4511)."""

    def octets(value: bytes) -> bytes:
        return element(0x04, value, long)

    items = b"".join(
        element(0x30, octets(name) + element(0x31, b"".join(map(octets, values)), long), long)
        for name, values in attributes.items()
    )
    entry = element(0x64, octets(dn) + element(0x30, items, long), long)
    return element(0x30, element(0x02, bytes([number])) + entry, long)


def taken(
    data: bytes, number: int = 7, names: Names | None = None
) -> tuple[int, bytes | None, list[Entry]]:
    entries: list[Entry] = []
    return *take_entries(data, number, Names() if names is None else names, entries), entries


def by_ldap3(data: bytes) -> dict[str, Any]:
    from ldap3.operation.search import search_result_entry_response_to_dict_fast
    from ldap3.utils.asn1 import decode_message_fast

    payload = decode_message_fast(data)["payload"]  # type: ignore[no-untyped-call]
    answer: dict[str, Any] = search_result_entry_response_to_dict_fast(  # type: ignore[no-untyped-call]
        payload, None, None, True
    )
    return answer


NAMES = st.sampled_from([b"uid", b"cn", b"mail", b"sstQuota", b"jpegPhoto;binary"])
VALUES = st.lists(st.binary(max_size=20) | st.binary(min_size=120, max_size=400), max_size=4)


@given(
    st.text(alphabet="abc=,é", max_size=200),
    st.dictionaries(NAMES, VALUES),
    st.sampled_from([0, 1, 2, 4]),
)
def test_same_as_ldap3(dn: str, attributes: dict[bytes, list[bytes]], long: int) -> None:
    if long == 1:  # what does not fit in one octet takes as many as it needs
        long = 0
    data = message(dn.encode(), attributes, long=long)

    end, other, (entry,) = taken(data)

    expected = by_ldap3(data)
    assert (end, other) == (len(data), None)
    assert entry.dn == expected["dn"]
    assert entry.attributes == {
        name.lower(): list(values or []) for name, values in expected["raw_attributes"].items()
    }


ENTRY = message(b"uid=1,dc=a", {b"uid": [b"1"], b"cn": [b"x" * 150, b""], b"mail": []})
DONE = element(0x30, element(0x02, b"\7") + element(0x65, b"\x0a\1\0\4\0\4\0"))


@pytest.mark.parametrize("size", range(len(ENTRY)))
def test_a_part_of_a_message_waits_for_the_rest(size: int) -> None:
    assert taken(ENTRY + ENTRY[:size])[:2] == (len(ENTRY), None)


def test_other_messages_are_handed_back() -> None:
    end, other, entries = taken(ENTRY + ENTRY + DONE + ENTRY)

    assert (end, other, len(entries)) == (2 * len(ENTRY) + len(DONE), DONE, 2)


def test_an_entry_for_another_request_is_refused() -> None:
    with pytest.raises(DecodeError, match="another request"):
        taken(ENTRY, number=8)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n", id="no BER"),
        pytest.param(b"\x30\x80" + ENTRY, id="indefinite length"),
        pytest.param(b"\x30\x84\x7f\xff\xff\xff", id="2 GiB"),
        pytest.param(b"\x30\xff" + b"\xff" * 127, id="a length of 127 octets"),
        pytest.param(b"\x30\x00", id="empty"),
        pytest.param(b"\x30\x03\x02\x01\x07", id="only a number"),
        pytest.param(b"\x30\x03\x02\x7f\x07", id="a number beyond the end"),
        pytest.param(b"\x30\x03\x04\x01\x07", id="no number"),
    ],
)
def test_bad_messages_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        taken(data)


CONTENT = ENTRY[3:]  # behind 30 81 LENGTH


@pytest.mark.parametrize("size", range(1, len(CONTENT)))
def test_a_message_that_ends_inside_its_elements_is_refused(size: int) -> None:
    with pytest.raises(DecodeError):
        taken(element(0x30, CONTENT[:size]) + ENTRY)


@given(st.integers(0, len(ENTRY) - 1), st.integers(0, 255))
def test_a_flipped_byte_is_refused_or_harmless(at: int, byte: int) -> None:
    data = bytearray(ENTRY)
    data[at] = byte
    try:
        _, _, entries = taken(bytes(data))
    except DecodeError:
        return
    size = sum(len(v) for e in entries for values in e.attributes.values() for v in values)
    assert size <= len(ENTRY)


@given(
    st.dictionaries(NAMES, VALUES),
    st.sampled_from([0, 2]),
    st.integers(0, 2000),
    st.none() | st.integers(0, 255),
)
def test_an_attribute_known_by_its_bytes_is_decoded_as_a_new_one(
    attributes: dict[bytes, list[bytes]], long: int, at: int, byte: int | None
) -> None:
    data = bytearray(message(b"uid=1,dc=a", attributes, long=long))
    if byte is not None:
        data[at % len(data)] = byte
    known = Names()
    taken(message(b"uid=1", {name: [b"x"] for name in (b"uid", b"cn", b"mail")}), names=known)
    assert len(known.short) == 3

    assert outcome(bytes(data), known) == outcome(bytes(data), Names())


def outcome(data: bytes, names: Names) -> object:
    try:
        return taken(data, names=names)
    except DecodeError:
        return DecodeError
