"""Neutralises text from outside before it is printed."""

_REPLACED = str.maketrans({"|": "¦", "<": "‹", ">": "›", "\N{NO-BREAK SPACE}": " "})


def sanitize(text: str, at_most: int = 1000) -> str:
    """Return *text* as one harmless line of plugin output.

    Icinga cuts a line at its first ``|``, splits on CR and LF, and Icinga Web takes text with
    something like a tag for HTML; terminals obey escapes and bidirectional controls. What is not
    printable is shown as an escape, bytes that were no UTF-8 (surrogates) as ``\\xNN``.

    Args:
        text: any text, of any origin.
        at_most: length in characters after which the text is cut, which is shown by ``...``.
    """
    line = escape_unprintable(text[: at_most + 1].translate(_REPLACED))
    return line if len(line) <= at_most else line[: at_most - 3] + "..."


def escape_unprintable(text: str) -> str:
    """Return *text* as one line for a terminal: what is not printable is shown as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is no UTF-8 (surrogateescape)
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
