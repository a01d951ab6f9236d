"""Cancellation: who may request it, what happens to the running command, and what may still start.

The first request sends the command one SIGINT (terraform treats a second one as "stop now, lose data"), and after the
grace period SIGKILL to its process group. A repeated request changes nothing; a forced one kills at once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Protocol

from terrakube_site.sentences import Sentence
from terrakube_site.sentences import marked as _

from .errors import Stopped


class Stoppable(Protocol):
    """A running command."""

    def interrupt(self) -> None:
        """Ask the command to end; takes effect once."""

    def kill(self) -> None:
        """Kill the command and every process it started."""


class Control:
    """The only place that knows whether the step is being stopped."""

    def __init__(self) -> None:
        self.grace_seconds = 120.0
        self.reason = ""
        self.code = "cancelled"
        self.fenced = False
        self._cancelled = False
        self._killed = False
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._child: Stoppable | None = None
        self.on_cancel: Callable[[str], object] = lambda reason: None

    @property
    def cancelled(self) -> bool:
        """Return True if the step was cancelled (a lost attempt is not a cancel)."""
        return self._cancelled

    @property
    def killed(self) -> bool:
        """Return True if the grace period is over."""
        return self._killed

    @property
    def stopping(self) -> bool:
        """Return True if no new command may start."""
        return self._stopping.is_set()

    def cancel(self, reason: str, *, code: str = "cancelled") -> None:
        """Stop the step gracefully. The first reason and its code win."""
        first = self._note_cancel(reason, code)
        self._interrupt()
        # The log may accept a line slowly; the command must not wait for it.
        if first:
            self.on_cancel(reason)

    def force(self, reason: str) -> None:
        """Kill the step at once, whatever is lost."""
        first = self._note_cancel(reason, "cancelled")
        self._kill()
        if first:
            self.on_cancel(reason)

    def fence(self, reason: str) -> None:
        """Stop gracefully because the attempt is over, and start nothing more, not even the report."""
        with self._lock:
            self.fenced = True
            self.reason = self.reason or reason
        self._interrupt()

    def attach(self, child: Stoppable, *, cleanup: bool) -> None:
        """Register the running command; a cancel that came before it is delivered now.

        `cleanup` marks a command that is part of the shutdown: only SIGKILL reaches it.
        """
        with self._lock:
            self._child = child
            late = self._stopping.is_set() and not cleanup
            killed = self._killed
        if killed:
            child.kill()
        elif late:
            child.interrupt()

    def detach(self) -> None:
        """Unregister the command: it has ended."""
        with self._lock:
            self._child = None

    def check(self) -> None:
        """Raise Stopped if no new command may start."""
        if self._stopping.is_set():
            raise Stopped

    def pause(self, seconds: float) -> None:
        """Wait; raise Stopped as soon as the step is to stop."""
        if self._stopping.wait(seconds):
            raise Stopped

    def _note_cancel(self, reason: str, code: str) -> bool:
        with self._lock:
            first, self._cancelled = not self._cancelled, True
            if not self.reason:
                self.reason, self.code = reason, code
        return first

    def _interrupt(self) -> None:
        with self._lock:
            first = not self._stopping.is_set()
            self._stopping.set()
            child = self._child
        if first:
            if child is not None:
                child.interrupt()
            timer = threading.Timer(self.grace_seconds, self._kill)
            timer.daemon = True
            timer.start()

    def _kill(self) -> None:
        with self._lock:
            self._killed = True
            self._stopping.set()
            child = self._child
        if child is not None:
            child.kill()


def listen_for_signals(control: Control) -> None:
    """Turn SIGTERM and SIGINT into a cancel, in a thread of its own so that no lock of the main thread blocks it.

    Process 1 of a container has no default signal actions: without this, SIGTERM would do nothing.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def listen() -> None:
        while heard := os.read(reader, 64):
            for number in heard:
                if number in (signal.SIGTERM, signal.SIGINT):
                    control.cancel(
                        Sentence(_("The executor was told to stop ({signal})."), signal=signal.Signals(number).name)
                    )

    threading.Thread(target=listen, name="signals", daemon=True).start()
