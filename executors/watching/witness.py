"""Whether the watcher ran without a gap: only then does a missing record prove that something did not happen.

A restored database holds the heartbeat of an earlier moment, so the active watcher, the only writer of that heartbeat,
finds a value other than the one it wrote last.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading

from django.utils import timezone

from executors.health import heartbeats
from executors.models import Attempt, Beat

logger = logging.getLogger(__name__)


class Witness:
    """What the active watcher has witnessed; safe to share between threads."""

    def __init__(self) -> None:
        self._since: dt.datetime | None = None
        self._beat: dt.datetime | None = None
        self._lock = threading.Lock()
        """Held between the write of a heartbeat and the note of it: a look in between would see a foreign one."""

    def begin(self) -> None:
        """Start witnessing: this watcher is the active one from now on."""
        with self._lock:
            self._since, self._beat = timezone.now(), None

    def beat(self) -> None:
        """Write the watcher's heartbeat, unless the database was restored since the last one."""
        with self._lock:
            self._notice_restore()
            heartbeats.write_heartbeat(heartbeats.WATCHER)
            self._beat = self._written()

    def has_seen(self, attempt: Attempt) -> bool:
        """Return True if the watcher ran when an attempt was launched, and ever since."""
        launched = attempt.launched_at
        with self._lock:
            if self._since is None or launched is None or launched < self._since:
                return False
            return self._notice_restore()

    def _notice_restore(self) -> bool:
        if self._beat is None or self._written() == self._beat:
            return True
        logger.warning("The database was put back to an earlier moment; nothing that it does not tell counts as proved")
        self._since, self._beat = timezone.now(), None
        return False

    @staticmethod
    def _written() -> dt.datetime | None:
        return Beat.objects.filter(name=heartbeats.WATCHER).values_list("at", flat=True).first()
