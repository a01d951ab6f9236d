"""A provider's REST API: requests to the connection's own address alone, guarded and limited."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message as Headers
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from terrakube_site.outgoing import Answer, ask

TIMEOUT_SECONDS = 15.0
LARGEST_BYTES = 5 * 2**20
_DETAIL_CHARACTERS = 300
_MOVED = frozenset({301, 302, 303, 307, 308})
_LONGEST_WAIT = 24 * 3600
"""In seconds; no provider limits requests for longer, so a longer time is a mistake."""
_SHORTEST_WAIT = 60
"""In seconds, for a limit whose answer says no time: what GitHub asks for at least."""
type Query = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Token:
    """A token, the user name with which git takes it, and when it ends; None: it does not end, or nobody knows."""

    text: str = field(repr=False)
    user: str
    expires_at: dt.datetime | None = None


class ApiError(Exception):
    """A provider refused a request.

    ``detail`` is its own text and holds no secret of the request. ``retry_after`` is in seconds; None: it named none.
    ``location`` is where it says that the resource is now; it is never followed.
    """

    def __init__(self, status: int, detail: str, retry_after: int | None = None, location: str = "") -> None:
        super().__init__(f"{status}: {detail}" if detail else str(status))
        self.status, self.detail, self.retry_after, self.location = status, detail, retry_after, location

    @property
    def is_moved(self) -> bool:
        """Whether what was asked for has another name now.

        GitLab answers 405 to a request that would change something of a project that was moved.
        """
        return self.status in _MOVED or (self.status == 405 and "moved" in self.detail.lower())


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """An answer below 300: its headers and its JSON, None for an empty body."""

    status: int
    headers: Headers
    data: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A provider's API at ``url``, with ``headers`` for each request, among which is the login.

    ``secrets`` are texts that no error may hold. Every method raises ApiError, and OutgoingError where the host does
    not answer or is not allowed. Redirects are not followed. Never call one inside a transaction.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    timeout: float = TIMEOUT_SECONDS

    def get(self, path: str, query: Query | None = None) -> ApiAnswer:
        return self.request("GET", path, query=query)

    def post(self, path: str, data: Any = None, query: Query | None = None) -> ApiAnswer:
        return self.request("POST", path, data=data, query=query)

    def put(self, path: str, data: Any = None, query: Query | None = None) -> ApiAnswer:
        return self.request("PUT", path, data=data, query=query)

    def patch(self, path: str, data: Any = None, query: Query | None = None) -> ApiAnswer:
        return self.request("PATCH", path, data=data, query=query)

    def delete(self, path: str, query: Query | None = None) -> ApiAnswer:
        return self.request("DELETE", path, query=query)

    def request(
        self, method: str, path: str, *, data: Any = None, form: Query | None = None, query: Query | None = None
    ) -> ApiAnswer:
        """Send one request; ``path`` begins with a slash and its parts are quoted already. ``data`` goes as JSON."""
        headers = {"Accept": "application/json", **self.headers}
        body = None
        if form is not None:
            body, headers["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
        elif data is not None:
            body, headers["Content-Type"] = json.dumps(data).encode(), "application/json"
        address = self.url.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        answer = ask(
            address,
            method=method,
            headers=headers,
            body=body,
            timeout=self.timeout,
            largest=LARGEST_BYTES,
            redirects=None,
        )
        if answer.status >= 300 or _is_sign_in(answer):
            raise self._error(answer)
        return ApiAnswer(answer.status, answer.headers, _json_of(answer))

    def masked(self, detail: str) -> str:
        """Return a provider's text without what must not be quoted, and not too long."""
        for secret in self.secrets:
            detail = detail.replace(secret, "…") if secret else detail
        return detail[:_DETAIL_CHARACTERS]

    def _error(self, answer: Answer) -> ApiError:
        detail = self.masked(_detail_of(answer))
        if _is_sign_in(answer):
            return ApiError(401, detail or "It asks to sign in")
        return ApiError(answer.status, detail, _retry_after(answer, detail), answer.headers.get("Location", ""))


def _is_sign_in(answer: Answer) -> bool:
    """Return whether a provider shows its page to sign in instead of an error, as Azure DevOps does with 203 or 302."""
    if answer.status == 203:
        return "json" not in answer.headers.get("Content-Type", "").lower()
    return answer.status == 302 and "_signin" in answer.headers.get("Location", "").lower()


def _json_of(answer: Answer) -> Any:
    if not answer.content.strip():
        return None
    try:
        return json.loads(answer.content)
    except ValueError:
        raise ApiError(answer.status, "The answer is no JSON") from None


def _detail_of(answer: Answer) -> str:
    """Return what an error's body says, for each provider's way to say it; empty for a page or nothing."""
    try:
        data = json.loads(answer.content)
    except ValueError:
        return ""
    if not isinstance(data, dict):
        return ""
    for name in ("error_description", "message", "error", "errors"):
        match data.get(name):
            case str(text) if text:
                return " ".join(text.split())
            case {"message": str(text)} | [{"message": str(text)}, *_]:
                return " ".join(text.split())
            case dict() | list() as other if other:
                return json.dumps(other)
    return ""


def _retry_after(answer: Answer, detail: str) -> int | None:
    """Return in how many seconds to ask again; None if the answer is about no limit."""
    found = _named_wait(answer.headers)
    if found is None and (answer.status == 429 or (answer.status == 403 and "rate limit" in detail.lower())):
        return _SHORTEST_WAIT
    return None if found is None else min(max(0, found), _LONGEST_WAIT)


def _named_wait(headers: Headers) -> int | None:
    text = headers.get("Retry-After", "")
    seconds = _number(text)
    if seconds is not None:
        return seconds
    if text:
        try:
            return int(parsedate_to_datetime(text).timestamp() - time.time())
        except ValueError:
            return None
    for left, reset in (("X-RateLimit-Remaining", "X-RateLimit-Reset"), ("RateLimit-Remaining", "RateLimit-Reset")):
        moment = _number(headers.get(reset, ""))
        if headers.get(left) == "0" and moment is not None:
            return moment - int(time.time())
    return None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None
