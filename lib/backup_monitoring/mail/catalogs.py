"""The catalogs of the mails' texts, packaged ones and a provider's own: GNU gettext, by language.

A catalog is the file ``LANGUAGE/LC_MESSAGES/mails.mo``. Its messages are the English texts.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import NoReturn

from backup_monitoring.mail.headers import MailError
from backup_monitoring.model import LanguageError, parse_languages

PACKAGED = Path(__file__).parent / "locale"
SOURCE = "en"
_FILE = "LC_MESSAGES/mails.mo"


class UntranslatedError(LookupError):
    """A catalog lacks a message."""


class _Strict(NullTranslations):
    """Ends a chain of catalogs: no English sentence stands among those of *language*."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._language = language

    def gettext(self, message: str) -> NoReturn:
        raise UntranslatedError(f"no translation into {self._language} of {message!r}")

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> NoReturn:
        self.gettext(msgid1)

    def pgettext(self, context: str, message: str) -> NoReturn:
        self.gettext(message)

    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> NoReturn:
        self.gettext(msgid1)


def find_language(folder: Path | None, *languages: str) -> str:
    """Return the first known language of *languages*, else English.

    Args:
        folder: a provider's own, [notify] templates; None: none.
        languages: texts for `parse_languages`; one that is not valid is skipped.

    Raises:
        MailError: not even English was found, or as `list_languages`.
    """
    known = list_languages(folder)
    for text in (*languages, SOURCE):
        with suppress(LanguageError):  # listed by --check-contacts
            for tag in parse_languages(text):
                for name in _shorten_tag(tag):
                    if name in known:
                        return name
    raise MailError(str(PACKAGED), "has no catalog of English", "install the program again")


@lru_cache(maxsize=8)
def list_languages(folder: Path | None) -> Collection[str]:
    """Return the tags of all languages in lower case, including those of *folder*.

    Raises:
        MailError: *folder* is in a folder that this user may not enter.
    """
    return sorted({_get_tag(file) for each in _list_places(folder) for file in _find(each, _FILE)})


@lru_cache(maxsize=64)
def load_catalog(folder: Path | None, language: str) -> NullTranslations:
    """Return the catalog of *language*: the provider's own first, then those it is a dialect of.

    Raises:
        OSError: a catalog cannot be read, or is not one. UnicodeDecodeError: its texts are not.
    """
    last = NullTranslations() if language == SOURCE else _Strict(language)
    files = [
        file
        for name in _shorten_tag(language)
        for place in reversed(_list_places(folder))
        for file in _find(place, _FILE)
        if _get_tag(file) == name
    ]
    catalog = last
    for file in reversed(files):
        with file.open("rb") as opened:
            own = GNUTranslations(opened)
        own.add_fallback(catalog)
        catalog = own
    return catalog


@lru_cache(maxsize=8)
def list_uncompiled(folder: Path) -> Sequence[str]:
    """Return complaints about texts of *folder* that have no effect: not compiled, or not there."""
    if not folder.is_dir():  # or is hidden from this process
        return [f"{folder}: is not a folder; correct [notify] templates"]
    return [
        f"{text}: has no effect; run: msgfmt -o {text.with_suffix('.mo')} {text}"
        for text in _find(folder, _FILE.replace(".mo", ".po"))
        if not _is_newer(text.with_suffix(".mo"), text)
    ]


def _is_newer(file: Path, than: Path) -> bool:
    try:
        return file.stat().st_mtime >= than.stat().st_mtime
    except OSError:
        return False


def _list_places(folder: Path | None) -> Sequence[Path]:
    return [PACKAGED] if folder is None else [PACKAGED, folder]


def _find(place: Path, pattern: str) -> list[Path]:
    try:
        return sorted(place.glob(f"*/{pattern}"))
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise MailError(str(place), problem, "let this user read [notify] templates") from None


def _get_tag(file: Path) -> str:
    """Return the language of the catalog *file*, whose folder is called ``de_AT`` or ``de-at``."""
    return file.parent.parent.name.replace("_", "-").lower()


def _shorten_tag(tag: str) -> Iterator[str]:
    """Yield *tag*, in lower case, and what it is a dialect of: a lookup as in RFC 4647, 3.4."""
    subtags = tag.lower().split("-")
    while subtags:
        yield "-".join(subtags)
        subtags.pop()
        if subtags and len(subtags[-1]) == 1:  # it introduced what was just removed
            subtags.pop()
