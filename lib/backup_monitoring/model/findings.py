"""Findings: what an administrator should correct, by kind."""

from typing import NamedTuple


class Finding(NamedTuple):
    """Something that an administrator should put right, and that changes no state by itself.

    Args:
        kind: a stable name to count by, such as ``attribute`` or ``report``.
        where: the entry's distinguished name or the file.
        problem: what is wrong with it.
    """

    kind: str
    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


FINDING_KINDS = {
    "attribute": "a value in an entry is out of sense",
    "clock": "this server's clock was set back",
    "gone": "a computer's folder is there no more",
    "home": "an account without a home, or one that may not be read",
    "offset": "a date whose offset is ambiguous",
    "orphan": "a home without an account",
    "people": "people or resellers that the directory does not show",
    "report": "a file is not understood",
    "server": "an account on no backup server",
    "walk": "a home is too large to be looked through",
}
