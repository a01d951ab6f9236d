"""What keeps a pod from starting: no node, no image, or something it names that is not there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from executors.watching.statuses import Container, Seen
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
_KINDS = {
    "secret": ("missing-secret", "Secret"),
    "configmap": ("missing-config-map", "ConfigMap"),
    "persistentvolumeclaim": ("missing-claim", "PersistentVolumeClaim"),
}
_DENIED = ("denied", "unauthorized", "forbidden", "authorization failed", "authentication required", "no basic auth")
_ABSENT = ("not found", "notfound", "manifest unknown", "does not exist", "name unknown")
_UNREACHABLE = ("dial tcp", "no such host", "timeout", "timed out", "connection re", "tls", "x509", "eof", "deadline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is in the way; ``stuck`` False where it is part of an ordinary start."""

    code: str
    sentence: str
    advice: str = ""
    stuck: bool = True
    may_retry: bool = True

    @property
    def is_image(self) -> bool:
        return self.code.startswith("image-")


def unscheduled(reason: str, message: str) -> Trouble:
    """Why the scheduler finds no node, in its own words."""
    missing = _missing(message)
    if missing is not None:
        return missing
    if reason == "SchedulingGated":
        return Trouble(code="scheduling-gated", sentence="The pod's scheduling is held back by a gate")
    # The rest is about other pods that might be sent away for this one, which a step is never worth.
    words = re.split(r"\s(?:no new claims to deallocate,|preemption:)", message)[0]
    return Trouble(
        code="unschedulable",
        sentence=f"No node takes the pod: {quoted(words)}",
        advice="Compare the workspace's node selector, tolerations and requests with the nodes",
    )


def of_container(one: Container, *, pod_name: str) -> Trouble | None:
    """What a container that has not started waits for; None for an ordinary start. ``pod_name`` is its Job's."""
    if one.waiting is None:
        return None
    reason, message = str(one.waiting.get("reason", "")), str(one.waiting.get("message", ""))
    if reason in _IMAGE_REASONS:
        return _image(reason, message, one.image)
    if reason == "CreateContainerConfigError":
        return _configuration(message, pod_name)
    if reason in _CREATE_REASONS:
        return Trouble(code="container-create", sentence=f"The container cannot be created: {quoted(message)}")
    return None


def of_events(events: Sequence[Seen]) -> Trouble | None:
    """What keeps a pod from being created or prepared, which only events tell; the last complaint counts."""
    for event in reversed(events):
        message = str(event.get("message", ""))
        if event.get("reason") in {"FailedMount", "FailedAttachVolume"}:
            words = message.partition(" : ")[2] or message
            return _missing(message) or Trouble(
                code="volume-not-mounted", sentence=f"A volume cannot be mounted: {quoted(words)}"
            )
        if event.get("reason") == "FailedCreate":
            words = message.partition("Error creating: ")[2] or message
            code = "quota" if "exceeded quota" in message else "pod-refused"
            return Trouble(code=code, sentence=f"The cluster does not let the pod be created: {quoted(words)}")
        if event.get("reason") == "FailedCreatePodSandBox":
            return Trouble(code="no-sandbox", sentence=f"The node cannot set up the pod: {quoted(message)}")
    return None


def _missing(message: str) -> Trouble | None:
    found = _MISSING.search(message)
    if found is None:
        return None
    code, kind = _KINDS[found[1].lower().removesuffix("s")]
    return Trouble(
        code=code,
        sentence=f"{kind} {found[2]} does not exist in the pod's namespace",
        advice=f"Create it, or take its name out of {_NAMED_BY[code]}",
    )


_NAMED_BY = {
    "missing-secret": "ExecutorEphemeralSecret",
    "missing-config-map": "EPHEMERAL_CONFIG_MAP_NAME or EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP",
    "missing-claim": "PVC_CLAIM_NAME",
}


def _configuration(message: str, job_name: str) -> Trouble:
    missing = _missing(message)
    if missing is not None:
        if missing.code == "missing-secret" and f'"{job_name}"' in message:
            # The one-time token's, which is created right after the Job that owns it.
            return Trouble(code="token-secret", sentence="Waits for the Secret with its one-time token", stuck=False)
        return missing
    key = _MISSING_KEY.search(message)
    if key is not None:
        name = key[3].rpartition("/")[2]
        return Trouble(code="missing-key", sentence=f"{key[2]} {name} has no key {key[1]}")
    if "runAsNonRoot" in message:
        return Trouble(
            code="runs-as-root",
            sentence="The image runs as root or as a user without a number, and runAsNonRoot is asked for",
            advice="Give EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT a runAsUser",
            may_retry=False,
        )
    return Trouble(code="container-config", sentence=f"The container cannot be configured: {quoted(message)}")


def _image(reason: str, message: str, image: str) -> Trouble:
    # The image's own name could hold any of the words.
    lower = message.replace(image, "").lower()
    if reason == "InvalidImageName":
        return Trouble(
            code="image-invalid",
            sentence=f"{image} is no valid image name",
            advice="See ExecutorEphemeralImage",
            may_retry=False,
        )
    if reason == "ErrImageNeverPull":
        return Trouble(
            code="image-absent",
            sentence=f"The node does not have image {image}, and its pull policy is Never",
            advice="See ExecutorEphemeralImagePullPolicy",
        )
    if any(word in lower for word in _DENIED):
        return Trouble(
            code="image-denied",
            sentence=f"The registry refuses image {image}: it asks for other credentials, or has no such image",
            advice="See ExecutorEphemeralImagePullSecrets and ExecutorEphemeralImage",
        )
    if any(word in lower for word in _ABSENT):
        return Trouble(
            code="image-not-found",
            sentence=f"Image {image} was not found in its registry",
            advice="See ExecutorEphemeralImage",
        )
    if any(word in lower for word in _UNREACHABLE):
        words = message.rpartition("failed to do request: ")[2]
        return Trouble(
            code="image-registry-unreachable",
            sentence=f"The node cannot reach the registry of image {image}: {quoted(words)}",
        )
    if reason == "ImagePullBackOff":
        # Older kubelets keep the cause to themselves while they wait.
        return Trouble(code="image-back-off", sentence=f"Image {image} could not be pulled; the node will try again")
    return Trouble(code="image-pull", sentence=f"Image {image} cannot be pulled: {quoted(message)}")
