"""The catalogs of the mails' texts: what the templates say, and what each language lacks.

``mails.pot`` and the entries of each ``mails.po`` follow from the templates; the translations in
them are written by hand. An entry without one is empty: tests/mail/test_catalogs.py names it.
"""

import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

MAIL = "lib/backup_monitoring/mail"
TEMPLATE = f"{MAIL}/locale/mails.pot"
SOURCE = "en"
_OPTIONS = {"newstyle_gettext": "true", "trimmed": "true"}
# Without a date, Babel writes the time of the build into what it compiles.
_HEADER = """\
# Texts of the mails{language}. Entries: python -m tools.generate, from the templates.
msgid ""
msgstr ""
"POT-Creation-Date: 2026-01-01 00:00+0000\\n"
"Language: {tag}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"{plurals}"

"""


def list_catalogs(root: Path) -> list[Path]:
    """Return the ``.po`` files, by language."""
    return sorted((root / MAIL / "locale").glob("*/LC_MESSAGES/mails.po"))


def render_catalogs(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the template of the catalogs and each catalog, with the text that it should have."""
    template = extract_messages(root)
    yield root / TEMPLATE, _render(template, "", "")
    for path in list_catalogs(root):
        yield path, _render_language(path, template)


def extract_messages(root: Path) -> Catalog:
    """Return the messages of all templates, in their order."""
    found = Catalog(charset="utf-8")
    for path in sorted((root / MAIL / "templates").glob("**/*.jinja")):
        with path.open("rb") as file:
            messages = extract(
                "jinja2.ext:babel_extract", file, DEFAULT_KEYWORDS, ("Translators:",), _OPTIONS
            )
            for _, message, comments, context in messages:
                found.add(
                    message,
                    locations=[(path.name, 0)],
                    auto_comments=[each.removeprefix("Translators:").strip() for each in comments],
                    context=context,
                )
    return found


def compile_catalogs(root: Path) -> None:
    """Write each ``mails.mo`` beside its ``mails.po``, for programs that run from a clone."""
    for path in list_catalogs(root):
        compiled = io.BytesIO()
        with path.open("rb") as file:
            write_mo(compiled, read_po(file))
        target = path.with_suffix(".mo")
        if not target.exists() or target.read_bytes() != compiled.getvalue():
            target.write_bytes(compiled.getvalue())


def _render_language(path: Path, template: Catalog) -> str:
    """Return the catalog *path* with the messages of *template*, and no others."""
    with path.open("rb") as file:
        old = read_po(file)
    tag = path.parent.parent.name
    new = Catalog(charset="utf-8")
    for message in filter(lambda each: each.id, template):
        known = old.get(message.id, message.context)
        new.add(
            message.id,
            known.string if known is not None else _get_source(message, tag, old.num_plurals),
            locations=message.locations,
            flags=known.flags if known is not None else (),
            auto_comments=message.auto_comments,
            user_comments=known.user_comments if known is not None else (),
            context=message.context,
        )
    plurals = f"Plural-Forms: {old.plural_forms}\\n"
    return _render(new, tag, plurals)


def _get_source(message: Message, tag: str, plurals: int) -> str | tuple[str, ...]:
    """Return the first translation of *message*: none, but into English its own words."""
    if isinstance(message.id, str):
        return message.id if tag == SOURCE else ""
    return tuple(message.id) if tag == SOURCE else ("",) * plurals


def _render(catalog: Catalog, tag: str, plurals: str) -> str:
    text = io.BytesIO()
    write_po(text, catalog, width=0, omit_header=True, include_lineno=False)
    language = f" ({tag})" if tag else ""
    return _HEADER.format(language=language, tag=tag, plurals=plurals) + text.getvalue().decode()
