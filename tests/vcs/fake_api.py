"""A provider's API on the loopback: answers as a test tells it, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tests.support.loopback import LoopbackServer, QuietHandler


@dataclass(frozen=True)
class Asked:
    """One request; ``body`` is its JSON or its form, None for neither."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any = None

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Told:
    """An answer: its status, JSON and headers."""

    status: int = 200
    data: Any = None
    headers: dict[str, str] = field(default_factory=dict)


type Answering = Told | Callable[[Asked], Told]


class FakeApi(LoopbackServer):
    """``answers`` by "METHOD /path"; what is not there is answered 404, as providers do."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, Answering] = {}
        fake = self

        class Handler(QuietHandler):
            def _answer(self) -> None:
                parts = urlsplit(self.path)
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                kind = self.headers.get("Content-Type", "")
                body = json.loads(raw) if kind == "application/json" else dict(parse_qsl(raw.decode())) or None
                query = {name: texts[0] for name, texts in parse_qs(parts.query).items()}
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, parts.path, query, headers, body)
                fake.asked.append(asked)
                found = fake.answers.get(asked.line, Told(404, {"message": "Not Found"}))
                told = found if isinstance(found, Told) else found(asked)
                content = b"" if told.data is None else json.dumps(told.data).encode()
                self.send_response(told.status)
                for name, value in {"Content-Type": "application/json", **told.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        super().__init__(Handler)

    @property
    def lines(self) -> list[str]:
        return [asked.line for asked in self.asked]
