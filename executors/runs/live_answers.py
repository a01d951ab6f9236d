"""Answers to the pages of jobs from what is at hand, before Django: most of many viewers are told that nothing changed.

Whoever is not known, and one of the known each second, goes through Django, which makes what the others are then sent.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, parse_cookie
from django.middleware.csrf import get_token

from executors.runs.live_page import PATH, parts_at_hand
from executors.runs.viewers import viewers
from terrakube_site.http.body_limit import Application, Receive, Scope, Send
from terrakube_site.http.request_ids import HEADER

type _Head = list[tuple[bytes, bytes]]

_VERSION = re.compile(rb"version=([0-9a-f]{16})")
_SECRET = re.compile(r"[A-Za-z0-9]{32}")
_OWN = {b"set-cookie", b"content-length", HEADER.lower().encode()}
"""The headers of an answer that are of that answer alone."""
_heads: dict[tuple[int, str], _Head] = {}
"""The headers of Django's last answers, by status and language."""


def answered_from_memory(application: Application) -> Application:
    """Wrap the application, which answers all that cannot be answered from memory."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not PATH.search(scope["path"]):
            await application(scope, receive, send)
            return
        found = _at_hand(scope)
        if found is None:
            await application(scope, receive, _noting_heads(send))
            return
        status, head, body = found
        head = [*head, (HEADER.lower().encode(), uuid.uuid4().hex.encode())]
        if body:
            head.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})

    return answer


def _at_hand(scope: Scope) -> tuple[int, _Head, bytes] | None:
    """Return status, headers and body for who asks, or None for Django to answer."""
    match, version = PATH.search(scope["path"]), _VERSION.fullmatch(scope["query_string"])
    if match is None or version is None:
        return None
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    viewer = viewers.known(cookies.get(settings.SESSION_COOKIE_NAME, ""), int(match[1]))
    if viewer is None or viewers.is_check_due():
        return None
    language = cookies.get(settings.LANGUAGE_COOKIE_NAME, ""), headers.get(b"accept-language", b"").decode("latin-1")
    found = parts_at_hand(viewer, language)
    if found is None:
        return None
    parts, chosen = found
    status = 204 if parts.version == version[1].decode() else 200
    head = _heads.get((status, chosen))
    body = b""
    if status == 200:
        secret = cookies.get(settings.CSRF_COOKIE_NAME, "")
        if not _SECRET.fullmatch(secret):
            return None
        body = parts.for_viewer(lambda: _token(secret))
    return (status, head, body) if head is not None else None


def _token(secret: str) -> str:
    """Return a token for forms that belongs to the secret of a cookie, another one each time."""
    request = HttpRequest()
    request.META["CSRF_COOKIE"] = secret
    return get_token(request)


def _noting_heads(send: Send) -> Send:
    async def noting(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start" and message["status"] in {200, 204}:
            head = [(name.lower(), value) for name, value in message["headers"] if name.lower() not in _OWN]
            language = dict(head).get(b"content-language", b"").decode()
            _heads[message["status"], language] = head
        await send(message)

    return noting
