"""Losses: which of the accounts that are missing are believed to be gone, and which are held?"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from backup_monitoring.model import LossReason

WINDOW = timedelta(days=7)
ALWAYS_BELIEVED = 3  # accounts


class LossVerdict(Enum):
    """What follows from the loss of an account."""

    BELIEVED = "believed"  # it is no longer monitored, or no longer has computers
    HELD = "held"  # it keeps its last data, and is UNKNOWN
    ACCEPTED = "accepted"  # was held, and the administrator has accepted it


class LostAccount(NamedTuple):
    """An account that was there, and is missing.

    Args:
        uid: its name. customers: their uids, in lower case.
        since: when a run first missed it, aware UTC. reason: what shows it.
    """

    uid: str
    customers: tuple[str, ...]
    since: datetime
    reason: LossReason
    verdict: LossVerdict = LossVerdict.HELD


Losses = Mapping[str, LostAccount]  # by the account's key


def judge_losses(
    known: Losses,
    returned: Collection[str],
    new: Losses,
    monitored: int,
    max_loss: float,
    now: datetime,
) -> dict[str, LostAccount]:
    """Return the lost accounts of the last 7 days, and those that are held, with their verdicts.

    They are one set. If all of it is one customer's, or if it is small, its new members are
    believed; otherwise they are held. A verdict stays: what was believed was acted upon, and what
    is held waits for the administrator, or until the account is back.

    Args:
        known: those of earlier runs. returned: which of them are back.
        new: those that this run is the first to miss; their verdict is not used.
        monitored: how many accounts there were before.
        max_loss: percent of these that are a small set; 3 accounts always are.
        now: of the run, aware UTC.
    """
    # What a wrong clock of this server has dated ahead would count for as long.
    dated = {key: lost._replace(since=min(lost.since, now)) for key, lost in known.items()}
    kept = {
        key: lost
        for key, lost in dated.items()
        if key not in returned and (lost.verdict is LossVerdict.HELD or now - lost.since < WINDOW)
    }
    lost = {**kept, **new}
    small = len(lost) <= max(ALWAYS_BELIEVED, monitored * max_loss / 100)
    believed = small or _have_one_customer(lost.values())
    verdict = LossVerdict.BELIEVED if believed else LossVerdict.HELD
    return kept | {key: each._replace(verdict=verdict) for key, each in new.items()}


def _have_one_customer(lost: Iterable[LostAccount]) -> bool:
    """Return whether some customer owns all of *lost*; one that is not known owns nothing."""
    owners = [set(each.customers) for each in lost]
    return bool(owners) and bool(set.intersection(*owners))
