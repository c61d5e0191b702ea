"""Starts every program so that whatever fails becomes one line and exit code 3.

Standard library only: a broken installation, too, must end as UNKNOWN, not as Python's exit
code 1, which means WARNING.
"""

import importlib
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import NoReturn

UNKNOWN = 3
_FIRST_LIMIT = 50.0
# nagiosplugin, jinja2 and the standard library import these for jobs that most runs do not have:
# loading them only when they are used saves a sixth of a check.
_RARELY_USED = ("calendar", "inspect", "ipaddress", "json", "socket", "tempfile", "traceback")


class Watchdog:
    """Ends the process when its time is up, in whatever call it is stuck.

    A signal would not do: Python handles it only after a system call such as a name look-up has
    returned, and a deaf name server holds that for longer than any limit.
    """

    def __init__(self, heading: str) -> None:
        from backup_monitoring.model import sanitize

        self._clean = sanitize
        self._heading = heading
        self._started = time.monotonic()
        self._limit = _FIRST_LIMIT
        self._phase = "starting"
        self._changed = threading.Condition()
        self._over = False
        _start(self._watch)

    def limit(self, seconds: float) -> None:
        """Set the time limit, in seconds from the start of the process."""
        with self._changed:
            self._limit = seconds
            self._changed.notify()

    def phase(self, doing: str) -> None:
        """Say what comes next, for the message if it never ends."""
        self._phase = doing

    def dismiss(self) -> None:
        """Leave the output to the program from now on; its time limit stays."""
        with self._changed:
            self._over = True

    def obey_signals(self) -> None:
        """End as UNKNOWN, at once, on a signal that would end the process without a word.

        A monitoring system takes any exit code but 0 to 3, such as that of a signal, for a broken
        plugin.
        """
        import signal

        wakeups, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # a caller's wish, such as nohup's
                signal.signal(number, _ignore)  # what counts is the wake-up
        _start(lambda: self._obey(wakeups))

    def _obey(self, wakeups: int) -> None:
        from signal import Signals

        name = Signals(os.read(wakeups, 1)[0]).name
        with self._changed:
            self._end(f"ended by {name} while {self._phase}")

    def _watch(self) -> None:
        with self._changed:
            while (left := self._started + self._limit - time.monotonic()) > 0:
                self._changed.wait(left)
            self._end(f"time limit of {self._limit:g} s reached while {self._phase}")

    def _end(self, why: str) -> NoReturn:
        if not self._over:
            os.write(1, f"{self._heading}UNKNOWN - {self._clean(why)}\n".encode())
        os._exit(UNKNOWN)


def _ignore(*_: object) -> None:
    return


def _start(job: Callable[[], object]) -> None:
    try:
        threading.Thread(target=job, daemon=True).start()
    except RuntimeError as error:
        from backup_monitoring.model import MonitoringError

        remedy = "raise its limit of processes (ulimit -u), or run fewer at once"
        raise MonitoringError("this user", "may start no more threads", remedy) from error


def main() -> NoReturn:
    """Run the program whose name this process was started by."""
    program = os.path.basename(sys.argv[0])  # noqa: PTH119 - pathlib is not loaded yet
    checked = program.removeprefix("check_")
    heading = f"{program}: " if checked == program else f"{checked.replace('_', ' ').upper()} "
    warnings.simplefilter("ignore")  # of libraries; a warning is no output of a plugin
    if sys.stdout is None:  # closed by the caller: nothing can be said
        os._exit(UNKNOWN)
    # Whoever calls us may have any locale; what we print is UTF-8.
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    watchdog = None
    try:
        watchdog = Watchdog(heading)
        if program.startswith("check_"):
            watchdog.obey_signals()
        code, text = _outcome(program, watchdog)
    except BaseException as error:  # the point of this module
        code, text = UNKNOWN, f"{heading}UNKNOWN - {_said(error)}"
    if watchdog is not None:
        watchdog.dismiss()
    try:
        if text:  # a quiet program has nothing to say; cron would mail an empty line
            sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except OSError:  # nobody reads us any more
        code = UNKNOWN
    # Nothing is left to be done: skipping the interpreter's own end saves a tenth of a check.
    os._exit(code)


class _Later(ModuleType):
    """A module that is loaded when something of it is first used.

    Not importlib's LazyLoader: that loads as soon as a second module imports the same.
    """

    def __getattr__(self, name: str) -> object:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        module = importlib.import_module(self.__name__)
        self.__dict__.update(vars(module))
        return getattr(module, name)


def _outcome(program: str, watchdog: Watchdog) -> tuple[int, str]:
    for name in _RARELY_USED:
        sys.modules.setdefault(name, _Later(name))
    module = importlib.import_module(program)
    code, text = module.main(sys.argv[1:], watchdog)
    return int(code), str(text)


def _said(error: BaseException) -> str:
    try:
        return _one_line(error)
    except BaseException:  # what it imports is broken, too, or no file can be opened any more
        return f"{type(error).__name__}; install the package again, or see what this user lacks"


def _one_line(error: BaseException) -> str:
    from backup_monitoring.model import MonitoringError, sanitize

    if isinstance(error, MonitoringError):
        return sanitize(str(error))
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, ImportError):
        return sanitize(f"{error}; install the package again, with what it depends on")
    # Never the text of an unforeseen exception: it may hold a password or a customer's file.
    return sanitize(f"internal error: {type(error).__name__} at {_place(error)}; please report it")


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    place = "an unknown place"
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{os.path.basename(code.co_filename)}:{trace.tb_lineno} ({code.co_name})"  # noqa: PTH119
        trace = trace.tb_next
    return place
