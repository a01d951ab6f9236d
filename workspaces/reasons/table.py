"""The rows of the table of reasons: code, sentence, what to do, and whether every further try would end the same."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext_noop as _

_CAN_HELP, _STAYS = False, True
_LOOK = _("Look at the pod's log")
_AGAIN = _("Start the job again")
_RETRY_CLAIM = _("Check that pods reach this site at AzBuilderApiUrl and that the image is an executor image")
_TOO_LITTLE_MEMORY = _("Raise EPHEMERAL_MEMORY_LIMIT of the workspace; its page shows the memory its steps used")

_WAITING = (
    ("starting", _("{step}: starting"), ""),
    ("workspace-locked", _("The workspace is locked: {why}"), _("Unlock it on the workspace's page")),
    ("workspace-busy", _("Waits for another job of this workspace"), ""),
    ("last-pod", _("Waits until the last pod of an earlier job or attempt is gone"), ""),
    ("organization-limit", _("Waits for room under a limit of the organization"), ""),
    ("workspace-limit", _("Waits for room under a limit of the workspace"), ""),
    ("installation-limit", _("Waits for room under a limit of the installation"), ""),
    (
        "queue-silent",
        _("The task queue has taken no tasks since {since}; the job goes on when it does"),
        _("Ask an administrator to check Redis, or the database if it holds the queue"),
    ),
    ("waits-for-approval", _("Waiting for approval"), _("Approve or reject it on the job's page")),
    ("no-pod", _("Waits for the cluster to create the pod"), ""),
    ("scheduling", _("Waits for a node"), ""),
    ("node-being-added", _("A node is being added for the pod: {words}"), ""),
    ("not-taken", _("Waits for its node to take the pod"), ""),
    ("creating", _("Waits for its node to fetch the image and create the container"), ""),
    ("image-pulling", _("The node has been fetching image {image}"), ""),
    ("token-secret", _("Waits for the Secret with the one-time token"), ""),
    ("running", _("The container runs; its executor has not reported yet"), _RETRY_CLAIM),
    ("starting-unseen", _("Waits for the pod to start"), "{permission}"),
    ("running-unseen", _("The container runs; its executor has not reported yet"), "{permission}"),
    ("cluster-unavailable", _("The cluster's API does not answer, so the pod's status is unknown"), ""),
)
_NODES = _("Compare the workspace's node selector, tolerations and requests with the nodes")
_PULL_POLICY = _("If the image is only on the nodes, set ExecutorEphemeralImagePullPolicy to IfNotPresent")
_STARTING = (
    ("unschedulable", _("No node takes the pod: {words}"), _NODES),
    (
        "unschedulable-resources",
        _("No node has room for the pod: {words}"),
        _("Lower EPHEMERAL_CPU_REQUEST, EPHEMERAL_MEMORY_REQUEST or EPHEMERAL_STORAGE_REQUEST, add nodes, or wait"),
    ),
    (
        "unschedulable-selector",
        _("No node has the labels that the pod asks for: {words}"),
        _("Compare EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS, or ExecutorEphemeralNodeSelector, with the nodes' labels"),
    ),
    ("unschedulable-affinity", _("The pod's affinity finds no node: {words}"), _NODES),
    (
        "unschedulable-taint",
        _("The pod does not tolerate the taints of the nodes: {words}"),
        _("Add the taint to EPHEMERAL_CONFIG_TOLERATIONS, or remove it from a node; a drained node has one too"),
    ),
    (
        "unschedulable-volume",
        _("No node can mount the pod's volume: {words}"),
        _("Check whether the claim of PVC_CLAIM_NAME is bound, and which nodes may mount its volume"),
    ),
    (
        "scheduling-gated",
        _("A scheduling gate holds the pod back"),
        _("Remove the pod's scheduling gate, or wait for the controller that set it"),
    ),
    (
        "quota",
        _("The quota of the namespace is used up: {words}"),
        _("Raise the namespace's quota, lower the workspace's requests, or wait for other pods to end"),
    ),
    (
        "cluster-policy",
        _("A policy of the cluster refuses the step's Job or pod: {words}"),
        _("Change what the policy's message names, or ask the cluster's administrators for an exception"),
        _STAYS,
    ),
    (
        "pod-refused",
        _("The cluster does not let the pod be created: {words}"),
        _("Change the setting that the cluster's message names"),
    ),
    ("no-sandbox", _("The node cannot set up the pod: {words}"), ""),
    ("volume-not-mounted", _("A volume cannot be mounted: {words}"), ""),
    (
        "missing-secret",
        _("Secret {name} does not exist in the pod's namespace"),
        _("Create it, or take its name out of {by}"),
    ),
    (
        "missing-config-map",
        _("ConfigMap {name} does not exist in the pod's namespace"),
        _("Create it, or take its name out of {by}"),
    ),
    (
        "missing-claim",
        _("PersistentVolumeClaim {name} does not exist in the pod's namespace"),
        _("Create it, or take its name out of {by}"),
    ),
    ("missing-key", _("{kind} {name} has no key {key}"), ""),
    (
        "image-not-found",
        _("Image {image} was not found in its registry"),
        _(
            "See ExecutorEphemeralImage; if the image is only on the nodes, set ExecutorEphemeralImagePullPolicy to "
            "IfNotPresent"
        ),
    ),
    (
        "image-denied",
        _("The registry refuses image {image}: it asks for other credentials, or has no such image"),
        _(
            "See ExecutorEphemeralImagePullSecrets and ExecutorEphemeralImage; if the image is only on the nodes, set "
            "ExecutorEphemeralImagePullPolicy to IfNotPresent"
        ),
    ),
    ("image-invalid", _("{image} is not a valid image name"), _("See ExecutorEphemeralImage"), _STAYS),
    (
        "image-architecture",
        _("The image was built for a processor architecture that the node does not have"),
        _(
            "Build the image for the architectures of all nodes, or select nodes with kubernetes.io/arch in "
            "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS or ExecutorEphemeralNodeSelector"
        ),
    ),
    (
        "image-absent",
        _("The node does not have image {image}, and its pull policy is Never"),
        _("See ExecutorEphemeralImagePullPolicy"),
    ),
    ("image-registry-unreachable", _("The node cannot reach the registry of image {image}: {words}"), _PULL_POLICY),
    ("image-back-off", _("Image {image} could not be pulled; the node will try again"), _PULL_POLICY),
    ("image-pull", _("Image {image} cannot be pulled: {words}"), _PULL_POLICY),
    (
        "runs-as-root",
        _("The image runs as root or as a user without a number, but runAsNonRoot is set"),
        _("Set runAsUser in EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT"),
        _STAYS,
    ),
    ("container-config", _("The container cannot be configured: {words}"), ""),
    ("container-create", _("The container cannot be created: {words}"), ""),
    ("container-cannot-start", _("The container cannot start: {words}"), _("Check the image")),
    ("node-unreachable", _("The pod's node does not answer"), ""),
    ("node-refused", _("The node refused the pod ({reason}): {words}"), ""),
    ("not-claimed", _("The container runs, but its executor never reported"), _RETRY_CLAIM),
    ("start-timeout", _("It did not start within {seconds} s. Last seen: {words}"), ""),
)
_ENDING = (
    (
        "oom-killed",
        _("The step used more memory than its limit of {limit} and was killed"),
        _TOO_LITTLE_MEMORY,
    ),
    (
        "oom-killed-by-node",
        _("The step was killed because its node ran out of memory"),
        _("Set EPHEMERAL_MEMORY_REQUEST of the workspace to what it needs"),
    ),
    (
        "memory-soft-stop",
        _("The step was stopped cleanly before it reached its memory limit"),
        _TOO_LITTLE_MEMORY,
    ),
    (
        "evicted",
        _("The node evicted the pod: {words}"),
        _("Set EPHEMERAL_STORAGE_REQUEST and EPHEMERAL_MEMORY_REQUEST of the workspace to what it needs"),
    ),
    ("evicted-by-node", _("The node evicted the pod or is shutting down"), _AGAIN),
    ("preempted", _("A pod of higher priority took the pod's place"), _AGAIN),
    ("drained", _("The pod was evicted, for example because its node was drained"), _AGAIN),
    ("node-shutdown", _("The pod's node was shut down"), _AGAIN),
    ("node-lost", _("The pod's node is gone, or does not answer"), _AGAIN),
    ("disrupted", _("The cluster stopped the pod: {words}"), ""),
    (
        "deadline",
        _("The step exceeded its deadline, and its pod was stopped"),
        _(
            "Raise ExecutorEphemeralDeadlineSeconds, or the step timeout of its workspace or organization, if the "
            "step needs that long"
        ),
        _STAYS,
    ),
    (
        "silent",
        _("The executor has sent no heartbeat for {span}"),
        _("Check the pod and its node; the log ends at the last heartbeat"),
    ),
    ("killed", _("The executor was stopped from outside by {signal}"), ""),
    ("exited", _("The container ended with exit code {exit_code}"), _LOOK),
    ("stopped", _("The pod was told to stop before the step was done"), ""),
    ("pod-deleted", _("The pod was deleted"), ""),
    ("pod-gone", _("The pod is gone: it was deleted, or its node was removed"), ""),
    ("pod-failed", _("The pod failed: {words}"), ""),
    ("job-deleting", _("The Kubernetes Job was deleted"), ""),
    ("job-missing", _("The Kubernetes Job is gone: it was deleted"), _AGAIN),
    ("failed-unseen", _("The Kubernetes Job failed: {words}"), "{permission}"),
    ("process-ended", _("The executor's process ended without a report"), ""),
    ("step-failed", _("The executor says that the step failed, but its report never came"), ""),
    (
        "result-missing",
        _("The container ended with exit code 0, but its executor never reported a result"),
        _("Check that the image is an executor image"),
        _STAYS,
    ),
    (
        "result-not-delivered",
        _("The step ran, but the executor could not deliver its result or its last state"),
        _("Check the pod's log before anything else runs on the workspace"),
    ),
    (
        "claim-refused",
        _("The site refused this attempt to the executor, and nothing was run"),
        _("Check that AzBuilderApiUrl is the address of this site"),
        _STAYS,
    ),
    (
        "fenced",
        _("The attempt was fenced while its executor ran; its commands were stopped"),
        _("Compare the state with what exists before you start the job again"),
        _STAYS,
    ),
    (
        "claimed-before",
        _("An executor already claimed this step, but this site's database has no record of it; {end}"),
        _("Compare the state with what exists before you start the job again"),
        _STAYS,
    ),
    (
        "launched-before",
        _("This step was already launched, but this site's database has no record of it; {end}"),
        _("Compare the state with what exists before you start the job again"),
        _STAYS,
    ),
    (
        "api-lost",
        _("The executor could not reach this site and ran nothing"),
        _("Check that pods reach AzBuilderApiUrl: name resolution, network policies, proxy, ExecutorApiCaBundle"),
    ),
    (
        "source-unproved",
        _("The executor did not confirm that it has the source, and versions up to 2.28 run without it: {words}"),
        _("Check the workspace's source, branch and login, or use executor image 2.29 or later"),
        _STAYS,
    ),
    (
        "bad-job-data",
        _("The executor could not read its job data"),
        _("Check that the image has this site's version"),
        _STAYS,
    ),
    ("cancelled", _("Cancelled"), ""),
    (
        "killed-by-cancel",
        _("Cancelled, and killed before it could stop cleanly: its last changes may be missing from the state"),
        _("Compare what exists with the state before the next apply"),
    ),
    ("rejected", _("Rejected"), ""),
    ("no-changes", _("The plan has no changes"), ""),
)
_LAUNCHING = (
    ("policy", "", _("Change the named variable, or ask an administrator to change the policy.")),
    (
        "bad-settings",
        "",
        _("Correct the variable on the workspace's page, which shows its grammar, and start the job again."),
    ),
    (
        "no-api-address",
        "",
        _("Ask an administrator to set AzBuilderApiUrl to the address at which pods reach this site."),
    ),
    (
        "job-data-too-large",
        "",
        _("Make the variables smaller, or use an executor image that fetches its data (claim)."),
    ),
    ("name-taken", "", _("Delete the other Kubernetes Job of that name, or find its owner, and start the job again.")),
    ("job-vanished", "", _("The Kubernetes Job was deleted. Start the job again.")),
    (
        "forbidden",
        "",
        _("Ask an administrator to give this site's service account the right that the cluster's answer names."),
    ),
    ("refused", "", _("Correct the setting of the field that the cluster's message names.")),
    ("import-failed", "", _("Check the repository, branch and folder from which the template imports its commands.")),
    ("fork-refused", "", _("Run it with this site's own executor image, or merge the pull request first.")),
    ("no-work-folder", "", _("Ask an administrator to make the executor's work folder writable.")),
    ("not-started", "", _("Ask an administrator to check the worker's log on that machine.")),
    (
        "storage-unavailable",
        "",
        _("Ask an administrator to check the object storage; then run the job again."),
    ),
    ("state-elsewhere", "", ""),
    ("scope-not-kept", "", ""),
    ("no-schedules", "", _("Correct the name or the schedule in the template's scheduleTemplates step.")),
    ("incomplete-variables", "", _("Give the variables values on the workspace's page, and run the job again.")),
    (
        "workspace-deleted",
        _("The workspace was deleted, so the job does not run"),
        _("Restore the workspace, and start the job again"),
    ),
    (
        "organization-disabled",
        _("The organization is disabled, so the job does not run"),
        _("Ask an administrator to enable it; then start the job again"),
    ),
)
_SAID_BY_EXECUTORS = (
    ("done", "", ""),
    ("error-ignored", "", ""),
    ("terraform-failed", "", _("Fix the configuration: the log has terraform's error and names the resource.")),
    ("init-failed", "", _("Check the providers, modules and versions that the configuration requires.")),
    (
        "source-failed",
        "",
        _("Check the workspace's source, branch and path in the repository, and its VCS connection or SSH key."),
    ),
    ("bad-variables", "", _("Correct the variable on the workspace's page, and start the job again.")),
    ("script-failed", "", _("The log shows which script failed and why.")),
    ("tool-missing", "", _("Check the workspace's version of terraform or tofu, and the index of releases.")),
    ("plan-missing", "", _("Start the job again: it makes a new plan.")),
    (
        "plan-files-too-large",
        "",
        _(
            "Make the plan write less below its folder, or ask an administrator to raise ExecutorMaxPlanFilesMiB. "
            "Folders with a CACHEDIR.TAG are not kept."
        ),
    ),
    ("plan-files-missing", "", _("Start the job again: it makes a new plan.")),
    ("plan-files-failed", "", _("Start the job again: it makes a new plan.")),
    (
        "plan-altered",
        "",
        _(
            "Check the scripts of the apply step, and ask an administrator who could write to the database after the "
            "plan; then start the job again."
        ),
    ),
    (
        "out-of-scope",
        "",
        _(
            "Add the addresses to the targets of the job, or remove them from TF_CLI_ARGS_* or the script that "
            "added them."
        ),
    ),
    ("scope-unknown", "", _("The log has terraform's error; start the job again.")),
    (
        "upload-failed",
        "",
        _("Check that this site had free disk space and answered at that time; then start the job again."),
    ),
    ("file-failed", "", _("Check the disk space of the pod: EPHEMERAL_STORAGE_REQUEST and its limit.")),
    ("state-undelivered", "", _("Copy the state from the pod before the pod is deleted: the log names the file.")),
    (
        "state-refused",
        "",
        _("Compare the recovered state on this page with the real resources, then make it current or discard it."),
    ),
    ("backend-replaced", "", _("Remove what the reason names; this site configures the backend itself.")),
    ("no-work-directory", "", _("Check the volumes of the pod and its security context.")),
    ("cannot-start", "", ""),
    ("bad-step-type", "", _("Check that the image has this site's version.")),
    ("internal", "", _("The log shows the error: a bug in the executor.")),
    ("executor-said", "", ""),
)


def _rows() -> Iterator[tuple[str, str, str, bool]]:
    for row in (*_WAITING, *_STARTING, *_ENDING, *_LAUNCHING, *_SAID_BY_EXECUTORS):
        code, sentence, advice, *stays = row
        yield str(code), str(sentence), str(advice), bool(stays and stays[0])


ROWS = tuple(_rows())
