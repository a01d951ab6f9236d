"""terraform's HTTP backend on the pod's loopback. It stores nothing: a state is in memory and goes to the API."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from executors.agent.api import Answer

_BLOCK = 64 * 1024
_NEVER_SHUT_DOWN_SECONDS = 3600.0


class Backend(Protocol):
    """What answers terraform."""

    def knows(self, path: str) -> bool: ...

    def read(self) -> Answer: ...

    def write(self, content: bytes, lock_id: str) -> Answer: ...

    def too_large(self, size: int) -> Answer: ...

    def lock(self, info: bytes) -> Answer: ...

    def unlock(self, info: bytes) -> Answer: ...


def serve_backend(backend: Backend, *, largest_bytes: int) -> int:
    """Serve it in a thread of its own, and return the port. A state of more than `largest_bytes` is not held."""

    class Handler(_Handler):
        state = backend
        limit = largest_bytes

    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(_NEVER_SHUT_DOWN_SECONDS,), name="backend", daemon=True).start()
    return int(server.server_address[1])


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A terraform that was killed hangs up in the middle; the default writes a traceback."""


class _Handler(BaseHTTPRequestHandler):
    """terraform's requests, by method."""

    protocol_version = "HTTP/1.1"
    state: Backend
    limit: int

    def do_GET(self) -> None:
        if self._ours():
            answer = self.state.read()
            self._answer(answer if answer.status in (200, 204) else Answer(answer.status, b""))

    def do_POST(self) -> None:
        size = self._length()
        content = self._body(size)
        if not self._ours():
            return
        if content is None:
            self._answer(self.state.too_large(size))
        elif len(content) < size:
            self._answer(Answer(400, b'{"errors": [{"detail": "the state came incomplete"}]}'))
        else:
            self._answer(self.state.write(content, parse_qs(urlsplit(self.path).query).get("ID", [""])[0]))

    def do_LOCK(self) -> None:
        info = self.rfile.read(self._length())
        if self._ours():
            self._answer(self.state.lock(info))

    def do_UNLOCK(self) -> None:
        info = self.rfile.read(self._length())
        if self._ours():
            self._answer(self.state.unlock(info))

    def do_DELETE(self) -> None:
        # terraform deletes the state of a workspace that it removes; the one workspace there is stays.
        if self._ours():
            self._answer(
                Answer(405, b'{"errors": [{"detail": "the state of a workspace is not deleted by terraform"}]}')
            )

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _body(self, size: int) -> bytes | None:
        """The whole body; None for one above the limit, which is read all the same, or terraform hears no answer."""
        if size <= self.limit:
            return self.rfile.read(size)
        while size > 0 and (block := self.rfile.read(min(size, _BLOCK))):
            size -= len(block)
        return None

    def _length(self) -> int:
        length = self.headers.get("Content-Length", "0")
        return int(length) if length.isdecimal() else 0

    def _ours(self) -> bool:
        if self.state.knows(self.path):
            return True
        self._answer(Answer(404, b'{"errors": [{"detail": "no such address"}]}'))
        return False

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.status != 204:
            self.wfile.write(answer.body)
