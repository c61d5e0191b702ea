"""The words: one for one thing, in code, help, output and documentation alike."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SUFFIXES = {
    ".py",
    ".md",
    ".toml",
    ".conf",
    ".cfg",
    ".service",
    ".timer",
    ".path",
    ".svg",
    ".jinja",
    ".po",
    "",
}
PLACES = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("bin", "checks", "docs", "examples", "icinga", "lib", "tools"),
)
MADE = (".venv", "tree", "mails")  # by examples/run
FILES = sorted(
    path
    for place in (ROOT / each for each in PLACES)
    for path in ([place] if place.is_file() else place.rglob("*"))
    if path.is_file() and path.suffix in SUFFIXES and not {"home", *MADE} & {*path.parts}
)
# What is written otherwise, and what instead.
WORDS = {
    r"\b(told|tells?|telling|untold)\b": "notify, send, say, show, return whether",
    r"\b(is|are|was) no (?!longer|more|part|help|reason)[a-z]": "is not a valid ..., is not a ...",
    r"\bout of sense\b": "not valid",
    r"\bsuch as\b": "for example, like",
    r"\ban account and check\b|\ba check and account\b": "per account and check",
    r"\b(desk|teller|trial|judgeable)\b": "notifier, dispatcher, installation check, eligible",
    r"\b(a|one|last|next|each|every|this|another|the) pass\b|\bpasses\b(?= of| over)": "run",
    r"(?<!\[)\bpatience\b": "thresholds to warn",
    r"(?<!`)\baudit\b": "log (`[notify] log`)",
    r"\bone look\b|\bat a look\b": "a single check",
}


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("pattern", WORDS)
def test_words_that_are_not_used(pattern: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in FILES
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if re.search(pattern, line, re.IGNORECASE)
    ]

    assert not found, f"write {WORDS[pattern]!r}:\n" + "\n".join(found)
