"""What a Job's and its pods' states mean for an attempt: a stable code, a sentence for people, and what to do.

Pure: recorded states in, a frozen Diagnosis out. What follows from one is for ``decisions``.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Sequence
from dataclasses import dataclass

from executors.watching import exits, start_trouble
from executors.watching.statuses import (
    Container,
    JobEnd,
    Seen,
    condition,
    container,
    is_leaving,
    is_pod_over,
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
    "PreemptionByScheduler": ("preempted", "A pod of higher priority took the pod's place"),
    "EvictionByEvictionAPI": ("drained", "The pod was evicted, as when its node is drained"),
    "DeletionByTaintManager": ("node-lost", "The pod's node does not answer or may no longer run it"),
    "DeletionByPodGC": ("node-lost", "The pod's node is gone"),
    "TerminationByKubelet": ("evicted", "The pod's node evicted it or shuts down"),
}


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
        return Diagnosis(
            code="job-deleting",
            kind=Kind.ENDING,
            sentence="Somebody deleted the Kubernetes Job",
            since=when(job["metadata"]["deletionTimestamp"]),
        )
    deadline = condition(job, "FailureTarget")
    if deadline is not None and deadline.get("reason") == "DeadlineExceeded":
        return _deadline(Kind.ENDING)
    if pods is None:
        return _unseen(job)
    if pod is None:
        return _without_pod(job, events)
    return _live(pod, events)


def _namespace(job: Seen) -> str:
    return str(job["metadata"].get("namespace", ""))


def _missing(pod: Seen | None) -> Diagnosis:
    return Diagnosis(
        code="job-missing",
        kind=Kind.MISSING,
        sentence="The Kubernetes Job is gone: somebody deleted it"
        + (", and its pod is still ending" if pod is not None and not is_pod_over(pod) else ""),
        advice="Start the job again",
    )


# ---- Jobs that are over ---------------------------------------------------------------------------------------------


def _deadline(kind: Kind) -> Diagnosis:
    return Diagnosis(
        code="deadline",
        kind=kind,
        sentence="The step took longer than its deadline, and its pod was ended",
        advice="Raise ExecutorEphemeralDeadlineSeconds if it needs that long",
        may_retry=False,
    )


def _over(end: JobEnd, pod: Seen | None, *, seen: bool, namespace: str) -> Diagnosis:
    if end.succeeded:
        found = exits.meaning(0)
        return Diagnosis(
            code=found.code,
            kind=Kind.SUCCEEDED,
            sentence=found.sentence,
            advice=found.advice,
            since=end.at,
            may_retry=found.may_retry,
        )
    if end.reason == "DeadlineExceeded":
        return _deadline(Kind.FAILED)
    if pod is not None:
        return ended_pod(pod, at=end.at)
    if seen:
        return Diagnosis(
            code="pod-gone",
            kind=Kind.FAILED,
            sentence="The pod is gone: somebody deleted it, or its node was removed",
            since=end.at,
        )
    return Diagnosis(
        code="failed-unseen",
        kind=Kind.FAILED,
        sentence=f"The Kubernetes Job failed: {quoted(end.message or end.reason)}",
        advice=_permission(namespace, "why"),
        since=end.at,
    )


def _permission(namespace: str, what: str) -> str:
    place = f" in namespace {namespace}" if namespace else ""
    return f"To tell {what}, this site's service account needs the verbs get, list and watch on pods{place}"


def ended_pod(pod: Seen, *, at: dt.datetime | None = None) -> Diagnosis:
    """Why a pod ended."""
    found = _meaning(pod)
    return Diagnosis(
        code=found.code,
        kind=Kind.FAILED,
        sentence=found.sentence,
        advice=found.advice,
        since=at,
        may_retry=found.may_retry,
    )


def _meaning(pod: Seen) -> exits.Meaning:
    status = pod.get("status", {})
    whole = exits.pod_reason(str(status.get("reason", "")), str(status.get("message", "")))
    if whole is not None:
        return whole
    disruption = _disruption(pod)
    if disruption is not None:
        code, sentence = disruption
        return exits.Meaning(code, sentence)
    one = container(pod)
    if one.terminated is None and is_leaving(pod):
        return exits.Meaning("pod-deleted", "Somebody deleted the pod")
    if one.terminated is None:
        return exits.Meaning("pod-failed", f"The pod failed: {quoted(str(status.get('message') or 'no reason given'))}")
    return exits.terminated(one.terminated, one.memory_limit)


def _disruption(pod: Seen) -> tuple[str, str] | None:
    target = condition(pod, "DisruptionTarget")
    if target is None:
        return None
    reason = str(target.get("reason", ""))
    return _WHY_LEAVING.get(
        reason, ("disrupted", f"The cluster ended the pod: {quoted(str(target.get('message', reason)))}")
    )


# ---- Jobs that are not over -----------------------------------------------------------------------------------------


def _unseen(job: Seen) -> Diagnosis:
    ready = int(job.get("status", {}).get("ready") or 0)
    return Diagnosis(
        code="running-unseen" if ready else "starting-unseen",
        kind=Kind.RUNNING if ready else Kind.WAITING,
        sentence="The container runs; its executor has not reported yet" if ready else "Waits for the pod to start",
        advice=_permission(_namespace(job), "what it waits for"),
    )


def _without_pod(job: Seen, events: Sequence[Seen]) -> Diagnosis:
    trouble = start_trouble.of_events(events)
    if trouble is not None:
        return Diagnosis(code=trouble.code, kind=Kind.STUCK, sentence=trouble.sentence, advice=trouble.advice)
    return Diagnosis(
        code="no-pod",
        kind=Kind.WAITING,
        sentence="Waits for the cluster to create the pod",
        since=when(job["metadata"].get("creationTimestamp")),
    )


def _live(pod: Seen, events: Sequence[Seen]) -> Diagnosis:
    if is_pod_over(pod):
        # Its Job will say so in a moment, and is what counts: it knows that nothing of the pod is left.
        found = ended_pod(pod)
        return Diagnosis(code=found.code, kind=Kind.ENDING, sentence=found.sentence, advice=found.advice)
    if is_leaving(pod):
        code, sentence = _disruption(pod) or ("pod-deleted", "Somebody deleted the pod")
        return Diagnosis(
            code=code, kind=Kind.ENDING, sentence=sentence, since=when(pod["metadata"]["deletionTimestamp"])
        )
    one = container(pod)
    if one.running is not None:
        return _running(pod, one)
    scheduled = condition(pod, "PodScheduled")
    if scheduled is None:
        return _unscheduled(pod)
    trouble = start_trouble.of_container(one, pod_name=_job_name(pod)) or start_trouble.of_events(events)
    if trouble is not None:
        return Diagnosis(
            code=trouble.code,
            kind=Kind.STUCK if trouble.stuck else Kind.WAITING,
            sentence=trouble.sentence,
            advice=trouble.advice,
            wait=Wait.IMAGE if trouble.is_image else Wait.REFERENCE,
            may_retry=trouble.may_retry,
        )
    return Diagnosis(
        code="creating",
        kind=Kind.WAITING,
        sentence="Waits for its node to fetch the image and create the container",
        since=when(scheduled.get("lastTransitionTime")),
    )


def _job_name(pod: Seen) -> str:
    return str(pod["metadata"].get("labels", {}).get("job-name") or pod["metadata"].get("name", "").rpartition("-")[0])


def _running(pod: Seen, one: Container) -> Diagnosis:
    if condition(pod, "Ready", "False") and condition(pod, "ContainersReady"):
        # The kubelet never says this; the cluster does in its place when it hears nothing from the node.
        return Diagnosis(
            code="node-unreachable",
            kind=Kind.STUCK,
            sentence="The pod's node does not answer",
            wait=Wait.REFERENCE,
            since=when((condition(pod, "Ready", "False") or {}).get("lastTransitionTime")),
        )
    return Diagnosis(
        code="running",
        kind=Kind.RUNNING,
        sentence="The container runs; its executor has not reported yet",
        advice="See whether pods reach this site at AzBuilderApiUrl, and whether the image is an executor's",
        wait=Wait.CLAIM,
        since=one.started_at,
    )


def _unscheduled(pod: Seen) -> Diagnosis:
    refused = condition(pod, "PodScheduled", "False")
    if refused is None:
        return Diagnosis(
            code="scheduling",
            kind=Kind.WAITING,
            sentence="Waits for a node",
            wait=Wait.SCHEDULING,
            since=when(pod["metadata"].get("creationTimestamp")),
        )
    found = start_trouble.unscheduled(str(refused.get("reason", "")), str(refused.get("message", "")))
    return Diagnosis(
        code=found.code,
        kind=Kind.STUCK,
        sentence=found.sentence,
        advice=found.advice,
        wait=Wait.REFERENCE if found.code == "missing-claim" else Wait.SCHEDULING,
        since=when(refused.get("lastTransitionTime")),
    )
