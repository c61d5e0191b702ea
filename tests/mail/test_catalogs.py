"""The catalogs: complete in each language, with the same facts, and compiled as they are."""

import re
import subprocess
import sys
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from backup_monitoring.mail.catalogs import PACKAGED, list_languages
from tools.catalogs import extract_messages, list_catalogs

ROOT = Path(__file__).parent.parent.parent
LANGUAGES = ("de", "en", "fr", "it")
# What a translation keeps: variables, numbers, options, programs.
FACTS = re.compile(r"%\(\w+\)s|\{\w+\}|\d+|(?<!\S)--?[a-z-]+|\w+_backup(?:_\w+)?|UID(?:/\w+)?")
# A singular may leave its number out: "one more computer". English forms name it all the same.
WITHOUT_NUMBER = {"others", "missed"}
FIRST_DAY = ("day", "1")


def read(language: str) -> Catalog:
    with (PACKAGED / language / "LC_MESSAGES" / "mails.po").open("rb") as file:
        return read_po(file)


def messages(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def forms(message: Message) -> Iterator[tuple[str, str]]:
    """Yield each English form of *message* with its translation."""
    if isinstance(message.id, str):
        yield message.id, str(message.string)
    else:
        yield from zip(message.id, message.string or (), strict=True)


def test_the_languages() -> None:
    assert list_languages(None) == list(LANGUAGES)
    assert [each.parent.parent.name for each in list_catalogs(ROOT)] == list(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated(language: str) -> None:
    catalog = read(language)
    wanted = {(message.context, message.id) for message in messages(extract_messages(ROOT))}

    assert {(message.context, message.id) for message in messages(catalog)} == wanted
    assert len(wanted) > 200
    assert not catalog.obsolete
    for message in messages(catalog):
        assert not message.fuzzy, message.id
        assert all(translation for _, translation in forms(message)), message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same_facts(language: str) -> None:
    for message in messages(read(language)):
        for english, translation in forms(message):
            if (message.context, message.id) == FIRST_DAY:
                continue
            assert sorted(FACTS.findall(translation)) == sorted(FACTS.findall(english)), english
            assert translation.count("\n") == english.count("\n"), english
            quoted = [re.findall(r"[“«]\s?(.*?)\s?[”»]", each) for each in (english, translation)]
            assert quoted[0] == quoted[1], english


def test_a_singular_has_the_variables_of_the_plural() -> None:
    for message in messages(extract_messages(ROOT)):
        if isinstance(message.id, tuple):
            one, many = (set(re.findall(r"%\((\w+)\)s", each)) for each in message.id)
            assert many - one <= WITHOUT_NUMBER, message.id
            assert one <= many, message.id


def test_english_is_its_own_translation() -> None:
    for message in messages(read("en")):
        assert all(english == translation for english, translation in forms(message))


@pytest.mark.parametrize("language", ["de", "fr", "it"])
def test_no_sentence_was_left_in_english(language: str) -> None:
    for message in messages(read(language)):
        for english, translation in forms(message):
            assert len(english.split()) < 3 or translation != english or "{" in english, english


def test_swiss_german_has_no_sharp_s() -> None:
    assert "ß" not in (PACKAGED / "de" / "LC_MESSAGES" / "mails.po").read_text(encoding="utf-8")


def test_french_has_a_no_break_space_before_its_signs() -> None:
    for message in messages(read("fr")):
        for _, translation in forms(message):
            assert not re.search(
                r"[^\N{NO-BREAK SPACE}][;:?!»](?=\s|$)|«[^\N{NO-BREAK SPACE}]", translation
            )


def test_italian_has_no_article_that_depends_on_a_number() -> None:
    """It is “il 90 %”, but “l’88 %”: the number is not known when the text is written."""
    for message in messages(read("it")):
        for _, translation in forms(message):
            assert not re.search(
                r"\b(il|l[’']|dei|degli|del|al) ?%\((percent|capacity)", translation
            )


def translate(compiled: GNUTranslations, message: Message, n: int) -> str:
    if isinstance(message.id, str):
        if message.context is None:
            return compiled.gettext(message.id)
        return compiled.pgettext(message.context, message.id)
    one, many = message.id
    if message.context is None:
        return compiled.ngettext(one, many, n)
    return compiled.npgettext(message.context, one, many, n)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_was_translated(language: str) -> None:
    with (PACKAGED / language / "LC_MESSAGES" / "mails.mo").open("rb") as file:
        compiled = GNUTranslations(file)
    catalog = read(language)

    # The same texts are compiled to the same bytes at any time.
    assert compiled.info()["pot-creation-date"] == "2026-11-30 12:00+0000"
    for message in messages(catalog):
        shown = {translate(compiled, message, n) for n in (0, 1, 2, 5)}
        assert shown == {translation for _, translation in forms(message)}


def test_a_language_counts_in_its_own_way() -> None:
    counts = {language: read(language).plural_expr for language in LANGUAGES}

    assert counts == {"de": "(n != 1)", "en": "(n != 1)", "fr": "(n > 1)", "it": "(n != 1)"}


def test_catalogs_are_loaded_only_to_compose() -> None:
    code = (
        "import sys, backup_monitoring.mail.compose; "
        "sys.exit('babel' in sys.modules or 'jinja2' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT / "lib").returncode == 0
