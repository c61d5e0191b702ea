"""Hands mails to a local program that is called as sendmail is."""

import os
import subprocess
import tempfile
from typing import IO

from backup_monitoring.mail.transport import (
    SendOutcome,
    SendResult,
    TransportError,
    find_unusable,
    quote_answer,
)

# Of sysexits.h: what another try would not mend. All others may be the program's own trouble.
_FINAL = {65: "the message is refused", 67: "no such user", 68: "no such host"}


class Sendmail:
    """A transport by *program*, a path; *wait*: seconds that one mail may take."""

    def __init__(self, program: str, wait: float) -> None:
        self._program = program
        self._wait = wait

    def send(self, sender: str, address: str, message: bytes) -> SendResult:
        """See `backup_monitoring.notify.transport.Transport`."""
        problem = find_unusable(address)
        if problem:
            return SendResult(SendOutcome.REFUSED, problem)
        # Not by pipes: a daemon that the program leaves behind would hold them open.
        with tempfile.TemporaryFile() as said:
            code = self._run([*self._command(sender), address], message, said)
            said.seek(0)
            words = quote_answer(said.read(4096))
        if code == 0:
            return SendResult(SendOutcome.ACCEPTED, "")
        reason = f"{_FINAL.get(code, f'exit code {code}')}: {words}".rstrip(": ")
        return SendResult(SendOutcome.REFUSED if code in _FINAL else SendOutcome.LATER, reason)

    def _command(self, sender: str) -> list[str]:
        # -i: a line with one dot ends nothing
        return [self._program, "-i", "-f", sender or "<>", "--"]

    def _run(self, command: list[str], message: bytes, said: IO[bytes]) -> int:
        lines = message.replace(b"\r\n", b"\n")  # what a local program expects
        try:
            return subprocess.run(  # noqa: S603 - an argument list; the address is checked
                command,
                input=lines,
                stdout=said,
                stderr=said,
                timeout=self._wait,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            problem = f"not done within {self._wait:g} s"
            raise TransportError(self._program, problem, "see its log") from None
        except OSError as error:
            problem = f"cannot be run ({error.strerror or error})"
            raise TransportError(self._program, problem, "correct [notify] smtp") from None

    def close(self) -> None:
        """Nothing is open."""


def try_program(program: str) -> str:
    """Say that *program* can be run; TransportError if it cannot."""
    if not os.access(program, os.X_OK):
        problem = "is not there, or may not be run"
        raise TransportError(program, problem, "correct [notify] smtp")
    return f"{program} can be run; nothing was sent"
