"""Section [overview]: what `backup_overview` writes, and where."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

from backup_monitoring.model import Key, parse_text
from backup_monitoring.settings.forms import parse_path, resolve_path

_SUFFIX = ".prom"
_PLACE = re.compile(r"\{(account|task|host)\}")
_LINK = re.compile(r"https?://[A-Za-z0-9.\[:][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")


def _parse_metrics_file(value: object) -> str:
    text = parse_path(value)
    if not text.removesuffix(_SUFFIX) or not text.endswith(_SUFFIX) or text.endswith(f"/{_SUFFIX}"):
        raise ValueError(f"not a name that ends in {_SUFFIX}; node_exporter reads no other files")
    return text


def _parse_icinga_url(value: object) -> str:
    text = parse_text(value)
    if not _LINK.fullmatch(_PLACE.sub("", text)):
        raise ValueError(
            'not a valid link; write "https://HOST/icingadb/service?name={account}-{task}&'
            'host.name={host}"'
        )
    return text


class OverviewSettings(NamedTuple):
    """[overview]: for `backup_overview`."""

    folder: Annotated[
        Path | None,
        Key(
            "folder of the page, which has no other files. [More](overview.md#the-page)",
            "folder of the page",
            unset="no page",
            example="/var/lib/backup-overview",
        ),
    ] = None
    title: Annotated[str, Key("heading of the page")] = "Backups"
    refresh: Annotated[
        timedelta,
        Key(
            "how often an open page loads itself again; `0s`: never", "how often a page is reloaded"
        ),
    ] = timedelta(minutes=1)
    icinga_url: Annotated[
        str,
        Key(
            "link to a service in Icinga's or Nagios's web interface. `{account}` and `{host}` are "
            "names in objects, `{task}` is the check's",
            "",
            parse=_parse_icinga_url,
            unset="no links",
            example="https://icinga.example.org/icingadb/service?name={account}-{task}"
            "&host.name={host}",
        ),
    ] = ""
    show_recipients: Annotated[
        bool,
        Key(
            "whether the page shows the addresses of those who were notified; if not, no mail "
            "address is in any of its files",
            "show the addresses of those who were notified",
        ),
    ] = False
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
