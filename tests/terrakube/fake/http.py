"""Its HTTP clients and their tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .say import say

MEDIA_TYPE = "application/vnd.api+json"
THIRTY_DAYS = 30 * 24 * 3600


class CallFailed(Exception):
    """A call that was answered with an error, or not at all, for the last time."""


def _encoded(value: Mapping[str, Any] | bytes) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token(secret: str, seconds: int, *, audience: str | list[str]) -> str:
    """An internal token."""
    now = int(time.time())
    claims = {
        "iss": "TerrakubeInternal",
        "sub": "TerrakubeInternal (TOKEN)",
        "aud": audience,
        "email": "no-reply@terrakube.io",
        "email_verified": True,
        "name": "TerrakubeInternal Client",
        "iat": now,
        "exp": now + seconds,
    }
    signed = f"{_encoded({'typ': 'JWT', 'alg': 'HS256'})}.{_encoded(claims)}"
    key = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    return f"{signed}.{_encoded(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def send(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None, seconds: float = 60
) -> tuple[int, bytes]:
    """One request, with these headers and no others. Raises OSError when it is not answered."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=seconds)
    try:
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"{type(error).__name__}") from error
    finally:
        connection.close()


class Api:
    """The Feign client of the API (``AzBuilderApiUrl``) and the plain one of the public address."""

    def __init__(self, environ: Mapping[str, str], version: tuple[int, int], pace: float) -> None:
        self._api = environ["AzBuilderApiUrl"]
        self.public = environ["TerrakubeApiUrl"]
        self._secret = environ["InternalSecret"]
        self._secured = environ["TerrakubeEnableSecurity"] == "true"
        self._version = version
        self._pace = pace

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "*/*", "Content-Type": MEDIA_TYPE}
        if self._version >= (2, 29):
            headers |= {"User-Agent": "Java-http-client/25", "Connection": "Upgrade, HTTP2-Settings"}
            headers |= {"Upgrade": "h2c", "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"}
        else:
            headers["User-Agent"] = "okhttp/4.12.0"
        if self._secured:
            audience: str | list[str] = ["TerrakubeInternal"] if self._version >= (2, 27) else "TerrakubeInternal"
            headers["Authorization"] = f"Bearer {token(self._secret, THIRTY_DAYS, audience=audience)}"
        return headers

    def call(self, method: str, path: str, document: Any = None) -> Any:
        """A call of the API; its answer as JSON, None without one. Raises CallFailed."""
        body = None if document is None else json.dumps(without_nulls(document), indent=2).encode()
        for attempt in range(3 if self._version >= (2, 33) else 1):
            time.sleep(attempt * self._pace)
            status, answer = self._tried(method, path, body)
            if 200 <= status < 300:
                return json.loads(answer) if answer else None
            say(f"{method} {path} was answered {status}: {answer[:300]!r}")
        raise CallFailed(f"{method} {path}")

    def _tried(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        for _ in range(5):
            try:
                return send(method, self._api + path, self._headers(), body)
            except OSError as error:
                say(f"{method} {path} was not answered: {error}")
                time.sleep(0.2 * self._pace)
        return 0, b""

    def index(self, url: str) -> Any:
        """An index of releases, without a token. Raises CallFailed."""
        try:
            status, answer = send("GET", url, {"Accept": "application/json"}, None)
        except OSError as error:
            raise CallFailed(f"GET {url}") from error
        if status != 200:
            raise CallFailed(f"GET {url} was answered {status}")
        return json.loads(answer)

    @property
    def tofu_index(self) -> str:
        return f"{self._api}/tofu/index.json"

    def short(self, method: str, url: str, document: Any = None) -> tuple[int, bytes]:
        """A call with a token of one minute, as for the context and the source."""
        headers = {"Authorization": f"Bearer {token(self._secret, 60, audience='TerrakubeInternal')}"}
        body = None
        if document is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(document).encode()
        return send(method, url, headers, body, seconds=10)


def without_nulls(value: Any) -> Any:
    """JSON as its client writes it: members that are null are left out."""
    if isinstance(value, dict):
        return {name: without_nulls(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(member) for member in value]
    return value
