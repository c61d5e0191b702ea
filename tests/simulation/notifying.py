"""Servers that notify: a year of accounts, their states and their mails."""

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from simulation.lives import Fleet
from simulation.mail_oracle import MailCount, MailOracle
from simulation.oracle import AccountLife
from simulation.owners import make_people
from simulation.play import Server, Table, Tally, format_table
from simulation.postman import Postman, format_settings, write_templates
from simulation.year import LENGTH, find_interval, list_year_fleets


@dataclass
class YearResult:
    """What was found in a year: by kind of days, and of the mails."""

    table: Table = field(default_factory=dict)
    mails: MailCount = field(default_factory=MailCount)

    def add(self, other: "YearResult") -> None:
        for kind, tally in other.table.items():
            self.table.setdefault(kind, Tally()).add(tally)
        self.mails.add(other.mails)

    @property
    def deviations(self) -> list[str]:
        """All that is wrong, a line each."""
        found = [line for tally in self.table.values() for line in tally.examples]
        return [*found, *self.mails.wrong]


class NotifyingServer(Server):
    """A server whose customers, resellers and operator get mails.

    Args:
        notify: more settings of [notify].
    """

    def __init__(
        self, fleet: Fleet, name: str, result: YearResult, schedule: str = "", notify: str = ""
    ) -> None:
        super().__init__(fleet, name, result.table, schedule)
        self.people = make_people(fleet)
        self._more = notify
        self.oracle = MailOracle(
            self.people, fleet.zones[0], fleet.every, result.mails, f"mails: {name}"
        )

    def _set_up(self, folder: Path) -> None:
        super()._set_up(folder)
        write_templates(folder)
        self._postman = Postman(self._settings, self._directory.store, self.oracle)

    def _format_settings(self) -> str:
        return super()._format_settings() + format_settings(self._more)

    def _format_people(self) -> str:
        return self.people.format_entries()

    def _format_entry(self, account: AccountLife, now: datetime) -> str:
        lines = [
            f"{name}: {value}" for name, value in self.people.list_attributes(account.uid, now)
        ]
        return super()._format_entry(account, now).rstrip("\n") + "\n".join(["", *lines, "", ""])

    def _notify(self, now: datetime) -> None:
        gone = {each.uid for each in self._fleet.accounts if each.ended <= now}
        self._postman.scan(now, gone)


def play_year(
    computers: int,
    seed: str,
    length: int = LENGTH,
    processes: int = 1,
    report: Callable[[str], object] = lambda _: None,
) -> YearResult:
    """Play a year of so many computers; *report* is called with what was found of each server."""
    result, count = YearResult(), len(list_year_fleets(computers, seed, length))
    with ExitStack() as stack:
        run: Callable[..., Iterable[YearResult]] = map
        if processes > 1:
            run = stack.enter_context(ProcessPoolExecutor(processes)).map
        numbers = sorted(range(count), key=find_interval)
        for number, each in zip(
            numbers, run(partial(play_server, computers, seed, length), numbers), strict=True
        ):
            result.add(each)
            report("\n".join((*each.deviations, f"server {number}: {format_mails(each.mails)}")))
    return result


def play_server(computers: int, seed: str, length: int, number: int) -> YearResult:
    """Play one of the servers."""
    result = YearResult()
    fleet, name = list_year_fleets(computers, seed, length)[number](), f"{seed}/{number}"
    # While its own clock is wrong, a server says what is right at another time.
    server = (
        Server(fleet, name, result.table) if fleet.server else NotifyingServer(fleet, name, result)
    )
    server.play()
    return result


def format_year(result: YearResult) -> str:
    """Return the table, and below it the mails."""
    return f"{format_table(result.table)}\n\n{format_mails(result.mails)}"


def format_mails(mails: MailCount) -> str:
    """Return the numbers of *mails*."""
    return (
        f"{mails.problems} problems that people were notified of, {mails.mails} mails, "
        f"{mails.storms} about storms, {mails.held} held or deferred, {len(mails.wrong)} wrong"
    )
