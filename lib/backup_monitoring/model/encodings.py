"""Recognizes files that are UTF-16, as Windows writes some, instead of UTF-8."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE

_ZEROS = ([True, False] * 2, [False, True] * 2)


def is_utf16(data: bytes) -> bool:
    """Return whether *data*, the beginning of a text, is UTF-16, with its mark or without."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return True
    start = data[:4]
    return [not byte for byte in start] in _ZEROS and start.isascii()
