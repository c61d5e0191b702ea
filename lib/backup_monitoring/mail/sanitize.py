"""Makes text from outside harmless for a mail: one line, no links, no server internals."""

import re

from backup_monitoring.model import sanitize

_LONGEST = 200
_HIDDEN = "..."
# Mail programs turn what looks like a link into one, in the text as in the HTML. A computer may be
# called http://evil.example: an invisible character keeps it readable and stops that. In headers,
# =?utf-8?q?...?= would be decoded, to anything; \\server\share opens a share.
_WORD_JOINER = "\N{WORD JOINER}"
_LINKS = re.compile(
    r"(?<=\S)[.。．｡](?=[^\W\d])|@|:(?=//)|(?<=[^\W\d]):(?=[^\s:])|=(?=\?)|\\(?=\\)|/(?=/)"
    r"|(?:www|ftp)(?=\d*[.。．｡])",
    re.IGNORECASE,
)
_IP_ADDRESS = re.compile(r"(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)")
# A word joiner between digits is skipped by what finds telephone numbers, and a non-joiner makes
# spam of a mail.
_SEPARATOR = "\N{INVISIBLE SEPARATOR}"
_NUMBER = re.compile(r"(?<!\d)\d[\d\s()./\[\]~‐-―－-]{5,}\d(?!\d)")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:\s\d\d)?")
_ACCOUNT = re.compile(r"\d{1,7}")
# Within quotation marks none may end the quotation.
_QUOTES = str.maketrans("«»“”„‟″", "‹›‘’‚‘′")
_PATH = re.compile(r"(?<![^\s:=(\"'«])/[^\s/,;:]+/[^\s,;]*")


def neutralize(text: str, at_most: int = _LONGEST) -> str:
    """Return *text* as one printable line of at most *at_most* characters, without links.

    The result may be put into a header, into quotation marks and, escaped, into HTML.
    """
    line = sanitize(text, at_most)
    if len(line) > at_most:  # escapes are longer than what they stand for
        line = line[: at_most - 3] + _HIDDEN
    line = line.strip().translate(_QUOTES)
    line = _NUMBER.sub(_break_number, line)
    line = _IP_ADDRESS.sub(lambda match: match[0].replace(".", f".{_WORD_JOINER}"), line)
    return _LINKS.sub(_break_link, line)


def _break_link(match: re.Match[str]) -> str:
    before = _WORD_JOINER if match[0] == ":" else ""  # some take each scheme, whatever follows
    return before + match[0] + _WORD_JOINER


def _break_number(match: re.Match[str]) -> str:
    """Return the digits of what may be a telephone number apart; the number of an account stays."""
    number = match[0]
    digits = len(re.findall(r"\d", number))
    if digits < 7 or _MOMENT.fullmatch(number) or _ACCOUNT.fullmatch(number):
        return number
    return re.sub(r"\d{1,3}(?!$)", lambda digits: digits[0] + _SEPARATOR, number)


def neutralize_lines(text: str) -> str:
    """Return *text*, written by a person, with each line as a paragraph of a template."""
    return "\n---\n".join(neutralize(line, 1000) for line in text.splitlines() if line.strip())


def hide_internals(text: str, host: str) -> str:
    """Return *text* without the server's paths and its name *host*."""
    text = _PATH.sub(_HIDDEN, text)
    return re.sub(re.escape(host), _HIDDEN, text, flags=re.IGNORECASE) if host else text
