"""Delivers mails to a local program with the command line of sendmail."""

import math
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

from backup_monitoring.mail.transport import (
    LONGER_AFTER_CONTENT,
    SendOutcome,
    SendResult,
    TransportError,
    find_unusable,
    quote_answer,
)

# Exit codes of sysexits.h that are about an address. All others are about us, or temporary.
_FINAL = {67: "no such user", 68: "no such host"}


class Sendmail:
    """A transport by a program.

    Args:
        program: its path.
        wait: a mail may take four times as many seconds.
        deadline: monotonic time at which the last mail must have been handed over.
    """

    def __init__(self, program: str, wait: float, deadline: float = math.inf) -> None:
        self._program = program
        self._wait = wait * LONGER_AFTER_CONTENT
        self._deadline = deadline

    def send(self, sender: str, address: str, message: bytes) -> SendResult:
        """Run the program with *message* as its input; `Transport` has the arguments."""
        problem = find_unusable(address)
        if problem:
            return SendResult(SendOutcome.REFUSED, problem)
        if time.monotonic() + self._wait > self._deadline:
            return SendResult(SendOutcome.LOST, "the time limit was reached before it was begun")
        # A file, not a pipe: a daemon that the program leaves behind would hold a pipe open.
        with tempfile.TemporaryFile() as output:
            code = self._run([*self._make_command(sender), address], message, output)
            if code is None:
                reason = f"{self._program} did not finish within {self._wait:g} s"
                return SendResult(SendOutcome.UNANSWERED, reason)
            output.seek(0)
            text = quote_answer(output.read(4096))
        if code == 0:
            return SendResult(SendOutcome.ACCEPTED, "")
        reason = f"{_FINAL.get(code, f'exit code {code}')}: {text}".rstrip(": ")
        return SendResult(SendOutcome.REFUSED if code in _FINAL else SendOutcome.LATER, reason)

    def _make_command(self, sender: str) -> list[str]:
        # -i: a line with a single dot does not end the message
        return [self._program, "-i", "-f", sender or "<>", "--"]

    def _run(self, command: list[str], message: bytes, output: IO[bytes]) -> int | None:
        """Return the exit code, None if the program had to be killed."""
        lines = message.replace(b"\r\n", b"\n")  # the line ends of local programs
        try:
            return subprocess.run(  # noqa: S603 - an argument list; the address is checked
                command,
                input=lines,
                stdout=output,
                stderr=output,
                timeout=self._wait,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            return None
        except OSError as error:
            problem = f"cannot be run ({error.strerror or error})"
            raise TransportError(self._program, problem, "correct [notify] smtp") from None

    def close(self) -> None:
        """Do nothing: each mail has a process of its own."""


def try_program(program: str) -> str:
    """Return that *program* can be run; TransportError if it cannot."""
    if not (os.access(program, os.X_OK) and Path(program).is_file()):
        problem = "does not exist or cannot be run"
        raise TransportError(program, problem, "correct [notify] smtp")
    return f"{program} can be run; nothing was sent"
