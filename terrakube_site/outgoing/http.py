"""One HTTP request to another host, limited in time, size and redirects."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from terrakube_site.outgoing.addresses import NoAnswer, Refused, check_host, proxy_of, split_address

MOST_REDIRECTS = 3
_BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A host's answer; ``address`` is the one after redirects."""

    status: int
    headers: http.client.HTTPMessage
    content: bytes
    address: str


class _NotAWord(NoAnswer):
    """The host closed the connection before the first byte of an answer."""


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def ask(
    address: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = 10,
    largest: int = 2**20,
    trusted: Collection[str] = (),
    redirects: int | None = MOST_REDIRECTS,
) -> Answer:
    """Send a request and read the whole answer, whatever its status.

    ``timeout`` is in seconds for all of it, ``largest`` in bytes. Redirects are followed for GET only, and the
    Authorization header goes to the first host only; with ``redirects`` None a redirect is the answer. A GET is sent
    once more if the connection ends without a word, as it does at a balancer that is just being changed. Raises
    Refused and NoAnswer.
    """
    end = time.monotonic() + timeout
    sent = {"User-Agent": "terrakube-site", "Accept-Encoding": "identity", **(headers or {})}
    for left in range(redirects or 0, -1, -1):
        try:
            answer = _once(address, method, sent, body, end, largest, trusted)
        except _NotAWord:
            if method != "GET":
                raise
            answer = _once(address, method, sent, body, end, largest, trusted)
        target = answer.headers.get("Location")
        if redirects is None or method != "GET" or answer.status not in {301, 302, 303, 307, 308} or not target:
            return answer
        if not left:
            break
        new = urljoin(address, target)
        if urlsplit(address).scheme == "https" and urlsplit(new).scheme != "https":
            raise Refused(f"{urlsplit(address).hostname} redirects to an address without TLS")
        if urlsplit(new)[:2] != urlsplit(address)[:2]:
            sent = {name: value for name, value in sent.items() if name.lower() not in {"authorization", "cookie"}}
        address = new
    raise NoAnswer(f"{urlsplit(address).hostname} redirects more than {redirects} times")


def _once(
    address: str,
    method: str,
    headers: Mapping[str, str],
    body: bytes | None,
    end: float,
    largest: int,
    trusted: Collection[str],
) -> Answer:
    scheme, host, port, path = split_address(address)
    found = check_host(host, port, scheme=scheme, trusted=trusted)
    connection, target, extra = _connection(scheme, host, port, path, found, end)
    try:
        connection.request(method, target, body=body, headers={**extra, **headers})
        response = connection.getresponse()
        content = _read(response, connection, end, largest, host)
        return Answer(response.status, response.headers, content, address)
    except (OSError, http.client.HTTPException) as error:
        kind = _NotAWord if isinstance(error, http.client.RemoteDisconnected) else NoAnswer
        raise kind(f"{host} does not answer: {getattr(error, 'strerror', None) or error}") from error
    finally:
        connection.close()


def _connection(
    scheme: str, host: str, port: int, path: str, found: list[str], end: float
) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    """A connection to a checked address, what to ask for on it, and headers for a proxy."""
    proxy = "" if found else proxy_of(scheme, host)
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    options: dict[str, Any] = {"context": _tls()} if scheme == "https" else {}
    limit = _left(end, host)
    if not proxy:
        connection = kind(host, port, timeout=limit, **options)
        connection._create_connection = _to(found, port)  # type: ignore[attr-defined]
        return connection, path, {}
    parts = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    login = {}
    if parts.username is not None:
        text = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        login = {"Proxy-Authorization": "Basic " + base64.b64encode(text.encode()).decode()}
    connection = kind(parts.hostname or "", parts.port or 80, timeout=limit, **options)
    if scheme == "https":
        connection.set_tunnel(host, port, headers=login)
        return connection, path, {}
    return connection, f"http://{_bracketed(host)}:{port}{path}", login


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _to(found: list[str], port: int) -> Any:
    """Connect to one of the checked addresses, whatever the name would be found at now."""

    def connect(_: object, timeout: Any = None, source_address: Any = None) -> socket.socket:
        error: OSError = OSError("it has no address")
        for text in found:
            try:
                return socket.create_connection((text, port), timeout, source_address)
            except OSError as failed:
                error = failed
        raise error

    return connect


def _left(end: float, host: str) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise NoAnswer(f"{host} does not answer in time")
    return left


def _read(
    response: http.client.HTTPResponse, connection: http.client.HTTPConnection, end: float, largest: int, host: str
) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        left = _left(end, host)
        if connection.sock is not None:
            connection.sock.settimeout(left)
        block = response.read1(_BLOCK)
        if not block:
            return b"".join(parts)
        size += len(block)
        if size > largest:
            raise NoAnswer(f"The answer of {host} is larger than {largest} bytes")
        parts.append(block)
