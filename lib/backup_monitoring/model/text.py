"""Texts of one line: from outside made safe to print, and counts."""

_REPLACEMENTS = str.maketrans({"|": "¦", "<": "‹", ">": "›", "\N{NO-BREAK SPACE}": " "})


def sanitize(text: str, at_most: int = 1000) -> str:
    """Return *text* as one harmless line of plugin output.

    Icinga cuts a line at its first ``|`` and splits on CR and LF; Icinga Web renders text as HTML
    if it contains something like a tag; terminals obey escapes and bidirectional controls. What
    is not printable is escaped; bytes that were not UTF-8 (surrogates) become ``\\xNN``.

    Args:
        text: any text, of any origin.
        at_most: longest result in characters; a longer one is cut and ends with ``...``.
    """
    line = escape_unprintable(text[: at_most + 1].translate(_REPLACEMENTS))
    return line if len(line) <= at_most else line[: at_most - 3] + "..."


def format_count(count: int, one: str, many: str = "") -> str:
    """Return *count* with what is counted: *one*, or *many*, by default the same with an s."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def escape_unprintable(text: str) -> str:
    """Return *text* as one line for a terminal: what is not printable is escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def escape_surrogates(text: str) -> str:
    """Return *text* with what is not Unicode escaped: bytes that were not UTF-8."""
    if text.isascii():
        return text
    return "".join(_escape(char) if 0xD800 <= ord(char) <= 0xDFFF else char for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8 (surrogateescape)
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
