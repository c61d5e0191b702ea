"""The one setting that the hook needs, without the reading of all others."""

import os
import stat
import tomllib


def find_hook_outbox(file: str) -> str | None:
    """Return the absolute path of [notify] outbox in the settings *file*, if calls are spooled.

    A process per notification, hundreds at once: reading all settings would take it twice as long.

    Returns:
        None: the trigger is another one, or something is wrong: reading all settings says what.
    """
    try:
        # A pipe could be read only once, and reading all settings may need it.
        if not stat.S_ISREG(os.stat(file).st_mode):  # noqa: PTH116 - pathlib is not loaded yet
            return None
        with open(file, "rb") as stream:  # noqa: PTH123 - pathlib is not loaded yet
            notify = tomllib.load(stream)["notify"]
        trigger, outbox = notify.get("trigger", "monitoring"), notify["outbox"]
    except (OSError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None
    if trigger != "monitoring" or not isinstance(outbox, str) or not outbox or "\0" in outbox:
        return None
    folder = os.path.dirname(os.path.abspath(file))  # noqa: PTH100, PTH120 - as above
    return os.path.join(folder, outbox)  # noqa: PTH118 - as above
