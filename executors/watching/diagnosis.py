"""What a Job's and its pods' states mean for an attempt: a stable code, a sentence for people, and what to do.

Pure: recorded states in, a frozen Diagnosis out. What follows from one is for ``decisions``.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Sequence
from dataclasses import dataclass

from executors.reasons import Said, say
from executors.watching import exits, start_trouble
from executors.watching.statuses import (
    Container,
    JobEnd,
    Seen,
    condition,
    container,
    is_leaving,
    is_pod_over,
    is_taken,
    job_end,
    newest,
    when,
)
from executors.watching.words import quoted


class Kind(enum.StrEnum):
    """What an attempt's Job is up to."""

    WAITING = "waiting"
    """On its way to a running container, as always."""
    STUCK = "stuck"
    """On its way, but something is in it that may not go away by itself."""
    RUNNING = "running"
    """The container runs."""
    ENDING = "ending"
    """The pod was told to go, and is there still."""
    SUCCEEDED = "succeeded"
    """The Job is over, and its container ended with 0."""
    FAILED = "failed"
    """The Job is over, and not well."""
    MISSING = "missing"
    """There is no such Job."""


class Wait(enum.StrEnum):
    """Which deadline an unclaimed attempt has in this state."""

    START = "start"
    IMAGE = "image"
    REFERENCE = "reference"
    SCHEDULING = "scheduling"
    NODE = "node"
    """A node is being added for it."""
    CLAIM = "claim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is the matter.

    ``since`` is the cluster's own word for how long, None where it has none. ``may_retry`` False: another pod, made
    the same way, would end the same way.
    """

    code: str
    kind: Kind
    sentence: str
    advice: str = ""
    wait: Wait = Wait.START
    since: dt.datetime | None = None
    may_retry: bool = True

    @property
    def text(self) -> str:
        """The sentence and what to do."""
        return f"{self.sentence}. {self.advice}" if self.advice else self.sentence


_WHY_LEAVING = {
    "PreemptionByScheduler": "preempted",
    "EvictionByEvictionAPI": "drained",
    "DeletionByTaintManager": "node-lost",
    "DeletionByPodGC": "node-lost",
    "TerminationByKubelet": "evicted-by-node",
}


def _of(said: Said, kind: Kind, *, wait: Wait = Wait.START, since: dt.datetime | None = None) -> Diagnosis:
    return Diagnosis(
        code=said.code,
        kind=kind,
        sentence=said.sentence,
        advice=said.advice,
        wait=wait,
        since=since,
        may_retry=said.may_retry,
    )


def diagnose(job: Seen | None, pods: Sequence[Seen] | None, *, events: Sequence[Seen] = ()) -> Diagnosis:
    """Say what the matter is with an attempt's Job.

    ``job`` None: there is none. ``pods`` None: this service account may not see them. ``events`` are those of the pod,
    or of the Job while it has none, as far as they were asked for.
    """
    pod = newest(pods or ())
    if job is None:
        return _missing(pod)
    end = job_end(job)
    if end is not None:
        return _over(end, pod, seen=pods is not None, namespace=_namespace(job))
    if is_leaving(job):
        return _of(say("job-deleting"), Kind.ENDING, since=when(job["metadata"]["deletionTimestamp"]))
    deadline = condition(job, "FailureTarget")
    if deadline is not None and deadline.get("reason") == "DeadlineExceeded":
        return _of(say("deadline"), Kind.ENDING)
    if pods is None:
        return _unseen(job)
    if pod is None:
        return _without_pod(job, events)
    return _live(pod, events)


def _namespace(job: Seen) -> str:
    return str(job["metadata"].get("namespace", ""))


def _missing(pod: Seen | None) -> Diagnosis:
    still = pod is not None and not is_pod_over(pod)
    return _of(say("job-missing", pod=", and its pod is still ending" if still else ""), Kind.MISSING)


# ---- Jobs that are over ---------------------------------------------------------------------------------------------


def _over(end: JobEnd, pod: Seen | None, *, seen: bool, namespace: str) -> Diagnosis:
    if end.succeeded:
        return _of(exits.meaning(0), Kind.SUCCEEDED, since=end.at)
    if end.reason == "DeadlineExceeded":
        return _of(say("deadline"), Kind.FAILED)
    if pod is not None:
        return ended_pod(pod, at=end.at)
    if seen:
        return _of(say("pod-gone"), Kind.FAILED, since=end.at)
    words, permission = quoted(end.message or end.reason), _permission(namespace, "why")
    return _of(say("failed-unseen", words=words, permission=permission), Kind.FAILED, since=end.at)


def _permission(namespace: str, what: str) -> str:
    place = f" in namespace {namespace}" if namespace else ""
    return f"To tell {what}, this site's service account needs the verbs get, list and watch on pods{place}"


def ended_pod(pod: Seen, *, at: dt.datetime | None = None) -> Diagnosis:
    """Why a pod ended."""
    return _of(_meaning(pod), Kind.FAILED, since=at)


def _meaning(pod: Seen) -> Said:
    status = pod.get("status", {})
    whole = exits.pod_reason(str(status.get("reason", "")), str(status.get("message", "")))
    if whole is not None:
        return whole
    disruption = _disruption(pod)
    if disruption is not None:
        return disruption
    one = container(pod)
    if one.terminated is None and is_leaving(pod):
        return say("pod-deleted")
    if one.terminated is None:
        return say("pod-failed", words=quoted(str(status.get("message") or "no reason given")))
    return exits.terminated(one.terminated, one.memory_limit)


def _disruption(pod: Seen) -> Said | None:
    target = condition(pod, "DisruptionTarget")
    if target is None:
        return None
    known = _WHY_LEAVING.get(str(target.get("reason", "")))
    if known is not None:
        return say(known)
    return say("disrupted", words=quoted(str(target.get("message", target.get("reason", "")))))


# ---- Jobs that are not over -----------------------------------------------------------------------------------------


def _unseen(job: Seen) -> Diagnosis:
    ready = int(job.get("status", {}).get("ready") or 0)
    permission = _permission(_namespace(job), "what it waits for")
    if ready:
        return _of(say("running-unseen", permission=permission), Kind.RUNNING)
    return _of(say("starting-unseen", permission=permission), Kind.WAITING)


def _without_pod(job: Seen, events: Sequence[Seen]) -> Diagnosis:
    trouble = start_trouble.of_events(events)
    if trouble is not None:
        return _of(trouble, Kind.STUCK)
    return _of(say("no-pod"), Kind.WAITING, since=when(job["metadata"].get("creationTimestamp")))


def _live(pod: Seen, events: Sequence[Seen]) -> Diagnosis:
    if is_pod_over(pod):
        # Its Job will say so in a moment, and is what counts: it knows that nothing of the pod is left.
        found = ended_pod(pod)
        return Diagnosis(code=found.code, kind=Kind.ENDING, sentence=found.sentence, advice=found.advice)
    if is_leaving(pod):
        said = _disruption(pod) or say("pod-deleted")
        return _of(said, Kind.ENDING, since=when(pod["metadata"]["deletionTimestamp"]))
    one = container(pod)
    if one.running is not None:
        return _running(pod, one)
    scheduled = condition(pod, "PodScheduled")
    if scheduled is None:
        return _unscheduled(pod, events)
    trouble = start_trouble.of_container(one, pod_name=_job_name(pod)) or start_trouble.of_events(events)
    if trouble is not None:
        kind = Kind.WAITING if trouble.code in start_trouble.ORDINARY else Kind.STUCK
        return _of(trouble, kind, wait=Wait.IMAGE if start_trouble.is_image(trouble) else Wait.REFERENCE)
    fetching = start_trouble.pulling(events, one.image)
    if fetching is not None:
        return _of(fetching[0], Kind.WAITING, since=fetching[1])
    code = "creating" if is_taken(pod) else "not-taken"
    return _of(say(code), Kind.WAITING, since=when(scheduled.get("lastTransitionTime")))


def _job_name(pod: Seen) -> str:
    return str(pod["metadata"].get("labels", {}).get("job-name") or pod["metadata"].get("name", "").rpartition("-")[0])


def _running(pod: Seen, one: Container) -> Diagnosis:
    unready = condition(pod, "Ready", "False")
    if unready and condition(pod, "ContainersReady"):
        # The kubelet never says this; the cluster does in its place when it hears nothing from the node.
        since = when(unready.get("lastTransitionTime"))
        return _of(say("node-unreachable"), Kind.STUCK, wait=Wait.REFERENCE, since=since)
    return _of(say("running"), Kind.RUNNING, wait=Wait.CLAIM, since=one.started_at)


def _unscheduled(pod: Seen, events: Sequence[Seen]) -> Diagnosis:
    refused = condition(pod, "PodScheduled", "False")
    if refused is None:
        since = when(pod["metadata"].get("creationTimestamp"))
        return _of(say("scheduling"), Kind.WAITING, wait=Wait.SCHEDULING, since=since)
    since = when(refused.get("lastTransitionTime"))
    found = start_trouble.unscheduled(str(refused.get("reason", "")), str(refused.get("message", "")))
    if found.code == "missing-claim":
        return _of(found, Kind.STUCK, wait=Wait.REFERENCE, since=since)
    coming = start_trouble.node_coming(events, since=since)
    if coming is not None:
        return _of(coming, Kind.STUCK, wait=Wait.NODE, since=since)
    return _of(found, Kind.STUCK, wait=Wait.SCHEDULING, since=since)
