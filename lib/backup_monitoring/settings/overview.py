"""Section [overview]: what `backup_overview` writes, and where."""

from pathlib import Path
from typing import Annotated, NamedTuple

from backup_monitoring.model import Key
from backup_monitoring.settings.forms import parse_path, resolve_path

_SUFFIX = ".prom"


def _parse_metrics_file(value: object) -> str:
    text = parse_path(value)
    if not text.removesuffix(_SUFFIX) or not text.endswith(_SUFFIX) or text.endswith(f"/{_SUFFIX}"):
        raise ValueError(f"not a name that ends in {_SUFFIX}; node_exporter reads no other files")
    return text


class OverviewSettings(NamedTuple):
    """[overview]: for `backup_overview`."""

    folder: Annotated[
        Path | None,
        Key(
            "folder of the page",
            unset="no page",
            example="/var/lib/backup-overview",
        ),
    ] = None
    metrics_file: Annotated[
        Path | None,
        Key(
            "file of the metrics for Prometheus, in the folder of node_exporter's textfile "
            "collector; its name ends in `.prom`. [More](overview.md#metrics)",
            "file of the metrics for Prometheus",
            parse=_parse_metrics_file,
            resolve=resolve_path,
            unset="no metrics",
            example="/var/lib/prometheus/node-exporter/backup.prom",
        ),
    ] = None
