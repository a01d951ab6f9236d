"""The step's sign of life, and the way by which the API asks for its end."""

from __future__ import annotations

import threading

from .api import Api
from .control import Control
from .errors import ApiRefused, ApiUnavailable, AttemptOver
from .measures import cpu_seconds, peak_memory_bytes

_CALL_SECONDS = 10.0


class Heartbeat:
    """Reports the phase at each change and every `seconds`, in a thread of its own."""

    def __init__(self, api: Api, control: Control, seconds: float) -> None:
        self._api = api
        self._control = control
        self._seconds = seconds
        self._news = threading.Event()
        self._phase = "source"
        self._commit_id: str | None = None
        self._ended = False
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def phase(self, name: str) -> None:
        """What the step does now: source, tools, init, plan, apply, destroy, script, show or upload."""
        self._phase = name
        self._news.set()

    def commit(self, commit_id: str) -> None:
        """Which commit the source is at."""
        self._commit_id = commit_id
        self._news.set()

    def stop(self) -> None:
        """No more heartbeats."""
        self._ended = True
        self._news.set()

    def _beat(self) -> None:
        while True:
            self._news.wait(self._seconds)
            self._news.clear()
            if self._ended:
                return
            # Should the container be killed, this is the last that is known of it.
            content = {
                "phase": self._phase,
                "commitId": self._commit_id,
                "peakMemoryBytes": peak_memory_bytes(),
                "cpuSeconds": cpu_seconds(),
            }
            try:
                answer = self._api.post_json("/heartbeat", content, timeout=_CALL_SECONDS).json()
            except AttemptOver as over:
                if not self._ended:
                    self._control.fence(str(over))
                return
            except (ApiUnavailable, ApiRefused):
                continue
            if answer.get("force"):
                self._control.force("The job was cancelled with force.")
            elif answer.get("cancel"):
                self._control.cancel("The job was cancelled.")
