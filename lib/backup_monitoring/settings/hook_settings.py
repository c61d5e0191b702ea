"""The one setting that the hook needs, without the reading of all others."""

import os
import tomllib

from backup_monitoring.settings.store_guess import read_if_regular


def find_hook_outbox(file: str) -> str | None:
    """Return the absolute path of [notify] outbox in the settings *file*, if calls are spooled.

    A process per notification, hundreds at once: reading all settings would take it twice as long.

    Returns:
        None: the trigger is another one, or something is wrong: reading all settings says what.
    """
    data = read_if_regular(file)
    if data is None:
        return None
    try:
        notify = tomllib.loads(data.decode())["notify"]
        trigger, outbox = notify.get("trigger", "monitoring"), notify["outbox"]
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None
    if trigger != "monitoring" or not isinstance(outbox, str) or not outbox or "\0" in outbox:
        return None
    folder = os.path.dirname(os.path.abspath(file))  # noqa: PTH100, PTH120 - pathlib is not loaded yet
    return os.path.join(folder, outbox)  # noqa: PTH118 - as above
