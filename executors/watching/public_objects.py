"""What may leave the site of a Job, its pods and their events: an allow-list of fields; pure.

Everything else stays out: environment, annotations, volumes, commands, names of Secrets, labels that are not ours. Of
a container's termination message, which may be the end of its log, only the signs that a diagnosis reads remain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from executors.contract import last_words
from executors.launching.manifest import ATTEMPT_LABEL
from executors.watching.diagnosis.statuses import Seen

type Mask = Callable[[str], str]

_METADATA = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp")
_LABELS = (ATTEMPT_LABEL, "job-name")
_CONDITION = ("type", "status", "reason", "lastTransitionTime")
_JOB_SPEC = ("activeDeadlineSeconds", "backoffLimit", "completions", "parallelism", "ttlSecondsAfterFinished")
_JOB_STATUS = ("active", "ready", "failed", "succeeded", "terminating", "startTime", "completionTime")
_POD_SPEC = ("nodeName", "restartPolicy", "terminationGracePeriodSeconds", "priority", "preemptionPolicy")
_POD_STATUS = ("phase", "reason", "startTime", "qosClass", "nominatedNodeName")
_CONTAINER_STATUS = ("name", "ready", "restartCount", "started")
_STATE = ("reason", "exitCode", "signal", "startedAt", "finishedAt")
_AMOUNTS = ("cpu", "memory", "ephemeral-storage")
_OF_THE_RUNTIME = frozenset({"StartError", "ContainerCannotRun"})
"""With these reasons the message is that of the runtime: nothing of the container has run."""
_SIGNS = (last_words.UNCLAIMED, last_words.CLAIMED, "OOM-killed", "exec format error")
_EVENT = ("type", "reason", "count", "firstTimestamp", "lastTimestamp", "eventTime")
_SAID_BY_THE_CLUSTER = frozenset(
    {
        "BackOff",
        "Evicted",
        "Failed",
        "FailedAttachVolume",
        "FailedCreate",
        "FailedCreatePodSandBox",
        "FailedMount",
        "FailedScheduling",
        "Nominated",
        "NotTriggerScaleUp",
        "Preempted",
        "Pulled",
        "Pulling",
        "Scheduled",
        "TriggeredScaleUp",
    }
)
"""Reasons of events whose message is kept: those of scheduler, kubelet, Job controller and autoscalers."""


def public_job(job: Seen, mask: Mask) -> dict[str, Any]:
    """Return the public part of a Job."""
    status = _mapping(job.get("status"))
    found = {"metadata": _metadata(job), "spec": _chosen(_mapping(job.get("spec")), _JOB_SPEC)}
    return {**found, "status": {**_chosen(status, _JOB_STATUS), **_conditions(status, mask)}}


def public_pod(pod: Seen, mask: Mask) -> dict[str, Any]:
    """Return the public part of a pod."""
    spec, status = _mapping(pod.get("spec")), _mapping(pod.get("status"))
    containers = [_container(one, mask) for one in _mappings(spec.get("containers"))]
    shown: dict[str, Any] = {**_chosen(status, _POD_STATUS), **_conditions(status, mask), **_message(status, mask)}
    for name in ("initContainerStatuses", "containerStatuses"):
        if status.get(name):
            shown[name] = [_container_status(one, mask) for one in _mappings(status[name])]
    return {
        "metadata": _metadata(pod),
        "spec": {**_chosen(spec, _POD_SPEC), "containers": containers},
        "status": shown,
    }


def public_event(event: Seen, mask: Mask) -> dict[str, Any]:
    """Return the public part of an event."""
    about = _chosen(_mapping(event.get("involvedObject")), ("kind", "name"))
    found = {**_chosen(event, _EVENT), "involvedObject": about}
    return {**found, **_message(event, mask)} if event.get("reason") in _SAID_BY_THE_CLUSTER else found


def _mapping(part: Any) -> Mapping[str, Any]:
    return part if isinstance(part, Mapping) else {}


def _mappings(part: Any) -> list[Mapping[str, Any]]:
    return [one for one in part or () if isinstance(one, Mapping)]


def _chosen(part: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return these fields as far as they are single values."""
    return {name: part[name] for name in names if isinstance(part.get(name), str | int | float | bool)}


def _metadata(seen: Seen) -> dict[str, Any]:
    metadata = _mapping(seen.get("metadata"))
    return {**_chosen(metadata, _METADATA), "labels": _chosen(_mapping(metadata.get("labels")), _LABELS)}


def _message(part: Mapping[str, Any], mask: Mask) -> dict[str, str]:
    message = part.get("message")
    return {"message": mask(message)} if isinstance(message, str) and message else {}


def _conditions(status: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    found = [{**_chosen(one, _CONDITION), **_message(one, mask)} for one in _mappings(status.get("conditions"))]
    return {"conditions": found} if found else {}


def _container(one: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    resources = _mapping(one.get("resources"))
    amounts = {kind: _chosen(_mapping(resources.get(kind)), _AMOUNTS) for kind in ("requests", "limits")}
    amounts = {kind: {name: mask(str(amount)) for name, amount in found.items()} for kind, found in amounts.items()}
    image = {"image": mask(str(one["image"]))} if one.get("image") else {}
    return {**_chosen(one, ("name", "imagePullPolicy")), **image, "resources": amounts}


def _container_status(one: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    state = {kind: _state(kind, _mapping(found), mask) for kind, found in _mapping(one.get("state")).items()}
    return {**_chosen(one, _CONTAINER_STATUS), "state": state}


def _state(kind: str, state: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    found = _chosen(state, _STATE)
    if kind != "terminated" or state.get("reason") in _OF_THE_RUNTIME:
        return {**found, **_message(state, mask)}
    signs = [sign for sign in _SIGNS if sign in str(state.get("message", ""))]
    return {**found, "message": "; ".join(signs)} if signs else found
