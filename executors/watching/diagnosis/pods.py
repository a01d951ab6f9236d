"""Diagnosis of an attempt from its Job and pods: a stable code, a sentence, and advice.

Pure: recorded states in, a frozen Diagnosis out. ``decisions`` decides what follows.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace

from executors.cluster.conditions import condition, silent_node
from executors.watching.diagnosis import exits, start_failures
from executors.watching.diagnosis.statuses import (
    Container,
    JobEnd,
    Seen,
    container,
    is_leaving,
    is_outlived,
    is_pod_over,
    is_taken,
    job_end,
    newest,
    when,
)
from executors.watching.diagnosis.wording import quoted
from workspaces.reasons import Reason, reason


class Kind(enum.StrEnum):
    """Progress of an attempt's Job."""

    WAITING = "waiting"
    """Starting normally."""
    STUCK = "stuck"
    """Starting, with a problem that may not go away by itself."""
    RUNNING = "running"
    """The container is running."""
    ENDING = "ending"
    """The pod is being deleted but still exists."""
    SUCCEEDED = "succeeded"
    """The executor exited with 0: its Job is over, or a sidecar holds it open."""
    FAILED = "failed"
    """The Job is over and failed, or would be without a sidecar."""
    MISSING = "missing"
    """The Job does not exist."""


class Wait(enum.StrEnum):
    """The deadline that applies to an unclaimed attempt in this state."""

    START = "start"
    IMAGE = "image"
    REFERENCE = "reference"
    SCHEDULING = "scheduling"
    NODE = "node"
    """A node is being added for the pod."""
    CLAIM = "claim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is the matter.

    ``since`` is the cluster's own word for how long, None where it has none. ``claimed``: whether the cluster proves
    that the executor had claimed its attempt, or that it had not and nothing has run; None where it proves neither.
    """

    why: Reason
    kind: Kind
    wait: Wait = Wait.START
    since: dt.datetime | None = None
    claimed: bool | None = None

    @property
    def code(self) -> str:
        return self.why.code


_WHY_LEAVING = {
    "PreemptionByScheduler": "preempted",
    "EvictionByEvictionAPI": "drained",
    "DeletionByTaintManager": "node-lost",
    "DeletionByPodGC": "node-lost",
    "TerminationByKubelet": "evicted-by-node",
}


def _of(why: Reason, kind: Kind, *, wait: Wait = Wait.START, since: dt.datetime | None = None) -> Diagnosis:
    return Diagnosis(why=why, kind=kind, wait=wait, since=since)


def diagnose(job: Seen | None, pods: Sequence[Seen] | None, *, events: Sequence[Seen] = ()) -> Diagnosis:
    """Return the diagnosis of an attempt's Job.

    ``job`` None: it does not exist. ``pods`` None: this service account may not read them. ``events`` are those of
    the pod, or of the Job while it has no pod, if they were read.
    """
    return replace(_diagnose(job, pods, events), claimed=_had_claimed(newest(pods or ())))


def _had_claimed(pod: Seen | None) -> bool | None:
    if pod is None:
        return None
    one = container(pod)
    if one.terminated is not None:
        return exits.had_claimed(one.terminated)
    # A running pod may have claimed, and older kubelets keep no more of a finished one. One that never started ran
    # nothing.
    return None if one.running is not None or is_pod_over(pod) else False


def _diagnose(job: Seen | None, pods: Sequence[Seen] | None, events: Sequence[Seen]) -> Diagnosis:
    pod = newest(pods or ())
    if job is None:
        return _missing(pod)
    end = job_end(job)
    if end is not None:
        return _over(end, pod, seen=pods is not None, namespace=_namespace(job))
    if is_leaving(job):
        return _of(reason("job-deleting"), Kind.ENDING, since=when(job["metadata"]["deletionTimestamp"]))
    deadline = condition(job, "FailureTarget")
    if deadline is not None and deadline.get("reason") == "DeadlineExceeded":
        return _of(reason("deadline"), Kind.ENDING)
    if pods is None:
        return _unseen(job)
    if pod is None:
        return _without_pod(job, events)
    return _live(pod, events)


def _namespace(job: Seen) -> str:
    return str(job["metadata"].get("namespace", ""))


def _missing(pod: Seen | None) -> Diagnosis:
    still = pod is not None and not is_pod_over(pod)
    return _of(reason("job-missing", "pod-still-ending" if still else ""), Kind.MISSING)


# ---- Jobs that are over ---------------------------------------------------------------------------------------------


def _over(end: JobEnd, pod: Seen | None, *, seen: bool, namespace: str) -> Diagnosis:
    if end.succeeded:
        return _of(exits.meaning(0), Kind.SUCCEEDED, since=end.at)
    if end.reason == "DeadlineExceeded":
        return _of(reason("deadline"), Kind.FAILED)
    if pod is not None:
        return ended_pod(pod, at=end.at)
    if seen:
        return _of(reason("pod-gone"), Kind.FAILED, since=end.at)
    words, permission = quoted(end.message or end.reason), _permission(namespace, "why-needs")
    return _of(reason("failed-unseen", words=words, permission=permission), Kind.FAILED, since=end.at)


def _permission(namespace: str, form: str) -> Reason:
    return reason("", form, namespace=namespace)


def ended_pod(pod: Seen, *, at: dt.datetime | None = None) -> Diagnosis:
    """Return why a pod ended."""
    return _of(_meaning(pod), Kind.FAILED, since=at)


def _meaning(pod: Seen) -> Reason:
    status = pod.get("status", {})
    whole = exits.pod_reason(str(status.get("reason", "")), str(status.get("message", "")))
    if whole is not None:
        return whole
    disruption = _disruption(pod)
    if disruption is not None:
        return disruption
    one = container(pod)
    if one.terminated is None and is_leaving(pod):
        return reason("pod-deleted")
    if one.terminated is None:
        return reason("pod-failed", words=quoted(str(status.get("message") or "no reason given")))
    return exits.terminated(one.terminated, one.memory_limit)


def _disruption(pod: Seen) -> Reason | None:
    target = condition(pod, "DisruptionTarget")
    if target is None:
        return None
    known = _WHY_LEAVING.get(str(target.get("reason", "")))
    if known is not None:
        return reason(known)
    return reason("disrupted", words=quoted(str(target.get("message", target.get("reason", "")))))


# ---- Jobs that are not over -----------------------------------------------------------------------------------------


def _unseen(job: Seen) -> Diagnosis:
    ready = int(job.get("status", {}).get("ready") or 0)
    permission = _permission(_namespace(job), "wait-needs")
    if ready:
        return _of(reason("running-unseen", permission=permission), Kind.RUNNING)
    return _of(reason("starting-unseen", permission=permission), Kind.WAITING)


def _without_pod(job: Seen, events: Sequence[Seen]) -> Diagnosis:
    trouble = start_failures.of_events(events)
    if trouble is not None:
        refused = trouble.code == "cluster-policy"
        return _of(trouble, Kind.STUCK, wait=Wait.REFERENCE if refused else Wait.START)
    return _of(reason("no-pod"), Kind.WAITING, since=when(job["metadata"].get("creationTimestamp")))


def _live(pod: Seen, events: Sequence[Seen]) -> Diagnosis:
    if is_pod_over(pod):
        # Its Job will say so in a moment, and the Job counts: it knows that nothing of the pod is left.
        found = ended_pod(pod)
        return _of(found.why, Kind.ENDING)
    if is_leaving(pod):
        why = _disruption(pod) or reason("pod-deleted")
        return _of(why, Kind.ENDING, since=when(pod["metadata"]["deletionTimestamp"]))
    one = container(pod)
    if one.terminated is not None and is_outlived(pod):
        # Its Job is not over before the sidecar is, which may never end by itself.
        kind = Kind.FAILED if one.terminated.get("exitCode") else Kind.SUCCEEDED
        return _of(_meaning(pod), kind, since=when(one.terminated.get("finishedAt")))
    if one.running is not None:
        return _running(pod, one)
    scheduled = condition(pod, "PodScheduled")
    if scheduled is None:
        return _unscheduled(pod, events)
    trouble = start_failures.of_container(one, pod_name=_job_name(pod)) or start_failures.of_events(events)
    if trouble is not None:
        kind = Kind.WAITING if trouble.code in start_failures.ORDINARY else Kind.STUCK
        return _of(trouble, kind, wait=Wait.IMAGE if start_failures.is_image(trouble) else Wait.REFERENCE)
    fetching = start_failures.pulling(events, one.image)
    if fetching is not None:
        return _of(fetching[0], Kind.WAITING, since=fetching[1])
    code = "creating" if is_taken(pod) else "not-taken"
    return _of(reason(code), Kind.WAITING, since=when(scheduled.get("lastTransitionTime")))


def _job_name(pod: Seen) -> str:
    return str(pod["metadata"].get("labels", {}).get("job-name") or pod["metadata"].get("name", "").rpartition("-")[0])


def _running(pod: Seen, one: Container) -> Diagnosis:
    silent = silent_node(pod)
    if silent is not None:
        since = when(silent.get("lastTransitionTime"))
        return _of(reason("node-unreachable"), Kind.STUCK, wait=Wait.REFERENCE, since=since)
    return _of(reason("running"), Kind.RUNNING, wait=Wait.CLAIM, since=one.started_at)


def _unscheduled(pod: Seen, events: Sequence[Seen]) -> Diagnosis:
    refused = condition(pod, "PodScheduled", "False")
    if refused is None:
        since = when(pod["metadata"].get("creationTimestamp"))
        return _of(reason("scheduling"), Kind.WAITING, wait=Wait.SCHEDULING, since=since)
    since = when(refused.get("lastTransitionTime"))
    found = start_failures.unscheduled(str(refused.get("reason", "")), str(refused.get("message", "")))
    if found.code == "missing-claim":
        return _of(found, Kind.STUCK, wait=Wait.REFERENCE, since=since)
    coming = start_failures.node_coming(events, since=since)
    if coming is not None:
        return _of(coming, Kind.STUCK, wait=Wait.NODE, since=since)
    return _of(found, Kind.STUCK, wait=Wait.SCHEDULING, since=since)
