"""Histories, each played run by run: what a computer shows, and what the rules must say then.

What is expected follows from the rules' words alone (docs/rules.md), not from the code.
Times are of November 2026 in Zurich: ``20 21:00`` is 2026-11-20T21:00+01:00.
"""

from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.codec import Codec
from backup_monitoring.model.uploads import (
    Computer,
    End,
    History,
    InvalidReport,
    NoSchedule,
    Receipt,
    Schedule,
    Start,
    Uploads,
)
from backup_monitoring.model.verdicts import State, Verdict
from backup_monitoring.store.history import (
    TrackedComputer,
    make_mark,
    mark_missing,
    update_computer,
)
from backup_monitoring.tasks import schedule as planned
from backup_monitoring.tasks import status as ended
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status_task import StatusPolicy
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy
from cases import LONG_AGO, PERL, at, daily, offset

# Two failed or missed are WARNING, three CRITICAL; the account is much older than its computers.
ACCOUNT = Account("4000101", "", created=LONG_AGO, warning_numbers=2, warning_days=0)
POLICIES = (
    WarnAfterPolicy(),
    SchedulePolicy(zones=(ZoneInfo("Europe/Zurich"),)),
    StatusPolicy(),
)
OK, WARNING, CRITICAL, UNKNOWN = State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN
CODEC: Codec[TrackedComputer] = Codec(TrackedComputer)
TORN = InvalidReport("/home/4000101/f.xml", "torn")


def written(text: str) -> str:
    return f"2026-11-{text.replace(' ', 'T')}+01:00" if len(text) < 10 else text


def began(text: str, run: str = "") -> Start:
    moment = written(text)
    return Start(at(moment), offset(moment), run or text[:2], PERL, Receipt(at(moment)))


def good(text: str, run: str = "") -> End:
    moment = written(text)
    return End(at(moment), offset(moment), run or text[:2], True, PERL, Receipt(at(moment)))


def bad(text: str, run: str = "") -> End:
    return good(text, run)._replace(success=False)


def came(start: Start, text: str) -> Start:
    return start._replace(received=Receipt(at(written(text))))


class Look(NamedTuple):
    """A collector run: what it sees, and what the rules must say after it.

    Args:
        failed: the metric, None where there is none; a text such as "2+" is a lower bound.
        missed: the schedule rule's metric, with its state.
    """

    now: str
    start: Start | InvalidReport | None
    end: End | InvalidReport | None
    failed: int | str | None
    state: State
    plan: Schedule | InvalidReport | None = None
    missed: tuple[int | None, State] | None = None
    gone: bool = False


def torn(text: str) -> InvalidReport:
    """A report that came then, and cannot be read."""
    return InvalidReport("/home/4000101/f.xml", "empty file", Receipt(at(written(text))))


MOVED = daily(10)
BY_HAND = Schedule(NoSchedule.BY_HAND, PERL, LONG_AGO)
HISTORIES = {
    "failures in a row": [
        Look("20 21:00", began("20 20:00"), bad("20 20:40"), "1+", OK),
        Look("21 20:10", began("21 20:00"), bad("20 20:40"), "1+", OK),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), "2+", WARNING),
        Look("21 21:05", began("21 20:00"), bad("21 20:40"), "2+", WARNING),
        Look("22 21:00", began("22 20:00"), bad("22 20:40"), "3+", CRITICAL),
        Look("23 20:10", began("23 20:00"), bad("22 20:40"), "3+", CRITICAL),
        Look("23 21:00", began("23 20:00"), good("23 20:40"), 0, OK),
        Look("24 20:10", began("24 20:00"), good("23 20:40"), 0, OK),
        Look("24 21:00", began("24 20:00"), bad("24 20:40"), 1, OK),
        Look("25 21:00", began("25 20:00"), bad("25 20:40"), 2, WARNING),
    ],
    "a success is the first that is seen": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), 1, OK),
        Look("22 21:00", began("22 20:00"), bad("22 20:40"), 2, WARNING),
    ],
    "the first look finds a run and the end before it": [
        Look("20 20:10", began("20 20:00"), bad("19 20:40"), "1+", OK),
        Look("20 21:00", began("20 20:00"), bad("20 20:40"), "2+", WARNING),
    ],
    "an end that was overwritten unseen": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK),
        Look("21 20:10", began("21 20:00"), good("20 20:40"), 0, OK),
        # the one of 21 ended, or did not, and that of 22 is not known at all
        Look("23 21:00", began("23 20:00"), bad("23 20:40"), "1+", OK),
        Look("24 21:00", began("24 20:00"), bad("24 20:40"), "2+", WARNING),
        Look("25 20:10", began("25 20:00"), bad("24 20:40"), "2+", WARNING),
        Look("27 20:10", began("27 20:00"), bad("26 20:40"), "3+", CRITICAL),
        Look("27 21:00", began("27 20:00"), good("27 20:40"), 0, OK),
        Look("28 21:00", began("28 20:00"), bad("28 20:40"), 1, OK),
    ],
    "an end that was overwritten unseen does not end the row": [
        Look("20 21:00", began("20 20:00"), bad("20 20:40"), "1+", OK),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), "2+", WARNING),
        Look("22 20:10", began("22 20:00"), bad("21 20:40"), "2+", WARNING),
        Look("23 21:00", began("23 20:00"), bad("23 20:40"), "3+", CRITICAL),
    ],
    "the end of the open run comes together with the next start": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK),
        Look("21 20:10", began("21 20:00"), good("20 20:40"), 0, OK),
        Look("22 20:10", began("22 20:00"), bad("21 20:40"), 1, OK),
        Look("23 20:10", began("23 20:00"), bad("22 20:40"), 2, WARNING),
        Look("24 20:10", began("24 20:00"), good("23 20:40"), 0, OK),
    ],
    "starts that were lost": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK),
        Look("21 21:00", began("20 20:00"), bad("21 20:40"), 1, OK),
        Look("22 21:00", began("20 20:00"), bad("22 20:40"), 2, WARNING),
        Look("23 21:00", began("20 20:00"), good("23 20:40"), 0, OK),
    ],
    "no start was ever uploaded": [
        Look("20 21:00", None, bad("20 20:40"), "1+", OK),
        Look("21 21:00", None, bad("21 20:40"), "2+", WARNING),
        Look("22 21:00", None, good("22 20:40"), 0, OK),
        Look("23 21:00", None, bad("23 20:40"), 1, OK),
    ],
    "a first upload of days": [
        Look("18 20:05", began("18 20:00"), None, 0, OK, daily(20), (0, OK)),
        Look("20 23:00", began("18 20:00"), None, 0, OK, daily(20), (0, OK)),
        Look("25 19:59", began("18 20:00"), None, 0, OK, daily(20), (0, OK)),
        Look("25 20:01", began("18 20:00"), None, "1+", OK, daily(20), (0, OK)),
        Look("26 12:00", began("18 20:00"), good("26 11:00"), 0, OK, daily(20), (0, OK)),
        Look("26 23:00", began("18 20:00"), good("26 11:00"), 0, OK, daily(20), (1, OK)),
    ],
    "a first upload that is killed, and its week counts from the first start": [
        Look("18 20:05", began("18 20:00"), None, 0, OK),
        Look("21 20:05", began("21 20:00"), None, "1+", OK),
        Look("24 20:05", began("24 20:00"), None, "2+", WARNING),
        Look("25 19:59", began("24 20:00"), None, "2+", WARNING),
        Look("25 20:01", began("24 20:00"), None, "3+", CRITICAL),
        Look("26 20:05", began("26 20:00"), None, "3+", CRITICAL),
        Look("26 21:00", began("26 20:00"), good("26 20:40"), 0, OK),
    ],
    "a first upload that is killed, and begins again after its week": [
        Look("10 20:05", began("10 20:00"), None, 0, OK, daily(20), (0, OK)),
        Look("17 20:01", began("10 20:00"), None, "1+", OK, daily(20), (0, OK)),
        Look("20 20:05", began("20 20:00"), None, "1+", OK, daily(20), (0, OK)),
        Look("21 19:59", began("20 20:00"), None, "1+", OK, daily(20), (0, OK)),
        Look("21 20:01", began("20 20:00"), None, "2+", WARNING, daily(20), (0, OK)),
        Look("21 23:00", began("20 20:00"), good("21 22:40"), 0, OK, daily(20), (0, OK)),
    ],
    "a client that is killed every day": [
        Look("19 21:00", began("19 20:00"), good("19 20:40"), 0, OK, daily(20), (0, OK)),
        Look("20 20:10", began("20 20:00"), good("19 20:40"), 0, OK, daily(20), (0, OK)),
        Look("21 20:10", began("21 20:00"), good("19 20:40"), 1, OK, daily(20), (0, OK)),
        Look("21 23:00", began("21 20:00"), good("19 20:40"), 1, OK, daily(20), (0, OK)),
        Look("22 20:10", began("22 20:00"), good("19 20:40"), 2, WARNING, daily(20), (0, OK)),
        Look("23 20:10", began("23 20:00"), good("19 20:40"), 3, CRITICAL, daily(20), (0, OK)),
        Look("23 21:00", began("23 20:00"), good("23 20:40"), 0, OK, daily(20), (0, OK)),
    ],
    "a run that never ended is counted once": [
        Look("19 21:00", began("19 20:00"), good("19 20:40"), 0, OK),
        Look("20 20:10", began("20 20:00"), good("19 20:40"), 0, OK),
        Look("21 19:59", began("20 20:00"), good("19 20:40"), 0, OK),
        Look("21 20:01", began("20 20:00"), good("19 20:40"), 1, OK),
        Look("22 20:10", began("22 20:00"), good("19 20:40"), 1, OK),
        Look("22 21:00", began("22 20:00"), bad("22 20:40"), 2, WARNING),
    ],
    "a run that took longer than any may ended after all": [
        Look("19 21:00", began("19 20:00"), good("19 20:40"), 0, OK),
        Look("21 20:01", began("20 20:00"), good("19 20:40"), 1, OK),
        Look("21 21:00", began("20 20:00"), good("21 20:50"), 0, OK),
    ],
    "the end of an earlier run was uploaded late": [
        Look("19 21:00", began("19 20:00"), bad("19 20:40"), "1+", OK),
        Look("21 20:10", began("21 20:00"), bad("19 20:40"), "1+", OK),
        Look("21 20:15", began("21 20:00"), good("20 20:40"), 0, OK),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), 1, OK),
    ],
    "the end of an earlier run was uploaded late, together with the next start": [
        Look("19 21:00", began("19 20:00"), good("19 20:40"), 0, OK),
        Look("20 20:10", began("20 20:00"), good("19 20:40"), 0, OK),
        Look("21 20:10", began("21 20:00"), good("19 20:40"), 1, OK),
        # 20 ended well after all, and 21 never did
        Look("22 20:10", began("22 20:00"), good("20 20:40"), 1, OK),
        Look("23 20:10", began("23 20:00"), good("20 20:40"), 2, WARNING),
    ],
    "the end of a run that never ended was uploaded late, and it failed once": [
        Look("19 21:00", began("19 20:00"), good("19 20:40"), 0, OK),
        Look("20 20:10", began("20 20:00"), good("19 20:40"), 0, OK),
        Look("21 20:10", began("21 20:00"), good("19 20:40"), 1, OK),
        Look("21 20:15", began("21 20:00"), bad("20 20:40"), 1, OK),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), 2, WARNING),
        Look("22 20:10", began("22 20:00"), bad("21 20:40"), 2, WARNING),
    ],
    "the same, together with the next start": [
        Look("19 21:00", began("19 20:00"), good("19 20:40"), 0, OK),
        Look("20 20:10", began("20 20:00"), good("19 20:40"), 0, OK),
        Look("21 20:10", began("21 20:00"), good("19 20:40"), 1, OK),
        Look("22 20:10", began("22 20:00"), bad("20 20:40"), 2, WARNING),
        Look("22 21:00", began("22 20:00"), good("22 20:40"), 0, OK),
    ],
    "the end of a run whose start was not seen does not tell of the one that was open": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK),
        Look("21 20:10", began("21 20:00"), good("20 20:40"), 0, OK),
        Look("23 20:10", began("23 20:00"), bad("22 20:40"), "1+", OK),
        Look("23 21:00", began("23 20:00"), bad("23 20:40"), "2+", WARNING),
    ],
    "the first sight of a schedule is no change of it": [
        Look("23 12:00", began("20 20:00"), good("20 20:40"), 0, OK, daily(20), (2, WARNING)),
        Look("23 23:00", began("20 20:00"), good("20 20:40"), 0, OK, daily(20), (3, CRITICAL)),
    ],
    "a schedule that was moved at noon": [
        Look("22 21:00", began("22 20:00"), good("22 20:40"), 0, OK, daily(20), (0, OK)),
        # its due time of this morning is none: it was not planned then
        Look("23 12:30", began("22 20:00"), good("22 20:40"), 0, OK, MOVED, (0, OK)),
        Look("24 11:59", began("22 20:00"), good("22 20:40"), 0, OK, MOVED, (0, OK)),
        Look("24 12:01", began("22 20:00"), good("22 20:40"), 0, OK, MOVED, (1, OK)),
        Look("25 12:01", began("22 20:00"), good("22 20:40"), 0, OK, MOVED, (2, WARNING)),
        Look("26 11:00", began("26 10:00"), good("26 10:40"), 0, OK, MOVED, (0, OK)),
    ],
    "a new offset alone is no new schedule": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK, daily(20, utc=2), (0, OK)),
        Look("21 23:00", began("20 20:00"), good("20 20:40"), 0, OK, daily(20, utc=1), (1, OK)),
        Look("22 23:00", began("20 20:00"), good("20 20:40"), 0, OK, daily(20), (2, WARNING)),
    ],
    "a schedule that was not understood for a while is the same afterwards": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK, daily(20), (0, OK)),
        Look("21 23:00", began("20 20:00"), good("20 20:40"), 0, OK, TORN, (1, OK)),
        Look("21 23:05", began("20 20:00"), good("20 20:40"), 0, OK, daily(20), (1, OK)),
    ],
    "a computer that is new in an old account": [
        Look("23 12:00", None, None, None, OK, daily(20), (0, OK)),
        Look("23 21:59", None, None, None, OK, daily(20), (0, OK)),
        Look("23 22:01", None, None, None, OK, daily(20), (1, OK)),
        Look("24 22:01", None, None, None, OK, daily(20), (2, WARNING)),
        Look("25 20:10", began("25 20:00"), None, 0, OK, daily(20), (0, OK)),
        Look("25 21:00", began("25 20:00"), good("25 20:40"), 0, OK, daily(20), (0, OK)),
    ],
    "a computer that vanished, and came back as it was": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), 1, OK),
        Look("22 21:00", began("22 20:00"), bad("22 20:40"), 2, WARNING),
        Look("23 12:00", None, None, None, OK, gone=True),
        Look("23 12:05", None, None, None, OK, gone=True),
        Look("24 12:00", began("22 20:00"), bad("22 20:40"), 2, WARNING),
        Look("24 21:00", began("24 20:00"), bad("24 20:40"), 3, CRITICAL),
    ],
    "a computer that vanished, and began anew": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), 1, OK),
        Look("22 12:00", None, None, None, OK, gone=True),
        Look("24 20:10", began("24 20:00"), None, 1, OK),
        Look("24 21:00", began("24 20:00"), bad("24 20:40"), 2, WARNING),
        Look("25 21:00", began("25 20:00"), good("25 20:40"), 0, OK),
    ],
    "a computer with nothing but a schedule vanished, and came back": [
        Look("20 21:00", None, None, None, OK, daily(20), (0, OK)),
        Look("21 12:00", None, None, None, OK, gone=True),
        Look("21 13:00", None, None, None, OK, daily(20), (0, OK)),
        Look("21 20:10", began("21 20:00"), None, 0, OK, daily(20), (0, OK)),
    ],
    "a computer with nothing that can be read vanished, and came back": [
        Look("20 21:00", TORN, TORN, None, UNKNOWN),
        Look("21 12:00", None, None, None, OK, gone=True),
        Look("21 13:00", TORN, TORN, None, UNKNOWN),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), "1+", OK),
    ],
    "the client's clock was set into the future, and back": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), 1, OK),
        Look("22 20:10", began("2027-11-22T20:00+01:00"), bad("21 20:40"), None, UNKNOWN),
        Look(
            "22 21:00",
            began("2027-11-22T20:00+01:00"),
            good("2027-11-22T20:40+01:00"),
            None,
            UNKNOWN,
        ),
        Look("23 20:10", began("23 20:00"), good("2027-11-22T20:40+01:00"), None, UNKNOWN),
        Look("23 21:00", began("23 20:00"), bad("23 20:40"), 2, WARNING),
        Look("24 20:10", began("24 20:00"), bad("23 20:40"), 2, WARNING),
    ],
    "the client's clock was set back by hours": [
        Look("20 21:00", began("20 20:00"), bad("20 20:40"), "1+", OK),
        # The newest by time decides: until its end comes, the end of before is the newest.
        Look("20 22:10", began("20 17:00"), bad("20 20:40"), "1+", OK),
        Look("20 22:50", began("20 17:00"), bad("20 17:40"), "2+", WARNING),
        Look("21 21:00", began("21 20:00"), good("21 20:40"), 0, OK),
    ],
    "an end that is not understood in between": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), 1, OK),
        Look("22 21:00", began("22 20:00"), TORN, 1, UNKNOWN),
        Look("22 21:05", began("22 20:00"), bad("22 20:40"), 2, WARNING),
        Look("23 20:10", TORN, bad("22 20:40"), 2, WARNING),
        Look("23 21:00", began("23 20:00"), bad("23 20:40"), 3, CRITICAL),
    ],
    "a start that is not understood hides no run that never ended": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK),
        Look("21 20:10", began("21 20:00"), good("20 20:40"), 0, OK),
        Look("22 20:10", TORN, good("20 20:40"), 1, UNKNOWN),
        Look("22 20:15", began("22 20:00"), good("20 20:40"), 1, OK),
    ],
    "a torn start, and the computer is dead since": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK, daily(20), (0, OK)),
        Look(
            "21 20:10",
            torn("21 20:00"),
            good("20 20:40"),
            None,
            UNKNOWN,
            daily(20),
            (None, UNKNOWN),
        ),
        Look(
            "22 21:59",
            torn("21 20:00"),
            good("20 20:40"),
            None,
            UNKNOWN,
            daily(20),
            (None, UNKNOWN),
        ),
        Look(
            "22 22:01", torn("21 20:00"), good("20 20:40"), None, UNKNOWN, daily(20), (1, UNKNOWN)
        ),
        Look(
            "23 22:01", torn("21 20:00"), good("20 20:40"), None, UNKNOWN, daily(20), (2, WARNING)
        ),
        Look(
            "24 22:01", torn("21 20:00"), good("20 20:40"), None, UNKNOWN, daily(20), (3, CRITICAL)
        ),
        Look("25 20:10", began("25 20:00"), good("20 20:40"), 0, OK, daily(20), (0, OK)),
    ],
    "nothing but a torn start": [
        Look("21 20:10", torn("21 20:00"), None, None, UNKNOWN, daily(20), (None, UNKNOWN)),
        Look("23 22:01", torn("21 20:00"), None, None, UNKNOWN, daily(20), (2, WARNING)),
    ],
    "a torn start every day is a backup every day": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK, daily(20), (0, OK)),
        Look(
            "21 23:00",
            torn("21 20:00"),
            good("21 20:40"),
            None,
            UNKNOWN,
            daily(20),
            (None, UNKNOWN),
        ),
        Look("22 23:00", torn("22 20:00"), bad("22 20:40"), 1, UNKNOWN, daily(20), (None, UNKNOWN)),
        Look("23 23:00", torn("23 20:00"), bad("23 20:40"), 2, WARNING, daily(20), (None, UNKNOWN)),
    ],
    "a torn start of a client whose clock is slow": [
        Look(
            "20 23:50",
            came(began("20 20:00"), "20 23:00"),
            None,
            0,
            OK,
            daily(20),
            (0, OK),
        ),
        Look("22 01:00", torn("21 23:00"), None, None, UNKNOWN, daily(20), (None, UNKNOWN)),
    ],
    "a torn end ends its run, however that went": [
        Look("19 21:00", began("19 20:00"), good("19 20:40"), 0, OK, daily(20), (0, OK)),
        Look("20 20:10", began("20 20:00"), good("19 20:40"), 0, OK, daily(20), (0, OK)),
        Look("20 21:00", began("20 20:00"), torn("20 20:40"), None, UNKNOWN, daily(20), (0, OK)),
        # it is not running, so that the next due time is missed, and it never counts as failed
        Look("21 22:01", began("20 20:00"), torn("20 20:40"), None, UNKNOWN, daily(20), (1, OK)),
        Look("22 20:10", began("22 20:00"), torn("20 20:40"), None, UNKNOWN, daily(20), (0, OK)),
        Look("22 21:00", began("22 20:00"), bad("22 20:40"), "1+", OK, daily(20), (0, OK)),
    ],
    "a torn end, and failures before": [
        Look("18 21:00", began("18 20:00"), good("18 20:40"), 0, OK),
        Look("19 21:00", began("19 20:00"), bad("19 20:40"), 1, OK),
        Look("20 21:00", began("20 20:00"), bad("20 20:40"), 2, WARNING),
        Look("21 20:10", began("21 20:00"), bad("20 20:40"), 2, WARNING),
        Look("21 21:00", began("21 20:00"), torn("21 20:40"), 2, WARNING),
        Look("22 20:10", began("22 20:00"), torn("21 20:40"), "2+", WARNING),
        Look("22 21:00", began("22 20:00"), good("22 20:40"), 0, OK),
    ],
    "a torn end of before ends no newer run": [
        Look("19 21:00", began("19 20:00"), good("19 20:40"), 0, OK, daily(20), (0, OK)),
        Look("20 21:00", began("20 20:00"), torn("20 20:40"), None, UNKNOWN, daily(20), (0, OK)),
        Look("21 20:10", began("21 20:00"), torn("20 20:40"), None, UNKNOWN, daily(20), (0, OK)),
        Look("22 20:01", began("21 20:00"), torn("20 20:40"), "1+", UNKNOWN, daily(20), (0, OK)),
        Look("23 20:10", began("23 20:00"), torn("20 20:40"), "1+", UNKNOWN, daily(20), (0, OK)),
        Look("24 20:10", began("24 20:00"), torn("20 20:40"), "2+", WARNING, daily(20), (0, OK)),
    ],
    "an end whose file cannot be opened may be of any time": [
        Look("19 21:00", began("19 20:00"), good("19 20:40"), 0, OK),
        Look("20 21:00", began("20 20:00"), TORN, None, UNKNOWN),
        Look("21 20:10", began("21 20:00"), TORN, None, UNKNOWN),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), "1+", OK),
    ],
    "a torn end ends its run, though a clock of the future tears it again": [
        Look("19 21:00", began("19 20:00"), good("19 20:40"), 0, OK),
        Look("20 21:00", began("20 20:00"), torn("20 20:40"), None, UNKNOWN),
        Look("21 12:00", began("20 20:00"), torn("29 20:40"), None, UNKNOWN),
        Look("21 20:10", began("21 20:00"), good("19 20:40"), 0, OK),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), "1+", OK),
    ],
    "both torn, and dead since": [
        Look("20 21:00", began("20 20:00"), bad("20 20:40"), "1+", OK, daily(20), (0, OK)),
        Look(
            "21 21:00",
            torn("21 20:00"),
            torn("21 20:40"),
            "1+",
            UNKNOWN,
            daily(20),
            (None, UNKNOWN),
        ),
        Look(
            "24 22:01", torn("21 20:00"), torn("21 20:40"), "1+", UNKNOWN, daily(20), (3, CRITICAL)
        ),
    ],
    "a schedule whose file was deleted": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK, daily(20), (0, OK)),
        Look("21 21:00", began("21 20:00"), good("21 20:40"), 0, OK, None, (0, OK)),
        Look("23 22:01", began("21 20:00"), good("21 20:40"), 0, OK, None, (2, WARNING)),
        Look("24 22:01", None, None, 0, OK, None, (3, CRITICAL)),
        Look("25 21:00", began("25 20:00"), good("25 20:40"), 0, OK, None, (0, OK)),
        Look("28 21:00", began("25 20:00"), good("25 20:40"), 0, OK, BY_HAND, (None, OK)),
    ],
    "a schedule that is torn, and one that was never seen": [
        Look(
            "20 21:00",
            began("20 20:00"),
            good("20 20:40"),
            0,
            OK,
            torn("20 20:00"),
            (None, UNKNOWN),
        ),
        Look("21 21:00", began("21 20:00"), good("21 20:40"), 0, OK, daily(20), (0, OK)),
        Look(
            "24 22:01", began("21 20:00"), good("21 20:40"), 0, OK, torn("22 20:00"), (3, CRITICAL)
        ),
    ],
    "a good run of 60 hours every week, of a client that says daily": [
        # its first run says nothing about later ones
        Look("01 21:00", began("01 20:00"), good("01 20:40"), 0, OK, daily(20), (0, OK)),
        Look("02 20:10", began("02 20:00"), good("01 20:40"), 0, OK, daily(20), (0, OK)),
        Look("03 21:00", began("02 20:00"), good("01 20:40"), 1, OK, daily(20), (0, OK)),
        Look("04 22:01", began("02 20:00"), good("01 20:40"), 1, OK, daily(20), (1, OK)),
        Look("05 08:10", began("02 20:00"), good("05 08:00", "02"), 0, OK, daily(20), (0, OK)),
        Look("09 20:10", began("09 20:00"), good("05 08:00", "02"), 0, OK, daily(20), (0, OK)),
        Look("12 07:50", began("09 20:00"), good("05 08:00", "02"), 0, OK, daily(20), (0, OK)),
        Look("12 08:10", began("09 20:00"), good("12 08:00", "09"), 0, OK, daily(20), (0, OK)),
        # it may take 90 hours, and due times are covered until then
        Look("16 20:10", began("16 20:00"), good("12 08:00", "09"), 0, OK, daily(20), (0, OK)),
        Look("20 13:59", began("16 20:00"), good("12 08:00", "09"), 0, OK, daily(20), (0, OK)),
        Look("20 14:01", began("16 20:00"), good("12 08:00", "09"), 1, OK, daily(20), (0, OK)),
        Look("20 22:01", began("16 20:00"), good("12 08:00", "09"), 1, OK, daily(20), (1, OK)),
    ],
    "a start that is uploaded after its end": [
        Look("19 21:00", began("19 20:00"), good("19 20:40"), 0, OK),
        Look("20 20:50", began("19 20:00"), good("20 20:40"), 0, OK),
        Look("20 21:05", came(began("20 20:00"), "20 21:00"), good("20 20:40"), 0, OK),
        Look("21 20:10", began("21 20:00"), good("20 20:40"), 0, OK),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), 1, OK),
    ],
    "files that were restored from a snapshot": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK, daily(20), (0, OK)),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), 1, OK, MOVED, (0, OK)),
        Look("22 12:01", began("20 20:00"), good("20 20:40"), 1, OK, daily(20), (1, OK)),
    ],
    "the same id twice": [
        Look("20 21:00", began("20 20:00", "5"), good("20 20:40", "5"), 0, OK),
        Look("21 20:10", began("21 20:00", "5"), good("20 20:40", "5"), 0, OK),
        Look("21 21:00", began("21 20:00", "5"), bad("21 20:40", "5"), 1, OK),
        Look("22 20:10", began("22 20:00", "5"), bad("21 20:40", "5"), 1, OK),
        Look("23 20:10", began("23 20:00", "5"), bad("21 20:40", "5"), 2, WARNING),
        Look("23 21:00", began("23 20:00", "5"), bad("23 20:40", "5"), 3, CRITICAL),
    ],
    "the start's file was deleted while a backup ran": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), 1, OK),
        Look("22 20:10", began("22 20:00"), bad("21 20:40"), 1, OK),
        Look("22 20:15", None, bad("21 20:40"), 1, OK),
        Look("22 21:00", None, bad("22 20:40"), 2, WARNING),
        Look("23 21:00", began("23 20:00"), bad("23 20:40"), 3, CRITICAL),
    ],
    "the end's file of a failure was deleted": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), 1, OK),
        Look("22 21:00", began("22 20:00"), bad("22 20:40"), 2, WARNING),
        Look("22 21:05", began("22 20:00"), None, 2, WARNING),
        Look("23 20:10", began("23 20:00"), None, 2, WARNING),
        Look("23 21:00", began("23 20:00"), good("23 20:40"), 0, OK),
    ],
    "the end's file of a success was deleted": [
        Look("20 21:00", began("20 20:00"), bad("20 20:40"), "1+", OK),
        Look("21 21:00", began("21 20:00"), bad("21 20:40"), "2+", WARNING),
        Look("22 21:00", began("22 20:00"), good("22 20:40"), 0, OK),
        Look("22 21:05", began("22 20:00"), None, 0, OK),
        Look("23 21:00", began("23 20:00"), bad("23 20:40"), 1, OK),
    ],
    "this server's clock was set into the future, and back": [
        Look("20 21:00", began("20 20:00"), good("20 20:40"), 0, OK, daily(20), (0, OK)),
        Look(
            "2027-11-20T21:00+01:00",
            began("20 20:00"),
            good("20 20:40"),
            0,
            OK,
            MOVED,
            (0, OK),
        ),
        Look("21 09:00", began("20 20:00"), good("20 20:40"), 0, OK, MOVED, (0, OK)),
        Look("21 12:01", began("20 20:00"), good("20 20:40"), 0, OK, MOVED, (1, OK)),
        Look("22 12:01", began("20 20:00"), bad("22 10:40"), 1, OK, MOVED, (0, OK)),
    ],
    "a computer was first seen by a clock of the future": [
        Look("2027-11-20T21:00+01:00", None, None, None, OK, daily(20), (0, OK)),
        Look("20 21:00", None, None, None, OK, daily(20), (0, OK)),
        Look("21 22:01", None, None, None, OK, daily(20), (1, OK)),
    ],
}


def get_metric(verdict: Verdict) -> int | str | None:
    """The metric, as a text where the sentence calls it a lower bound."""
    if not verdict.metrics:
        return None
    number = int(verdict.metrics[0].value)
    return f"{number}+" if "at least" in verdict.summary else number


@pytest.mark.parametrize("looks", HISTORIES.values(), ids=HISTORIES)
def test_history(looks: list[Look]) -> None:
    memory: TrackedComputer | None = None
    for each in looks:
        now = at(written(each.now))
        computer = Computer("web01", each.start, each.end, each.plan)
        if each.gone:
            assert memory is not None
            memory = mark_missing(memory, now)
            computer = Computer("web01", history=memory.history)
        else:
            memory = update_computer(memory, computer, now)
            computer = memory.join(computer)
        # as from one run to the next
        memory = CODEC.decode(CODEC.encode(memory))
        uploads = Uploads((computer,))

        verdict = ended.evaluate_status(ACCOUNT, uploads, Policies(*POLICIES), now)
        assert (each.now, get_metric(verdict), verdict.state) == (each.now, each.failed, each.state)
        if each.missed is not None:
            verdict = planned.evaluate_schedule(ACCOUNT, uploads, Policies(*POLICIES), now)
            assert (each.now, get_metric(verdict), verdict.state) == (each.now, *each.missed)


def past_after(*looks: tuple[str, Computer]) -> History:
    memory: TrackedComputer | None = None
    for now, computer in looks:
        memory = update_computer(memory, computer, at(written(now)))
    assert memory is not None
    return memory.history


def test_since_when_a_row_holds_and_what_went_well_last() -> None:
    history = past_after(
        ("20 21:00", Computer("a", began("20 20:00"), good("20 20:40"))),
        ("21 21:00", Computer("a", began("21 20:00"), bad("21 20:40"))),
        ("22 21:00", Computer("a", began("22 20:00"), bad("22 20:40"))),
        ("23 20:10", Computer("a", began("23 20:00"), bad("22 20:40"))),
    )

    assert history.first_seen == at("2026-11-20T21:00+01:00")
    assert history.failed == 2
    assert history.failed_since == at("2026-11-21T20:40+01:00")
    assert history.last_success == at("2026-11-20T20:40+01:00")


def test_a_clock_of_years_ago_is_not_a_retirement() -> None:
    """Its battery is empty: after each start the computer's clock begins anew."""
    old = Computer("web01", began("2010-01-01T00:05+01:00"), good("2010-01-01T00:45+01:00"))
    again = Computer("web01", began("2010-01-01T00:06+01:00"), bad("2010-01-01T00:40+01:00"))
    other = Computer("web02", began("24 20:00"), good("24 20:40"))
    once = old._replace(history=past_after(("23 20:45", old)))
    twice = again._replace(history=past_after(("23 20:45", old), ("24 20:45", again)))

    def list_sent_to(computer: Computer, now: str) -> tuple[State, tuple[str, ...]]:
        uploads = Uploads((computer, other))
        verdict = ended.evaluate_status(ACCOUNT, uploads, Policies(*POLICIES), at(written(now)))
        return verdict.state, verdict.retired

    # At the first look nobody knows since when its files have been there.
    assert list_sent_to(once, "24 20:50") == (OK, ("web01",))
    assert list_sent_to(twice, "24 20:50") == (OK, ())


def test_the_last_success_stays_known_when_its_end_is_overwritten() -> None:
    history = past_after(
        ("20 21:00", Computer("a", began("20 20:00"), good("20 20:40"))),
        ("21 21:00", Computer("a", began("21 20:00"), bad("21 20:40"))),
    )
    account = ACCOUNT._replace(warning_numbers=0, warning_days=2)
    computer = Computer("a", began("21 20:00"), bad("21 20:40"), history=history)

    def state(now: str) -> State:
        rules = Policies(*POLICIES)
        return ended.evaluate_status(account, Uploads((computer,)), rules, at(written(now))).state

    assert state("22 20:39") is OK
    assert state("22 20:41") is WARNING


@pytest.mark.parametrize(
    ("before", "plan"),
    [
        (daily(20), BY_HAND),
        (BY_HAND, daily(20)),
        (daily(20), daily(20, weekdays=frozenset([1, 2]))),
        (daily(20, days=frozenset([1])), daily(20, months=frozenset([1]))),
    ],
)
def test_another_kind_of_schedule_is_a_change(before: Schedule, plan: Schedule) -> None:
    history = past_after(
        ("20 21:00", Computer("a", schedule=before)),
        ("21 12:00", Computer("a", schedule=plan)),
        ("22 12:00", Computer("a", schedule=plan)),
    )

    assert history.schedule_changed == at("2026-11-21T12:00+01:00")


def test_a_new_offset_leaves_the_last_change() -> None:
    history = past_after(
        ("20 21:00", Computer("a", schedule=daily(20))),
        ("21 12:00", Computer("a", schedule=daily(10))),
        ("22 12:00", Computer("a", schedule=daily(10, utc=2))),
    )

    assert history.schedule_changed == at("2026-11-21T12:00+01:00")


def test_since_when_a_schedule_is_gone() -> None:
    looks = (
        ("20 12:00", None, None),
        ("20 21:00", daily(20), None),
        ("21 12:00", None, "21 12:00"),
        ("22 12:00", None, "21 12:00"),
        ("23 12:00", TORN, None),
        ("24 12:00", None, "24 12:00"),
        ("25 12:00", daily(20), None),
    )
    memory: TrackedComputer | None = None
    for now, schedule, gone in looks:
        memory = update_computer(memory, Computer("a", schedule=schedule), at(written(now)))

        assert memory.schedule_gone == (at(written(gone)) if gone else None)


def test_a_success_ends_the_row_and_an_older_one_is_not_the_last() -> None:
    history = past_after(
        ("20 21:00", Computer("a", began("20 20:00"), bad("20 20:40"))),
        ("21 21:00", Computer("a", began("21 20:00"), good("21 20:40"))),
        ("22 20:10", Computer("a", began("22 20:00"), good("19 20:40"))),
    )

    assert (history.failed, history.at_least, history.failed_since) == (0, False, None)
    assert history.last_success == at("2026-11-21T20:40+01:00")


def test_since_when_a_folder_is_gone() -> None:
    there = Computer("a", began("20 20:00"), good("20 20:40"))
    seen = update_computer(None, there, at(written("20 21:00")))

    gone = mark_missing(mark_missing(seen, at(written("21 12:00"))), at(written("22 12:00")))
    back = update_computer(gone, there, at(written("23 12:00")))
    anew = update_computer(gone, Computer("a", began("23 11:00")), at(written("23 12:00")))

    assert seen.history.gone is None
    assert gone.history.gone == at("2026-11-21T12:00+01:00")
    assert (back.history.gone, anew.history.gone) == (None, None)


def test_the_first_open_start_is_known_until_an_end_is_seen() -> None:
    first, second = Computer("a", began("20 20:00")), Computer("a", began("22 20:00"))
    ended_too = second._replace(end=good("22 23:00"))

    still_open = past_after(("20 20:10", first), ("22 20:10", second))
    ended_once = past_after(("20 20:10", first), ("22 20:10", second), ("23 12:00", ended_too))

    assert still_open.first_open == at("2026-11-20T20:00+01:00")
    assert ended_once.first_open is None


LATE, NOW, EARLY = (at(f"{year}-11-20T12:00+01:00") for year in (2027, 2026, 2025))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(TrackedComputer(LATE), TrackedComputer(NOW), id="first sight"),
        pytest.param(
            TrackedComputer(EARLY, schedule_changed=LATE),
            TrackedComputer(EARLY, schedule_changed=NOW),
            id="change",
        ),
        pytest.param(
            TrackedComputer(EARLY, gone=LATE), TrackedComputer(EARLY, gone=NOW), id="gone"
        ),
        pytest.param(
            TrackedComputer(LATE, schedule_changed=EARLY, gone=EARLY),
            TrackedComputer(NOW, schedule_changed=EARLY, gone=EARLY),
            id="what is not ahead stays",
        ),
    ],
)
def test_moments_that_a_wrong_clock_of_this_server_put_into_the_future(
    before: TrackedComputer, after: TrackedComputer
) -> None:
    gone = after.gone or NOW
    assert mark_missing(before, NOW) == after._replace(gone=gone)


OPEN_AFTER_TWO = TrackedComputer(
    EARLY,
    began("22 20:00"),
    bad("21 20:40"),
    failed=2,
    failed_since=at("2026-11-20T20:40+01:00"),
)


@pytest.mark.parametrize(
    ("report", "is_retired"),
    [
        pytest.param(torn("23 12:00"), True, id="torn before"),
        pytest.param(torn("23 12:01"), False, id="torn later"),
        pytest.param(torn("29 12:00"), True, id="torn, by a clock of the future"),
        pytest.param(TORN, True, id="of any time"),
        pytest.param(began("22 20:00"), True, id="known"),
    ],
)
def test_only_a_report_that_comes_later_ends_a_retirement(
    report: Start | InvalidReport, is_retired: bool
) -> None:
    memory = OPEN_AFTER_TWO._replace(retired=at(written("23 12:00")))
    shown = Computer("a", report, memory.end)

    history = update_computer(memory, shown, at(written("24 09:00"))).history

    assert history.is_retired is is_retired
    assert history.uploaded == (None if is_retired else at(written("24 09:00")))


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(Computer("a", None, bad("21 20:40"), daily(20)), id="no start"),
        pytest.param(Computer("a", began("22 20:00"), None, daily(20)), id="no end"),
        pytest.param(Computer("a", began("22 20:00"), bad("21 20:40")), id="no schedule"),
        pytest.param(Computer("a"), id="nothing"),
    ],
)
def test_a_report_whose_file_was_deleted_stays_known(shown: Computer) -> None:
    memory = OPEN_AFTER_TWO._replace(schedule=daily(20))

    expected = Computer("a", memory.start, memory.end, memory.schedule, memory.history)
    assert memory.join(shown) == expected


def test_a_report_that_cannot_be_read_says_which_one_is_known() -> None:
    memory = OPEN_AFTER_TWO._replace(schedule=daily(20))

    joined = memory.join(Computer("a", TORN, TORN, TORN))

    assert joined.start == TORN._replace(known=memory.start)
    assert joined.end == TORN._replace(known=memory.end)
    assert joined.schedule == TORN._replace(known=memory.schedule)


def test_a_folder_in_which_nothing_could_be_read_has_no_past() -> None:
    assert TrackedComputer(EARLY).join(Computer("a")).history is None


def test_a_backup_that_never_ended_is_remembered_until_a_new_end() -> None:
    steps = (
        ("19 21:00", Computer("a", began("19 20:00"), good("19 20:40")), None),
        ("20 20:10", Computer("a", began("20 20:00"), good("19 20:40")), None),
        ("21 20:10", Computer("a", began("21 20:00"), good("19 20:40")), "20 20:00"),
        ("21 20:20", Computer("a", began("21 20:00"), good("19 20:40")), "20 20:00"),
        ("21 21:00", Computer("a", began("21 20:00"), bad("21 20:40")), None),
        ("22 20:10", Computer("a", began("22 20:00"), bad("21 20:40")), None),
        ("23 20:10", Computer("a", began("23 20:00"), bad("21 20:40")), "22 20:00"),
        ("23 21:00", Computer("a", began("23 20:00"), good("23 20:40")), None),
    )
    memory: TrackedComputer | None = None
    for now, computer, expected in steps:
        memory = update_computer(memory, computer, at(written(now)))

        assert memory.never_ended == (at(written(expected)) if expected else None)


def test_of_which_runs_the_length_is_known() -> None:
    history = past_after(
        ("18 21:00", Computer("a", began("18 20:00"), good("18 20:50"))),  # transfers everything
        ("19 21:00", Computer("a", began("19 20:00"), good("19 20:40"))),
        ("20 21:00", Computer("a", began("20 20:00"), bad("20 20:30"))),
        ("21 21:00", Computer("a", began("21 20:00"), good("21 20:20", "another"))),
        ("22 21:00", Computer("a", began("22 20:00"), good("22 20:00"))),
        ("22 21:05", Computer("a", began("22 20:00"), good("22 20:00"))),
    )

    assert history.lengths == (timedelta(minutes=40), timedelta(0))


@pytest.mark.parametrize(
    ("when", "in_doubt", "received", "error"),
    [
        pytest.param("24 11:55", False, ("24 11:55", True, None), -205, id="before the run"),
        pytest.param(
            "24 12:10", False, ("24 12:00", True, None), -210, id="at most ten minutes after"
        ),
        pytest.param(
            "24 12:11", False, ("24 12:11", False, None), 0, id="by a wrong clock of ours"
        ),
        pytest.param("24 11:55", True, ("24 11:55", True, 3), 180, id="in doubt"),
        pytest.param(
            "24 12:11", True, ("24 12:11", False, 3), 180, id="in doubt, and a wrong clock"
        ),
    ],
)
def test_what_is_kept_of_when_a_report_came(
    when: str, in_doubt: bool, received: tuple[str, bool, int | None], error: int
) -> None:
    moment, trusted, hours = received
    expected = Receipt(
        at(written(moment)), trusted, None if hours is None else timedelta(hours=hours)
    )
    memory = TrackedComputer(EARLY, error=timedelta(hours=3))
    receipt = Receipt(at(written(when)))
    start = began("24 08:00")._replace(received=receipt)
    end = good("24 08:30")._replace(received=receipt)

    after = update_computer(
        memory, Computer("a", start, end), at(written("24 12:00")), in_doubt=in_doubt
    )

    assert after.start == start._replace(received=expected)
    assert after.end == end._replace(received=expected)
    assert after.error == timedelta(minutes=error)


def test_a_run_in_doubt_leaves_the_error_of_the_computers_clock() -> None:
    memory = TrackedComputer(EARLY, error=timedelta(hours=3))
    later = Computer("a", began("24 20:00"))  # than our clock shows

    after = update_computer(memory, later, at(written("24 12:00")), in_doubt=True)

    assert after.error == timedelta(hours=3)


def test_a_report_is_recognized_by_its_kind_time_and_id() -> None:
    reports = (
        began("20 20:00", "1"),
        good("20 20:00", "1"),
        began("20 20:01", "1"),
        began("20 20:00", "2"),
        began("20 20:00", "\udcff"),
    )

    assert len({make_mark(each) for each in reports}) == len(reports)


def test_each_report_is_marked_once() -> None:
    memory: TrackedComputer | None = None
    for now, end in (("20 20:10", None), ("20 20:20", None), ("20 21:00", good("20 20:40"))):
        computer = Computer("a", began("20 20:00"), end)
        memory = update_computer(memory, computer, at(written(now)))
    assert memory is not None

    assert memory.seen.split() == [make_mark(began("20 20:00")), make_mark(good("20 20:40"))]


def test_what_is_kept_is_bounded_whatever_a_customer_does() -> None:
    memory: TrackedComputer | None = None
    for second in range(400):
        moment = f"2026-11-20T20:{second // 60:02}:{second % 60:02}+01:00"
        memory = update_computer(memory, Computer("a", end=bad(moment)), at(moment))
    assert memory is not None

    assert memory.failed == 399
    assert len(CODEC.encode(memory)) < 2000
