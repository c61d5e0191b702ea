"""Makes text from outside harmless for a mail: one line, no links, no server internals."""

import re

from backup_monitoring.model import sanitize

_LONGEST = 200
_WORD_JOINER = "\N{WORD JOINER}"
# Mail programs turn what looks like a link into one, in the text as in the HTML. A computer may be
# called http://evil.example: an invisible character keeps it readable and stops that. In headers,
# =?utf-8?q?...?= would be decoded, to anything.
_LINKS = re.compile(r"(?<=\S)[.。．｡](?=[^\W\d])|@|:(?=//)|(?<=[^\W\d]):(?=[^\s:])|=(?=\?)")
_PATH = re.compile(r"(?<![^\s:=(\"'«])/[^\s/,;:]+/[^\s,;]*")
_HIDDEN = "..."


def neutralize(text: str, at_most: int = _LONGEST) -> str:
    """Return *text* as one printable line of at most *at_most* characters, without links.

    The result may be put into a header and, escaped, into HTML.
    """
    line = sanitize(text, at_most)
    if len(line) > at_most:  # escapes are longer than what they stand for
        line = line[: at_most - 3] + _HIDDEN
    return _LINKS.sub(lambda match: match[0] + _WORD_JOINER, line.strip())


def neutralize_lines(text: str) -> str:
    """Return *text*, written by a person, with each line as a paragraph of a template."""
    return "\n---\n".join(neutralize(line, 1000) for line in text.splitlines() if line.strip())


def hide_internals(text: str, host: str) -> str:
    """Return *text* without the server's paths and its name *host*."""
    text = _PATH.sub(_HIDDEN, text)
    return re.sub(re.escape(host), _HIDDEN, text, flags=re.IGNORECASE) if host else text
