"""What a rule needs of an entry, and of the files in a home."""

from enum import Flag, auto


class Need(Flag):
    """What of an account's entry is asked for, besides its uid and whether it is watched."""

    NOTHING = 0
    QUOTA = auto()  # used, capacity, quota_missing, quota_threshold
    WARN_AFTER = auto()  # warning_numbers, warning_days
    LAST_SUCCESS = auto()
    CREATED = auto()
    HOME = auto()
    HOSTS = auto()
    ALL = QUOTA | WARN_AFTER | LAST_SUCCESS | CREATED | HOME | HOSTS


class Files(Flag):
    """What is read in an account's home; SCHEDULE reads the start too, for its offset."""

    START = auto()
    END = auto()
    SCHEDULE = auto()
    DATA = auto()
    REPORTS = START | END | SCHEDULE
    ALL = REPORTS | DATA
