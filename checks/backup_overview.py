"""backup_overview: writes what a NOC shows of all accounts."""

from collections.abc import Sequence

from backup_monitoring.model import SettingsError, sanitize
from backup_monitoring.overview import WrittenFiles, read_figures, write_metrics
from backup_monitoring.plugin import Parser, Watchdog, add_common_options, choose_now, start_run
from backup_monitoring.settings import Settings

DONE, UNFINISHED = 0, 2
_LIMIT = 300


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the program; return its exit code and its output.

    Raises:
        MonitoringError: wrong options or settings; the store cannot be read.
        HelpRequested: the command line asks for help or version.
    """
    options = _make_parser().parse(arguments)
    settings = start_run(options, watchdog, _LIMIT)
    _require_something(settings)
    now = choose_now(options)
    written: list[WrittenFiles] = []
    try:
        if settings.overview.metrics_file is not None:
            watchdog.phase("reading the store")
            figures = read_figures(settings, now)
            watchdog.phase("writing the metrics")
            written.append(write_metrics(figures, settings.overview.metrics_file))
    finally:  # metrics that cannot be written stop no page
        if settings.overview.folder is not None:
            from backup_monitoring.overview import write_page  # loads templates and rules

            written.append(write_page(settings, settings.overview.folder, now, watchdog.phase))
    failed = dict.fromkeys(each for part in written for each in part.failed)
    lines = [*(part.line for part in written), *(f"FAILED: {each}" for each in failed)]
    return UNFINISHED if failed else DONE, "\n".join(map(sanitize, lines))


def _make_parser() -> Parser:
    parser = Parser(
        "backup_overview",
        "Writes a page about all accounts, and their metrics for Prometheus, as of the last "
        "collector run.",
        "exit codes: 0 written, 2 written without a part that could not be read, 3 wrong options "
        "or settings, the store cannot be read, or a file cannot be written",
    )
    add_common_options(parser, limit=f"{_LIMIT}")
    return parser


def _require_something(settings: Settings) -> None:
    """Raise SettingsError if the settings name nothing to write, or no store."""
    if settings.overview.metrics_file is None and settings.overview.folder is None:
        remedy = "set folder, metrics_file or both"
        raise SettingsError(f"{settings.file}: [overview]", "nothing to write", remedy)
    if settings.store.folder is None:
        remedy = "set it, and run collect_backup_state"
        raise SettingsError(f"{settings.file}: [store] folder", "not set", remedy)
