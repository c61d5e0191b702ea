"""Renders the templates, the packaged ones or a provider's own, in a language."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from backup_monitoring.mail.catalogs import find_language, load_catalog

if TYPE_CHECKING:
    from gettext import NullTranslations

    from jinja2 import Environment
    from jinja2.runtime import Context

PACKAGED = Path(__file__).parent / "templates"
_CATALOG = "_catalog"  # the variable
_WIDTH = 72
_BLANKS = re.compile(r"[ \t\r\n]+")  # a no-break space stays


class TemplateSet(NamedTuple):
    """The templates in one language.

    Args:
        environment: loads the templates. layouts: loads those of the folder ``layout``.
        language: its tag, for example ``de``. catalog: its texts.
    """

    environment: Environment
    layouts: Environment
    language: str
    catalog: NullTranslations

    def render_texts(self, template: str, variables: Mapping[str, object]) -> dict[str, str]:
        """Return the texts that *template* sets, by name."""
        module = self._make_module(template, variables)
        return {name: str(value) for name, value in module.items() if not name.startswith("_")}

    def get_language_values(self) -> Mapping[str, object]:
        """Return what ``language.jinja`` sets; it uses no variables."""
        return _load_language_values(self)

    def render_layout(self, template: str, variables: Mapping[str, object]) -> str:
        """Return the rendered *template* of the folder ``layout``."""
        loaded = self.layouts.get_template(f"layout/{template}")
        return loaded.render({**variables, _CATALOG: self.catalog})

    def _make_module(self, template: str, variables: Mapping[str, object]) -> dict[str, object]:
        loaded = self.environment.get_template(f"{template}.jinja")
        return dict(loaded.make_module({**variables, _CATALOG: self.catalog}).__dict__)


@lru_cache(maxsize=64)
def _load_language_values(words: TemplateSet) -> Mapping[str, object]:
    return words._make_module("language", {})


def load_templates(folder: Path | None, *languages: str) -> TemplateSet:
    """Return the templates in the first known language of *languages*, else in English.

    Args:
        folder: a provider's own templates and catalogs, which override the packaged ones; None:
            none. languages: as for `find_language`.

    Raises:
        MailError, OSError, UnicodeDecodeError: as `find_language`, `load_catalog`.
    """
    language = find_language(folder, *languages)
    return TemplateSet(*_make_environments(folder), language, load_catalog(folder, language))


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
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context

    # One environment serves all languages: the catalog is a variable of what is rendered.
    @pass_context
    def gettext(context: Context, message: str) -> str:
        return get_catalog(context).gettext(message)

    @pass_context
    def ngettext(context: Context, singular: str, plural: str, n: int) -> str:
        return get_catalog(context).ngettext(singular, plural, n)

    @pass_context
    def pgettext(context: Context, about: str, message: str) -> str:
        return get_catalog(context).pgettext(about, message)

    @pass_context
    def npgettext(context: Context, about: str, singular: str, plural: str, n: int) -> str:
        return get_catalog(context).npgettext(about, singular, plural, n)

    def get_catalog(context: Context) -> NullTranslations:
        catalog: NullTranslations = context[_CATALOG]
        return catalog

    places = [PACKAGED] if folder is None else [folder, PACKAGED]
    # The templates produce plain text; the HTML layout escapes it.
    words = Environment(  # noqa: S701
        loader=FileSystemLoader(places),
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        auto_reload=False,
    )
    words.policies["ext.i18n.trimmed"] = True
    words.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, newstyle=True, pgettext=pgettext, npgettext=npgettext
    )
    layouts = words.overlay(
        autoescape=lambda name: name is not None and name.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    layouts.filters["wrapped"] = wrap_text
    return words, layouts
