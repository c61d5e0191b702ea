"""Spools, decides, applies and delivers, and kills itself at a step; prints a JSON line a step.

A process of its own, without threads, that forks for each step.
"""

import email
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast
from uuid import uuid4

import backup_monitoring.notify.batch as batch
from backup_monitoring.mail.transport import SendOutcome, SendResult
from backup_monitoring.model.verdicts import State, Verdict
from backup_monitoring.notify.scan import scan_accounts
from backup_monitoring.outbox.delivery import deliver
from backup_monitoring.outbox.drafts import read_draft
from backup_monitoring.outbox.messages import Digest, DigestPart
from backup_monitoring.outbox.transaction import Outbox
from backup_monitoring.store.account_verdict import AccountVerdict
from backup_monitoring.store.source import Source
from notify.spool_cases import NOW, Spooling, no_source
from outbox.outbox_cases import Composer, mail
from outbox.outbox_child import forked

UIDS = ("4000101", "4000102", "4000103")
MOVED = "moved@example.org"  # the address of the last one, from the end on
_CALLS = ("open", "write", "pwrite", "fchmod", "fsync", "rename", "symlink", "unlink", "mkdir")


class Fault:
    """Kills the process at the step *number*, 0: counts the steps; reports that to *pipe*."""

    def __init__(self, number: int, pipe: int) -> None:
        self.count = 0
        self._number = number
        self._pipe = pipe
        self._is_unknown = False  # a mail was sent, and that is not stored yet
        self._committed = False

    def step(self, what: str) -> None:
        if self._committed:
            self._is_unknown = self._committed = False
        self.count += 1
        if self.count == self._number:
            self.report(what[:60])
            os.kill(os.getpid(), signal.SIGKILL)
        self._committed = what == "COMMIT"
        self._is_unknown = self._is_unknown or what == "before send"

    def report(self, what: str) -> None:
        write = getattr(os.write, "plain", os.write)
        write(self._pipe, json.dumps([self.count, what, self._is_unknown]).encode())

    def wrap(self, owner: Any, name: str) -> None:
        plain: Callable[..., Any] = getattr(owner, name)

        def wrapped(*arguments: Any, **named: Any) -> Any:
            self.step(f"before {name}")
            done = plain(*arguments, **named)
            self.step(f"after {name}")
            return done

        wrapped.plain = plain  # type: ignore[attr-defined]
        setattr(owner, name, wrapped)

    def attach(self) -> None:
        for name in _CALLS:
            self.wrap(os, name)
        self.wrap(FileTransport, "send")
        opened = Outbox.__init__

        def traced(outbox: Outbox, *arguments: Any) -> None:
            opened(outbox, *arguments)
            outbox._db.set_trace_callback(self.step)

        Outbox.__init__ = traced  # type: ignore[method-assign,assignment]


class FileTransport:
    """A mail server that writes each mail as a line into a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def send(self, sender: str, address: str, message: bytes) -> SendResult:
        # The mails of `Listing` are JSON; the others, to the operator, only need a name.
        is_ours = message.startswith(b"[")
        key, events = json.loads(message) if is_ours else (_find_key(message), [])
        line = json.dumps([address, key, events])
        with self._file.open("a") as stream:
            stream.write(f"{line}\n")
        return SendResult(SendOutcome.ACCEPTED, "")

    def close(self) -> None:
        return


def _find_key(message: bytes) -> str:
    return str(email.message_from_bytes(message)["Message-ID"])


class Listing(Composer):
    """Writes mails that list what they are about."""

    def compose_draft(self, text: str) -> tuple[bytes, tuple[str, ...]]:
        draft = read_draft(text)
        return json.dumps([draft.key, [[draft.event.uid, draft.event.kind.name]]]).encode(), ()

    def compose_digest(self, digest: Digest) -> tuple[DigestPart, ...]:
        key = f"{uuid4()}@tests"
        raw = json.dumps([key, [[each.uid, each.kind.name] for each in digest.events]]).encode()
        written = mail(key, digest.recipient.address, role=digest.recipient.role)
        return (DigestPart(written._replace(raw=raw), tuple(range(len(digest.events)))),)


class World:
    """Accounts that fail or not, as the monitoring system and the scan see them."""

    def __init__(self, spooling: Spooling) -> None:
        self.spooling = spooling
        self._file = spooling.outbox.parent / "arrived"
        self._ended = spooling.outbox.parent / "ended"  # from when on the problems are over

    def call_all(self) -> None:
        """Spool a problem and a comment of each account."""
        for uid in UIDS:
            self.spooling.call(uid, "PROBLEM", "CRITICAL")
            self.spooling.call(uid, "CUSTOM", "CRITICAL", comment="Call us")

    def call_end(self) -> None:
        self.spooling.clock += 100
        self.spooling.call(UIDS[0], "RECOVERY", "OK")

    def end(self) -> None:
        """Let one account recover, one be gone, and one have another address."""
        self._ended.touch()

    def call_ends(self) -> None:
        self.spooling.clock += 100
        for uid in UIDS:
            self.spooling.call(uid, "RECOVERY", "OK")

    def handle_outage(self) -> None:
        self.spooling.handle(open_source=no_source)

    def handle(self) -> None:
        self.spooling.handle(open_source=self._open_source)

    def handle_and_deliver(self) -> None:
        self.handle()
        self._deliver()

    def scan_well(self) -> None:
        """The first scan, when all was well."""
        with self._open_source() as source, Outbox(self.spooling.outbox) as outbox:
            source.list_failing = lambda known: (3, [])  # type: ignore[method-assign]
            scan_accounts(outbox, source, self.spooling.settings, NOW)

    def scan_and_deliver(self) -> None:
        with self._open_source() as source, Outbox(self.spooling.outbox) as outbox:
            done = scan_accounts(outbox, source, self.spooling.settings, NOW)
        assert done.failures == (), done.failures
        self._deliver()

    def _deliver(self) -> None:
        policy = self.spooling.settings.notify
        for minutes in (60, 120):  # what one delivery has left out is due for the next one
            with Outbox(self.spooling.outbox) as outbox:
                later = NOW + timedelta(minutes=minutes)
                done = deliver(outbox, FileTransport(self._file), policy, later, Listing())
            assert done.errors == (), done.errors

    def arrived(self) -> list[Any]:
        """Return of each mail address, Message-ID, and account and kind of each event."""
        text = self._file.read_text() if self._file.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    @contextmanager
    def _open_source(self) -> Iterator[Source]:
        ended = self._ended.exists()
        bad = Verdict(State.CRITICAL, "97 % used")
        verdicts = [AccountVerdict(uid, ("backup-01",), "quota", bad) for uid in UIDS]
        if ended:
            verdicts = [verdicts[0]._replace(verdict=Verdict(State.OK, "")), verdicts[2]]
        with self.spooling.open_source() as source:
            people = source.people

            def contact(uid: str) -> object:
                found = people.contact(uid)
                if found is None or not ended or uid == UIDS[0]:
                    return found
                if uid == UIDS[1]:
                    return None
                return found._replace(mails=(MOVED,), medium="mail")

            names = ("person", "customer", "reseller")
            others = {name: getattr(people, name) for name in names}
            yield cast(
                Source,
                SimpleNamespace(
                    people=SimpleNamespace(contact=contact, **others),
                    people_digest=None,
                    list_failing=lambda known: (len(UIDS), verdicts),
                    find_ended=lambda uids: uids,
                ),
            )


class Phase(NamedTuple):
    """What was done *before*, what is killed, what follows."""

    before: tuple[Callable[[World], None], ...]
    killed: Callable[[World], None]
    then: tuple[Callable[[World], None], ...]


CALLED = (World.call_all, World.handle_and_deliver)
SCANNED = (World.scan_well, World.scan_and_deliver)
HANDLE, SCAN = World.handle_and_deliver, World.scan_and_deliver
PHASES = {
    "spool": Phase(CALLED, World.call_end, (HANDLE,)),
    "outage": Phase((World.call_all,), World.handle_outage, (HANDLE,)),
    "called": Phase((World.call_all,), HANDLE, (HANDLE, World.end, World.call_ends, HANDLE)),
    "called, and over": Phase((World.call_all,), HANDLE, (World.call_ends, HANDLE)),
    "calls that end": Phase((*CALLED, World.end, World.call_ends), HANDLE, (HANDLE,)),
    "scanned": Phase((World.scan_well,), SCAN, (SCAN, World.end, SCAN)),
    "scanned, and over": Phase((World.scan_well,), SCAN, (World.end, SCAN)),
    "scans that end": Phase((*SCANNED, World.end), SCAN, (SCAN,)),
}


def main(folder: Path, phase: str, most: int) -> None:
    # a thread does not survive a fork, nor a step that is not counted
    batch.call_within = lambda seconds, function: function()  # type: ignore[attr-defined]
    before, killed, then = PHASES[phase]
    template = folder / "template"
    template.mkdir()
    for act in before:
        forked_world(template, act)

    def run(number: int) -> int:
        home = folder / str(number)
        shutil.copytree(template, home, symlinks=True)

        def work(pipe: int) -> None:
            fault = Fault(number, pipe)
            world = World(Spooling(home))
            fault.attach()
            killed(world)
            fault.report("")

        code, output = forked(work)
        count, step, is_unknown = json.loads(output)
        for act in then:
            forked_world(home, act)
        world = World(Spooling(home))
        left = [each.name for each in world.spooling.spool.glob("*") if each.name != ".boot"]
        waiting = world.spooling.rows("SELECT count(*) FROM calls")[0]
        print(json.dumps([code, step or count, is_unknown, world.arrived(), left, waiting]))
        return int(count)

    total = run(0)
    points = min(total, most)
    for number in sorted({1 + total * point // points for point in range(points)}):
        run(number)


def forked_world(home: Path, act: Callable[[World], None]) -> None:
    """Let a process of its own do *act* in the installation *home*."""
    code, _ = forked(lambda pipe: act(World(Spooling(home))))
    assert code == 0, act


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
