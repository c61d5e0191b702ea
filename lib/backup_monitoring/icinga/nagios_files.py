"""Hands results to Nagios, by its spool of check results or by its command pipe."""

import errno
import os
import secrets
import select
import stat
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TextIO

from backup_monitoring.icinga.results import CheckResult
from backup_monitoring.model import MonitoringError

_WRITING = 0.75  # of the time that there is; the rest is for counting
_ATOMIC = 4096  # bytes that a pipe takes as a whole


class NagiosError(MonitoringError):
    """Nagios's files cannot be written."""


def write_spool(results: Iterable[CheckResult], spool: Path, now: datetime) -> int:
    """Write *results* as one file into *spool*; return how many they are.

    Raises:
        NagiosError: it cannot be written; nothing of it is read then.
    """
    try:
        # Nagios reads files of exactly this form, once the empty one beside it is there.
        name = str(spool / f"c{secrets.token_hex(3)}")
        number = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as stream:
                count = _write(stream, results, now)
                os.fchmod(stream.fileno(), 0o644)  # whatever the umask
            Path(f"{name}.ok").touch()
        except BaseException:
            Path(name).unlink()  # half a run is none
            raise
    except OSError as error:
        remedy = "name the folder check_result_path of nagios.cfg, and let this user write there"
        raise NagiosError(str(spool), f"cannot be written ({error.strerror})", remedy) from None
    return count


def _write(stream: TextIO, results: Iterable[CheckResult], now: datetime) -> int:
    # No file_time: it may be left out, and Nagios drops all of the file, without a word, where that
    # is a second ahead of its own clock (an unsigned difference, so a huge age).
    count = 0
    for result in results:
        stream.write(_block(result, now))
        count += 1
    return count


def _block(result: CheckResult, now: datetime) -> str:
    at = f"{now.timestamp():.1f}"
    return (
        f"host_name={result.host}\nservice_description={result.service}\ncheck_type=1\n"
        "check_options=0\nscheduled_check=0\nreschedule_check=0\nlatency=0.0\n"
        f"start_time={at}\nfinish_time={at}\nearly_timeout=0\nexited_ok=1\n"
        f"return_code={result.state.value}\noutput={_output(result)}\n\n"
    )


class PipeResult(NamedTuple):
    """How many results Nagios took, how many are *missing*; *error*: why, or None."""

    accepted: int
    missing: int
    error: str | None


def write_pipe(
    results: Iterable[CheckResult], pipe: Path, now: datetime, seconds: float
) -> PipeResult:
    """Write *results* as commands into *pipe*; say how far that came.

    Args:
        seconds: when most of them are over, what is left is missing.

    Raises:
        NagiosError: it is no pipe, or nobody reads it.
    """
    number = _open_pipe(pipe)
    left, count = iter(results), 0
    until = time.monotonic() + seconds * _WRITING
    try:
        for result in left:
            try:
                _put(number, _command(result, now), until)
            except OSError as error:
                missing = 1 + sum(1 for _ in left)
                return PipeResult(count, missing, f"{pipe}: cannot be written ({error.strerror})")
            count += 1
    finally:
        os.close(number)
    return PipeResult(count, 0, None)


def _put(pipe: int, command: bytes, until: float) -> None:
    """Write *command* as a whole, when there is room; OSError if there is none until then."""
    while True:
        try:
            os.write(pipe, command)
        except BlockingIOError:
            left = until - time.monotonic()
            if left <= 0:
                raise OSError(errno.ETIMEDOUT, "Nagios does not read it") from None
            select.select([], [pipe], [], left)
        else:
            return


def _open_pipe(pipe: Path) -> int:
    remedy = "name command_file of nagios.cfg, and see whether Nagios runs"
    try:
        # Not blocking: without a reader an open would wait for ever.
        number = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise NagiosError(str(pipe), problem, remedy) from None
    if not stat.S_ISFIFO(os.fstat(number).st_mode):
        os.close(number)
        raise NagiosError(str(pipe), "is no pipe", remedy)
    return number


def _command(result: CheckResult, now: datetime) -> bytes:
    head = (
        f"[{now.timestamp():.0f}] PROCESS_SERVICE_CHECK_RESULT;{result.host};{result.service};"
        f"{result.state.value};"
    ).encode()
    text = _output(result).encode()
    room = _ATOMIC - len(head) - 1
    return head + text[:room].decode("utf-8", "ignore").encode() + b"\n"


def _output(result: CheckResult) -> str:
    first, *rest = result.output
    numbers = f" | {' '.join(result.numbers)}" if result.numbers else ""
    lines = [first + numbers, *rest]
    # Nagios turns \\n into a line's end: a name must not make one.
    return "\\n".join(line.replace("\\", "/") for line in lines)
