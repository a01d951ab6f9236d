"""terraform's state backend: forwards what terraform reads and writes to the API, with the session that only we hold.

A state that terraform writes is held in memory and sent at once: it needs no room on the disk. While the API is away
the answer to terraform waits, up to the outage limit, for this reason: answering "stored" at once would let terraform
continue, unlock and end while only this process has the state, and a lost pod then takes the state with it; answering
"failed" at once would end the apply in the middle. terraform's own client puts no limit on the wait. When the limit
passes terraform hears an error. What was not delivered is tried again before the step ends.

A state that the API refuses (an older serial, another lineage, another's lock, too large) is kept there all the same,
as a recovered state beside the current one, for a person to decide about.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from executors.agent.api import Answer, Body, retrying
from executors.agent.context import Context
from executors.agent.errors import ApiRefused, ApiUnavailable, AttemptOver

from .backend_server import serve_backend
from .waiting_states import KeptState, StateLeft, newest_of

#: What terraform leaves in its folder when its backend refuses the state for good.
ERRORED_STATE_FILE = "errored.tfstate"
#: The largest state that is held in memory, and the largest that the API keeps as a recovered one.
LARGEST_STATE_BYTES = 512 * 1024 * 1024
_LAST_SECONDS = 60.0
_RECOVERY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Written:
    """A state as terraform wrote it, and the lock under which it did."""

    content: bytes
    lock_id: str


class StateBackend:
    """Serves one terraform at a time. `reads` counts how often it asked for the state."""

    def __init__(self, context: Context, folder: Path) -> None:
        self._api = context.api
        self._outage_seconds = context.claim.outage_seconds
        self._say = context.say
        self._on_over = context.control.fence
        self._errored = folder / ERRORED_STATE_FILE
        # The source may hold such a file from an earlier failure.
        self._left_before = _stamp(self._errored)
        self._lock = threading.Lock()
        self._lock_info: bytes | None = None
        self._gave_up = False  # the outage limit has passed once: what comes after it is tried once
        self._path = "/" + base64.urlsafe_b64encode(os.urandom(24)).decode()
        self._waiting: Written | None = None
        self._recovered = ""  # why the API refused the state that it keeps as a recovered one
        self._lost_bytes = 0  # of a state that was too large to be held
        self._copy = KeptState(context.private / "waiting.tfstate")
        self.reads = 0
        self._port = serve_backend(self, largest_bytes=LARGEST_STATE_BYTES)

    def environment(self) -> dict[str, str]:
        """Return what tells terraform where its backend is; none of it ends up in a plan file."""
        address = f"http://127.0.0.1:{self._port}{self._path}"
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

    def finish(self, seconds: float, *, fenced: bool = False, printed: bytes | None = None) -> StateLeft | None:
        """Deliver what waits, and release a lock that a killed terraform left; what the API did not take, None if all.

        What waits may also be a file that terraform wrote itself, or a state that it `printed`, when it could not even
        ask for the state before it: that is newer than all it sent. A `fenced` attempt only leaves recovered states.
        """
        waiting = self._newest(printed)
        left = self._nothing_waits() if waiting is None else self._last_try(waiting, seconds, fenced=fenced)
        if self._lock_info is not None and not fenced and (left is None or left.recovered):
            # Where this fails the attempt's end releases it.
            with contextlib.suppress(ApiUnavailable, ApiRefused, AttemptOver):
                self._api.call("POST", "/unlock", self._lock_info, content_type="application/json")
        self._copy.remove()
        return left

    def recover_state_file(self, path: Path) -> StateLeft:
        """Keep a state that terraform put into a file instead of our backend as a recovered one."""
        try:
            content = path.read_bytes()
        except OSError:
            return StateLeft(content=b"")
        why = "terraform wrote it into a file, since its backend had been replaced"
        if self._recover(Written(content, self._lock_id()), why):
            return StateLeft(recovered=self._recovered)
        return StateLeft(content=content)

    def knows(self, path: str) -> bool:
        """Return whether a request's path is ours: it is the password."""
        return urlsplit(path).path == self._path

    def read(self) -> Answer:
        """Return the current state."""
        self.reads += 1
        return self._held(lambda: self._api.call("GET", "/state"))

    def write(self, content: bytes, lock_id: str) -> Answer:
        """Deliver a state."""
        written = Written(content, lock_id)
        with self._lock:
            self._waiting, self._recovered, self._lost_bytes = written, "", 0
        answer = self._held(
            lambda: self._post_state(written),
            "the state waits to be delivered",
            # A second copy while it waits, where there is room: the first is in memory.
            also=lambda: self._copy.keep(content),
        )
        if 200 <= answer.status < 300:
            self._forget_written(written)
        elif answer.status != 503:
            if answer.json().get("recovered") is True:
                self._recovered = answer.detail()
            else:
                self._recover(written, answer.detail())
        return answer

    def too_large(self, size: int) -> Answer:
        """Answer a state that is larger than what can be held."""
        self._lost_bytes = size
        return _refusal(413, f"the state has {size} bytes, and {LARGEST_STATE_BYTES} are the most that is kept")

    def lock(self, info: bytes) -> Answer:
        """Take the workspace's lock; 423 with the holder's info if it is held."""
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

    def _newest(self, printed: bytes | None) -> Written | None:
        """Return the newest state that the API does not have."""
        contents = [self._waiting.content] if self._waiting is not None else []
        if self._errored.is_file() and _stamp(self._errored) != self._left_before:
            with contextlib.suppress(OSError):
                contents.append(self._errored.read_bytes())
        if printed is not None:
            contents.append(printed)
        newest = newest_of(contents)
        if newest is None or (self._waiting is not None and newest is self._waiting.content):
            return self._waiting
        self._recovered = ""
        return Written(newest, self._lock_id())

    def _nothing_waits(self) -> StateLeft | None:
        if self._recovered:
            return StateLeft(recovered=self._recovered)
        return StateLeft(content=b"", size=self._lost_bytes) if self._lost_bytes else None

    def _forget_written(self, written: Written) -> None:
        with self._lock:
            if self._waiting in (None, written):
                self._waiting, self._recovered = None, ""
        self._copy.remove()

    def _last_try(self, written: Written, seconds: float, *, fenced: bool) -> StateLeft | None:
        why = "its attempt was over"
        if not fenced:
            try:
                answer = retrying(
                    lambda: self._post_state(written),
                    seconds=min(seconds / 4, _LAST_SECONDS) if self._gave_up else self._api.remaining_seconds(seconds),
                    pause=time.sleep,
                )
            except ApiUnavailable:
                return StateLeft(content=written.content)
            except AttemptOver as over:
                self._on_over(str(over))
            except ApiRefused as error:
                why = str(error)
            else:
                if answer.status == 200:
                    self._forget_written(written)
                    self._say("The state that terraform could not store is delivered now.")
                    return None
                why = answer.detail()
                if answer.json().get("recovered") is True:
                    self._recovered = why
        if self._recovered or self._recover(written, why):
            return StateLeft(recovered=self._recovered)
        return StateLeft(content=written.content)

    def _recover(self, written: Written, why: str) -> bool:
        """Have the API keep a refused state beside the current one; whether it did."""
        try:
            retrying(
                lambda: self._api.call("POST", f"/recovered-state?why={quote(why[:500], safe='')}", written.content),
                seconds=_RECOVERY_SECONDS,
                pause=time.sleep,
            )
        except (ApiUnavailable, ApiRefused, AttemptOver):
            return False
        self._recovered = why
        return True

    def _post_state(self, written: Written) -> Answer:
        path = f"/state?lock={quote(written.lock_id, safe='')}"
        return self._api.call("POST", path, written.content, accept=frozenset({409}))

    def _call(self, path: str, body: Body, accept: frozenset[int]) -> Answer:
        return self._api.call("POST", path, body, content_type="application/json", accept=accept)

    def _held(
        self,
        attempt: Callable[[], Answer],
        waiting: str = "terraform waits for its state",
        *,
        also: Callable[[], object] = lambda: None,
    ) -> Answer:
        def first_failure(error: ApiUnavailable) -> None:
            also()
            self._say(f"The API is away: {waiting} ({error})")

        try:
            # Not ended by a cancel: the last state of an interrupted terraform matters most.
            answer = retrying(
                attempt,
                seconds=0 if self._gave_up else self._api.remaining_seconds(self._outage_seconds),
                pause=time.sleep,
                first_failure=first_failure,
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


def _stamp(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _refusal(status: int, why: str) -> Answer:
    return Answer(status, json.dumps({"errors": [{"detail": why}]}).encode())
