"""Submits results to Icinga 2 in three ways, by turns; prints JSON.

Run by the installed environment's interpreter: SETTINGS ROUNDS NOW. Printed are the number of
results, and the seconds: to submit them; to read the states of all accounts and submit them; of
a loop that only sends.
"""

import json
import ssl
import sys
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator
from datetime import datetime
from http.client import HTTPSConnection
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from backup_monitoring.icinga.api import submit
from backup_monitoring.icinga.results import CheckResult, make_results
from backup_monitoring.net.secrets import read_password
from backup_monitoring.settings.load import Settings, read_settings
from backup_monitoring.store.source import open_source


def read_all(settings: Settings, now: datetime) -> Iterator[CheckResult]:
    """Yield the results of all accounts of the store."""
    with open_source(settings, now, lambda doing: None) as source:
        for verdicts in source.verdicts(None):
            yield from make_results(verdicts, settings, False)


def ours(settings: Settings, results: Iterable[CheckResult]) -> float:
    """Return the seconds of submitting *results*."""
    began = time.perf_counter()
    done = submit(results, settings.icinga, 3000)
    took = time.perf_counter() - began
    assert not done.missing, done.error
    assert not done.refused, done.examples
    return took


def bare(settings: Settings, bodies: list[bytes]) -> float:
    """Return the seconds of a loop that sends *bodies*, and reads the answers."""
    icinga = settings.icinga
    assert icinga.password_file is not None
    token = b64encode(f"{icinga.user}:{read_password(icinga.password_file)}".encode()).decode()
    headers = {"Accept": "application/json", "Authorization": f"Basic {token}"}
    parts = urlsplit(icinga.url)
    context = ssl.create_default_context(cafile=str(icinga.ca_file))
    connection = HTTPSConnection(str(parts.hostname), parts.port, context=context)
    began = time.perf_counter()
    for body in bodies:
        connection.request("POST", "/v1/actions/process-check-result", body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    took = time.perf_counter() - began
    connection.close()
    return took


def _body(result: CheckResult) -> bytes:
    return json.dumps(
        {
            "type": "Service",
            "service": f"{result.host}!{result.service}",
            "exit_status": result.state.value,
            "plugin_output": "\n".join(result.output),
            "performance_data": result.numbers,
            "ttl": 1800,
        }
    ).encode()


def _main(file: Path, rounds: int, now: datetime) -> None:
    settings = read_settings(file)
    results = list(read_all(settings, now))
    bodies = [_body(result) for result in results]
    bare(settings, bodies)  # warm
    turns = [
        (
            ours(settings, results),
            ours(settings, read_all(settings, now)),
            bare(settings, bodies),
        )
        for _ in range(rounds)
    ]
    print(json.dumps([len(bodies), *map(median, zip(*turns, strict=True))]))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), datetime.fromisoformat(sys.argv[3]))
