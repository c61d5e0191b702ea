"""Who must get which mail, by the rules of docs/notifications.md and the states of the store.

`MailOracle.scan` gets the states after a collector run, and keeps a slot for each address, role,
account and task: what it knows, and what it must hear next. `MailOracle.take` gets what arrived.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from backup_monitoring.model.verdicts import State
from simulation.owners import OPERATOR, PROVIDER, People, To
from walls import DAY, HOUR

PROBLEM, REMINDER, RECOVERY, ENDED = "PROBLEM", "REMINDER", "RECOVERY", "MONITORING_ENDED"
UNKNOWN = "UNKNOWN"
_OVER = (RECOVERY, ENDED)
_REMIND = 7 * DAY
_MAX_HOLD = 24 * HOUR
_MORNING = time(7)
_MOST = 10  # mails a day to an address
_FAILED = (State.WARNING, State.CRITICAL)

Key = tuple[str, str]  # account and task


class Slot(NamedTuple):
    """What can be said to somebody."""

    to: To
    key: Key


class Seen(NamedTuple):
    """What the store says of an account and task.

    Args:
        failing, retired, uncertain: names of computers. full: a success that is doubted because
            the quota is used up.
    """

    state: State
    failing: frozenset[str] = frozenset()
    retired: frozenset[str] = frozenset()
    uncertain: frozenset[str] = frozenset()
    full: bool = False


class Arrived(NamedTuple):
    """A mail that arrived.

    Args:
        purpose: of a list, else ''. said: kind and slot of each line, or of the event.
        number: its Message-ID. answers: that of the mail before it, '' without one.
        task: of a storm.
    """

    at: datetime
    address: str
    purpose: str
    said: tuple[tuple[str, Slot], ...]
    number: str = ""
    answers: str = ""
    task: str = ""


class Wanted(NamedTuple):
    kind: str
    since: datetime


@dataclass
class Ongoing:
    """A problem: its worst state, all computers that failed, and when it was last sent."""

    state: State
    computers: frozenset[str]
    sent: datetime
    recorded: bool = False


@dataclass
class MailCount:
    """What was found of the mails.

    Args:
        mails: that arrived. problems: that began, of customers or resellers.
        storms: that the operator was notified of. held: mails that a storm or a limit put off.
        wrong: a line for each that is.
    """

    mails: int = 0
    problems: int = 0
    storms: int = 0
    held: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: "MailCount") -> None:
        self.mails += other.mails
        self.problems += other.problems
        self.storms += other.storms
        self.held += other.held
        self.wrong += other.wrong


class MailOracle:
    """Compares the mails of one server with what they must be.

    Args:
        every: the interval of the collector and the scan. name: for the lines of *count*.
    """

    def __init__(
        self, people: People, zone: str, every: timedelta, count: MailCount, name: str = ""
    ) -> None:
        self._people = people
        self._zone = ZoneInfo(zone)
        self._every = every
        self._count = count
        self._name = name
        self._ongoing: dict[Key, Ongoing] = {}
        self._unknown: set[Key] = set()
        self._wanted: dict[Slot, Wanted] = {}
        self._informed: dict[Slot, bool] = {}  # who knows of the problem
        self._threads: dict[Slot, set[str]] = {}
        self._storms: dict[str, datetime] = {}
        self._today: dict[str, int] = {}
        self._first: set[tuple[str, Key]] = set()
        self._morning = datetime.min.replace(tzinfo=self._zone)
        self._is_first = True

    @property
    def ongoing(self) -> Collection[Key]:
        return self._ongoing.keys()

    # What must be said

    def scan(self, seen: Mapping[Key, Seen], gone: Collection[str], now: datetime) -> None:
        """Note what follows of the states that the store has.

        Args:
            seen: what is not OK, and all that is `ongoing`. gone: accounts that are not active.
        """
        self._unknown &= seen.keys()
        for key in [each for each in self._ongoing if each[0] in gone]:
            self._end(key, ENDED, now)
        for key, found in seen.items():
            if key[0] not in gone:
                self._see(key, found, now)
        self._is_first = False

    def _see(self, key: Key, found: Seen, now: datetime) -> None:
        if found.state is State.UNKNOWN:
            if key not in self._unknown:
                self._unknown.add(key)
                self._want(Slot((OPERATOR, PROVIDER), key), UNKNOWN, now)
            return
        self._unknown.discard(key)
        if found.full:
            return
        problem = self._ongoing.get(key)
        if found.state in _FAILED:
            self._fail(key, found, problem, now)
        elif problem is not None and not (problem.computers or {""}) & found.uncertain:
            all_retired = problem.computers and problem.computers <= found.retired
            self._end(key, ENDED if all_retired else RECOVERY, now)

    def _fail(self, key: Key, found: Seen, problem: Ongoing | None, now: datetime) -> None:
        if problem is None:
            self._ongoing[key] = Ongoing(found.state, found.failing, now, self._is_first)
            if not self._is_first:
                self._count.problems += 1
                self._tell_all(key, PROBLEM, now)
            return
        if problem.recorded:
            return
        worse = found.state.badness > problem.state.badness
        further = found.failing - problem.computers
        problem.computers |= found.failing
        problem.state = found.state if worse else problem.state
        if worse or further or now - problem.sent >= _REMIND:
            problem.sent = now
            self._tell_all(key, PROBLEM if worse or further else REMINDER, now)
        else:
            named = self._people.name(*key, now)
            for to in named.recipients:
                if to[1] != PROVIDER and not self._knows(Slot(to, key)):
                    self._want(Slot(to, key), PROBLEM, now)
            self._say_last(key, named.off, now)

    def _tell_all(self, key: Key, kind: str, now: datetime) -> None:
        named = self._people.name(*key, now)
        for to in named.recipients:
            slot = Slot(to, key)
            known = self._knows(slot) or to[1] == PROVIDER
            self._want(slot, kind if known else PROBLEM, now)
        self._say_last(key, named.off, now)

    def _say_last(self, key: Key, off: Iterable[To], now: datetime) -> None:
        """Tell customers who have switched the warnings off that nothing more will come."""
        for to in off:
            self._finish(Slot(to, key), ENDED, now)

    def _end(self, key: Key, kind: str, now: datetime) -> None:
        problem = self._ongoing.pop(key)
        if problem.recorded:
            return
        self._say_last(key, self._people.name(*key, now).off, now)
        for slot in [each for each in {*self._informed, *self._wanted} if each.key == key]:
            if self._wanted.get(slot, Wanted("", now)).kind not in (UNKNOWN, *_OVER):
                self._finish(slot, kind, now)

    def _finish(self, slot: Slot, kind: str, now: datetime) -> None:
        """Want the end to be said to who knows of the problem; who does not hears nothing."""
        waits = self._wanted.get(slot)
        if waits is not None and waits.kind in (PROBLEM, REMINDER):
            del self._wanted[slot]
        if self._informed.get(slot):
            self._want(slot, kind, now)

    def _knows(self, slot: Slot) -> bool:
        """Return whether somebody knows of the problem, or is about to."""
        waits = self._wanted.get(slot)
        if waits is not None:
            return waits.kind in (PROBLEM, REMINDER)
        return self._informed.get(slot, False)

    def _want(self, slot: Slot, kind: str, now: datetime) -> None:
        waits = self._wanted.get(slot)
        if waits is not None and waits.kind == PROBLEM and kind == REMINDER:
            return
        self._wanted[slot] = Wanted(kind, now)

    # What was said

    def take(self, mails: Iterable[Arrived], now: datetime) -> None:
        """Compare what arrived since the scan at *now*, until long before the next one."""
        self._begin_day(now)
        for mail in mails:
            self._begin_day(mail.at)
            self._count.mails += 1
            if mail.purpose == "STORM":
                self._storms.setdefault(mail.task, mail.at)
                self._count.storms += 1
                if mail.at - self._storms[mail.task] > _MAX_HOLD:
                    self._storms[mail.task] = mail.at
                continue
            if mail.purpose == "FIRST_SCAN":
                self._take_recorded(mail)
                continue
            self._take_mail(mail)
        for slot, wanted in list(self._wanted.items()):
            if not self._is_excused(slot, wanted, now):
                del self._wanted[slot]
                self._complain("missing", slot, wanted.kind, now)
            elif wanted.since == now:
                self._count.held += 1

    def _take_recorded(self, mail: Arrived) -> None:
        """Compare the list of the first scan, of which nobody else hears."""
        said = {slot.key: slot for _, slot in mail.said}
        recorded = {key for key, each in self._ongoing.items() if each.recorded}
        for key in said.keys() ^ recorded:
            slot = said.get(key, Slot((mail.address, PROVIDER), key))
            self._complain("first scan", slot, PROBLEM, mail.at)

    def _take_mail(self, mail: Arrived) -> None:
        number = self._today[mail.address] = self._today.get(mail.address, 0) + 1
        first = False
        for kind, slot in mail.said:
            if kind == PROBLEM and (mail.address, slot.key) not in self._first:
                self._first.add((mail.address, slot.key))
                first = True
            self._take_line(mail, kind, slot)
        if not mail.said:
            self._count.wrong.append(f"{self._name} {mail.at} {mail.address}: says nothing")
        elif number > _MOST and not first and mail.address != OPERATOR:
            self._complain("too many", mail.said[0][1], mail.said[0][0], mail.at)

    def _take_line(self, mail: Arrived, kind: str, slot: Slot) -> None:
        wanted = self._wanted.pop(slot, None)
        if slot.to[0] != mail.address:
            self._complain("somebody else's", slot, kind, mail.at)
        elif wanted is None:
            self._complain("unexpected", slot, kind, mail.at)
        elif mail.purpose == "STATES":
            if (kind in _OVER) != (wanted.kind in _OVER):
                self._complain(f"says how it was, wanted {wanted.kind}", slot, kind, mail.at)
        elif kind != wanted.kind:
            self._complain(f"wanted {wanted.kind}", slot, kind, mail.at)
        if not mail.purpose:
            self._follow_thread(mail, kind, slot)
        if kind in _OVER:
            self._informed.pop(slot, None)
            self._threads.pop(slot, None)
        elif kind != UNKNOWN:
            self._informed[slot] = True

    def _follow_thread(self, mail: Arrived, kind: str, slot: Slot) -> None:
        thread = self._threads.setdefault(slot, set())
        if thread and mail.answers not in thread:
            self._complain("not in the thread", slot, kind, mail.at)
        thread.add(mail.number)

    def _is_excused(self, slot: Slot, wanted: Wanted, now: datetime) -> bool:
        """Return whether a storm or a limit may put it off."""
        slack = 2 * self._every + HOUR
        storm = self._storms.get(slot.key[1])
        if storm is not None and now - storm <= _MAX_HOLD + slack and wanted.kind not in _OVER:
            return True
        first = wanted.kind == PROBLEM and (slot.to[0], slot.key) not in self._first
        if slot.to[1] == PROVIDER or first:
            return False
        if self._today.get(slot.to[0], 0) >= _MOST:
            return True
        # Put off on the day before, until the first delivery of this one.
        return wanted.since < self._morning and now - self._morning < slack

    def _begin_day(self, now: datetime) -> None:
        local = now.astimezone(self._zone)
        morning = datetime.combine(local.date(), _MORNING, self._zone)
        if morning > local:
            morning = datetime.combine(local.date() - DAY, _MORNING, self._zone)
        if morning != self._morning:
            self._morning = morning
            self._today.clear()
            self._first.clear()

    def _complain(self, what: str, slot: Slot, kind: str, now: datetime) -> None:
        (address, role), (uid, task) = slot
        text = (
            f"{self._name} {now:%m-%d %H:%M} {what}: {kind} of {uid} {task} to {address} ({role})"
        )
        self._count.wrong.append(text)
