"""What keeps a pod from starting: no node, no image, or something it names that is not there."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from executors.reasons import Said, say
from executors.watching.statuses import Container, Seen, when
from executors.watching.words import quoted

_IMAGE_REASONS = {
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}
_CREATE_REASONS = {"CreateContainerError", "RunContainerError", "PreCreateHookError", "PreStartHookError"}
_MISSING = re.compile(r"\b(secrets?|configmaps?|persistentvolumeclaims?) \"([^\"]+)\" not found", re.IGNORECASE)
_MISSING_KEY = re.compile(r"couldn't find key (\S+) in (Secret|ConfigMap) (\S+)")
_MISSING_CODES = {
    "secret": ("missing-secret", "ExecutorEphemeralSecret"),
    "configmap": ("missing-config-map", "EPHEMERAL_CONFIG_MAP_NAME or EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP"),
    "persistentvolumeclaim": ("missing-claim", "PVC_CLAIM_NAME"),
}
_DENIED = ("denied", "unauthorized", "forbidden", "authorization failed", "authentication required", "no basic auth")
_ABSENT = ("not found", "notfound", "manifest unknown", "does not exist", "name unknown")
_UNREACHABLE = ("dial tcp", "no such host", "timeout", "timed out", "connection re", "tls", "x509", "eof", "deadline")
# The scheduler counts its nodes by what is wrong with each. What is nearest to a place for the pod tells most: a node
# with all the labels and no room says more than the taint that every control plane has.
_UNSCHEDULABLE = (
    ("unschedulable-resources", ("Insufficient ", "Too many pods")),
    ("unschedulable-volume", ("persistent volume", "volume node affinity", "volume limits", "unbound immediate")),
    ("unschedulable-affinity", ("pod affinity rules", "anti-affinity rules", "topology spread")),
    ("unschedulable-selector", ("node affinity/selector", "didn't match node selector")),
    ("unschedulable-taint", ("untolerated taint", "were unschedulable", "had taint")),
)
_NODE_ADDED = {"TriggeredScaleUp", "Nominated"}
"""Events of the cluster autoscaler and of Karpenter: a node is on its way for the pod."""
_NODE_REFUSED = {"NotTriggerScaleUp"}
_NODE_FRESH = dt.timedelta(minutes=20)
ORDINARY = frozenset({"token-secret", "image-pulling", "node-being-added"})
"""Codes of what is part of a start that goes well."""


def is_image(said: Said) -> bool:
    """Whether an image cannot be had."""
    return said.code.startswith("image-") and said.code not in ORDINARY


def unscheduled(reason: str, message: str) -> Said:
    """Why the scheduler finds no node, in its own words."""
    missing = _missing(message)
    if missing is not None:
        return missing
    if reason == "SchedulingGated":
        return say("scheduling-gated")
    # The rest is about other pods that might be sent away for this one, which a step is never worth.
    words = re.split(r"\s(?:no new claims to deallocate,|preemption:)", message)[0]
    code = next((code for code, signs in _UNSCHEDULABLE if any(sign in words for sign in signs)), "unschedulable")
    return say(code, words=quoted(words))


def node_coming(events: Sequence[Seen], *, since: dt.datetime | None) -> Said | None:
    """That a node is being added for a pod that found none ``since`` then; None where no autoscaler says so."""
    for event in reversed(events):
        if event.get("reason") in _NODE_REFUSED:
            return None
        if event.get("reason") in _NODE_ADDED:
            at = _event_time(event)
            if since is not None and at is not None and at > since + _NODE_FRESH:
                return None
            return say("node-being-added", words=quoted(str(event.get("message", ""))))
    return None


def _event_time(event: Seen) -> dt.datetime | None:
    return when(event.get("lastTimestamp")) or when(event.get("eventTime")) or when(event.get("firstTimestamp"))


def of_container(one: Container, *, pod_name: str) -> Said | None:
    """What a container that has not started waits for; None for an ordinary start. ``pod_name`` is its Job's."""
    if one.waiting is None:
        return None
    reason, message = str(one.waiting.get("reason", "")), str(one.waiting.get("message", ""))
    if reason in _IMAGE_REASONS:
        return _image(reason, message, one.image)
    if reason == "CreateContainerConfigError":
        return _configuration(message, pod_name)
    if reason in _CREATE_REASONS:
        return say("container-create", words=quoted(message))
    return None


def of_events(events: Sequence[Seen]) -> Said | None:
    """What keeps a pod from being created or prepared, which only events tell; the last complaint counts."""
    for event in reversed(events):
        message = str(event.get("message", ""))
        if event.get("reason") in {"FailedMount", "FailedAttachVolume"}:
            words = message.partition(" : ")[2] or message
            return _missing(message) or say("volume-not-mounted", words=quoted(words))
        if event.get("reason") == "FailedCreate":
            words = quoted(message.partition("Error creating: ")[2] or message)
            return say("quota" if "exceeded quota" in message else "pod-refused", words=words)
        if event.get("reason") == "FailedCreatePodSandBox":
            return say("no-sandbox", words=quoted(message))
    return None


def pulling(events: Sequence[Seen], image: str) -> tuple[Said, dt.datetime] | None:
    """That a node fetches the image, and since when; None where the last word about it is another one."""
    for event in reversed(events):
        if event.get("reason") in {"Pulled", "Failed", "BackOff"}:
            return None
        if event.get("reason") == "Pulling":
            at = _event_time(event)
            return None if at is None else (say("image-pulling", image=image), at)
    return None


def _missing(message: str) -> Said | None:
    found = _MISSING.search(message)
    if found is None:
        return None
    code, named_by = _MISSING_CODES[found[1].lower().removesuffix("s")]
    return say(code, name=found[2], by=named_by)


def _configuration(message: str, job_name: str) -> Said:
    missing = _missing(message)
    if missing is not None:
        if missing.code == "missing-secret" and f'"{job_name}"' in message:
            # The one-time token's, which is created right after the Job that owns it.
            return say("token-secret")
        return missing
    key = _MISSING_KEY.search(message)
    if key is not None:
        return say("missing-key", kind=key[2], name=key[3].rpartition("/")[2], key=key[1])
    if "runAsNonRoot" in message:
        return say("runs-as-root")
    return say("container-config", words=quoted(message))


def _image(reason: str, message: str, image: str) -> Said:
    # The image's own name could hold any of the words.
    lower = message.replace(image, "").lower()
    if reason == "InvalidImageName":
        return say("image-invalid", image=image)
    if reason == "ErrImageNeverPull":
        return say("image-absent", image=image)
    if any(word in lower for word in _DENIED):
        return say("image-denied", image=image)
    if any(word in lower for word in _ABSENT):
        return say("image-not-found", image=image)
    if any(word in lower for word in _UNREACHABLE):
        words = message.rpartition("failed to do request: ")[2]
        return say("image-registry-unreachable", image=image, words=quoted(words))
    if reason == "ImagePullBackOff":
        # Older kubelets keep the cause to themselves while they wait.
        return say("image-back-off", image=image)
    return say("image-pull", image=image, words=quoted(message))
