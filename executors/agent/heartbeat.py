"""Heartbeats of the step, whose answers carry the API's request to stop."""

from __future__ import annotations

import threading

from terrakube_site.sentences import Sentence
from terrakube_site.sentences import marked as _

from .api import Api
from .control import Control
from .errors import ApiRefused, ApiUnavailable, AttemptOver
from .measures import cpu_seconds, peak_memory_bytes

_CALL_SECONDS = 10.0


class Heartbeat:
    """Sends the phase at each change and every `seconds`, from a thread of its own."""

    def __init__(self, api: Api, control: Control, seconds: float) -> None:
        self._api = api
        self._control = control
        self._seconds = seconds
        self._news = threading.Event()
        self._phase = "source"
        self._commit_id: str | None = None
        self._undeclared: list[str] = []
        self._ended = False
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def phase(self, name: str) -> None:
        """Set the current phase: folder, source, tools, init, plan, apply, destroy, script, show or upload."""
        self._phase = name
        self._news.set()

    def commit(self, commit_id: str) -> None:
        """Set the commit of the source."""
        self._commit_id = commit_id
        self._news.set()

    def set_undeclared(self, names: list[str]) -> None:
        """Set the variables that the source does not declare."""
        self._undeclared = names
        self._news.set()

    @property
    def unreported_variables(self) -> list[str]:
        """Return the undeclared variables that no heartbeat has delivered."""
        return self._undeclared

    def stop(self) -> None:
        """Stop sending heartbeats."""
        self._ended = True
        self._news.set()

    def _beat(self) -> None:
        while True:
            self._news.wait(self._seconds)
            self._news.clear()
            if self._ended:
                return
            # If the container is killed, this value is the last one known.
            undeclared = self._undeclared
            content = {
                "phase": self._phase,
                "commitId": self._commit_id,
                "undeclaredVariables": undeclared,
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
            if self._undeclared is undeclared:
                self._undeclared = []
            if answer.get("force"):
                self._control.force(Sentence(_("The job was cancelled with force.")))
            elif answer.get("cancel"):
                self._control.cancel(Sentence(_("The job was cancelled.")))
