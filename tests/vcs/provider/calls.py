"""One request to the fake provider, the answer to it, and how a call is refused."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Call:
    """A request; ``path`` has no query, header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def what(self) -> str:
        """Return the call as a complaint names it: without headers, which hold the token."""
        return f"{self.method} {self.path}"

    def json(self) -> dict[str, Any]:
        """Return the body, an object. Raises Wrong for anything else."""
        if not self.headers.get("content-type", "").startswith("application/json"):
            raise Wrong(415, f"Content-Type is {self.headers.get('content-type')!r}, not application/json")
        try:
            found = json.loads(self.body)
        except ValueError:
            raise Wrong(400, "the body is no JSON") from None
        if not isinstance(found, dict):
            raise Wrong(400, "the body is no object")
        return found

    def form(self) -> dict[str, str]:
        """Return the fields of a form. Raises Wrong for another type of body."""
        if self.headers.get("content-type") != "application/x-www-form-urlencoded":
            raise Wrong(415, f"Content-Type is {self.headers.get('content-type')!r}, not a form's")
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def token(self) -> str:
        """Return the token of ``Authorization: Bearer`` or ``token``; empty where there is none."""
        kind, _, text = self.headers.get("authorization", "").partition(" ")
        return text if kind.lower() in {"bearer", "token"} else ""

    def login(self) -> tuple[str, str] | None:
        """Return user name and password of a basic login, or None."""
        kind, _, text = self.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return user, password


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``content`` is sent as JSON unless it is bytes, None sends no body."""

    status: int = 200
    content: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Return the body's bytes."""
        if isinstance(self.content, bytes):
            return self.content
        return b"" if self.content is None else json.dumps(self.content).encode()


class Refused(Exception):
    """The provider says no, as it does to a well-made call: not found, no right, a fault that a test asked for."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reply = Reply(status, {"message": message}, headers or {})


class Wrong(Refused):
    """The call is not made as the provider's documentation says; it fails the test that it comes from."""
