"""The rows of ``executors.reasons``: code, sentence, what to do, and whether every further try would end the same."""

from __future__ import annotations

from collections.abc import Iterator

_CAN_HELP, _STAYS = False, True
_LOOK = "Look at the pod's log"
_AGAIN = "Start the job again"
_RETRY_CLAIM = "See whether pods reach this site at AzBuilderApiUrl, and whether the image is an executor's"
_TOO_LITTLE_MEMORY = "Raise EPHEMERAL_MEMORY_LIMIT of the workspace; its page shows what its steps used"

_WAITING = (
    ("starting", "{step}: starting", ""),
    ("workspace-locked", "The workspace is locked: {why}", "Somebody unlocks it on its page"),
    ("workspace-busy", "Waits for another job of this workspace", ""),
    ("last-pod", "Waits until the last pod of an earlier job or attempt is gone", ""),
    ("organization-limit", "Waits for room under a limit of the organization", ""),
    ("workspace-limit", "Waits for room under a limit of the workspace", ""),
    ("installation-limit", "Waits for room under a limit of the installation", ""),
    ("waits-for-approval", "Waits for approval", "Somebody who may approve decides on the job's page"),
    ("no-pod", "Waits for the cluster to create the pod", ""),
    ("scheduling", "Waits for a node", ""),
    ("node-being-added", "A node is being added for the pod: {words}", ""),
    ("not-taken", "Waits for its node to take the pod", ""),
    ("creating", "Waits for its node to fetch the image and create the container", ""),
    ("image-pulling", "The node has been fetching image {image}", ""),
    ("token-secret", "Waits for the Secret with its one-time token", ""),
    ("running", "The container runs; its executor has not reported yet", _RETRY_CLAIM),
    ("starting-unseen", "Waits for the pod to start", "{permission}"),
    ("running-unseen", "The container runs; its executor has not reported yet", "{permission}"),
    ("cluster-unavailable", "The cluster's API does not answer, so nothing is known of the pod", ""),
)
_NODES = "Compare the workspace's node selector, tolerations and requests with the nodes"
_STARTING = (
    ("unschedulable", "No node takes the pod: {words}", _NODES),
    (
        "unschedulable-resources",
        "No node has room for the pod: {words}",
        "Lower EPHEMERAL_CPU_REQUEST, EPHEMERAL_MEMORY_REQUEST or EPHEMERAL_STORAGE_REQUEST, add nodes, or wait",
    ),
    (
        "unschedulable-selector",
        "No node has the labels that the pod asks for: {words}",
        "Compare EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS, or ExecutorEphemeralNodeSelector, with the nodes' labels",
    ),
    ("unschedulable-affinity", "The pod's affinity finds no node: {words}", _NODES),
    (
        "unschedulable-taint",
        "The pod does not tolerate the taints of the nodes: {words}",
        "Give EPHEMERAL_CONFIG_TOLERATIONS the taint, or free a node of it; a drained node has one too",
    ),
    (
        "unschedulable-volume",
        "No node can have the pod's volume: {words}",
        "See whether the claim of PVC_CLAIM_NAME is bound, and where its volume may be mounted",
    ),
    ("scheduling-gated", "The pod's scheduling is held back by a gate", "Whoever added the gate takes it away"),
    (
        "quota",
        "The quota of the namespace is used up: {words}",
        "Raise the namespace's quota, lower the workspace's requests, or wait for other pods to end",
    ),
    ("pod-refused", "The cluster does not let the pod be created: {words}", ""),
    ("no-sandbox", "The node cannot set up the pod: {words}", ""),
    ("volume-not-mounted", "A volume cannot be mounted: {words}", ""),
    (
        "missing-secret",
        "Secret {name} does not exist in the pod's namespace",
        "Create it, or take its name out of {by}",
    ),
    (
        "missing-config-map",
        "ConfigMap {name} does not exist in the pod's namespace",
        "Create it, or take its name out of {by}",
    ),
    (
        "missing-claim",
        "PersistentVolumeClaim {name} does not exist in the pod's namespace",
        "Create it, or take its name out of {by}",
    ),
    ("missing-key", "{kind} {name} has no key {key}", ""),
    (
        "image-not-found",
        "Image {image} was not found in its registry",
        "See ExecutorEphemeralImage",
    ),
    (
        "image-denied",
        "The registry refuses image {image}: it asks for other credentials, or has no such image",
        "See ExecutorEphemeralImagePullSecrets and ExecutorEphemeralImage",
    ),
    ("image-invalid", "{image} is no valid image name", "See ExecutorEphemeralImage", _STAYS),
    (
        "image-absent",
        "The node does not have image {image}, and its pull policy is Never",
        "See ExecutorEphemeralImagePullPolicy",
    ),
    ("image-registry-unreachable", "The node cannot reach the registry of image {image}: {words}", ""),
    ("image-back-off", "Image {image} could not be pulled; the node will try again", ""),
    ("image-pull", "Image {image} cannot be pulled: {words}", ""),
    (
        "runs-as-root",
        "The image runs as root or as a user without a number, and runAsNonRoot is asked for",
        "Give EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT a runAsUser",
        _STAYS,
    ),
    ("container-config", "The container cannot be configured: {words}", ""),
    ("container-create", "The container cannot be created: {words}", ""),
    ("container-cannot-start", "The container cannot start: {words}", "Look at the image"),
    ("node-unreachable", "The pod's node does not answer", ""),
    ("node-refused", "The node refused the pod ({reason}): {words}", ""),
    ("not-claimed", "The container runs, and its executor never reported", _RETRY_CLAIM),
    ("start-timeout", "It did not start within {seconds} s. Last seen: {words}", ""),
)
_ENDING = (
    (
        "oom-killed",
        "The step used more memory than its limit of {limit} and was killed",
        _TOO_LITTLE_MEMORY,
    ),
    (
        "oom-killed-by-node",
        "The step was killed because its node ran out of memory",
        "Set EPHEMERAL_MEMORY_REQUEST of the workspace to what it needs",
    ),
    (
        "memory-soft-stop",
        "The step was stopped in good order before it would have been killed for its memory",
        _TOO_LITTLE_MEMORY,
    ),
    (
        "evicted",
        "The node evicted the pod: {words}",
        "Set EPHEMERAL_STORAGE_REQUEST and EPHEMERAL_MEMORY_REQUEST of the workspace to what it needs",
    ),
    ("evicted-by-node", "The pod's node evicted it or shuts down", _AGAIN),
    ("preempted", "A pod of higher priority took the pod's place", _AGAIN),
    ("drained", "The pod was evicted, as when its node is drained", _AGAIN),
    ("node-shutdown", "The pod's node was shut down", _AGAIN),
    ("node-lost", "The pod's node is gone, or does not answer", _AGAIN),
    ("disrupted", "The cluster ended the pod: {words}", ""),
    (
        "deadline",
        "The step took longer than its deadline, and its pod was ended",
        "Raise ExecutorEphemeralDeadlineSeconds, or the limit of its workspace or organization, if it needs that long",
        _STAYS,
    ),
    (
        "silent",
        "The executor has said nothing for {span}",
        "Look at the pod and its node; the log ends where it fell silent",
    ),
    ("killed", "The executor was ended from outside by {signal}", ""),
    ("exited", "The container ended with exit code {exit_code}", _LOOK),
    ("stopped", "The pod was told to stop before the step was done", ""),
    ("pod-deleted", "Somebody deleted the pod", ""),
    ("pod-gone", "The pod is gone: somebody deleted it, or its node was removed", ""),
    ("pod-failed", "The pod failed: {words}", ""),
    ("job-deleting", "Somebody deleted the Kubernetes Job", ""),
    ("job-missing", "The Kubernetes Job is gone: somebody deleted it{pod}", _AGAIN),
    ("failed-unseen", "The Kubernetes Job failed: {words}", "{permission}"),
    ("process-ended", "The executor's process ended without a report{words}", ""),
    ("step-failed", "The executor says that the step failed, but its report never came", ""),
    (
        "result-missing",
        "The container ended with 0, but its executor never reported a result",
        "See whether the image is an executor's",
        _STAYS,
    ),
    (
        "result-not-delivered",
        "The step ran, but the executor could not deliver its result or its last state",
        "Look at the pod's log before anything else runs on the workspace",
    ),
    (
        "claim-refused",
        "The executor was refused this attempt, and ran nothing",
        "See whether AzBuilderApiUrl is the address of this very site",
        _STAYS,
    ),
    (
        "api-lost",
        "The executor could not reach this site, and ran nothing",
        "See whether pods reach AzBuilderApiUrl: name resolution, network policies, proxy, ExecutorApiCaBundle",
    ),
    (
        "bad-job-data",
        "The executor could not read its job data",
        "See whether the image is of this site's version",
        _STAYS,
    ),
    ("cancelled", "Cancelled", ""),
    (
        "killed-by-cancel",
        "Cancelled, and killed before it had ended in good order: what it did last may be in no state",
        "Compare what exists with the state before the next apply",
    ),
    ("rejected", "Rejected", ""),
    ("no-changes", "The plan has no changes", ""),
)
_LAUNCHING = (
    ("policy", "", "Change what the sentence names, or ask whoever keeps the policy."),
    (
        "bad-settings",
        "",
        "Mend the variable on the workspace's page, where its grammar is said, and run the job again.",
    ),
    ("no-api-address", "", "An administrator sets AzBuilderApiUrl to the address at which pods reach this site."),
    ("job-data-too-large", "", "Make the variables smaller, or use an executor image that fetches its data (claim)."),
    ("name-taken", "", "Delete the other Kubernetes Job of that name, or look who made it, and run the job again."),
    ("job-vanished", "", "Somebody deleted the Kubernetes Job. Run the job again."),
    ("forbidden", "", "An administrator gives this site's service account the right that the cluster's answer names."),
    ("refused", "", "The cluster's own words say which field it refuses; mend the setting of that field."),
    ("import-failed", "", "Check the repository, branch and folder that the template imports its commands from."),
    ("no-work-folder", "", "An administrator makes the executor's work folder writable."),
    ("not-started", "", "An administrator looks at the log of the worker on that machine."),
    ("storage-unavailable", "", "An administrator looks whether the object storage answers; then run the job again."),
    ("state-elsewhere", "", ""),
    ("no-schedules", "", "Correct the name or the schedule in the template's scheduleTemplates step."),
    ("incomplete-variables", "", "Give the variables values on the workspace's page, and run the job again."),
    ("workspace-deleted", "The workspace was deleted before the job started", ""),
)
_SAID_BY_EXECUTORS = (
    ("done", "", ""),
    ("error-ignored", "", ""),
    ("terraform-failed", "", "The log has terraform's own words; mend the configuration or what it met."),
    ("init-failed", "", "See the providers, modules and versions that the configuration asks for."),
    ("source-failed", "", "See the workspace's source, branch and folder, and its VCS connection or SSH key."),
    ("bad-variables", "", "Mend the variable on the workspace's page, and run the job again."),
    ("script-failed", "", "The log shows which script ended how."),
    ("tool-missing", "", "See the workspace's version of terraform or tofu, and the index of releases."),
    ("plan-missing", "", "Start the job again: it plans anew."),
    ("upload-failed", "", "See whether this site had room and answered at that time; then start the job again."),
    ("file-failed", "", "See whether the pod had room on its disk: EPHEMERAL_STORAGE_REQUEST and its limit."),
    ("state-undelivered", "", "Take the state from the pod before it is gone: the log names its file."),
    ("no-work-directory", "", "See the volumes of the pod and its security context."),
    ("cannot-start", "", ""),
    ("bad-step-type", "", "See whether the image is of this site's version."),
    ("internal", "", "The log has what went wrong; it is a defect of the executor."),
    ("executor-said", "", ""),
)


def _rows() -> Iterator[tuple[str, str, str, bool]]:
    for row in (*_WAITING, *_STARTING, *_ENDING, *_LAUNCHING, *_SAID_BY_EXECUTORS):
        code, sentence, advice, *stays = row
        yield str(code), str(sentence), str(advice), bool(stays and stays[0])


ROWS = tuple(_rows())
