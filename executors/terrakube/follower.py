"""Follow attempts of Terrakube's executor in Redis: log lines and heartbeats."""

from __future__ import annotations

import logging
import time

from executors.attempts import lifecycle
from executors.attempts.handover import sensitive_texts
from executors.choices import ACTIVE, AttemptState, ExecutorKind
from executors.installation.settings import Installation
from executors.models import Attempt
from executors.terrakube import stream
from executors.terrakube.stream import StreamError

logger = logging.getLogger(__name__)
BEAT_SECONDS = 5.0
AFTER_ERROR_SECONDS = 10.0
OTHER_IMAGE_SECONDS = 30.0
"""Seconds between looks for attempts while new pods use another image: earlier ones may still run."""


class Follower:
    """Follows all attempts of Terrakube's executor; for one thread."""

    def __init__(self, conf: Installation) -> None:
        self._expected = conf.is_terrakube_image
        self._not_before = 0.0
        self._next_beat = 0.0
        self._failed = False
        self._sensitive: dict[str, list[str]] = {}
        self._jobs: set[int] = set()

    def turn(self) -> int:
        """Read new entries; return the number of followed attempts. Errors of Redis are retried later."""
        now = time.monotonic()
        if now < self._not_before or not stream.is_configured():
            return 0
        running = Attempt.objects.filter(state__in=ACTIVE, executor=ExecutorKind.KUBERNETES, session_hash="")
        found = list(running.select_related("step"))
        self._sensitive = {key: texts for key, texts in self._sensitive.items() if key in {str(a.pk) for a in found}}
        self._clear_away({attempt.step.job_id for attempt in found})
        if not found and not self._expected:
            self._not_before = now + OTHER_IMAGE_SECONDS
        beat = now >= self._next_beat
        if beat:
            self._next_beat = now + BEAT_SECONDS
        try:
            for attempt in found:
                self._follow(attempt, beat=beat)
            self._failed = False
        except StreamError as error:
            if not self._failed:
                logger.warning("Logs of Terrakube's executor cannot be followed: %s", error)
            self._failed = True
            self._not_before = now + AFTER_ERROR_SECONDS
        return len(found)

    def _clear_away(self, jobs: set[int]) -> None:
        """Delete the streams of jobs that are no longer followed: nothing else deletes those of a lost executor."""
        for job_id in self._jobs - jobs:
            if not Attempt.objects.filter(step__job=job_id).exclude(state=AttemptState.ENDED).exists():
                stream.delete(job_id)
        self._jobs = jobs

    def _follow(self, attempt: Attempt, *, beat: bool) -> None:
        job_id, key = attempt.step.job_id, str(attempt.pk)
        if key not in self._sensitive:
            self._sensitive[key] = sensitive_texts(attempt)
        stream.fold(attempt, job_id, self._sensitive[key])
        if beat and attempt.state == AttemptState.CLAIMED and stream.is_alive(job_id):
            lifecycle.record_heartbeat(attempt)
