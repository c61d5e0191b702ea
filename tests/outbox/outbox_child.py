"""Queues and delivers, and kills itself at every step in turn; prints a JSON line a step.

A process of its own, without threads, that forks for each step: the mail server lives elsewhere.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import backup_monitoring.mail.smtp  # noqa: F401 - before each fork, not after
from backup_monitoring.mail.smtp_connection import SmtpConnection
from backup_monitoring.mail.transport_selection import open_transport
from backup_monitoring.outbox.delivery import deliver
from backup_monitoring.outbox.queue import queue_for_digest, queue_mail, record_event, track_failure
from backup_monitoring.outbox.transaction import Outbox
from backup_monitoring.settings.notify import NotifySettings
from outbox.outbox_cases import NOW, OPERATOR, Composer, event, mail, reseller

MAILS = ("anna", "refused", "berta")


class Fault:
    """Kills the process at the step *number*; reports where that was to the pipe *pipe*."""

    def __init__(self, number: int, pipe: int) -> None:
        self.left = number
        self.pipe = pipe
        self.unknown = False  # the server may have accepted a mail that is not noted as sent
        self._committed = False

    def step(self, what: str) -> None:
        if self._committed:
            self.unknown = self._committed = False
        self.left -= 1
        if self.left == 0:
            os.write(self.pipe, json.dumps([what[:60], self.unknown]).encode())
            os.kill(os.getpid(), signal.SIGKILL)
        self._committed = what == "COMMIT"

    def attach(self, outbox: Outbox) -> None:
        outbox._db.set_trace_callback(self.step)
        self._wrap("_send_all", before=True)
        self._wrap("getreply", before=False)

    def _wrap(self, name: str, before: bool) -> None:
        plain: Callable[..., Any] = getattr(SmtpConnection, name)

        def wrapped(connection: SmtpConnection, *arguments: Any) -> Any:
            what = f"{name} {arguments[0][:20]!r}" if arguments else name
            if before:
                self.step(what)
                self.unknown = self.unknown or "Message-ID" in what
            answer = plain(connection, *arguments)
            if not before:
                self.step(what)
            return answer

        setattr(SmtpConnection, name, wrapped)


def queue(outbox: Outbox, number: int) -> None:
    with outbox.transaction(NOW) as t:
        for name in MAILS:
            about = event(name)
            if record_event(t, about):
                track_failure(t, about, settled=True)
                queue_mail(t, mail(f"{number}-{name}@tests", f"{name}@example.org", about))
        queue_for_digest(t, reseller(), event("digest")._replace(comment=str(number)))


class Numbered(Composer):
    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def _key(self, kind: str) -> str:
        return f"{self._number}-{kind}@tests"


def deliver_numbered(outbox: Outbox, number: int, port: int) -> None:
    settings = NotifySettings(smtp=f"smtp://127.0.0.1:{port}", operator=OPERATOR)
    delay = settings.reseller.digest_delay
    # At the second the refused mail is found, at the third the operator is notified of it.
    for later in (NOW + delay, NOW + 2 * delay, NOW + 3 * delay):
        transport = open_transport(settings, 5)
        delivered = deliver(outbox, transport, settings, later, Numbered(number))
        assert not delivered.errors, delivered


def forked(work: Callable[[int], None]) -> tuple[int, str]:
    """Run *work* in a process of its own; return how it ended, and its output."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work(writing)
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
            os._exit(1)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    output = os.read(reading, 1000).decode()
    os.close(reading)
    return os.waitstatus_to_exitcode(status), output


def main(folder: Path, port: int, phase: str) -> None:
    for number in range(1, 1000):
        file = folder / f"{phase}-{number}" / "outbox.sqlite"
        file.parent.mkdir()

        def faulty(pipe: int, file: Path = file, number: int = number) -> None:
            with Outbox(file) as outbox:
                if phase == "deliver":
                    queue(outbox, number)
                Fault(number, pipe).attach(outbox)
                queue(outbox, number) if phase == "queue" else deliver_numbered(
                    outbox, number, port
                )

        def whole(pipe: int, file: Path = file, number: int = number) -> None:
            with Outbox(file) as outbox:
                if phase == "queue":  # the caller was not answered, and calls again
                    outbox._db.execute("DELETE FROM digests")
                    queue(outbox, number)
                deliver_numbered(outbox, number, port)

        code, output = forked(faulty)
        again, _ = forked(whole)
        print(json.dumps([number, code, again, *(json.loads(output) if output else ["", False])]))
        if code != -signal.SIGKILL:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
