"""The sentences of reasons as they were stored before their words were, to find these again. Frozen."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

FRAMES = {
    "of-step": "{step}: {reason}",
    "tried": "{reason} (tried {number} times)",
    "trying-again": "{reason}. Trying again in {seconds} s (attempt {number} of {most})",
    "launching-again": "{reason}. Trying again every {seconds} s",
    "more-ahead": "{reason}; {number} more are before it",
    "one-more-ahead": "{reason}; 1 more is before it",
    "peak": "{reason}; the most that was seen is {peak}",
    "lasting": "{reason} for more than {span}",
    "ended-well-saved": "{reason}; it ended in good order, and its last state is saved",
    "ended-well": "{reason}; it ended in good order",
    "ended-killed-saved": "{reason}; it was killed before it had ended, and its last state is saved",
    "ended-killed": "{reason}; it was killed before it had ended",
}
"""Around another sentence."""
SENTENCES = {
    "starting": ("{step}: starting", ""),
    "workspace-locked": ("The workspace is locked: {why}", ""),
    "workspace-busy": ("Waits for another job of this workspace", ""),
    "last-pod": ("Waits until the last pod of an earlier job or attempt is gone", ""),
    "organization-limit": ("Waits for room under a limit of the organization", ""),
    "workspace-limit": ("Waits for room under a limit of the workspace", ""),
    "installation-limit": ("Waits for room under a limit of the installation", ""),
    "waits-for-approval": ("Waits for approval", ""),
    "no-pod": ("Waits for the cluster to create the pod", ""),
    "scheduling": ("Waits for a node", ""),
    "node-being-added": ("A node is being added for the pod: {words}", ""),
    "not-taken": ("Waits for its node to take the pod", ""),
    "creating": ("Waits for its node to fetch the image and create the container", ""),
    "image-pulling": ("The node has been fetching image {image}", ""),
    "token-secret": ("Waits for the Secret with its one-time token", ""),
    "running": (
        "The container runs; its executor has not reported yet",
        "See whether pods reach this site at AzBuilderApiUrl, and whether the image is an executor's",
    ),
    "cluster-unavailable": ("The cluster's API does not answer, so nothing is known of the pod", ""),
    "unschedulable": (
        "No node takes the pod: {words}",
        "Compare the workspace's node selector, tolerations and requests with the nodes",
    ),
    "unschedulable-resources": (
        "No node has room for the pod: {words}",
        "Lower EPHEMERAL_CPU_REQUEST, EPHEMERAL_MEMORY_REQUEST or EPHEMERAL_STORAGE_REQUEST, add nodes, or wait",
    ),
    "unschedulable-selector": (
        "No node has the labels that the pod asks for: {words}",
        "Compare EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS, or ExecutorEphemeralNodeSelector, with the nodes' labels",
    ),
    "unschedulable-affinity": (
        "The pod's affinity finds no node: {words}",
        "Compare the workspace's node selector, tolerations and requests with the nodes",
    ),
    "unschedulable-taint": (
        "The pod does not tolerate the taints of the nodes: {words}",
        "Give EPHEMERAL_CONFIG_TOLERATIONS the taint, or free a node of it; a drained node has one too",
    ),
    "unschedulable-volume": (
        "No node can have the pod's volume: {words}",
        "See whether the claim of PVC_CLAIM_NAME is bound, and where its volume may be mounted",
    ),
    "scheduling-gated": ("The pod's scheduling is held back by a gate", ""),
    "quota": (
        "The quota of the namespace is used up: {words}",
        "Raise the namespace's quota, lower the workspace's requests, or wait for other pods to end",
    ),
    "pod-refused": ("The cluster does not let the pod be created: {words}", ""),
    "no-sandbox": ("The node cannot set up the pod: {words}", ""),
    "volume-not-mounted": ("A volume cannot be mounted: {words}", ""),
    "missing-secret": (
        "Secret {name} does not exist in the pod's namespace",
        "Create it, or take its name out of {by}",
    ),
    "missing-config-map": (
        "ConfigMap {name} does not exist in the pod's namespace",
        "Create it, or take its name out of {by}",
    ),
    "missing-claim": (
        "PersistentVolumeClaim {name} does not exist in the pod's namespace",
        "Create it, or take its name out of {by}",
    ),
    "missing-key": ("{kind} {name} has no key {key}", ""),
    "image-not-found": ("Image {image} was not found in its registry", "See ExecutorEphemeralImage"),
    "image-denied": (
        "The registry refuses image {image}: it asks for other credentials, or has no such image",
        "See ExecutorEphemeralImagePullSecrets and ExecutorEphemeralImage",
    ),
    "image-invalid": ("{image} is no valid image name", "See ExecutorEphemeralImage"),
    "image-absent": (
        "The node does not have image {image}, and its pull policy is Never",
        "See ExecutorEphemeralImagePullPolicy",
    ),
    "image-registry-unreachable": ("The node cannot reach the registry of image {image}: {words}", ""),
    "image-back-off": ("Image {image} could not be pulled; the node will try again", ""),
    "image-pull": ("Image {image} cannot be pulled: {words}", ""),
    "runs-as-root": (
        "The image runs as root or as a user without a number, and runAsNonRoot is asked for",
        "Give EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT a runAsUser",
    ),
    "container-config": ("The container cannot be configured: {words}", ""),
    "container-create": ("The container cannot be created: {words}", ""),
    "container-cannot-start": ("The container cannot start: {words}", "Look at the image"),
    "node-unreachable": ("The pod's node does not answer", ""),
    "node-refused": ("The node refused the pod ({reason}): {words}", ""),
    "not-claimed": (
        "The container runs, and its executor never reported",
        "See whether pods reach this site at AzBuilderApiUrl, and whether the image is an executor's",
    ),
    "start-timeout": ("It did not start within {seconds} s. Last seen: {words}", ""),
    "oom-killed": (
        "The step used more memory than its limit of {limit} and was killed",
        "Raise EPHEMERAL_MEMORY_LIMIT of the workspace; its page shows what its steps used",
    ),
    "oom-killed-by-node": (
        "The step was killed because its node ran out of memory",
        "Set EPHEMERAL_MEMORY_REQUEST of the workspace to what it needs",
    ),
    "evicted": (
        "The node evicted the pod: {words}",
        "Set EPHEMERAL_STORAGE_REQUEST and EPHEMERAL_MEMORY_REQUEST of the workspace to what it needs",
    ),
    "evicted-by-node": ("The pod's node evicted it or shuts down", "Start the job again"),
    "preempted": ("A pod of higher priority took the pod's place", "Start the job again"),
    "drained": ("The pod was evicted, as when its node is drained", "Start the job again"),
    "node-shutdown": ("The pod's node was shut down", "Start the job again"),
    "node-lost": ("The pod's node is gone, or does not answer", "Start the job again"),
    "disrupted": ("The cluster ended the pod: {words}", ""),
    "deadline": (
        "The step took longer than its deadline, and its pod was ended",
        "Raise ExecutorEphemeralDeadlineSeconds, or the limit of its workspace or organization, if it needs that long",
    ),
    "silent": (
        "The executor has said nothing for {span}",
        "Look at the pod and its node; the log ends where it fell silent",
    ),
    "killed": ("The executor was ended from outside by {signal}", ""),
    "exited": ("The container ended with exit code {exit_code}", "Look at the pod's log"),
    "stopped": ("The pod was told to stop before the step was done", ""),
    "pod-failed": ("The pod failed: {words}", ""),
    "step-failed": ("The executor says that the step failed, but its report never came", ""),
    "result-missing": (
        "The container ended with 0, but its executor never reported a result",
        "See whether the image is an executor's",
    ),
    "result-not-delivered": (
        "The step ran, but the executor could not deliver its result or its last state",
        "Look at the pod's log before anything else runs on the workspace",
    ),
    "api-lost": (
        "The executor could not reach this site, and ran nothing",
        "See whether pods reach AzBuilderApiUrl: name resolution, network policies, proxy, ExecutorApiCaBundle",
    ),
    "bad-job-data": ("The executor could not read its job data", "See whether the image is of this site's version"),
    "cancelled": ("Cancelled", ""),
    "rejected": ("Rejected", ""),
    "no-changes": ("The plan has no changes", ""),
    "workspace-deleted": ("The workspace was deleted; nothing of the job is run", ""),
    "organization-disabled": (
        "The organization is disabled; nothing of the job is run",
        "An administrator can enable it again; then start the job again",
    ),
}
"""Of a code: its sentence and what to do."""
FORMS: Mapping[str, Mapping[str, str]] = {
    "": {
        "approved-by": "Approved by {person}",
        "deleted-by-template": "The workspace was deleted, as its template says",
    },
    "waits-for-approval": {
        "approval-by-team": "Waits for approval by {team}",
    },
    "rejected": {
        "rejected-because": "Rejected by {person}: {comment}",
        "rejected-by": "Rejected by {person}",
    },
    "cancelled": {
        "cancelled-by": "Cancelled by {person}",
        "executor-gone": "Cancelled; its executor is gone",
        "executor-stopped": "Cancelled; its executor has stopped",
        "cancelled-before-start": "Cancelled before it started",
        "step-cancelled-before-start": "The step was cancelled before it started",
    },
    "workspace-busy": {
        "changing": "Waits for job {number}, which is changing the state of this workspace",
    },
    "last-pod": {
        "last-pod-of": "Waits until the last pod of job {number} of this workspace is gone",
        "last-attempt": "Waits until the pod of the last attempt is gone",
    },
    "incomplete-variables": {
        "without-value": "Sensitive variables without a value: {names}",
    },
    "workspace-deleted": {
        "deleted-running": "The workspace was deleted: the step that runs goes on to its end, and no other is started",
    },
    "organization-disabled": {
        "disabled-running": "The organization was disabled: the step that runs goes on to its end, and no other is started",
    },
    "deadline": {
        "deadline-of": "The step took longer than its deadline of {span}",
    },
    "not-claimed": {
        "not-reported": "The executor's process has not reported within {seconds} s",
    },
    "result-missing": {
        "terrakube-without-result": "Terrakube's executor ended without a result. Up to 2.32 it does so, with exit code 0, when Redis, an index of releases or this site does not answer it. Look at the pod's log",
    },
    "process-ended": {
        "process-ended-with": "The executor's process ended without a report: {words}",
    },
    "stopped": {
        "stopped-from-outside": "The pod was told to stop from outside, not by a cancelled job",
        "told-to-end": "Its pod was told to end before the step was done",
    },
    "step-failed": {
        "reports-failure": "The executor reports a failure; see the log",
    },
    "state-refused": {
        "announced-refused": "The site refused the state that this step announced and keeps it as a recovered state",
    },
    "no-work-folder": {
        "work-folder": "The work folder cannot be made: {error}",
    },
    "not-started": {
        "cannot-be-started": "The executor cannot be started: {error}",
    },
    "no-api-address": {
        "no-address": "AzBuilderApiUrl is not set: the address at which pods reach this API is needed to run steps in a cluster",
    },
    "job-vanished": {
        "job-gone": "Job {name} was there and is gone",
        "job-leaving": "Job {name} is being deleted",
    },
    "name-taken": {
        "other-job": "Another Job named {name} exists in namespace {namespace}",
    },
    "quota": {
        "quota-of": "The quota of namespace {namespace} is used up: {words}",
    },
    "forbidden": {
        "not-allowed": "The cluster does not allow it: {words}",
    },
    "cluster-unavailable": {
        "not-asked": "The cluster could not be asked: {words}",
    },
    "refused": {
        "job-refused": "The cluster refused the Job: {words}",
    },
    "storage-unavailable": {
        "no-storage": "The object storage does not answer: {error}",
    },
    "state-elsewhere": {
        "state-here": "The state of {workspace} is kept by this site and not in the object storage, where Terrakube's executor would look for it: copy it there, as terraform.tfstate of the workspace",
    },
}
"""Of a code: its other sentences."""


BATCH = 1000


def fill(model: Any, database: str, *, prefix: str = "reason") -> None:
    """Find the words of all records of a model, some at a time."""
    code, words = f"{prefix}_code", f"{prefix}_words"
    text = "reason" if prefix == "reason" else f"{prefix}_reason"
    rows = model._base_manager.using(database).filter(**{f"{words}__isnull": True}).exclude(**{text: ""}).order_by("pk")
    batch = list(rows.values_list("pk", code, text)[:BATCH])
    while batch:
        found = [(pk, words_of(code_of, said)) for pk, code_of, said in batch]
        changed = [model(pk=pk, **{words: value}) for pk, value in found if value is not None]
        model._base_manager.using(database).bulk_update(changed, [words], batch_size=200)
        batch = list(rows.filter(pk__gt=batch[-1][0]).values_list("pk", code, text)[:BATCH])


@functools.lru_cache(maxsize=4096)
def words_of(code: str, text: str) -> dict[str, Any] | None:
    """Return the words with which today's table makes this very sentence; None for another one."""
    return next(_found(code, text), None)


def _found(code: str, text: str) -> Iterator[dict[str, Any]]:
    sentence, advice = SENTENCES.get(code, ("", ""))
    for form, wanted in {"": sentence, **FORMS.get(code, {})}.items():
        words = _match(wanted, text)
        if wanted and words is not None:
            yield {"form": form, **words} if form else words
    words = _match(f"{sentence}. {advice}", text) if advice else None
    if words is not None:
        yield {"form": "advised", "reason": {"code": code, "words": words}}
    for form, frame in FRAMES.items():
        words = _match(frame, text)
        inner = next(_found(code, words.pop("reason")), None) if words is not None else None
        if words is not None and inner is not None:
            yield {"form": form, **words, "reason": {"code": code, "words": inner}}


def _match(wanted: str, text: str) -> dict[str, Any] | None:
    seen: set[str] = set()

    def group(found: re.Match[str]) -> str:
        name = found[1]
        pattern = f"(?P={name})" if name in seen else f"(?P<{name}>.+?)"
        seen.add(name)
        return pattern

    pattern = re.sub(r"\\\{(\w+)\\\}", group, re.escape(wanted))
    found = re.fullmatch(pattern, text, re.DOTALL)
    return None if found is None else found.groupdict()
