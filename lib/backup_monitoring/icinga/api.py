"""Submits results to Icinga 2's API, over one connection that is kept open."""

import errno
import json
import ssl
import time
from base64 import b64encode
from collections import Counter, deque
from collections.abc import Iterable
from datetime import timedelta
from fnmatch import fnmatchcase
from http.client import HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from backup_monitoring.icinga.results import CheckResult
from backup_monitoring.model import MonitoringError, sanitize
from backup_monitoring.net import (
    Trust,
    explain_failure,
    explain_rejection,
    make_context,
    read_password,
)
from backup_monitoring.settings import IcingaSettings

_DEFAULT_PORT = 5665
_WAIT = 10.0  # seconds, for an answer
_PAUSE = 1.0  # seconds after a failed request: a reload closes the API for some seconds
_PATH = "/v1/actions/process-check-result"
_PERMISSION = "actions/process-check-result"
_EXAMPLES = 5
_LONGEST_ANSWER = 64 * 1024  # Icinga's have below 1 KiB
_ACCEPTED, _UNAUTHORIZED, _RELOADING = 200, 401, 503
_WRONG_LOGIN = ("wrong user or password", "see [icinga] user")


class ApiError(MonitoringError):
    """The API cannot be used at all."""


class SubmitResult(NamedTuple):
    """What became of the results.

    Args:
        accepted: number of results. missing: number not submitted, since the API failed.
        refused: numbers by HTTP status. examples: some of the services that were refused.
        error: why the API failed; None if it did not.
    """

    accepted: int
    missing: int
    refused: Counter[int]
    examples: tuple[str, ...]
    error: str | None


def submit(
    results: Iterable[CheckResult], settings: IcingaSettings, seconds: float
) -> SubmitResult:
    """Submit *results*, a request for each.

    After a failed request the next one follows, and the failed one again at the end. The API has
    failed once it has accepted or refused nothing for ``retry_for``.

    Args:
        seconds: shortly before they are over, the results that are left count as missing.

    Raises:
        ApiError: the settings name no API.
        SettingsError: the password or the authorities' certificates cannot be read.
    """
    submission = _Submission(settings, seconds)
    try:
        for result in results:
            submission.submit(result)
        submission.submit_failed()
    finally:
        submission.connection.close()
    return submission.summarize()


def try_api(settings: IcingaSettings) -> str:
    """Log in to the API, and submit nothing; return a few words about that.

    Raises:
        ApiError: it does not answer, or the user may not submit results.
        SettingsError: the password or the authorities' certificates cannot be read.
    """
    connection = _ApiConnection(settings)
    try:
        status, text = connection.get("/v1")
    except (OSError, HTTPException) as error:
        raise ApiError(settings.url, *_explain_error(error, settings)) from None
    finally:
        connection.close()
    if status == _UNAUTHORIZED:
        raise ApiError(settings.url, *_WRONG_LOGIN)
    permissions = _parse_permissions(text) if status == _ACCEPTED else None
    if permissions is None:
        problem = f"not an answer of Icinga's API: {status} {sanitize(text, 120)}"
        raise ApiError(settings.url, problem, "see [icinga] url")
    if not any(fnmatchcase(_PERMISSION, each.lower()) for each in permissions):
        problem = f"the ApiUser {settings.user} lacks the permission {_PERMISSION}"
        raise ApiError(settings.url, problem, "see icinga/icinga2-submit.conf")
    return f"{settings.url}: {settings.user} may submit results; none was submitted"


def _parse_permissions(text: str) -> list[str] | None:
    """Return the permissions in an answer to "who am I?", None if it is another text."""
    try:
        (result,) = json.loads(text)["results"]
        # "(filtered)": for some objects only
        return [str(each).removesuffix(" (filtered)") for each in result["permissions"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


class _Submission:
    """The results so far; after a failure of the API the further ones are only counted."""

    def __init__(self, settings: IcingaSettings, seconds: float) -> None:
        self.connection = _ApiConnection(settings)
        self._settings = settings
        # What is kept back is for the answer to the last request, and for counting the others.
        self._until = time.monotonic() + seconds - min(_WAIT, seconds / 4)
        self._retry_until: float | None = None  # None: the last request was answered
        self._failed: deque[CheckResult] = deque()
        self._accepted = 0
        self._missing = 0
        self._refused: Counter[int] = Counter()
        self._examples: list[str] = []
        self._error: str | None = None

    def submit(self, result: CheckResult) -> None:
        """Submit *result*, or count it as missing; after a failed request it is submitted later."""
        if not self._attempt(result):
            self._failed.append(result)

    def submit_failed(self) -> None:
        """Submit those whose requests failed, until they are through or the API has failed."""
        while self._failed:
            self.submit(self._failed.popleft())

    def _attempt(self, result: CheckResult) -> bool:
        """Submit *result*, or count it as missing; False if it should be submitted again."""
        if self._error is None and time.monotonic() > self._until:
            self._error = "the time limit is reached"
        if self._error is not None:
            self._missing += 1
            return True
        try:
            status, text = self.connection.post(_make_body(result, self._settings.ttl))
            if status == _RELOADING:
                raise OSError(errno.EBUSY, "Icinga is reloading")
        except ssl.SSLCertVerificationError as error:
            self._error = "; ".join(_explain_error(error, self._settings))
        except (OSError, HTTPException) as error:
            if self._pause():
                return False
            self._error = "; ".join(_explain_error(error, self._settings))
        else:
            self._retry_until = None
            self._note(result, status, text)
        self._missing += self._error is not None
        return True

    def _pause(self) -> bool:
        """Wait before the next request; False if the API has failed for too long."""
        now = time.monotonic()
        if self._retry_until is None:
            self._retry_until = now + self._settings.retry_for.total_seconds()
        if now + _PAUSE > min(self._retry_until, self._until):
            return False
        time.sleep(_PAUSE)
        return True

    def _note(self, result: CheckResult, status: int, text: str) -> None:
        if status == _UNAUTHORIZED:
            self._error = "; ".join(_WRONG_LOGIN)
        elif status == _ACCEPTED:
            self._accepted += 1
        else:
            self._refused[status] += 1
            if len(self._examples) < _EXAMPLES:
                service = f"{result.host}!{result.service}"
                self._examples.append(f"{service}: {status} {sanitize(text, 120)}")

    def summarize(self) -> SubmitResult:
        """Return what became of all results."""
        error = f"{self._settings.url}: {self._error}" if self._error is not None else None
        return SubmitResult(
            self._accepted, self._missing, self._refused, tuple(self._examples), error
        )


def _explain_error(error: Exception, settings: IcingaSettings) -> tuple[str, str]:
    """Return problem and remedy of *error*."""
    if isinstance(error, ssl.SSLCertVerificationError):
        host = urlsplit(settings.url).hostname or ""
        return explain_rejection(error, host, _make_trust(settings))
    if isinstance(error, ssl.SSLError):
        reason = explain_failure(error)
    else:
        reason = getattr(error, "strerror", None) or type(error).__name__
    return f"no answer ({reason})", "see whether Icinga runs, and [icinga] url"


def _make_body(result: CheckResult, ttl: timedelta) -> bytes:
    # Without execution times: Icinga drops a result that is older by them than the last one, and
    # answers 200.
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


def _make_headers(settings: IcingaSettings) -> dict[str, str]:
    password = settings.password
    if not password and settings.password_file is not None:
        password = read_password(settings.password_file)
    token = b64encode(f"{settings.user}:{password}".encode()).decode()
    return {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Authorization": f"Basic {token}",
    }


def _make_trust(settings: IcingaSettings) -> Trust:
    return Trust(settings.ca_file, "icinga", "url")


class _ApiConnection:
    """A connection that is kept, and opened again for the request after one that failed."""

    def __init__(self, settings: IcingaSettings) -> None:
        parts = urlsplit(settings.url)
        if not parts.hostname:
            raise ApiError("[icinga] url", "not set", 'set it to "https://HOST:5665"')
        self._headers = _make_headers(settings)
        self._connection = HTTPSConnection(
            parts.hostname,
            parts.port or _DEFAULT_PORT,
            timeout=_WAIT,
            context=make_context(_make_trust(settings)),
        )
        self._used = False

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of the answer to a request of *path*."""
        return self._request("GET", path)

    def post(self, body: bytes) -> tuple[int, str]:
        """Return status and body of the answer to a result."""
        try:
            return self._request("POST", _PATH, body)
        except ssl.SSLCertVerificationError:
            raise
        except (ConnectionError, HTTPException, ssl.SSLError):
            if not self._used:
                raise
        # Icinga closes idle connections. If it has seen the result already, a second one does no
        # harm: it has the same state.
        return self._request("POST", _PATH, body)

    def _request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        try:
            self._connection.request(method, path, body, self._headers)
            answer = self._connection.getresponse()
            text = answer.read(_LONGEST_ANSWER + 1)
            if len(text) > _LONGEST_ANSWER:
                raise OSError(errno.EMSGSIZE, f"an answer of more than {_LONGEST_ANSWER} bytes")
        except (OSError, HTTPException):
            self.close()  # it would take no other request
            raise
        self._used = True
        return answer.status, text.decode("utf-8", "replace")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
