"""Languages that somebody wants, as the value of Accept-Language or of preferredLanguage."""

import re

_LONGEST = 200
# Of a primary subtag of more letters, like "deutsch", no language is registered.
_RANGE = re.compile(r"\*|[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_QUALITY = re.compile(r"[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


class LanguageError(ValueError):
    """A text names no languages; the message says why."""


def parse_languages(text: str) -> tuple[str, ...]:
    """Parse *text*, a language tag or a list of them with weights: ``fr-CH, de;q=0.5``.

    The syntax is that of Accept-Language (RFC 9110, 12.5.4); an underscore, as in ``de_CH``, and
    blanks around each part are allowed, too.

    Returns:
        The tags, the most wanted first, without those of weight 0 and ``*``; () of an empty text.

    Raises:
        LanguageError: a part is not valid.
    """
    if len(text) > _LONGEST:
        raise LanguageError("is too long")
    weights: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        tag, _, weight = part.partition(";")
        tag, weight = tag.strip().replace("_", "-"), weight.strip() or "q=1"
        quality = _QUALITY.fullmatch(re.sub(r"\s*=\s*", "=", weight))
        if quality is None or not _RANGE.fullmatch(tag):
            raise LanguageError(f"{part!r} is not a language tag like de-CH")
        weights.setdefault(tag, float(quality[1]))
    wanted = [tag for tag, quality in weights.items() if quality > 0 and tag != "*"]
    return tuple(sorted(wanted, key=lambda tag: -weights[tag]))
