"""Languages that somebody wants: values of Accept-Language, and what directories have instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.model.languages import LanguageError, parse_languages


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("de-CH", ("de-CH",)),
        ("fr-CH, de;q=0.5", ("fr-CH", "de")),
        ("de;q=0.5, fr-CH", ("fr-CH", "de")),
        ("da, en-gb;q=0.8, en;q=0.7", ("da", "en-gb", "en")),
        ("de;q=0.3,fr;q=0.9,it;q=0.3", ("fr", "de", "it")),
        ("de;q=0, fr", ("fr",)),
        ("de;q=0.000, fr;q=1.000", ("fr",)),
        ("de, *;q=0.1", ("de",)),
        ("*", ()),
        ("", ()),
        (" \t", ()),
        ("de_CH", ("de-CH",)),
        (" de-CH\n", ("de-CH",)),
        ("\N{NO-BREAK SPACE}de ; q = 0.5 ,, fr", ("fr", "de")),
        ("de, de;q=0.1", ("de",)),
        ("zh-Hant-CN-x-private1", ("zh-Hant-CN-x-private1",)),
    ],
)
def test_languages(text: str, tags: tuple[str, ...]) -> None:
    assert parse_languages(text) == tags


@pytest.mark.parametrize(
    "text",
    [
        "deutsch",
        "German",
        "d",
        "de-",
        "de CH",
        "de/fr",
        "de;fr",
        "de;q=2",
        "de;q=-1",
        "de;q=0.1234",
        "de;q=",
        "../../etc",
        "fr-CH, d!",
        "dé",
        "de\x00",
        "de" + "," * 5000,
    ],
)
def test_what_names_no_language_is_an_error(text: str) -> None:
    with pytest.raises(LanguageError):
        parse_languages(text)


@given(st.text(st.sampled_from("deCH-_,;q=01. *\n\x00é"), max_size=300))
def test_any_text_is_tags_or_an_error(text: str) -> None:
    try:
        tags = parse_languages(text)
    except LanguageError:
        return
    assert all(tag.replace("-", "").isalnum() for tag in tags)
