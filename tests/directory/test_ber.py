"""The quick decoder says what ldap3's own says, and never more than the message has."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.directory.ber import DecodeError, Names, take_entries
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


@pytest.mark.parametrize("long", [0, 2, 4])
def test_a_part_of_a_message_waits_for_the_rest(long: int) -> None:
    entry = message(b"uid=1,dc=a", {b"cn": [b"x" * 150]}, long=long)

    for size in range(len(entry)):
        assert taken(entry + entry[:size])[:2] == (len(entry), None)


def test_every_length_is_decoded() -> None:
    names = Names()
    for size in range(300):
        data = message(b"uid=1", {b"cn": [b"x" * size], b"uid": [b"1"]})

        end, _, (entry,) = taken(data, names=names)

        assert (end, entry.attributes) == (len(data), {"cn": [b"x" * size], "uid": [b"1"]})


def test_other_messages_are_handed_back() -> None:
    end, other, entries = taken(ENTRY + ENTRY + DONE + ENTRY)

    assert (end, other, len(entries)) == (2 * len(ENTRY) + len(DONE), DONE, 2)


@pytest.mark.parametrize(
    ("data", "number"),
    [
        pytest.param(ENTRY, 8, id="the next one's"),
        pytest.param(message(b"uid=1", {}, number=200), 200, id="-56 is not 200"),
    ],
)
def test_an_entry_for_another_request_is_refused(data: bytes, number: int) -> None:
    with pytest.raises(DecodeError, match="another request"):
        taken(data, number=number)


def test_names_that_a_server_makes_up_fill_no_memory() -> None:
    names = Names()
    attributes = {b"name%d" % number: [b"x"] for number in range(3000)}

    _, _, (entry,) = taken(message(b"uid=1", attributes), names=names)

    assert len(entry.attributes) == 3000
    assert (len(names), len(names.short)) == (1000, 1000)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n", id="no BER"),
        pytest.param(b"\x30\x80" + ENTRY, id="indefinite length"),
        pytest.param(
            b"\x30\x80" + message(b"x" * 119, {})[3:], id="indefinite length of 128 bytes"
        ),
        pytest.param(
            message(b"uid=1", {b"uid": [b""]}).replace(b"\x04\0", b"\x04\x80"),
            id="a value of indefinite length",
        ),
        pytest.param(b"\x30\x84\x7f\xff\xff\xff", id="2 GiB"),
        pytest.param(b"\x30\xff" + b"\xff" * 127, id="a length of 127 octets"),
        pytest.param(b"\x30\x00", id="empty"),
        pytest.param(b"\x30\x03\x02\x01\x07", id="only a number"),
        pytest.param(b"\x30\x03\x02\x7f\x07", id="a number beyond the end"),
        pytest.param(b"\x30\x03\x04\x01\x07", id="no number"),
        pytest.param(ENTRY.replace(b"\2\1\7", b"\4\1\7"), id="an entry whose number is a text"),
    ],
)
def test_bad_messages_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        taken(data)


@pytest.mark.parametrize("at", [0, 2, 7, 10, 12, 14, 17, 19])
def test_an_element_with_the_tag_of_another_is_refused(at: int) -> None:
    data = message(b"d", {b"a": [b"v"]})
    known = Names()
    taken(data, names=known)
    other = data[:at] + b"\5" + data[at + 1 :]

    for names in (Names(), known):
        with pytest.raises(DecodeError):
            taken(other, names=names)


@pytest.mark.parametrize("at", [8, 11, 13, 15, 18, 20])
@pytest.mark.parametrize("more", [-1, 1, 2])
def test_an_element_that_does_not_fit_into_its_parent_is_refused(at: int, more: int) -> None:
    data = message(b"d", {b"a": [b"v"], b"b": [b"w"]})
    known = Names()
    taken(data, names=known)
    other = data[:at] + bytes([data[at] + more]) + data[at + 1 :]

    for names in (Names(), known):
        with pytest.raises(DecodeError):
            taken(other, names=names)


def laid_out(attributes: bytes, in_entry: bytes = b"", behind: bytes = b"") -> bytes:
    """Encode an entry of *attributes*, with more in it, and behind it."""
    content = element(0x04, b"d") + element(0x30, attributes) + in_entry
    return element(0x30, element(0x02, b"\7") + element(0x64, content) + behind)


def attribute(value: bytes, more: bytes = b"") -> bytes:
    return element(0x30, element(0x04, b"a") + element(0x31, element(0x04, value)) + more)


A = attribute(b"v")
CONTROLS = element(0xA0, b"")


def test_controls_behind_an_entry_are_of_no_matter() -> None:
    data = laid_out(A, behind=CONTROLS)

    assert taken(data) == (len(data), None, [Entry("d", {"a": [b"v"]})])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(laid_out(attribute(b"v", A)), id="behind the values"),
        pytest.param(laid_out(A, in_entry=A), id="behind the attributes"),
        pytest.param(laid_out(A, behind=A), id="behind the entry"),
        pytest.param(laid_out(A, behind=CONTROLS + b"\0"), id="behind the controls"),
        pytest.param(
            laid_out(attribute(b"v" + CONTROLS)[: -len(CONTROLS)], behind=CONTROLS),
            id="a value that goes on in the controls",
        ),
        pytest.param(
            laid_out(b"\x30\x81" + attribute(b"v" * 122)[3:]), id="a name's tag as a length"
        ),
    ],
)
def test_nothing_is_hidden_between_elements(data: bytes) -> None:
    known = Names()
    taken(laid_out(A), names=known)

    for names in (Names(), known):
        with pytest.raises(DecodeError):
            taken(data, names=names)


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
