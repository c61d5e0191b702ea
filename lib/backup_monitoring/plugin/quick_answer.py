"""The answer of a check about one account, without loading what only other answers need.

Monitoring systems ask about one account, every five minutes, for each account and check. The
collector run has judged it, so that a few lines of the store are the answer. What is asked
otherwise, or not as expected, is left to the check itself, which prints the same.
"""

import os

from backup_monitoring.model import sanitize
from backup_monitoring.plugin.launcher import Watchdog
from backup_monitoring.plugin.performance import format_performance
from backup_monitoring.settings import DEFAULT_FILE, FILE_VARIABLE, guess_store_folder
from backup_monitoring.store import read_quickly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_LIMIT = 10  # seconds, as of the check
_MOST_CHARACTERS = 900  # longer lines are cut, by rules that are the check's
_LONG = {"-a": "--account", "-t": "--timeout"}


def find_quick_answer(
    task: str, arguments: "Sequence[str]", watchdog: Watchdog
) -> tuple[int, str] | None:
    """Return the exit code and output of the check of *task*; None: the check itself must find it.

    Raises nothing: whatever is wrong, the check finds it again and has a message for it.
    """
    options = _parse(arguments)
    if options is None or "--account" not in options:
        return None
    watchdog.limit(float(options.get("--timeout", _LIMIT)))
    watchdog.phase("reading the store")
    file = options.get("--config") or os.environ.get(FILE_VARIABLE) or DEFAULT_FILE
    guess = guess_store_folder(file)
    if guess is None:
        return None
    asked = options["--account"]
    # As `parse_uids` does it.
    found = read_quickly(*guess, asked[1:] if asked[:1] == "=" else asked.strip(), task)
    if found is None:
        return None
    uid, state, code, summary, computer, metrics = found
    name = f"{uid} {computer}" if computer else uid
    text = f"{name}: {summary}"
    if len(text) > _MOST_CHARACTERS:
        return None
    first = f"BACKUP {task.upper()} {state} - {sanitize(text)}"
    try:
        numbers = " ".join(sorted(map(format_performance, metrics)))
    except (ArithmeticError, TypeError, ValueError):  # not what a run writes: the row is damaged
        return None
    return code, f"{first} | {numbers}" if numbers else first


def _parse(arguments: "Sequence[str]") -> dict[str, str] | None:
    """Return the options if they are the usual ones, each with its value; else None."""
    options: dict[str, str] = {}
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        name = _LONG.get(name, name)
        if not equals:
            value = next(words, "-")
        is_long = word.startswith("--") or not equals
        if name not in ("--account", "--config", "--timeout") or name in options or not is_long:
            return None
        is_list = name == "--account" and "," in value and value[:1] != "="
        if not value.strip() or value.startswith("-") or is_list:
            return None
        options[name] = value
    seconds = options.get("--timeout", "1")
    return options if seconds.isascii() and seconds.isdigit() and 1 <= int(seconds) <= 60 else None
