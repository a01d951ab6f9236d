"""The log of the step on its way to the API: masked, numbered by byte offset, buffered until acknowledged.

While the API answers, a writer faster than the network blocks, and the command with it through its pipe, so memory
stays small. During an outage the buffer grows to its limit; beyond it the oldest bytes are dropped and declared lost,
since a command must not block on its log.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from executors.contract.masking import Masker

from .api import Api, with_jitter
from .errors import ApiRefused, ApiUnavailable, AttemptOver

_LINGER_SECONDS = 0.1
_CHUNK_BYTES = 512 * 1024
_WAIT_ABOVE_BYTES = 1024 * 1024
_SLOW_CALL_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


class LogChannel:
    """Buffers writes of any thread and sends them from a thread of its own.

    The API's answer to a chunk can report that the attempt is over (`on_over`) or cancelled (`on_cancel`).
    """

    def __init__(
        self,
        api: Api,
        *,
        sensitive: Iterable[str],
        buffer_bytes: int,
        on_over: Callable[[str], object],
        on_cancel: Callable[[], object],
    ) -> None:
        self._api = api
        self._sensitive = tuple(sensitive)
        self._masker = Masker(self._sensitive)
        self._limit = buffer_bytes
        self._on_over = on_over
        self._on_cancel = on_cancel
        self._changed = threading.Condition()
        self._masking = threading.Lock()
        self._in_line = False
        self._parts: deque[bytes] = deque()
        self._base = 0  # offset of the first byte in the buffer
        self._size = 0  # offset after the last written byte
        self._acknowledged = 0
        self._answering = True
        self._sending_since: float | None = None
        self._closed = False
        self._dead = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def size(self) -> int:
        """Return the number of bytes written, masked as the API counts them."""
        return self._size

    def write(self, data: bytes) -> bytes:
        """Add output; return the part that is now safe to show (the rest follows with later writes)."""
        with self._masking:
            self._in_line = not data.endswith(b"\n") if data else self._in_line
            shown = self._masker.feed(data)
            if shown:
                self._append(shown)
            return shown

    def hide(self, text: str) -> None:
        """Mask a text that became known while the step runs."""
        with self._masking:
            rest = self._masker.finish()
            if rest:
                self._append(rest)
            self._sensitive = (*self._sensitive, text)
            self._masker = Masker(self._sensitive)

    def mask(self, data: bytes) -> str:
        """Return a piece of output as the log shows it, for a sentence that quotes it."""
        masker = Masker(self._sensitive)
        return (masker.feed(data) + masker.finish()).decode(errors="replace")

    def line(self, text: str) -> None:
        """Add a line of the executor, after ending any open line."""
        self.write((b"\n" if self._in_line else b"") + text.encode(errors="replace") + b"\n")

    def close(self, seconds: float) -> bool:
        """Send the rest, for at most `seconds`; return True if the API has all of it."""
        with self._masking:
            rest = self._masker.finish()
            if rest:
                self._append(rest)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(seconds)
        with self._changed:
            self._dead = True
            self._changed.notify_all()
            return self._acknowledged >= self._size

    def _append(self, data: bytes) -> None:
        with self._changed:
            while self._has_to_wait():
                self._changed.wait(0.5)
            if self._dead:
                return
            self._parts.append(data)
            self._size += len(data)
            while self._size - self._base > self._limit:
                self._drop(min(self._size - self._base - self._limit, len(self._parts[0])))
            self._changed.notify_all()

    def _has_to_wait(self) -> bool:
        if self._dead or not self._answering or self._size - self._base < min(_WAIT_ABOVE_BYTES, self._limit):
            return False
        return self._sending_since is None or time.monotonic() - self._sending_since < _SLOW_CALL_SECONDS

    def _drop(self, count: int) -> None:
        self._base += count
        while count > 0:
            part = self._parts.popleft()
            if len(part) > count:
                self._parts.appendleft(part[count:])
            count -= len(part)

    def _run(self) -> None:
        try:
            self._send_all()
        finally:
            self._api.close()

    def _send_all(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            with self._changed:
                while self._acknowledged >= self._size and not self._closed and not self._dead:
                    self._changed.wait()
                if self._dead or self._acknowledged >= self._size:
                    return
                if self._answering and not self._closed and self._size - self._base < _CHUNK_BYTES:
                    # Lines written close together are sent together.
                    self._changed.wait_for(
                        lambda: self._closed or self._dead or self._size - self._base >= _CHUNK_BYTES, _LINGER_SECONDS
                    )
                offset, lost, chunk = self._next_chunk()
                self._sending_since = time.monotonic()
            answering = self._send(offset, lost, chunk)
            with self._changed:
                self._sending_since = None
                self._answering = answering
                self._changed.notify_all()
                if answering:
                    pause = _FIRST_PAUSE
                    continue
                if self._changed.wait_for(lambda: self._dead, with_jitter(pause)):
                    return
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _next_chunk(self) -> tuple[int, int, bytes]:
        lost = self._base - self._acknowledged
        if lost > 0:
            return self._acknowledged, lost, b""
        taken: list[bytes] = []
        room = _CHUNK_BYTES
        for part in self._parts:
            taken.append(part[:room])
            room -= len(part)
            if room <= 0:
                break
        return self._base, 0, b"".join(taken)

    def _send(self, offset: int, lost: int, chunk: bytes) -> bool:
        # Bytes still to send after this chunk, so that log lag can be monitored.
        query = f"offset={offset}&lost={lost}" if lost else f"offset={offset}&behind={self._size - offset - len(chunk)}"
        try:
            answer = self._api.call("POST", f"/logs?{query}", chunk, accept=frozenset({409}))
        except AttemptOver as over:
            self._die()
            self._on_over(str(over))
            return False
        except ApiUnavailable:
            return False
        except ApiRefused:
            # No retry will make this chunk acceptable; the log must not block the step.
            self._die()
            return False
        content = answer.json()
        size = content.get("size")
        if not isinstance(size, int) or size < 0:
            return False
        with self._changed:
            if size >= self._base:
                self._drop(min(size, self._size) - self._base)
            self._acknowledged = min(size, self._size)
        if content.get("cancel"):
            self._on_cancel()
        # A rewind without progress would spin; pause as for an outage.
        return answer.status != 409 or size != offset

    def _die(self) -> None:
        with self._changed:
            self._dead = True
            self._changed.notify_all()
