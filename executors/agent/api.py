"""HTTP client of the attempt's endpoints: one keep-alive connection per thread, retries, streamed bodies."""

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

from executors.contract.job_data import JobDataError

from .errors import ApiRefused, ApiUnavailable, AttemptOver, StepFailed, unreadable, unwritable
from .proxy import proxy_for

if TYPE_CHECKING:
    import ssl

READ_SECONDS = 20.0
_CONNECT_SECONDS = 5.0
_BLOCK = 64 * 1024
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_LEAST_SECONDS = 10.0
_BYTES_A_SECOND = 1024 * 1024  # least throughput to expect of a busy site

Body = bytes | Path | None
Result = TypeVar("Result")


class Answer:
    """One response of the API: its status and its whole body."""

    __slots__ = ("body", "status")

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.body = body

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object, {} if it is not one."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def detail(self) -> str:
        """Return the detail of the error, or the bare status."""
        errors = self.json().get("errors")
        first = errors[0] if isinstance(errors, list) and errors else None
        detail = first.get("detail") if isinstance(first, dict) else None
        return str(detail) if detail else f"HTTP status {self.status}"


class Api:
    """Calls below the attempt's address with the current bearer token.

    Raises JobDataError for an invalid CA bundle.
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
        self._away_since: float | None = None  # start of the first failed call of this outage, over all threads
        self.token = token
        self.claim_again: Callable[[Api], bool] | None = None
        """Repeats the claim with the same session; called when the API does not know the session."""
        self._claiming = threading.Lock()

    def remaining_seconds(self, seconds: float) -> float:
        """Return the remaining seconds of an outage that may last `seconds`.

        State, log and result wait for the same outage and share this time: together they must finish before the API
        gives the attempt up for its silence. Each of them gets at least a few seconds.
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
        token: str | None = None,
    ) -> Answer:
        """Make one call; stream a file given as `body`, and write a 200 response to the file `into` if given.

        `accept` lists statuses that are answers besides 2xx; `token` replaces the current one. A long body gets more
        time than `timeout`: a call given up too early starts from the beginning and costs the API the same work again.

        Raises ApiUnavailable, AttemptOver or ApiRefused, and StepFailed for a file that cannot be read or written.
        """
        began = time.monotonic()
        timeout += _size(body) / _BYTES_A_SECOND
        for fresh in (False, True):
            reused = getattr(self._local, "connection", None) is not None
            try:
                connection = self._connection(timeout)
                answer, retry_after = self._exchange(connection, method, path, body, content_type, into, token)
                break
            except (OSError, http.client.HTTPException) as error:
                self._forget()
                # The server may have closed a kept connection in the meantime; that says nothing about the API's
                # health.
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
        if answer.status == 401 and token is None and self._claims_again():
            return self.call(
                method,
                path,
                body,
                content_type=content_type,
                accept=accept,
                into=into,
                timeout=timeout,
                token=self.token,
            )
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
        token: str | None = None,
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
            token=token,
        )

    def _claims_again(self) -> bool:
        """Return True if a session that the site does not know has repeated its claim.

        Running work then continues: this session is the one that had claimed, and the site's database was restored to a
        moment before the claim.
        """
        if self.claim_again is None:
            return False
        with self._claiming:
            return self.claim_again(self)

    def close(self) -> None:
        """Close the connection of this thread."""
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
        token: str | None,
    ) -> tuple[Answer, float | None]:
        headers = {"Authorization": f"Bearer {token or self.token}", "Host": self._netloc, "Accept": "*/*"}
        target = self._base + path
        if self._proxy and not self._https:
            target = f"http://{self._netloc}{target}"
            headers.update(_proxy_login(self._proxy))
        if body is not None or method in ("POST", "PUT"):
            headers["Content-Type"] = content_type
        if isinstance(body, Path):
            with _open(body) as stream:
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
        # A lost first packet is resent soon; if no connection comes up, starting a new one is better than waiting.
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
    """Call until the API answers, with exponential backoff and jitter, for `seconds`; then raise the last
    ApiUnavailable.

    `pause` waits; an exception it raises ends the retries. `first_failure` is called with the first failure.
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
            pause(min(max(with_jitter(wait), min(error.retry_after or 0, 10)), left))
            wait = min(wait * 2, _LONGEST_PAUSE)


def with_jitter(seconds: float) -> float:
    """Return a random value between half of `seconds` and all of it, so that many pods do not return at once."""
    return seconds * (0.5 + os.urandom(1)[0] / 510)


def _size(body: Body) -> int:
    if not isinstance(body, Path):
        return len(body or b"")
    try:
        return body.stat().st_size
    except OSError:
        return 0  # the error is reported when the file is opened


def _tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    import ssl

    try:
        context = ssl.create_default_context(cadata=ca_bundle)
    except (ssl.SSLError, ValueError):
        raise JobDataError("The caBundle is no PEM text with certificates.") from None
    # Python 3.13 refuses a certificate authority without key usage, which many clusters and companies have.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        # A retry would not help: the API is not at fault.
        raise unreadable(path.name, error) from None


def _save(response: http.client.HTTPResponse, path: Path) -> None:
    try:
        out = path.open("wb")
    except OSError as error:
        raise unwritable(path.name, error) from None
    with out:
        while block := response.read(_BLOCK):
            try:
                out.write(block)
            except OSError as error:
                raise unwritable(path.name, error) from None


def _proxy_login(proxy: str) -> dict[str, str]:
    parts = urlsplit(f"//{proxy}")
    if not parts.username:
        return {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(login.encode()).decode()}


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdecimal() else None
