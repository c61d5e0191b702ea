"""Starts every program so that whatever fails becomes one line and exit code 3.

Standard library only: a broken installation must end as UNKNOWN, too, and not with Python's exit
code 1, which means WARNING.
"""

import gc
import importlib
import io
import os
import sys
import threading
import time
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

UNKNOWN = 3
# Python's own default. If it is not set, zoneinfo loads Python's whole build configuration to find
# it: 1.5 ms of 60. Where zones are elsewhere, the package tzdata has them.
_ZONES = "/usr/share/zoneinfo:/usr/lib/zoneinfo:/usr/share/lib/zoneinfo:/etc/zoneinfo"
_OBJECTS = 50_000
_FIRST_LIMIT = 50.0  # seconds, until the program sets its own
_JOBS_WITH_JSON = ("--explain", "--log")  # of notify_backup, whose --output is else a text
_FAILURE = (  # of the schema in `records`
    '{"format": 1, "program": %s, "state": "UNKNOWN", "exit_code": 3, "summary": %s, "as_of": null}'
)


class Watchdog:
    """Ends the process when its time is up, in whatever call it is stuck.

    A signal would not do: Python handles it only after the current system call, and a look-up
    blocks for longer than any time limit if the name server does not respond.
    """

    def __init__(self, format_failure: "Callable[[str], str]") -> None:
        from backup_monitoring.model import sanitize

        self._sanitize = sanitize
        self._format_failure = format_failure
        self._started = time.monotonic()
        self._limit = _FIRST_LIMIT
        self._phase = "starting"
        self._changed = threading.Condition()
        self._dismissed = False
        _start_thread(self._watch)

    def limit(self, seconds: float) -> None:
        """Set the time limit, in seconds from the start of the process."""
        with self._changed:
            self._limit = seconds
            self._changed.notify()

    def phase(self, doing: str) -> None:
        """Set what the program does next: the message names it if that never ends."""
        self._phase = doing

    def dismiss(self) -> None:
        """Leave the output to the program from now on; its time limit stays."""
        with self._changed:
            self._dismissed = True

    def obey_signals(self) -> None:
        """End as UNKNOWN, at once, on a signal that would end the process without any output.

        A monitoring system takes an exit code other than 0 to 3, like a signal's, for a broken
        plugin; and whoever ends a run of an hour wants to know where it was.
        """
        import signal

        wakeups, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # the caller's choice, as by nohup
                signal.signal(number, _ignore)  # only signals with a handler wake up
        _start_thread(lambda: self._obey(wakeups))

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

    def _end(self, why: str) -> "NoReturn":
        if not self._dismissed:
            os.write(1, f"{self._format_failure(self._sanitize(why))}\n".encode())
        os._exit(UNKNOWN)


def _ignore(*_: object) -> None:
    return


def _start_thread(job: "Callable[[], object]") -> None:
    try:
        threading.Thread(target=job, daemon=True).start()
    except RuntimeError as error:
        from backup_monitoring.model import MonitoringError

        remedy = "raise its limit of processes (ulimit -u), or run fewer at once"
        raise MonitoringError("this user", "cannot start more threads", remedy) from error


def _ensure_utf8() -> None:
    """Begin again in Python's UTF-8 mode if the caller's locale has another encoding.

    Names of folders, arguments, environment and mails are UTF-8, with surrogates for what is not;
    Python would decode them by the locale, and cannot change that once it runs. In the locale C
    and in those of UTF-8 it is so from the start; only others, like fr_CH.ISO-8859-1, pay for a
    second start of Python, about 15 ms.
    """
    if sys.getfilesystemencoding() != "utf-8":
        # Not sys.orig_argv: what Python has decoded cannot always be encoded again.
        with open("/proc/self/cmdline", "rb") as command:  # noqa: PTH123 - pathlib is not loaded yet
            _, *arguments, _ = command.read().split(b"\0")
        os.execv(sys.executable, [os.fsencode(sys.executable), b"-X", b"utf8", *arguments])  # noqa: S606


def main() -> "NoReturn":
    """Run the program whose name this process was started by, itself or by a link."""
    _ensure_utf8()
    program = os.path.basename(sys.argv[0])  # noqa: PTH119 - pathlib is not loaded yet
    format_failure = _choose_failure_format(program, sys.argv[1:])
    warnings.simplefilter("ignore")  # of libraries; a plugin prints nothing else than its output
    if sys.stdout is None:  # closed by the caller: nobody would read a text
        os._exit(UNKNOWN)
    # Libraries log to standard error, a broken hashlib with a traceback. A plugin prints nothing
    # but its output; on a terminal the collector shows how far it is.
    if sys.stderr is None or not sys.stderr.isatty():
        sys.stderr = io.StringIO()
    # A check imports for most of its time: to look for garbage in between finds none.
    gc.set_threshold(_OBJECTS)
    os.environ.setdefault("PYTHONTZPATH", _ZONES)
    # The caller may have any locale; the output is UTF-8.
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    watchdog = None
    try:
        watchdog = Watchdog(format_failure)
        watchdog.obey_signals()
        code, text = _run_program(program, watchdog)
    except BaseException as error:  # the point of this module
        code, text = UNKNOWN, format_failure(_format_error(error))
    if watchdog is not None:
        watchdog.dismiss()
    try:
        if text:  # for a program without output cron would mail an empty line
            sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except OSError:  # nobody reads it any more
        code = UNKNOWN
    # Nothing is left to do: skipping the interpreter's own end saves a tenth of a check.
    os._exit(code)


def _choose_failure_format(program: str, arguments: "list[str]") -> "Callable[[str], str]":
    """Return what makes the output of *program* from the sentence that says why it failed."""
    if _asks_for_json(program, arguments):
        name = _quote(os.fsencode(program).decode(errors="backslashreplace"))
        return lambda why: _FAILURE % (name, _quote(why))
    check = program.removeprefix("check_")
    heading = f"{program}: " if check == program else f"{check.replace('_', ' ').upper()} "
    return lambda why: f"{heading}UNKNOWN - {why}"


def _asks_for_json(program: str, arguments: "list[str]") -> bool:
    """Return whether the output shall be a document, also if the options cannot be parsed."""
    is_check = program.startswith("check_")
    if not is_check and (program != "notify_backup" or not {*_JOBS_WITH_JSON} & {*arguments}):
        return False
    form = ""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if word == "--output":
            form = following
        elif word.startswith("--output="):
            form = word.removeprefix("--output=")
    return form == "json"


def _quote(text: str) -> str:
    """Return *text* as a string of JSON in ASCII.

    By hand: a watchdog's thread must import nothing, since the thread that it watches may hang in
    an import, and what json imports may be what is broken.
    """
    return f'"{"".join(map(_quote_character, text))}"'


def _quote_character(char: str) -> str:
    code = ord(char)
    if 32 <= code < 127 and char not in '"\\':
        return char
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    code -= 0x10000  # a surrogate pair
    return f"\\u{0xD800 | code >> 10:04x}\\u{0xDC00 | code & 0x3FF:04x}"


def _run_program(program: str, watchdog: Watchdog) -> tuple[int, str]:
    from backup_monitoring.plugin.lazy_modules import install_lazy_modules

    install_lazy_modules()
    try:
        module = importlib.import_module(program)
    except ModuleNotFoundError as error:
        if error.name != program:
            raise
        from backup_monitoring.model import UsageError

        raise UsageError(
            program, "not a program of backup-monitoring", "give the link the name of one"
        ) from None
    from backup_monitoring.plugin.help_request import HelpRequested

    try:
        code, text = module.main(sys.argv[1:], watchdog)
    except HelpRequested as request:  # for a check, help is not a state
        code, text = UNKNOWN if program.startswith("check_") else 0, request.text
    return int(code), str(text)


def _format_error(error: BaseException) -> str:
    try:
        return _describe_error(error)
    except BaseException:  # what it imports is broken, too, or no file can be opened any more
        why = getattr(error, "strerror", None) or type(error).__name__
        return f"{why}; install the package again, or see what this user lacks"


def _describe_error(error: BaseException) -> str:
    from backup_monitoring.model import MonitoringError, sanitize

    if isinstance(error, MonitoringError):
        return sanitize(str(error))
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    # Python also raises SyntaxError where it has no memory to compile what is not in its cache.
    if isinstance(error, ImportError | SyntaxError):
        kind = "" if isinstance(error, ImportError) else f"{type(error).__name__}: "
        return sanitize(f"{kind}{error}; install the package again, with what it depends on")
    if isinstance(error, OSError) and error.strerror:  # the system's own words
        named = f" ({error.filename})" if error.filename else f" at {_find_place(error)}"
        remedy = "check its disks and memory, and what this user may use (ulimit -a)"
        return sanitize(f"this server: {error.strerror}{named}; {remedy}")
    if isinstance(error, MemoryError):
        remedy = "check this server's, and this program's limit (MemoryMax of its unit, ulimit -v)"
        return f"not enough memory; {remedy}"
    # Never the text of an unexpected exception: it may hold a password or a customer's file.
    place = _find_place(error)
    return sanitize(f"internal error: {type(error).__name__} at {place}; please report it")


def _find_place(error: BaseException) -> str:
    trace = error.__traceback__
    place = "an unknown place"
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{os.path.basename(code.co_filename)}:{trace.tb_lineno} ({code.co_name})"  # noqa: PTH119
        trace = trace.tb_next
    return place
