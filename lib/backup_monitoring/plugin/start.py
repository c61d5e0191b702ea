"""Starts the run of a program: its time limit, and its settings."""

import argparse

from backup_monitoring.plugin.launcher import Watchdog
from backup_monitoring.settings import Settings, find_settings_file, read_settings


def start_run(options: argparse.Namespace, watchdog: Watchdog, limit: float) -> Settings:
    """Set the time limit and read the settings.

    Args:
        options: with those of `add_common_options`.
        limit: in seconds, where the options name none.

    Raises:
        SettingsError: the settings are wrong.
    """
    watchdog.limit(options.timeout or limit)
    watchdog.phase("reading the settings")
    return read_settings(find_settings_file(options.config))
