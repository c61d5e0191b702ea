"""What a task needs of an entry, and of the files in a home directory."""

from enum import Flag, auto
from typing import NamedTuple


class Need(Flag):
    """The attributes of an entry to fetch, besides uid and status."""

    NOTHING = 0
    QUOTA = auto()  # used, capacity, quota_missing, quota_threshold
    WARN_AFTER = auto()  # warning_numbers, warning_days
    LAST_SUCCESS = auto()
    CREATED = auto()
    HOME = auto()
    HOSTS = auto()
    ALL = QUOTA | WARN_AFTER | LAST_SUCCESS | CREATED | HOME | HOSTS


class Files(Flag):
    """The files of a home directory to read; SCHEDULE includes the start, for its offset."""

    START = auto()
    END = auto()
    SCHEDULE = auto()
    DATA = auto()
    REPORTS = START | END | SCHEDULE
    ALL = REPORTS | DATA


class Needs(NamedTuple):
    """What a task needs: *entry* of the entry, *files* of the home directory (None: nothing)."""

    entry: Need
    files: Files | None
