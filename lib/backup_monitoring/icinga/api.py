"""Hands results to Icinga 2's API, over a few connections that are kept."""

import json
import queue
import ssl
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from http.client import HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from backup_monitoring.icinga.results import CheckResult
from backup_monitoring.model import MonitoringError, sanitize
from backup_monitoring.net import explain_failure, read_password
from backup_monitoring.settings import IcingaSettings

CONNECTIONS = 3
_WAIT = 10.0
_PATH = "/v1/actions/process-check-result"
_EXAMPLES = 5
_WAITING = 100  # results that were judged and not yet handed over
_ACCEPTED, _UNAUTHORIZED = 200, 401


class ApiError(MonitoringError):
    """The API cannot be used at all."""


class SubmitResult(NamedTuple):
    """What became of results.

    Args:
        accepted, missing: how many; *missing*: never handed over, since the API failed.
        refused: by the answer's status. examples: some of the services that were refused.
        error: why the API failed, None where it did not.
    """

    accepted: int
    missing: int
    refused: Counter[int]
    examples: tuple[str, ...]
    error: str | None


def submit(
    results: Iterable[CheckResult], settings: IcingaSettings, seconds: float
) -> SubmitResult:
    """Hand *results* over, each in a request of its own.

    Args:
        seconds: when they are nearly over, what is left is missing.

    Raises:
        ApiError: the settings name no API, or its certificates cannot be read.
        SettingsError: the password cannot be read.
    """
    sending = _Sending(settings.url, seconds)
    headers, context = _headers(settings), _context(settings)
    connections = [_ApiConnection(settings, context, headers) for _ in range(CONNECTIONS)]
    threads = [
        threading.Thread(target=sending.work, args=(each, settings.ttl), daemon=True)
        for each in connections
    ]
    for thread in threads:
        thread.start()
    try:
        # Only here: the store may be read by one thread alone.
        for result in results:
            sending.queue.put(result)
    finally:
        for _ in threads:
            sending.queue.put(None)
        for thread in threads:
            thread.join()
    return sending.submitted()


def _headers(settings: IcingaSettings) -> dict[str, str]:
    password = settings.password
    if not password and settings.password_file is not None:
        password = read_password(settings.password_file)
    token = b64encode(f"{settings.user}:{password}".encode()).decode()
    return {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Authorization": f"Basic {token}",
    }


def _context(settings: IcingaSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(
            cafile=None if settings.ca_file is None else str(settings.ca_file)
        )
    except (OSError, ssl.SSLError) as error:
        raise ApiError(
            str(settings.ca_file), f"cannot be read ({error})", "name a PEM file"
        ) from None


class _Sending:
    """Results on their way, taken from *queue* by several connections; None ends one of them."""

    def __init__(self, url: str, seconds: float) -> None:
        self.queue: queue.Queue[CheckResult | None] = queue.Queue(_WAITING)
        self._url = url
        # Time to hear of the last ones, and to count the others.
        self._until = time.monotonic() + seconds - min(_WAIT, seconds / 4)
        self._lock = threading.Lock()
        self._accepted = 0
        self._missing = 0
        self._refused: Counter[int] = Counter()
        self._examples: list[str] = []
        self._error: str | None = None
        self._failure: Exception | None = None

    def submitted(self) -> SubmitResult:
        """Return what became of all results."""
        if self._failure is not None:
            raise self._failure
        return SubmitResult(
            self._accepted, self._missing, self._refused, tuple(self._examples), self._error
        )

    def work(self, connection: "_ApiConnection", ttl: timedelta) -> None:
        """Hand over results; once the API has failed, or the time is over, count them."""
        while (result := self.queue.get()) is not None:
            if self._error is None and time.monotonic() > self._until:
                self._error = f"{self._url}: the time limit is reached"
            if self._error is not None:
                self._fail(self._error)
                continue
            try:
                status, text = connection.post(_body(result, ttl))
            except (OSError, HTTPException) as error:
                self._fail(f"{self._url}: {_format_error(error)}")
            except Exception as error:  # in this thread nobody would hear of it
                self._failure = error
                self._fail(type(error).__name__)
            else:
                self._note(result, status, text)
        connection.close()

    def _note(self, result: CheckResult, status: int, text: str) -> None:
        if status == _UNAUTHORIZED:
            self._fail(f"{self._url}: wrong user or password; see [icinga] user")
            return
        with self._lock:
            if status == _ACCEPTED:
                self._accepted += 1
                return
            self._refused[status] += 1
            if len(self._examples) < _EXAMPLES:
                self._examples.append(
                    f"{result.host}!{result.service}: {status} {sanitize(text, 120)}"
                )

    def _fail(self, error: str) -> None:
        with self._lock:
            self._missing += 1
            self._error = self._error or error


def _format_error(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"its certificate is not trusted ({error.verify_message})"
        return f"{why}; see [icinga] ca_file, and the name in url"
    if isinstance(error, ssl.SSLError):
        said = explain_failure(error)
    else:
        said = getattr(error, "strerror", None) or type(error).__name__
    return f"no answer ({said}); see whether Icinga runs, and [icinga] url"


def _body(result: CheckResult, ttl: timedelta) -> bytes:
    # No execution times: a result that is older by them than the last one is dropped unsaid.
    return json.dumps(
        {
            "type": "Service",
            "service": f"{result.host}!{result.service}",
            "exit_status": result.state.value,
            "plugin_output": "\n".join(result.output),
            "performance_data": result.numbers,
            "ttl": int(ttl.total_seconds()),
        }
    ).encode()


class _ApiConnection:
    """A kept connection, opened again once where the server has closed it."""

    def __init__(
        self, settings: IcingaSettings, context: ssl.SSLContext, headers: dict[str, str]
    ) -> None:
        parts = urlsplit(settings.url)
        if not parts.hostname:
            raise ApiError("[icinga] url", "not set", 'set it to "https://HOST:5665"')
        host, port = parts.hostname, parts.port or 5665
        self._open: Callable[[], HTTPSConnection] = lambda: HTTPSConnection(
            host, port, timeout=_WAIT, context=context
        )
        self._headers = headers
        self._connection = self._open()
        self._used = False

    def post(self, body: bytes) -> tuple[int, str]:
        """Return status and body of the answer."""
        try:
            return self._post(body)
        except ssl.SSLCertVerificationError:
            raise
        except (ConnectionError, HTTPException, ssl.SSLError):
            if not self._used:
                raise
        # The server closes connections that idle; the same result twice is the same state.
        self.close()
        self._connection = self._open()
        return self._post(body)

    def _post(self, body: bytes) -> tuple[int, str]:
        self._connection.request("POST", _PATH, body, self._headers)
        answer = self._connection.getresponse()
        text = answer.read(4096)
        answer.read()
        self._used = True
        return answer.status, text.decode("utf-8", "replace")

    def close(self) -> None:
        """Close it."""
        self._connection.close()
