"""terraform's state backend: HTTP on the pod's loopback, forwarding to the API with the session that only we hold.

A state that terraform writes is stored in a private file first and then sent. While the API is away the answer to
terraform waits, up to the outage limit, for this reason: answering "stored" at once would let terraform go on, unlock
and end while nobody else has the state, and a pod that is lost then takes the state with it; answering "failed" at
once would end the apply in the middle. terraform's own client puts no limit on the wait. When the limit passes
terraform hears an error, and the file stays (or terraform leaves one of its own, errored.tfstate): it is tried again
before the step ends, and what cannot be delivered then is left as a file, named in log and result.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from .api import Answer, Body, retrying
from .context import Context
from .errors import ApiRefused, ApiUnavailable, AttemptOver

#: What terraform leaves in its folder when its backend refuses the state for good.
ERRORED_STATE_FILE = "errored.tfstate"
_BLOCK = 64 * 1024
_LAST_SECONDS = 60.0
_NEVER_SHUT_DOWN_SECONDS = 3600.0


class StateBackend:
    """Serves one terraform at a time."""

    def __init__(self, context: Context, folder: Path) -> None:
        self._api = context.api
        self._private = context.private
        self._outage_seconds = context.claim.outage_seconds
        self._say = context.say
        self._on_over = context.control.fence
        self._errored = folder / ERRORED_STATE_FILE
        # The source may hold such a file from somebody's own failure.
        self._left_before = _stamp(self._errored)
        self._lock = threading.Lock()
        self._count = 0
        self._lock_info: bytes | None = None
        self._gave_up = False  # the outage limit has passed once: what comes after it is tried once
        self._path = "/" + base64.urlsafe_b64encode(os.urandom(24)).decode()
        self.undelivered: Path | None = None
        self._undelivered_lock = ""
        backend = self

        class Handler(_Handler):
            state = backend

        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=self._server.serve_forever, args=(_NEVER_SHUT_DOWN_SECONDS,), name="backend", daemon=True
        ).start()

    def environment(self) -> dict[str, str]:
        """What tells terraform where its backend is; none of it ends up in a plan file."""
        address = f"http://127.0.0.1:{self._server.server_address[1]}{self._path}"
        return {
            "TF_HTTP_ADDRESS": address,
            "TF_HTTP_LOCK_ADDRESS": address,
            "TF_HTTP_UNLOCK_ADDRESS": address,
            "TF_HTTP_UPDATE_METHOD": "POST",
            "TF_HTTP_LOCK_METHOD": "LOCK",
            "TF_HTTP_UNLOCK_METHOD": "UNLOCK",
            # We have tried for long enough when we answer an error.
            "TF_HTTP_RETRY_MAX": "0",
        }

    def finish(self, seconds: float) -> None:
        """Deliver what waits, and release a lock that a killed terraform left.

        What waits may also be a file that terraform wrote itself, when it could not even ask for the state before
        it: that is newer than all it sent.
        """
        left = self._errored
        if left.is_file() and _stamp(left) != self._left_before:
            kept = self.new_state()
            left.rename(kept)
            self.undelivered, self._undelivered_lock = kept, self._lock_id()
        path = self.undelivered
        if path is not None:
            with contextlib.suppress(ApiUnavailable, ApiRefused, AttemptOver):
                answer = retrying(
                    lambda: self._post_state(path, self._undelivered_lock),
                    seconds=min(seconds / 4, _LAST_SECONDS) if self._gave_up else self._api.left(seconds),
                    pause=time.sleep,
                )
                if answer.status == 200:
                    self.undelivered = None
                    self._say("The state that terraform could not store is delivered now.")
        if self._lock_info is not None and self.undelivered is None:
            # Where this fails the attempt's end releases it.
            with contextlib.suppress(ApiUnavailable, ApiRefused, AttemptOver):
                self._api.call("POST", "/unlock", self._lock_info, content_type="application/json")

    def knows(self, path: str) -> bool:
        """Whether a request's path is ours: it is the password."""
        return urlsplit(path).path == self._path

    def read(self) -> tuple[int, Path]:
        """The current state as a file, and the status for terraform."""
        into = self._next_file("read")
        return self._held(lambda: self._api.call("GET", "/state", into=into)).status, into

    def new_state(self) -> Path:
        """Where the state that terraform is about to send goes."""
        return self._next_file("state")

    def write(self, path: Path, lock_id: str) -> Answer:
        """Deliver a state that is completely in its file."""
        with self._lock:
            older, self.undelivered, self._undelivered_lock = self.undelivered, path, lock_id
        if older is not None:
            older.unlink(missing_ok=True)
        answer = self._held(lambda: self._post_state(path, lock_id), "the state waits to be delivered")
        if 200 <= answer.status < 300:
            with self._lock:
                if self.undelivered == path:
                    self.undelivered = None
            path.unlink(missing_ok=True)
        return answer

    def lock(self, info: bytes) -> Answer:
        """Take the workspace's lock; 423 with the holder's info when somebody else has it."""
        answer = self._held(lambda: self._call("/lock", info, frozenset({409, 423})))
        if answer.status != 200 and answer.json().get("ID") == Answer(200, info).json().get("ID", ""):
            # Ours: the answer to the first try was lost.
            answer = Answer(200, b"{}")
        if answer.status == 200:
            self._lock_info = info
        elif answer.status in (409, 423):
            # terraform itself says no more than the lock's ID.
            holder = answer.json()
            known = [f"{name.lower()} {holder[name]}" for name in ("Who", "Operation", "Created") if holder.get(name)]
            self._say(f"The state is locked: {', '.join(known) or 'the holder is not known'}.")
        return answer

    def unlock(self, info: bytes) -> Answer:
        """Release the lock. `terraform force-unlock` sends no body."""
        answer = self._held(lambda: self._call("/unlock", info or self._lock_info or b"{}", frozenset({409})))
        if answer.status == 200:
            self._lock_info = None
        return answer

    def _post_state(self, path: Path, lock_id: str) -> Answer:
        return self._api.call("POST", f"/state?lock={quote(lock_id, safe='')}", path, accept=frozenset({409}))

    def _call(self, path: str, body: Body, accept: frozenset[int]) -> Answer:
        return self._api.call("POST", path, body, content_type="application/json", accept=accept)

    def _held(self, attempt: Callable[[], Answer], waiting: str = "terraform waits for its state") -> Answer:
        try:
            # Not ended by a cancel: the last state of an interrupted terraform matters most.
            answer = retrying(
                attempt,
                seconds=0 if self._gave_up else self._api.left(self._outage_seconds),
                pause=time.sleep,
                first_failure=lambda error: self._say(f"The API is away: {waiting} ({error})"),
            )
            self._gave_up = False
            return answer
        except ApiUnavailable as error:
            self._gave_up = True
            return _refusal(503, f"the API has not answered for {self._outage_seconds:.0f} seconds ({error})")
        except AttemptOver as over:
            self._on_over(str(over))
            return _refusal(410, f"the attempt is over: {over}")
        except ApiRefused as error:
            return _refusal(error.status, str(error))

    def _lock_id(self) -> str:
        info = Answer(200, self._lock_info or b"").json()
        return str(info.get("ID") or "")

    def _next_file(self, kind: str) -> Path:
        with self._lock:
            self._count += 1
            return self._private / f"{kind}-{self._count}.tfstate"


def _stamp(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _refusal(status: int, why: str) -> Answer:
    return Answer(status, json.dumps({"errors": [{"detail": why}]}).encode())


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A terraform that was killed hangs up in the middle; the default writes a traceback."""


class _Handler(BaseHTTPRequestHandler):
    """terraform's requests, by method."""

    protocol_version = "HTTP/1.1"
    state: StateBackend

    def do_GET(self) -> None:
        if self._ours():
            status, path = self.state.read()
            if status != 200:
                self._answer(Answer(204 if status == 204 else status, b""))
                return
            try:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(path.stat().st_size))
                self.end_headers()
                with path.open("rb") as content:
                    while block := content.read(_BLOCK):
                        self.wfile.write(block)
            finally:
                path.unlink(missing_ok=True)

    def do_POST(self) -> None:
        path = self.state.new_state()
        size = self._length()
        with path.open("wb") as out:
            while size > 0 and (block := self.rfile.read(min(size, _BLOCK))):
                out.write(block)
                size -= len(block)
        if self._ours():
            if size:
                self._answer(_refusal(400, "the state came incomplete"))
                return
            lock_id = parse_qs(urlsplit(self.path).query).get("ID", [""])[0]
            self._answer(self.state.write(path, lock_id))

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
            self._answer(_refusal(405, "the state of a workspace is not deleted by terraform"))

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _length(self) -> int:
        length = self.headers.get("Content-Length", "0")
        return int(length) if length.isdecimal() else 0

    def _ours(self) -> bool:
        if self.state.knows(self.path):
            return True
        self._answer(_refusal(404, "no such address"))
        return False

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.status != 204:
            self.wfile.write(answer.body)
