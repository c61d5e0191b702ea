"""Renders the templates of a language, the packaged ones or a provider's own."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from backup_monitoring.mail.headers import MailError
from backup_monitoring.model import LanguageError, parse_languages

if TYPE_CHECKING:
    from jinja2 import Environment

PACKAGED = Path(__file__).parent / "templates"
LAST_RESORT = "en"
_WIDTH = 72
_BLANKS = re.compile(r"[ \t\r\n]+")  # a no-break space stays


class TemplateSet(NamedTuple):
    """The templates of one language.

    Args:
        environment: loads the language's templates. layouts: loads those of the folder ``layout``.
        language: the folder's name, for example ``de``.
    """

    environment: Environment
    layouts: Environment
    language: str

    def render_texts(self, template: str, variables: Mapping[str, object]) -> dict[str, str]:
        """Return the texts that *template* of this language sets, by name."""
        module = self._make_module(template, variables)
        return {name: str(value) for name, value in module.items() if not name.startswith("_")}

    def get_language_values(self) -> Mapping[str, object]:
        """Return what ``language.jinja`` sets; it uses no variables."""
        return _load_language_values(self)

    def render_layout(self, template: str, variables: Mapping[str, object]) -> str:
        """Return the rendered *template* of the folder ``layout``."""
        return self.layouts.get_template(f"layout/{template}").render(variables)

    def _make_module(self, template: str, variables: Mapping[str, object]) -> dict[str, object]:
        loaded = self.environment.get_template(f"{self.language}/{template}.jinja")
        return dict(loaded.make_module(dict(variables)).__dict__)


@lru_cache(maxsize=64)
def _load_language_values(words: TemplateSet) -> Mapping[str, object]:
    return dict(words.environment.get_template(f"{words.language}/language.jinja").module.__dict__)


def load_templates(folder: Path | None, *languages: str) -> TemplateSet:
    """Return the templates of the first known language of *languages*, else English.

    Args:
        folder: a provider's own templates, which override the packaged ones; None: none.
        languages: texts for `parse_languages`; one that is not valid is skipped.

    Raises:
        MailError: not even English was found, or as `list_languages`.
    """
    known = list_languages(folder)
    for text in (*languages, LAST_RESORT):
        with suppress(LanguageError):  # listed by --check-contacts
            name = _find_language(parse_languages(text), known)
            if name is not None:
                return TemplateSet(*_make_environments(folder), name)
    raise MailError(str(folder or PACKAGED), "no template", "install the program again")


def _find_language(tags: Sequence[str], known: Collection[str]) -> str | None:
    """Return the best of the *known* languages for *tags*: a lookup as in RFC 4647, 3.4."""
    for tag in tags:
        subtags = tag.lower().split("-")
        while subtags:
            if (name := "-".join(subtags)) in known:
                return name
            subtags.pop()
            if subtags and len(subtags[-1]) == 1:  # it introduced what was just removed
                subtags.pop()
    return None


@lru_cache(maxsize=8)
def list_languages(folder: Path | None) -> tuple[str, ...]:
    """Return the names of all languages, including a provider's own.

    Raises:
        MailError: *folder* is in a folder that this user may not enter.
    """
    places = [PACKAGED, *([folder] if folder is not None else [])]
    try:
        names = {file.parent.name for place in places for file in place.glob("*/language.jinja")}
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise MailError(str(folder), problem, "let this user read [notify] templates") from None
    return tuple(sorted(names))


def split_paragraphs(text: str) -> tuple[str, ...]:
    """Return the paragraphs of *text*, each in one line; a line ``---`` separates them."""
    parts = re.split(r"^[ \t]*---[ \t]*$", text, flags=re.MULTILINE)
    return tuple(line for part in parts if (line := join_lines(part)))


def split_steps(text: str) -> tuple[str, ...]:
    """Return the steps of *text*, each in one line; each begins with a line ``- ...``."""
    parts = re.split(r"^[ \t]*-[ \t]+", text, flags=re.MULTILINE)
    return tuple(line for part in parts if (line := join_lines(part)))


def join_lines(text: str) -> str:
    """Return *text* in one line, with single spaces."""
    return _BLANKS.sub(" ", text).strip(" ")


def wrap_text(text: str, indent: str = "") -> str:
    """Return *text* wrapped for a text body, later lines with *indent*; no word is broken."""
    lines = textwrap.wrap(
        text,
        _WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)


@lru_cache(maxsize=8)
def _make_environments(folder: Path | None) -> tuple[Environment, Environment]:
    # Loading Jinja2 takes 30 ms: only a process that writes mails should pay for it.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    places = [PACKAGED] if folder is None else [folder, PACKAGED]
    # A language's templates produce plain text; the HTML layout escapes it.
    words = Environment(  # noqa: S701
        loader=FileSystemLoader(places), undefined=StrictUndefined, auto_reload=False
    )
    layouts = words.overlay(
        autoescape=lambda name: name is not None and name.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    layouts.filters["wrapped"] = wrap_text
    return words, layouts
