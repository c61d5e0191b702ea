"""The hook: writes a call of the monitoring system into the spool, for the delivery to handle.

The monitoring system starts a process per notification, hundreds at once when a server fails, and
calls only once. So the hook asks nobody and waits for nobody, and loads as little as possible.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from backup_monitoring.notify.call_values import NAGIOS, check_values, collect_values
from backup_monitoring.outbox import SpoolError, write_call
from backup_monitoring.settings import DEFAULT_FILE, FILE_VARIABLE, find_hook_outbox

# Exit codes of notify_backup, here for the hook's sake. NOT_WRITTEN: or the outbox cannot be read.
DONE, INCOMPLETE, NOT_WRITTEN, WRONG = 0, 1, 2, 3
HOOK_LIMIT = 50  # seconds: a thousand at once take a while
_SHORT = {"-a": "account", "-t": "timeout"}
_TEXTS = ("output", "author", "comment")  # may begin with "-", whatever argparse thinks of that
_NAMES = (*NAGIOS, "config", "timeout")


def spool_quickly(
    arguments: Sequence[str], began: int, set_limit: Callable[[float], None]
) -> tuple[int, str] | None:
    """Spool the call that *arguments* and the environment describe, if they are the usual ones.

    Args:
        began: CLOCK_BOOTTIME in nanoseconds. set_limit: of the process, in seconds.

    Returns:
        Exit code and output; None: another job, or options and settings that must be read
        completely to say what is wrong.

    Raises:
        UsageError: a value is missing or not valid.
    """
    options = _parse(arguments)
    if options is None:
        return None
    set_limit(float(options.pop("timeout", HOOK_LIMIT)))
    file = options.pop("config", "") or os.environ.get(FILE_VARIABLE) or DEFAULT_FILE
    outbox = find_hook_outbox(file)
    return None if outbox is None else spool_call(options, outbox, began, datetime.now(UTC))


def spool_call(
    options: Mapping[str, str | None], outbox: str, began: int, now: datetime
) -> tuple[int, str]:
    """Spool the call that *options* and the environment describe; return exit code and output.

    Args:
        outbox: absolute. began: CLOCK_BOOTTIME in nanoseconds. now: the call's time if it has none.

    Raises:
        UsageError: a value is missing or not valid.
    """
    values = collect_values(options, os.environ, now)
    check_values(values)
    try:
        write_call(outbox, json.dumps(values).encode(), began)
    except SpoolError as error:
        return NOT_WRITTEN, f"FAILED: {error}"
    return DONE, "spooled"


def _parse(arguments: Sequence[str]) -> dict[str, str] | None:
    """Return the options of a call, each with its value; None if there is anything else."""
    options: dict[str, str] = {}
    words = iter(arguments)
    for word in words:
        flag, equals, value = word.partition("=")
        is_long = flag.startswith("--")
        name = flag[2:].replace("-", "_") if is_long else _SHORT.get(flag, "")
        if name not in _NAMES or name in options or (equals and not is_long) or "_" in flag:
            return None
        if not equals:
            value = next(words, "")
            if not value or (value.startswith("-") and name not in _TEXTS):
                return None
        options[name] = value
    return options if _is_plain(options) else None


def _is_plain(options: Mapping[str, str]) -> bool:
    """Return whether account and time limit are written as usual, so that nothing can be wrong."""
    account, seconds = options.get("account", "1"), options.get("timeout", "1")
    if not account.strip() or account != account.strip() or "," in account or account[0] == "=":
        return False
    return seconds.isascii() and seconds.isdigit() and 1 <= int(seconds[:6]) <= 86400
