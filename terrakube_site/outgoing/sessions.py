"""The same rule for libraries that use a session of ``requests``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from requests import PreparedRequest, RequestException, Response, Session
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.structures import CaseInsensitiveDict

from terrakube_site.outgoing.addresses import OutgoingError
from terrakube_site.outgoing.http import ask

__all__ = ("CheckedAdapter", "RequestException", "checked")


class CheckedAdapter(BaseAdapter):
    """Sends what a session asks by ``ask``; a session's own proxies and certificates have no say."""

    def __init__(self, *, timeout: float, trusted: Collection[str] = ()) -> None:
        super().__init__()
        self._timeout, self._trusted = timeout, trusted

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        if body is not None and not isinstance(body, bytes):
            raise TypeError("A body is text or bytes here, never a stream")
        try:
            answer = ask(
                request.url or "",
                method=request.method or "GET",
                headers={str(name): str(value) for name, value in request.headers.items()},
                body=body,
                timeout=self._timeout,
                trusted=self._trusted,
                redirects=0,
            )
        except OutgoingError as error:
            raise RequestsConnectionError(str(error)) from error
        response = Response()
        response.status_code, response.url, response.request = answer.status, answer.address, request
        response.headers = CaseInsensitiveDict(answer.headers.items())
        response._content = answer.content
        response.encoding = "utf-8"
        return response

    def close(self) -> None:
        """There is nothing to close: each request has a connection of its own."""


def checked(session: Session, *, timeout: float, trusted: Collection[str] = ()) -> Session:
    """Make a session follow the rule."""
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, CheckedAdapter(timeout=timeout, trusted=trusted))
    return session
