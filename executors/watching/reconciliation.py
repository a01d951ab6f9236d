"""Inspect an open attempt and act on the result; watch and sweep share this code."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from django.utils import timezone

from executors.attempts import cleanup, lifecycle
from executors.choices import UNCLAIMED, AttemptOutcome, AttemptState, EventKind
from executors.installation.limits import may_retry_plans
from executors.launching import launcher
from executors.launching.redaction import redact_message, secret_texts
from executors.models import Attempt, AttemptEvent
from executors.watching import container_output, looks
from executors.watching.decisions import Act, Decision, Patience
from executors.watching.diagnosis.pods import Diagnosis, Kind, Wait, diagnose
from executors.watching.diagnosis.statuses import Seen, container, job_end, newest
from executors.watching.diagnosis.timeline import Entry, Place, entries, place
from executors.watching.judging import Memory, judge, understand, with_peak
from executors.watching.looks import Sight
from executors.watching.termination import has_terminated
from workspaces.choices import PLAN_TYPES
from workspaces.jobs import transitions
from workspaces.reasons import Reason, reason

logger = logging.getLogger(__name__)
_PROBE_AFTER = dt.timedelta(seconds=30)
"""Time a container has for its claim before the site checks that it is reachable at all."""
UNKNOWN = Diagnosis(why=reason("cluster-unavailable"), kind=Kind.WAITING)
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
"""Messages of the cluster for a pod that it stops while the executor works."""
_ORDINARY = frozenset({Kind.WAITING, Kind.RUNNING, Kind.SUCCEEDED, Kind.MISSING})
"""Sentences with these codes quote nothing of the cluster."""


@dataclass(slots=True)
class _Known:
    """What was seen and stored of one attempt, so that an unchanged state costs nothing."""

    memory: Memory = field(default_factory=Memory)
    noted: dt.datetime | None = None
    entries: tuple[Entry, ...] = ()
    place: Place = field(default_factory=Place)
    said: Reason | None = None
    ended_pod: str = ""
    """The pod whose container has run and ended."""
    secrets: frozenset[str] | None = None
    """Values of the pod's sensitive settings; None until a message of the cluster may repeat one."""


class Looker:
    """Inspects attempts and remembers their last state; for one thread."""

    def __init__(
        self, limits: Patience, *, max_attempts: int, site_answers: Callable[[], bool | None] = lambda: None
    ) -> None:
        self.limits = limits
        self._site_answers = site_answers
        self._max_attempts = max_attempts
        self._known: dict[str, _Known] = {}
        self._stopped: set[str] = set()
        self._absent: dict[str, dt.datetime] = {}
        self.witnesses: Callable[[Attempt], bool] = lambda attempt: True
        """Return True if this watcher has run since the launch of an attempt, with the same database."""
        self.unknown: Callable[[], Diagnosis] = lambda: UNKNOWN
        """Return what is said of a pod while its cluster does not answer."""
        self.cluster_version: Callable[[], str] = lambda: ""
        """Return the cluster's version, "" where it is not known."""
        self.again: dict[str, dt.datetime] = {}
        """When to inspect each attempt again even without a change."""

    def forget_all_but(self, attempt_ids: set[str]) -> None:
        """Forget attempts that are over and cleaned up."""
        for memory in (self._known, self.again, self._absent):
            for attempt_id in [known for known in memory if known not in attempt_ids]:
                del memory[attempt_id]
        self._stopped &= attempt_ids

    def is_news(self, attempt_id: str, job: Seen | None, pods: Sequence[Seen] | None) -> bool:
        """Return True if the state differs from the last one seen. Makes no call."""
        known = self._known.get(attempt_id)
        if known is None:
            return True
        return (diagnose(job, pods), entries(pods), place(pods)) != (known.memory.seen, known.entries, known.place)

    def is_gone(self, attempt: Attempt, job: Seen | None, pods: Sequence[Seen] | None, now: dt.datetime) -> bool:
        """Return True if the attempt's executor is proved to run no more."""
        return has_terminated(
            job,
            pods,
            absent_since=attempt.missing_since,
            ours=str(attempt.pk) in self._stopped,
            now=now,
            ending_seconds=self.limits.for_attempt(attempt).ending_seconds,
        )

    def absent_since(self, attempt: Attempt, now: dt.datetime) -> dt.datetime:
        """Return since when the Job of an ended attempt is known to be gone; now, if this watcher has just started."""
        return self._absent.setdefault(str(attempt.pk), now)

    def stop(self, attempt: Attempt) -> bool:
        """Stop the executor of an attempt; return True if nothing of it is left. A cluster that does not answer is
        no error.
        """
        gone = launcher.stop_attempt(attempt)
        if gone is False:
            # Its Job existed and was deleted after its pods: from now on its absence proves theirs.
            self._stopped.add(str(attempt.pk))
        return bool(gone)

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
        """Inspect an open attempt that was launched into the cluster, and act on the result.

        ``job`` None: it does not exist. ``pods`` None: they may not be read. ``departed`` is the last state of a
        deleted pod.
        """
        now = now or timezone.now()
        known = self._known.setdefault(str(attempt.pk), _Known())
        seen = pods if pods or departed is None else [departed]
        memory, plain_found, repeated = understand(job, seen, events=events, before=known.memory)
        found = self._untold(attempt, known, plain_found)
        pod = newest(seen or ())
        if pod is not None and container(pod).terminated is not None:
            known.ended_pod = str(pod["metadata"]["name"])
        found = with_peak(found, attempt.peak_memory_bytes)
        self._note(attempt, known, memory, found, now)
        self._keep_timeline(attempt, known, seen)
        told = attempt.leaving_code
        if attempt.state == AttemptState.CLAIMED and found.kind == Kind.ENDING and found.code in LEAVING:
            lifecycle.record_stop_reason(attempt, found.why)
        elif attempt.state == AttemptState.CLAIMED and found.kind == Kind.MISSING:
            # A Job deleted in the background is gone before its pod is told to stop.
            lifecycle.record_stop_reason(attempt, reason("job-deleting"))
        if job is not None and attempt.missing_since is not None:
            lifecycle.mark_missing(attempt, False)
        over, gone = job is not None and job_end(job) is not None, self.is_gone(attempt, job, pods, now)
        sight = Sight(job=job, pods=pods, departed=departed, events=memory.events, repeats=found if repeated else None)
        leaves = attempt.leaving_code != told
        return self._follow(attempt, known, found, now, over=over, gone=gone, sight=sight, leaves=leaves)

    def inspect_without_cluster(self, attempt: Attempt, *, now: dt.datetime | None = None) -> Act:
        """Apply the deadlines to an open attempt while the cluster does not answer."""
        now = now or timezone.now()
        known = self._known.setdefault(str(attempt.pk), _Known())
        unknown = self.unknown()
        self._note(attempt, known, Memory(seen=unknown), unknown, now)
        return self._follow(attempt, known, unknown, now, over=False, gone=False)

    @staticmethod
    def _untold(attempt: Attempt, known: _Known, found: Diagnosis) -> Diagnosis:
        """Redact sensitive settings in the cluster's message, such as the name of a ConfigMap."""
        if found.kind in _ORDINARY:
            return found
        if known.secrets is None:
            known.secrets = secret_texts(launcher.read_needs(attempt.step).inputs.environment)
        secrets = known.secrets
        return replace(found, why=found.why.masked(lambda word: redact_message(word, secrets))) if secrets else found

    def _note(self, attempt: Attempt, known: _Known, memory: Memory, found: Diagnosis, now: dt.datetime) -> None:
        before = known.memory.found
        known.memory = replace(memory, found=found)
        if before is not None and before.code == found.code:
            return
        known.noted = now
        if before is None and found.kind == Kind.STUCK:
            # Another watcher may have seen it long before this one.
            earlier = AttemptEvent.objects.filter(attempt=attempt, kind=EventKind.WAITING, detail=str(found.why))
            known.noted = earlier.values_list("at", flat=True).first() or now

    def _keep_timeline(self, attempt: Attempt, known: _Known, pods: Sequence[Seen] | None) -> None:
        now_entries, now_place = entries(pods), place(pods)
        for entry in now_entries:
            if entry not in known.entries and not (attempt.started_warm and entry.at < attempt.created_at):
                lifecycle.record_event(attempt, entry.kind, entry.detail, entry.at)
        if now_place.pod and now_place != known.place:
            lifecycle.record_place(attempt, pod_name=now_place.pod, node_name=now_place.node)
        known.entries, known.place = now_entries, now_place

    def _follow(
        self,
        attempt: Attempt,
        known: _Known,
        found: Diagnosis,
        now: dt.datetime,
        *,
        over: bool,
        gone: bool,
        sight: Sight | None = None,
        leaves: bool = False,
    ) -> Act:
        noted = known.noted or now
        answering = None
        if found.wait == Wait.CLAIM and attempt.claimed_at is None and now - noted > _PROBE_AFTER:
            answering = self._site_answers()
        judgement = judge(
            attempt,
            found,
            now=now,
            noted=noted,
            limits=self.limits,
            gone=gone,
            answering=answering,
            is_witnessed=partial(self.witnesses, attempt),
        )
        decision, attempt_id = judgement.decision, str(attempt.pk)
        if judgement.again_at is None:
            self.again.pop(attempt_id, None)
        else:
            self.again[attempt_id] = judgement.again_at
        look = None
        if leaves or looks.is_telling(decision, said=known.said, ordinary=found.kind in _ORDINARY):
            # Before it is acted on: the decision rests on what the attempt was.
            about = looks.About(
                now=now,
                noted=noted,
                limits=self.limits,
                gone=gone,
                answering=answering,
                cluster=self.cluster_version(),
            )
            look = looks.describe(attempt, sight, judgement, about)
        self._apply(attempt, known, judgement.found, decision, over=over, gone=gone)
        if look is not None:
            looks.store(attempt, look)
        return decision.act

    def _apply(
        self, attempt: Attempt, known: _Known, found: Diagnosis, decision: Decision, *, over: bool, gone: bool
    ) -> None:
        match decision.act:
            case Act.NOTHING:
                return
            case Act.EXPLAIN:
                self._explain(attempt, known, found, decision.why)
                return
            case Act.MISS:
                lifecycle.mark_missing(attempt, True)
                return
            case Act.REPLACE:
                lifecycle.replace_attempt(attempt, decision.why, limit=self._max_attempts)
            case Act.FAIL:
                lifecycle.fail_attempt(attempt, decision.why, sources=UNCLAIMED)
            case Act.DOUBT:
                lifecycle.fail_unproved(attempt, decision.why)
            case Act.LOSE:
                if not (gone and self._retry_plan(attempt, decision)):
                    self._end(attempt, decision, AttemptOutcome.LOST, AttemptState.CLAIMED)
            case Act.CANCELLED:
                # A pod that went without a report did not end gracefully, unless its exit code says so.
                outcome = AttemptOutcome.CANCELLED if found.code == "stopped" else AttemptOutcome.KILLED
                self._end(attempt, decision, outcome, AttemptState.INTERRUPTING)
        logger.info("Attempt %s: %s (%s): %s", attempt, decision.act, decision.why.code, decision.why)
        if attempt.state == AttemptState.ENDED:
            # Fence first: an executor that starts now can claim nothing.
            if known.ended_pod and attempt.claimed_at is None:
                container_output.store_output(attempt, known.ended_pod)
            self.clear_away(attempt, over=over, gone=gone)

    def _retry_plan(self, attempt: Attempt, decision: Decision) -> bool:
        """Retry a lost plan if its workspace asks for it.

        Not for Terrakube's own executor: the site cannot tell it from its successor.
        """
        if attempt.step.type not in PLAN_TYPES or attempt.claimed_by_report:
            return False
        job = attempt.step.job
        if not may_retry_plans(job.workspace):
            return False
        following = lifecycle.retry_plan(attempt, decision.why, limit=self._max_attempts)
        if following is None:
            return False
        cleanup.mark_gone(attempt)
        cleanup.release_state_lock(attempt, job)
        return True

    @staticmethod
    def _end(attempt: Attempt, decision: Decision, outcome: AttemptOutcome, source: AttemptState) -> None:
        lifecycle.fail_attempt(attempt, decision.why, outcome=outcome, sources=frozenset({source}))

    def _explain(self, attempt: Attempt, known: _Known, found: Diagnosis, why: Reason) -> None:
        if known.said == why:
            return
        known.said = why
        lifecycle.record_event(attempt, EventKind.WAITING, found.why)
        transitions.explain(attempt.step_id, why)

    def clear_away(self, attempt: Attempt, *, over: bool, gone: bool) -> None:
        """Remove everything of an ended attempt except a Job that is ``over``: its log stays readable until its TTL."""
        if gone:
            cleanup.mark_gone(attempt)
        if not over:
            self.stop(attempt)
