"""The return path of a mail: where mail servers report that it could not be delivered."""

import re
from collections.abc import Iterable, Iterator

TOKEN = "{token}"  # noqa: S105 - its place in [notify] return_path
_LONGEST = 1000  # characters of a field that are looked at


def make_return_path(template: str, token: str) -> str:
    """Return the return path of a mail with *token*, by *template*, ``[notify] return_path``."""
    return template.replace(TOKEN, token)


def find_tokens(template: str, texts: Iterable[str]) -> Iterator[str]:
    """Yield what could be a token in the return paths by *template* that *texts* have.

    In small letters: some mail servers change the case of an address.
    """
    before, _, after = template.partition(TOKEN)
    path = re.compile(f"{re.escape(before)}([a-z0-9-]{{1,50}}){re.escape(after)}", re.I)
    for text in texts:
        for found in path.finditer(text[:_LONGEST]):
            yield found[1].lower()
