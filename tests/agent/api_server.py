"""The API as one attempt's agent sees it, in memory and over real HTTP."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.patience import patient

ATTEMPT_TOKEN = "one-time-token-of-the-attempt"
PATH = "/executor/v1/attempts/2f0a3d0e-9d5c-4c3e-8f2b-6f1a7f1f6a11"


@dataclass
class Call:
    """A request as it came in."""

    at: float
    method: str
    path: str
    query: dict[str, str]
    body: bytes


@dataclass
class Attempt:
    """What the API knows of the attempt."""

    answer: dict[str, Any]
    session: str | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    log: bytearray = field(default_factory=bytearray)
    lost: list[tuple[int, int]] = field(default_factory=list)
    states: list[bytes] = field(default_factory=list)
    recovered: list[bytes] = field(default_factory=list)
    lock: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    phases: list[str] = field(default_factory=list)
    commit: str | None = None
    cancel: bool = False
    force: bool = False
    over: bool = False


class ApiServer:
    """Serves one attempt. `before` may answer a request itself, for what a sound server would not do."""

    def __init__(self, answer: dict[str, Any], host: str = "127.0.0.1") -> None:
        self.attempt = Attempt(answer)
        self.calls: list[Call] = []
        self.before: Callable[[Call], tuple[int, dict[str, Any]] | None] = lambda call: None
        self.down = False
        self.unanswered: list[str] = []
        """Which addresses were called while it was down."""
        self._lock = threading.RLock()
        api = self

        class Handler(_Handler):
            server_api = api

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hangs up is no news."""

        self._server = Server((host, 0), Handler)
        self.url = f"http://{host}:{self._server.server_address[1]}{PATH}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def speak_tls(self, certificate: Path) -> None:
        """Answer with this certificate, whose key is in the same file."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def log(self) -> str:
        return bytes(self.attempt.log).decode(errors="replace")

    def made(self, method: str, path: str) -> list[Call]:
        return [call for call in list(self.calls) if (call.method, call.path) == (method, path)]

    def wait(self, condition: Callable[[], object], seconds: float = 20, what: str = "") -> None:
        seconds = patient(seconds)
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds:.0f} s for {what or 'a condition'}; the log is:\n{self.log}")
            time.sleep(0.01)

    def handle(self, call: Call, bearer: str) -> tuple[int, bytes]:
        """Status and body for a request."""
        with self._lock:
            self.calls.append(call)
            special = self.before(call)
            if special is not None:
                return special[0], json.dumps(special[1]).encode()
            attempt = self.attempt
            if call.path == "/claim":
                return self._claim(call, bearer)
            if attempt.over and call.path != "/recovered-state":
                return _error(410, "The attempt is over.", "attempt-over")
            if bearer != attempt.session:
                return _error(401, "Unknown session.", "unauthorized")
            return self._claimed(call)

    def _claim(self, call: Call, bearer: str) -> tuple[int, bytes]:
        attempt = self.attempt
        session = json.loads(call.body)["session"]
        if bearer != ATTEMPT_TOKEN:
            return _error(401, "Unknown token.", "unauthorized")
        if attempt.over:
            return _error(410, "The attempt is over.", "attempt-over")
        if attempt.session not in (None, session):
            return _error(409, "Another pod has claimed the attempt.", "already-claimed")
        attempt.session = session
        return 200, json.dumps(attempt.answer).encode()

    def _claimed(self, call: Call) -> tuple[int, bytes]:
        attempt = self.attempt
        match call.method, call.path:
            case "POST", "/heartbeat":
                content = json.loads(call.body)
                attempt.phases.append(content["phase"])
                attempt.commit = content["commitId"] or attempt.commit
                return 200, json.dumps({"cancel": attempt.cancel, "force": attempt.force}).encode()
            case "POST", "/logs":
                return self._logs(call)
            case "PUT", (
                "/plan-file" | "/plan-lock-file" | "/plan-json" | "/plan-files" | "/plan-manifest" | "/state-json"
            ):
                attempt.files[call.path] = call.body
                return 200, b"{}"
            case "GET", ("/plan-file" | "/plan-lock-file" | "/plan-files" | "/source"):
                content = attempt.files.get(call.path)
                return (404, b"{}") if content is None else (200, content)
            case "GET", "/state":
                return (200, attempt.states[-1]) if attempt.states else (204, b"")
            case "POST", "/state":
                holder = attempt.lock["ID"] if attempt.lock else ""
                if holder and call.query.get("lock") != holder:
                    return _error(409, "Somebody else holds the lock.", "locked")
                attempt.states.append(call.body)
                return 200, json.dumps({"serial": len(attempt.states)}).encode()
            case "POST", "/recovered-state":
                attempt.recovered.append(call.body)
                return 200, b"{}"
            case "POST", "/lock":
                if attempt.lock is not None:
                    return 423, json.dumps(attempt.lock).encode()
                attempt.lock = json.loads(call.body)
                return 200, b"{}"
            case "POST", "/unlock":
                if attempt.lock is not None and json.loads(call.body).get("ID") != attempt.lock["ID"]:
                    return _error(409, "Not the holder.", "locked")
                attempt.lock = None
                return 200, b"{}"
            case "POST", "/result":
                attempt.result = json.loads(call.body)
                attempt.over = True
                return 200, b"{}"
        return _error(404, f"No such call: {call.method} {call.path}", "not-found")

    def _logs(self, call: Call) -> tuple[int, bytes]:
        attempt = self.attempt
        offset, lost = int(call.query["offset"]), int(call.query.get("lost", 0))
        size = len(attempt.log)
        if offset > size:
            return 409, json.dumps({"size": size, "errors": [{"detail": "A gap.", "code": "gap"}]}).encode()
        if lost:
            attempt.lost.append((offset, lost))
            attempt.log += b"?" * max(0, offset + lost - size)
        else:
            attempt.log += call.body[size - offset :]
        return 200, json.dumps({"size": len(attempt.log), "cancel": attempt.cancel}).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_api: ApiServer

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = urlsplit(self.path)
        if self.server_api.down:
            self.server_api.unanswered.append(parts.path.removeprefix(PATH))
            self.close_connection = True
            return
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        call = Call(time.time(), self.command, parts.path.removeprefix(PATH), query, body)
        status, answer = self.server_api.handle(call, self.headers.get("Authorization", "").removeprefix("Bearer "))
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if status != 204:
            self.wfile.write(answer)

    do_GET = do_POST = do_PUT = _serve

    def log_message(self, format: str, *args: object) -> None:
        pass


def _error(status: int, detail: str, code: str) -> tuple[int, bytes]:
    return status, json.dumps({"errors": [{"detail": detail, "code": code}]}).encode()
