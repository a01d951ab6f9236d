"""A thread that talks to the queue, so that callers wait no longer than a timeout."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from django.utils import timezone

DEADLINE_SECONDS = 1.0
PAUSE_SECONDS = 5.0
"""Backoff after a queue did not answer, in seconds: until then callers do not wait for it."""


class QueueSilent(Exception):
    """The queue did not accept a task in time, or did not a moment ago."""


@dataclass(slots=True)
class _Call:
    """One request to the queue."""

    ask: Callable[[], Any]
    done: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    error: BaseException | None = None


class Sender:
    """Calls the queue in a thread of its own, and remembers since when it does not answer."""

    def __init__(self) -> None:
        self.silent_since: dt.datetime | None = None
        self._retry_at = 0.0
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._lock = threading.Lock()
        self._process = 0

    def direct[T](self, ask: Callable[[], T]) -> T:
        """Call in this thread what keeps the timeout itself."""
        self._refuse_while_silent()
        try:
            result = ask()
        except Exception:
            self._failed()
            raise
        self._answered()
        return result

    def send[T](self, ask: Callable[[], T], *, wait: bool) -> T | None:
        """Call in the sender's thread; without ``wait`` the result is None, and the outcome is known later.

        Raises QueueSilent after the timeout and for a while afterwards, else what ``ask`` raised.
        """
        self._refuse_while_silent()
        call = _Call(ask)
        self._start()
        self._calls.put(call)
        if not wait:
            return None
        if not call.done.wait(DEADLINE_SECONDS):
            self._failed()
            raise QueueSilent(f"The queue did not answer within {DEADLINE_SECONDS:g} s")
        if call.error is not None:
            raise call.error
        result: T = call.result
        return result

    def _refuse_while_silent(self) -> None:
        if self.silent_since is not None and time.monotonic() < self._retry_at:
            raise QueueSilent("The queue did not answer a moment ago")

    def _start(self) -> None:
        with self._lock:
            # A forked process has none of its parent's threads.
            if self._process != os.getpid():
                self._process = os.getpid()
                self._calls = SimpleQueue()
                threading.Thread(target=self._work, args=(self._calls,), name="queue", daemon=True).start()

    def _work(self, calls: SimpleQueue[_Call]) -> None:
        while True:
            call = calls.get()
            try:
                self._refuse_while_silent()
                call.result = call.ask()
            except QueueSilent as error:
                call.error = error
            except Exception as error:
                call.error = error
                self._failed()
            else:
                self._answered()
            call.done.set()

    def _failed(self) -> None:
        self._retry_at = time.monotonic() + PAUSE_SECONDS
        self.silent_since = self.silent_since or timezone.now()

    def _answered(self) -> None:
        self.silent_since = None
