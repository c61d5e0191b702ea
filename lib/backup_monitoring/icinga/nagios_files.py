"""Submits results to Nagios, by its spool of check results or its command pipe."""

import errno
import os
import secrets
import select
import stat
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TextIO

from backup_monitoring.icinga.results import CheckResult
from backup_monitoring.model import MonitoringError, format_duration
from backup_monitoring.settings import create_new

_UNREAD = timedelta(minutes=10)  # Nagios reads its spool every few seconds
_WRITING = 0.75  # share of the time limit; the rest is for counting
_ATOMIC = 4096  # bytes that a pipe accepts as a whole
_CUT = f"... cut: a result in Nagios's command pipe has {_ATOMIC} bytes at most"


class NagiosError(MonitoringError):
    """Nagios's files cannot be written."""


def write_spool(results: Iterable[CheckResult], spool: Path, now: datetime) -> int:
    """Write *results* as one file into *spool*; return their number.

    Raises:
        NagiosError: it cannot be written, or Nagios does not read it: nothing is added then.
    """
    # Nagios reads a file whose name has exactly this form once the empty .ok file exists.
    results_file = spool / f"c{secrets.token_hex(3)}"
    ok_file = spool / f"{results_file.name}.ok"
    new = spool / ".backup-results.new"
    try:
        _refuse_unread(spool)
        with create_new(new) as stream:
            count = _write(stream, results, now)
            stream.flush()
            ok_file.touch(exist_ok=False)
            try:
                results_file.hardlink_to(new)  # as a whole, and never over another one
            except BaseException:
                ok_file.unlink()
                raise
    except OSError as error:
        remedy = (
            "set it to check_result_path of nagios.cfg, let this user write there, and see whether "
            "the disk is full"
        )
        raise NagiosError(str(spool), f"cannot be written ({error.strerror})", remedy) from None
    return count


def _refuse_unread(spool: Path) -> None:
    """Raise NagiosError if complete files in *spool* are old: each run would add another one."""
    for ok_file in spool.glob("c??????.ok"):
        results_file = ok_file.with_suffix("")
        try:
            age = timedelta(seconds=time.time() - results_file.stat().st_mtime)
        except FileNotFoundError:  # read in the meantime
            continue
        if age > _UNREAD:
            problem = f"Nagios has not read {results_file.name} for {format_duration(age)}"
            remedy = "see whether Nagios runs, and set it to check_result_path of nagios.cfg"
            raise NagiosError(str(spool), problem, remedy)


def _write(stream: TextIO, results: Iterable[CheckResult], now: datetime) -> int:
    # Without file_time, which is optional: if it is ahead of Nagios's clock, even by a second,
    # Nagios drops the whole file without a message (the unsigned difference is a huge age).
    count = 0
    for result in results:
        stream.write(_format_block(result, now))
        count += 1
    return count


def _format_block(result: CheckResult, now: datetime) -> str:
    at = f"{now.timestamp():.1f}"
    return (
        f"host_name={result.host}\nservice_description={result.service}\ncheck_type=1\n"
        "check_options=0\nscheduled_check=0\nreschedule_check=0\nlatency=0.0\n"
        f"start_time={at}\nfinish_time={at}\nearly_timeout=0\nexited_ok=1\n"
        f"return_code={result.state.value}\noutput={_format_output(result)}\n\n"
    )


class PipeResult(NamedTuple):
    """The numbers of results that Nagios accepted and that are *missing*; *error*: why, or None."""

    accepted: int
    missing: int
    error: str | None


def write_pipe(
    results: Iterable[CheckResult], pipe: Path, now: datetime, seconds: float
) -> PipeResult:
    """Write *results* as commands into *pipe*.

    Args:
        seconds: when most of them are over, the results that are left count as missing.

    Raises:
        NagiosError: it is not a pipe, or nobody reads it.
    """
    number = _open_pipe(pipe)
    left, count = iter(results), 0
    until = time.monotonic() + seconds * _WRITING
    try:
        for result in left:
            try:
                _put(number, _format_command(result, now), until)
            except OSError as error:
                missing = 1 + sum(1 for _ in left)
                return PipeResult(count, missing, f"{pipe}: cannot be written ({error.strerror})")
            count += 1
    finally:
        os.close(number)
    return PipeResult(count, 0, None)


def _put(pipe: int, command: bytes, until: float) -> None:
    """Write *command* as a whole once there is room; OSError if there is none by *until*."""
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


def try_pipe(pipe: Path) -> None:
    """Open *pipe* and write nothing; NagiosError as of `write_pipe`."""
    os.close(_open_pipe(pipe))


def _open_pipe(pipe: Path) -> int:
    remedy = "set it to command_file of nagios.cfg, and see whether Nagios runs"
    try:
        # Not blocking: an open would wait for a reader, forever.
        number = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise NagiosError(str(pipe), problem, remedy) from None
    if not stat.S_ISFIFO(os.fstat(number).st_mode):
        os.close(number)
        raise NagiosError(str(pipe), "is not a pipe", remedy)
    return number


def _format_command(result: CheckResult, now: datetime) -> bytes:
    head = (
        f"[{now.timestamp():.0f}] PROCESS_SERVICE_CHECK_RESULT;{result.host};{result.service};"
        f"{result.state.value};"
    ).encode()
    return head + _format_output(result, _ATOMIC - len(head) - 1).encode() + b"\n"


def _format_output(result: CheckResult, room: int | None = None) -> str:
    """Return the output as one line, cut at the end of a line to *room* bytes, None: not cut."""
    numbers = f" | {' '.join(result.numbers)}" if result.numbers else ""
    # Nagios turns \\n into a line end, which text from outside must not contain.
    first, *rest = (line.replace("\\", "/") for line in result.output)
    text = "\\n".join([first + numbers, *rest])
    while room is not None and len(text.encode()) > room:
        if rest:
            rest.pop()
        else:
            first = first[:-1]
        text = "\\n".join([f"{first}{numbers}", *rest, _CUT])
    return text
