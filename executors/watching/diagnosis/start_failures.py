"""Diagnosis of a pod that does not start: no node, no image, or a missing object that it refers to."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from executors.cluster import is_policy_refusal
from executors.watching.diagnosis.statuses import Container, Seen, when
from executors.watching.diagnosis.wording import quoted
from workspaces.reasons import Reason, reason

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
_NO_PLATFORM = ("no match for platform", "no matching manifest", "no image found in image index for architecture")
_UNREACHABLE = ("dial tcp", "no such host", "timeout", "timed out", "connection re", "tls", "x509", "eof", "deadline")
# The scheduler counts its nodes by what is wrong with each. The node closest to fitting tells most: one with all the
# labels but no room says more than the taint of every control plane.
_UNSCHEDULABLE = (
    ("unschedulable-resources", ("Insufficient ", "Too many pods")),
    ("unschedulable-volume", ("persistent volume", "volume node affinity", "volume limits", "unbound immediate")),
    ("unschedulable-affinity", ("pod affinity rules", "anti-affinity rules", "topology spread")),
    ("unschedulable-selector", ("node affinity/selector", "didn't match node selector")),
    ("unschedulable-taint", ("untolerated taint", "were unschedulable", "had taint")),
)
_NODE_ADDED = {"TriggeredScaleUp", "Nominated"}
"""Events of the cluster autoscaler and of Karpenter: a node is being added for the pod."""
_NODE_REFUSED = {"NotTriggerScaleUp"}
_NODE_FRESH = dt.timedelta(minutes=20)
ORDINARY = frozenset({"token-secret", "image-pulling", "node-being-added"})
"""Codes of the stages of a normal start."""


def is_image(why: Reason) -> bool:
    """Return True if the image cannot be pulled."""
    return why.code.startswith("image-") and why.code not in ORDINARY


def unscheduled(cause: str, message: str) -> Reason:
    """Return why the scheduler finds no node, in its own words."""
    missing = _missing(message)
    if missing is not None:
        return missing
    if cause == "SchedulingGated":
        return reason("scheduling-gated")
    # The rest is about preempting other pods, which a step is never worth.
    words = re.split(r"\s(?:no new claims to deallocate,|preemption:)", message)[0]
    code = next((code for code, signs in _UNSCHEDULABLE if any(sign in words for sign in signs)), "unschedulable")
    return reason(code, words=quoted(words))


def node_coming(events: Sequence[Seen], *, since: dt.datetime | None) -> Reason | None:
    """Return that a node is being added for a pod unschedulable ``since`` then; None if no autoscaler says so."""
    for event in reversed(events):
        if event.get("reason") in _NODE_REFUSED:
            return None
        if event.get("reason") in _NODE_ADDED:
            at = _event_time(event)
            if since is not None and at is not None and at > since + _NODE_FRESH:
                return None
            return reason("node-being-added", words=quoted(str(event.get("message", ""))))
    return None


def _event_time(event: Seen) -> dt.datetime | None:
    return when(event.get("lastTimestamp")) or when(event.get("eventTime")) or when(event.get("firstTimestamp"))


def of_container(one: Container, *, pod_name: str) -> Reason | None:
    """Return what a waiting container waits for; None for a normal start. ``pod_name`` is the name of its Job."""
    if one.waiting is None:
        return None
    cause, message = str(one.waiting.get("reason", "")), str(one.waiting.get("message", ""))
    if cause in _IMAGE_REASONS:
        return _image(cause, message, one.image)
    if cause == "CreateContainerConfigError":
        return _configuration(message, pod_name)
    if cause in _CREATE_REASONS:
        return reason("container-create", words=quoted(message))
    return None


def of_events(events: Sequence[Seen]) -> Reason | None:
    """Return what keeps a pod from being created or prepared, which only events tell; the latest one counts."""
    for event in reversed(events):
        message = str(event.get("message", ""))
        if event.get("reason") in {"FailedMount", "FailedAttachVolume"}:
            words = message.partition(" : ")[2] or message
            return _missing(message) or reason("volume-not-mounted", words=quoted(words))
        if event.get("reason") == "FailedCreate":
            words = quoted(message.partition("Error creating: ")[2] or message)
            if is_policy_refusal(message):
                return reason("cluster-policy", words=words)
            return reason("quota" if "exceeded quota" in message else "pod-refused", words=words)
        if event.get("reason") == "FailedCreatePodSandBox":
            return reason("no-sandbox", words=quoted(message))
    return None


def pulling(events: Sequence[Seen], image: str) -> tuple[Reason, dt.datetime] | None:
    """Return that a node is pulling the image, and since when; None if the latest event about it says otherwise."""
    for event in reversed(events):
        if event.get("reason") in {"Pulled", "Failed", "BackOff"}:
            return None
        if event.get("reason") == "Pulling":
            at = _event_time(event)
            return None if at is None else (reason("image-pulling", image=image), at)
    return None


def _missing(message: str) -> Reason | None:
    found = _MISSING.search(message)
    if found is None:
        return None
    code, named_by = _MISSING_CODES[found[1].lower().removesuffix("s")]
    return reason(code, name=found[2], by=named_by)


def _configuration(message: str, job_name: str) -> Reason:
    missing = _missing(message)
    if missing is not None:
        if missing.code == "missing-secret" and f'"{job_name}"' in message:
            # The Secret of the one-time token, which is created right after the Job that owns it.
            return reason("token-secret")
        return missing
    key = _MISSING_KEY.search(message)
    if key is not None:
        return reason("missing-key", kind=key[2], name=key[3].rpartition("/")[2], key=key[1])
    if "runAsNonRoot" in message:
        return reason("runs-as-root")
    return reason("container-config", words=quoted(message))


def _image(cause: str, message: str, image: str) -> Reason:
    # The name of the image could contain any of these words.
    lower = message.replace(image, "").lower()
    if cause == "InvalidImageName":
        return reason("image-invalid", image=image)
    if cause == "ErrImageNeverPull":
        return reason("image-absent", image=image)
    if any(words in lower for words in _NO_PLATFORM):
        return reason("image-architecture")
    if any(word in lower for word in _DENIED):
        return reason("image-denied", image=image)
    if any(word in lower for word in _ABSENT):
        return reason("image-not-found", image=image)
    if any(word in lower for word in _UNREACHABLE):
        words = message.rpartition("failed to do request: ")[2]
        return reason("image-registry-unreachable", image=image, words=quoted(words))
    if cause == "ImagePullBackOff":
        # Older kubelets hide the cause while they back off.
        return reason("image-back-off", image=image)
    return reason("image-pull", image=image, words=quoted(message))
