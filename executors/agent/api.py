"""The client of the attempt's endpoints: one keep-alive connection for each thread, retries, streamed bodies."""

from __future__ import annotations

import base64
import http.client
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import unquote, urlsplit

from executors.job_data import JobDataError

from .errors import ApiRefused, ApiUnavailable, AttemptOver, StepFailed
from .proxy import proxy_for

if TYPE_CHECKING:
    import ssl

READ_SECONDS = 20.0
_CONNECT_SECONDS = 5.0
_BLOCK = 64 * 1024
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_LEAST_SECONDS = 10.0
_BYTES_A_SECOND = 1024 * 1024  # what a busy site stores at least

Body = bytes | Path | None
Result = TypeVar("Result")


class Answer:
    """One answer of the API: its status and its whole body."""

    __slots__ = ("body", "status")

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.body = body

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; {} when it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def detail(self) -> str:
        """The sentence of the error, or the bare status."""
        errors = self.json().get("errors")
        first = errors[0] if isinstance(errors, list) and errors else None
        detail = first.get("detail") if isinstance(first, dict) else None
        return str(detail) if detail else f"HTTP status {self.status}"


class Api:
    """Calls below the attempt's address, with whatever bearer token is current.

    Raises JobDataError for a CA bundle that is none.
    """

    def __init__(self, attempt_url: str, token: str, ca_bundle: str | None, environ: Mapping[str, str]) -> None:
        parts = urlsplit(attempt_url)
        self._https = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._https else 80)
        self._netloc = parts.netloc.rpartition("@")[2]
        self._base = parts.path
        self._proxy = proxy_for(parts.scheme, self._host, environ)
        self._tls = _tls_context(ca_bundle) if self._https else None
        self._local = threading.local()
        self._away_since: float | None = None  # when the first call began that found it away, of all since it answered
        self.token = token

    def left(self, seconds: float) -> float:
        """How long to go on trying, where an outage is bridged for so many seconds.

        State, log and result wait for the same outage, so they share these seconds: together they must be over before
        the silence is long enough for the API to give the attempt up. Something is left for each in any case.
        """
        since = self._away_since
        if since is None:
            return seconds
        return max(min(seconds, _LEAST_SECONDS), since + seconds - time.monotonic())

    def call(
        self,
        method: str,
        path: str,
        body: Body = None,
        *,
        content_type: str = "application/octet-stream",
        accept: frozenset[int] = frozenset(),
        into: Path | None = None,
        timeout: float = READ_SECONDS,
    ) -> Answer:
        """Make one call; a file as `body` is streamed, a 200 is written to the file `into` when given.

        Statuses in `accept` are answers beside 2xx. A long body has longer than `timeout` to be stored: a call that is
        given up too early is made again from its beginning, and costs the API as much once more.
        Raises ApiUnavailable, AttemptOver or ApiRefused, and StepFailed for a file that cannot be read or written.
        """
        began = time.monotonic()
        timeout += _size(body) / _BYTES_A_SECOND
        for fresh in (False, True):
            reused = getattr(self._local, "connection", None) is not None
            try:
                connection = self._connection(timeout)
                answer, retry_after = self._exchange(connection, method, path, body, content_type, into)
                break
            except (OSError, http.client.HTTPException) as error:
                self._forget()
                # A kept connection may have been closed by the server meanwhile: that says nothing about the API.
                if reused and not fresh and isinstance(error, ConnectionError | http.client.BadStatusLine):
                    continue
                self._note_away(began)
                raise ApiUnavailable(f"{type(error).__name__}: {error}") from None
            except StepFailed:
                self._forget()
                raise
        if answer.status in (408, 425, 429) or answer.status >= 500:
            self._note_away(began)
            raise ApiUnavailable(answer.detail(), retry_after=retry_after)
        self._away_since = None
        if 200 <= answer.status < 300 or answer.status in accept:
            return answer
        if answer.status in (401, 410):
            raise AttemptOver(answer.detail())
        raise ApiRefused(answer.detail(), status=answer.status)

    def post_json(
        self,
        path: str,
        content: Mapping[str, Any],
        *,
        accept: frozenset[int] = frozenset(),
        timeout: float | None = None,
    ) -> Answer:
        """POST a JSON object."""
        body = json.dumps(content).encode()
        return self.call(
            "POST",
            path,
            body,
            content_type="application/json",
            accept=accept,
            timeout=timeout or READ_SECONDS,
        )

    def close(self) -> None:
        """Close this thread's connection."""
        self._forget()

    def _note_away(self, began: float) -> None:
        if self._away_since is None:
            self._away_since = began

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Body,
        content_type: str,
        into: Path | None,
    ) -> tuple[Answer, float | None]:
        headers = {"Authorization": f"Bearer {self.token}", "Host": self._netloc, "Accept": "*/*"}
        target = self._base + path
        if self._proxy and not self._https:
            target = f"http://{self._netloc}{target}"
            headers.update(_proxy_login(self._proxy))
        if body is not None or method in ("POST", "PUT"):
            headers["Content-Type"] = content_type
        if isinstance(body, Path):
            with _opened(body) as stream:
                headers["Content-Length"] = str(os.fstat(stream.fileno()).st_size)
                connection.request(method, target, stream, headers)
        else:
            connection.request(method, target, body if body is not None or method == "GET" else b"", headers)
        response = connection.getresponse()
        if into is not None and response.status == 200:
            _save(response, into)
            content = b""
        else:
            content = response.read()
        if response.will_close:
            self._forget()
        return Answer(response.status, content), _seconds(response.getheader("Retry-After"))

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            self._local.connection = connection
        connection.sock.settimeout(timeout)
        return connection

    def _connect(self) -> http.client.HTTPConnection:
        via = urlsplit(f"//{self._proxy}") if self._proxy else None
        host, port = (via.hostname or "", via.port or 3128) if via else (self._host, self._port)
        # A first packet that got lost is soon sent again; a whole connection that does not come is better tried anew.
        limit = _CONNECT_SECONDS
        if self._tls is None:
            connection = http.client.HTTPConnection(host, port, timeout=limit, blocksize=_BLOCK)
        else:
            connection = http.client.HTTPSConnection(host, port, timeout=limit, blocksize=_BLOCK, context=self._tls)
            if via:
                connection.set_tunnel(self._host, self._port, _proxy_login(self._proxy or ""))
        connection.connect()
        return connection

    def _forget(self) -> None:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()


def retrying(  # noqa: UP047 - Python 3.11 has no type parameters
    attempt: Callable[[], Result],
    *,
    seconds: float,
    pause: Callable[[float], object],
    first_failure: Callable[[ApiUnavailable], object] | None = None,
) -> Result:
    """Call until it answers, with growing and jittered pauses, for `seconds`; then raise the last ApiUnavailable.

    `pause` waits; what it raises ends the waiting. `first_failure` hears of the first failure.
    """
    deadline = time.monotonic() + seconds
    wait = _FIRST_PAUSE
    while True:
        try:
            return attempt()
        except ApiUnavailable as error:
            if first_failure is not None:
                first_failure(error)
                first_failure = None
            left = deadline - time.monotonic()
            if left <= 0:
                raise
            pause(min(max(jittered(wait), min(error.retry_after or 0, 10)), left))
            wait = min(wait * 2, _LONGEST_PAUSE)


def jittered(seconds: float) -> float:
    """Somewhere between half of it and all of it, so that many pods do not come back together."""
    return seconds * (0.5 + os.urandom(1)[0] / 510)


def _size(body: Body) -> int:
    if not isinstance(body, Path):
        return len(body or b"")
    try:
        return body.stat().st_size
    except OSError:
        return 0  # said when it is opened


def _tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    import ssl

    try:
        context = ssl.create_default_context(cadata=ca_bundle)
    except (ssl.SSLError, ValueError):
        raise JobDataError("The caBundle is no PEM text with certificates.") from None
    # Python 3.13 refuses a certificate authority without key usage, which many clusters and companies have.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        # Not the API's fault: trying again would not help.
        raise StepFailed("file-failed", f"The file {path.name} cannot be read: {error.strerror}.") from None


def _save(response: http.client.HTTPResponse, path: Path) -> None:
    try:
        out = path.open("wb")
    except OSError as error:
        raise StepFailed("file-failed", f"The file {path.name} cannot be written: {error.strerror}.") from None
    with out:
        while block := response.read(_BLOCK):
            try:
                out.write(block)
            except OSError as error:
                raise StepFailed("file-failed", f"The file {path.name} cannot be written: {error.strerror}.") from None


def _proxy_login(proxy: str) -> dict[str, str]:
    parts = urlsplit(f"//{proxy}")
    if not parts.username:
        return {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(login.encode()).decode()}


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdecimal() else None
