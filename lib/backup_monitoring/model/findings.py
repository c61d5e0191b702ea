"""Findings: what an administrator should correct, by kind."""

from typing import NamedTuple


class Finding(NamedTuple):
    """Something that an administrator should correct, and that changes no state by itself.

    Args:
        kind: a key of `FINDING_KINDS`.
        where: the entry's distinguished name, or the file.
        problem: what is wrong with it.
    """

    kind: str
    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


FINDING_KINDS = {
    "attribute": "an attribute value is not valid",
    "clock": "a computer's clock is wrong, or this server's was set back",
    "contacts": "persons or resellers that the directory does not show",
    "held": "an account is missing, and held until this is accepted",
    "history": "what earlier runs knew of computers was lost",
    "home": "an account has no home directory, or it cannot be read, or is another one's",
    "lost": "an account is missing, which is believed",
    "missing_computer": "a computer's folder no longer exists",
    "offset": "the UTC offset of a date is ambiguous",
    "orphan": "a home directory without an account",
    "report": "a file is not a valid report",
    "traversal": "a home directory is too large to be searched completely",
    "unassigned": "an account is on no backup server",
    "zone": "this server's time zone is not known",
}
