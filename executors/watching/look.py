"""Look at an open attempt and do what follows: the one way of the watch and of the sweep."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from django.utils import timezone

from executors import attempts, cleaning
from executors.choices import UNCLAIMED, AttemptOutcome, AttemptState, EventKind
from executors.launching import launcher
from executors.limits import retries_plans
from executors.models import Attempt, AttemptEvent
from executors.reasons import say
from executors.watching import first_words
from executors.watching.decisions import Act, Decision, Patience, decide
from executors.watching.diagnosis import Diagnosis, Kind, Wait, diagnose
from executors.watching.lasting import lasting
from executors.watching.proof import is_gone
from executors.watching.statuses import Seen, container, newest
from executors.watching.timeline import Entry, Place, entries, place
from workspaces import transitions
from workspaces.choices import PLAN_TYPES

logger = logging.getLogger(__name__)
_PROBE_AFTER = dt.timedelta(seconds=30)
"""How long a container has for its claim before anybody looks whether this site could have answered it."""
UNKNOWN = Diagnosis(
    code="cluster-unavailable",
    kind=Kind.WAITING,
    sentence="The cluster's API does not answer, so nothing is known of the pod",
)
LEAVING = frozenset(
    {
        "deadline",
        "disrupted",
        "drained",
        "evicted",
        "evicted-by-node",
        "job-deleting",
        "node-lost",
        "node-shutdown",
        "pod-deleted",
        "preempted",
    }
)
"""What the cluster says of a pod that it ends while the executor is at work."""
_JOB_OVER = frozenset({Kind.SUCCEEDED, Kind.FAILED})


@dataclass(slots=True)
class _Known:
    """What was seen and said of one attempt, so that the same again costs nothing."""

    seen: Diagnosis | None = None
    """What Job and pod alone tell; ``found`` knows the pod's events too."""
    found: Diagnosis | None = None
    noted: dt.datetime | None = None
    entries: tuple[Entry, ...] = ()
    place: Place = field(default_factory=Place)
    said: str = ""
    ended_pod: str = ""
    """The pod whose container has run and ended."""


class Looker:
    """Looks at attempts, and remembers what it saw of them; for one thread."""

    def __init__(
        self, limits: Patience, *, max_attempts: int, site_answers: Callable[[], bool | None] = lambda: None
    ) -> None:
        self.limits = limits
        self._site_answers = site_answers
        self._max_attempts = max_attempts
        self._known: dict[str, _Known] = {}
        self._stopped: set[str] = set()
        self._absent: dict[str, dt.datetime] = {}
        self.again: dict[str, dt.datetime] = {}
        """When to look again at which attempt, though nothing may be seen to change."""

    def forget_all_but(self, attempt_ids: set[str]) -> None:
        """Drop what is remembered of attempts that are over and cleaned up."""
        for memory in (self._known, self.again, self._absent):
            for attempt_id in [known for known in memory if known not in attempt_ids]:
                del memory[attempt_id]
        self._stopped &= attempt_ids

    def is_news(self, attempt_id: str, job: Seen | None, pods: Sequence[Seen] | None) -> bool:
        """Whether what is seen differs from what was seen last. Asks nobody."""
        known = self._known.get(attempt_id)
        if known is None:
            return True
        return (diagnose(job, pods), entries(pods), place(pods)) != (known.seen, known.entries, known.place)

    def is_gone(self, attempt: Attempt, job: Seen | None, pods: Sequence[Seen] | None, now: dt.datetime) -> bool:
        """Whether the attempt's executor is proved to run no more."""
        return is_gone(
            job,
            pods,
            absent_since=attempt.missing_since,
            ours=str(attempt.pk) in self._stopped,
            now=now,
            ending_seconds=self.limits.of(attempt).ending_seconds,
        )

    def absent_since(self, attempt: Attempt, now: dt.datetime) -> dt.datetime:
        """Since when the Job of an ended attempt is known to be gone; a watcher that was just started knows of now."""
        return self._absent.setdefault(str(attempt.pk), now)

    def stop(self, attempt: Attempt) -> bool:
        """End what runs an attempt; True when nothing of it is there. No error when the cluster does not answer."""
        gone = launcher.stop(attempt)
        if not gone:
            # Its Job was there to be deleted, after its pods: from now on its absence proves theirs.
            self._stopped.add(str(attempt.pk))
        return gone

    def look_at(
        self,
        attempt: Attempt,
        job: Seen | None,
        pods: Sequence[Seen] | None,
        *,
        departed: Seen | None = None,
        events: Sequence[Seen] = (),
        now: dt.datetime | None = None,
    ) -> Act:
        """Look at an open attempt that was launched into the cluster, and do what follows.

        ``job`` None: there is none. ``pods`` None: they may not be seen. ``departed`` is the last that was seen of a
        pod that is gone.
        """
        now = now or timezone.now()
        known = self._known.setdefault(str(attempt.pk), _Known())
        seen = pods if pods or departed is None else [departed]
        plain = diagnose(job, seen)
        found = diagnose(job, seen, events=events) if events else plain
        if not events and plain == known.seen and known.found is not None:
            # What its events told earlier still holds.
            found = known.found
        if found.code == "image-back-off" and known.found is not None and known.found.code.startswith("image-"):
            # An older kubelet tells the cause only once in a while.
            found = known.found
        known.seen = plain
        pod = newest(seen or ())
        if pod is not None and container(pod).terminated is not None:
            known.ended_pod = str(pod["metadata"]["name"])
        if found.code.startswith("oom-killed") and attempt.peak_memory_bytes:
            peak = f"{attempt.peak_memory_bytes / 2**20:.0f} MiB"
            found = replace(found, sentence=f"{found.sentence}; the most that was seen is {peak}")
        self._note(attempt, known, found, now)
        self._keep_timeline(attempt, known, seen)
        if attempt.state == AttemptState.CLAIMED and found.kind == Kind.ENDING and found.code in LEAVING:
            attempts.note_leaving(attempt, code=found.code, reason=found.sentence)
        elif attempt.state == AttemptState.CLAIMED and found.kind == Kind.MISSING:
            # Deleted in the background, a Job is gone before its pod is told to go.
            deleted = say("job-deleting")
            attempts.note_leaving(attempt, code=deleted.code, reason=deleted.sentence)
        if job is not None and attempt.missing_since is not None:
            attempts.mark_missing(attempt, False)
        return self._follow(attempt, known, found, now, gone=self.is_gone(attempt, job, pods, now))

    def look_blindly(self, attempt: Attempt, *, now: dt.datetime | None = None) -> Act:
        """Look at an open attempt while the cluster does not answer: deadlines hold all the same."""
        now = now or timezone.now()
        known = self._known.setdefault(str(attempt.pk), _Known())
        known.seen = UNKNOWN
        self._note(attempt, known, UNKNOWN, now)
        return self._follow(attempt, known, UNKNOWN, now, gone=False)

    def _note(self, attempt: Attempt, known: _Known, found: Diagnosis, now: dt.datetime) -> None:
        before = known.found
        known.found = found
        if before is not None and before.code == found.code:
            return
        known.noted = now
        if before is None and found.kind == Kind.STUCK:
            # Another watcher may have seen it long before this one.
            earlier = AttemptEvent.objects.filter(attempt=attempt, kind=EventKind.WAITING, detail=found.sentence)
            known.noted = earlier.values_list("at", flat=True).first() or now

    def _keep_timeline(self, attempt: Attempt, known: _Known, pods: Sequence[Seen] | None) -> None:
        now_entries, now_place = entries(pods), place(pods)
        for entry in now_entries:
            if entry not in known.entries:
                attempts.record(attempt, entry.kind, entry.detail, entry.at)
        if now_place.pod and now_place != known.place:
            attempts.note_place(attempt, pod_name=now_place.pod, node_name=now_place.node)
        known.entries, known.place = now_entries, now_place

    def _follow(self, attempt: Attempt, known: _Known, found: Diagnosis, now: dt.datetime, *, gone: bool) -> Act:
        noted = known.noted or now
        found, turns_at = lasting(found, noted=noted, now=now)
        answering = None
        if found.wait == Wait.CLAIM and attempt.claimed_at is None and now - noted > _PROBE_AFTER:
            answering = self._site_answers()
        decision = decide(attempt, found, now=now, noted=noted, limits=self.limits, gone=gone, answering=answering)
        attempt_id = str(attempt.pk)
        again_at = min((at for at in (decision.again_at, turns_at) if at is not None), default=None)
        if again_at is None:
            self.again.pop(attempt_id, None)
        else:
            self.again[attempt_id] = again_at
        self._apply(attempt, known, found, decision, gone=gone)
        return decision.act

    def _apply(self, attempt: Attempt, known: _Known, found: Diagnosis, decision: Decision, *, gone: bool) -> None:
        match decision.act:
            case Act.NOTHING:
                return
            case Act.EXPLAIN:
                self._explain(attempt, known, found, decision.reason)
                return
            case Act.MISS:
                attempts.mark_missing(attempt, True)
                return
            case Act.REPLACE:
                attempts.replace(attempt, code=decision.code, reason=decision.reason, limit=self._max_attempts)
            case Act.FAIL:
                attempts.fail(attempt, code=decision.code, reason=decision.reason, sources=UNCLAIMED)
            case Act.LOSE:
                if not (gone and self._retry_plan(attempt, decision)):
                    self._end(attempt, decision, AttemptOutcome.LOST, AttemptState.CLAIMED)
            case Act.CANCELLED:
                # Gone without a word it did not end in good order, but where its exit code says so.
                outcome = AttemptOutcome.CANCELLED if found.code == "stopped" else AttemptOutcome.KILLED
                self._end(attempt, decision, outcome, AttemptState.INTERRUPTING)
        logger.info("Attempt %s: %s (%s): %s", attempt, decision.act, decision.code, decision.reason)
        if attempt.state == AttemptState.ENDED:
            # Fenced first: whatever of it still starts now can claim nothing.
            if known.ended_pod and attempt.claimed_at is None:
                first_words.keep(attempt, known.ended_pod)
            self.clear_away(attempt, over=found.kind in _JOB_OVER, gone=gone)

    def _retry_plan(self, attempt: Attempt, decision: Decision) -> bool:
        """Begin a lost plan anew, where its workspace asks for that. Terrakube's own executor can't be told from its
        successor, so its plans are not."""
        if attempt.step.type not in PLAN_TYPES or attempt.claimed_by_report:
            return False
        job = attempt.step.job
        if not retries_plans(job.workspace):
            return False
        following = attempts.retry_plan(attempt, code=decision.code, reason=decision.reason, limit=self._max_attempts)
        if following is None:
            return False
        cleaning.prove_gone(attempt)
        cleaning.give_back_lock(attempt, job)
        return True

    @staticmethod
    def _end(attempt: Attempt, decision: Decision, outcome: AttemptOutcome, source: AttemptState) -> None:
        attempts.fail(attempt, code=decision.code, reason=decision.reason, outcome=outcome, sources=frozenset({source}))

    def _explain(self, attempt: Attempt, known: _Known, found: Diagnosis, text: str) -> None:
        if known.said == text:
            return
        known.said = text
        attempts.record(attempt, EventKind.WAITING, found.sentence)
        transitions.explain(attempt.step_id, text, code=found.code)

    def clear_away(self, attempt: Attempt, *, over: bool, gone: bool) -> None:
        """Leave nothing of an ended attempt but a Job that is ``over``: its log can be read until its TTL is."""
        if gone:
            cleaning.prove_gone(attempt)
        elif not over:
            self.stop(attempt)
