"""Spools and handles calls, and kills itself at every step in turn; prints a JSON line a step.

A process of its own, without threads, that forks for each step.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import backup_monitoring.notify.batch as batch
from backup_monitoring.outbox.transaction import Outbox
from notify.spool_cases import Spooling, no_source
from outbox.outbox_child import forked

UIDS = ("4000101", "4000102", "4000103")
_CALLS = ("open", "write", "fchmod", "fsync", "rename", "symlink", "unlink", "mkdir")


class Fault:
    """Kills the process at the step *number*; reports which one that was to *pipe*."""

    def __init__(self, number: int, pipe: int) -> None:
        self.left = number
        self.pipe = pipe

    def step(self, what: str) -> None:
        self.left -= 1
        if self.left == 0:
            write = getattr(os.write, "plain", os.write)
            write(self.pipe, json.dumps(what[:60]).encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(self, module: Any, name: str) -> None:
        plain: Callable[..., Any] = getattr(module, name)

        def wrapped(*arguments: Any, **named: Any) -> Any:
            self.step(f"before {name}")
            done = plain(*arguments, **named)
            self.step(f"after {name}")
            return done

        wrapped.plain = plain  # type: ignore[attr-defined]
        setattr(module, name, wrapped)

    def attach(self) -> None:
        for name in _CALLS:
            self.wrap(os, name)
        opened = Outbox.__init__

        def traced(outbox: Outbox, *arguments: Any) -> None:
            opened(outbox, *arguments)
            outbox._db.set_trace_callback(self.step)

        Outbox.__init__ = traced  # type: ignore[method-assign,assignment]


def call_all(spooling: Spooling) -> None:
    """Spool a problem and a comment of each account."""
    for uid in UIDS:
        spooling.call(uid, "PROBLEM", "CRITICAL")
        spooling.call(uid, "CUSTOM", "CRITICAL", comment="Call us")


def work(spooling: Spooling, phase: str) -> None:
    if phase == "spool":
        spooling.call(UIDS[0], "RECOVERY", "OK")
    else:
        spooling.handle(open_source=no_source if phase == "outage" else None)


def main(folder: Path, phase: str) -> None:
    # a thread does not survive a fork, nor a step that is not counted
    batch.call_within = lambda seconds, function: function()  # type: ignore[attr-defined]
    for number in range(1, 1000):
        home = folder / f"{phase}-{number}"
        home.mkdir()
        spooling = Spooling(home)
        if phase != "spool":
            call_all(spooling)

        def faulty(pipe: int, spooling: Spooling = spooling, number: int = number) -> None:
            Fault(number, pipe).attach()
            work(spooling, phase)

        def whole(pipe: int, spooling: Spooling = spooling) -> None:
            spooling.call(UIDS[1], "CUSTOM", "CRITICAL", comment="and now")
            spooling.handle()
            order = "SELECT account, kind FROM mails WHERE role = 'CUSTOMER' ORDER BY id"
            left = [each.name for each in spooling.spool.iterdir() if each.name != ".boot"]
            waiting = spooling.rows("SELECT count(*) FROM calls")[0]
            twice = [line for line in spooling.log() if "duplicate" in line or "before" in line]
            os.write(pipe, json.dumps([spooling.rows(order), left, waiting, twice]).encode())

        code, step = forked(faulty)
        again, found = forked(whole)
        print(json.dumps([code, again, step, json.loads(found or "null")]))
        if code != -signal.SIGKILL:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
