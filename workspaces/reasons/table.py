"""The rows of the table of reasons: code, sentence, what to do, and whether every further try would end the same."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext_noop as _

_CAN_HELP, _STAYS = False, True
_LOOK = _("Look at the pod's log")
_AGAIN = _("Start the job again")
_RETRY_CLAIM = _("See whether pods reach this site at AzBuilderApiUrl, and whether the image is an executor's")
_TOO_LITTLE_MEMORY = _("Raise EPHEMERAL_MEMORY_LIMIT of the workspace; its page shows what its steps used")

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
        _("An administrator looks at Redis, or at the database where the queue lies in it"),
    ),
    ("waits-for-approval", _("Waits for approval"), _("Approve or reject it on the job's page")),
    ("no-pod", _("Waits for the cluster to create the pod"), ""),
    ("scheduling", _("Waits for a node"), ""),
    ("node-being-added", _("A node is being added for the pod: {words}"), ""),
    ("not-taken", _("Waits for its node to take the pod"), ""),
    ("creating", _("Waits for its node to fetch the image and create the container"), ""),
    ("image-pulling", _("The node has been fetching image {image}"), ""),
    ("token-secret", _("Waits for the Secret with its one-time token"), ""),
    ("running", _("The container runs; its executor has not reported yet"), _RETRY_CLAIM),
    ("starting-unseen", _("Waits for the pod to start"), "{permission}"),
    ("running-unseen", _("The container runs; its executor has not reported yet"), "{permission}"),
    ("cluster-unavailable", _("The cluster's API does not answer, so nothing is known of the pod"), ""),
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
        _("Give EPHEMERAL_CONFIG_TOLERATIONS the taint, or free a node of it; a drained node has one too"),
    ),
    (
        "unschedulable-volume",
        _("No node can have the pod's volume: {words}"),
        _("See whether the claim of PVC_CLAIM_NAME is bound, and where its volume may be mounted"),
    ),
    (
        "scheduling-gated",
        _("The pod's scheduling is held back by a gate"),
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
        _("Change what the policy's own words name, or ask the cluster's administrators for an exception"),
        _STAYS,
    ),
    (
        "pod-refused",
        _("The cluster does not let the pod be created: {words}"),
        _("Change the setting that the cluster's words name"),
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
    ("image-invalid", _("{image} is no valid image name"), _("See ExecutorEphemeralImage"), _STAYS),
    (
        "image-architecture",
        _("The image is built for another processor architecture than that of the node"),
        _(
            "Build the image for the architectures of all nodes, or select nodes by kubernetes.io/arch in "
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
        _("The image runs as root or as a user without a number, and runAsNonRoot is asked for"),
        _("Give EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT a runAsUser"),
        _STAYS,
    ),
    ("container-config", _("The container cannot be configured: {words}"), ""),
    ("container-create", _("The container cannot be created: {words}"), ""),
    ("container-cannot-start", _("The container cannot start: {words}"), _("Look at the image")),
    ("node-unreachable", _("The pod's node does not answer"), ""),
    ("node-refused", _("The node refused the pod ({reason}): {words}"), ""),
    ("not-claimed", _("The container runs, and its executor never reported"), _RETRY_CLAIM),
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
    ("evicted-by-node", _("The pod's node evicted it or shuts down"), _AGAIN),
    ("preempted", _("A pod of higher priority took the pod's place"), _AGAIN),
    ("drained", _("The pod was evicted, as when its node is drained"), _AGAIN),
    ("node-shutdown", _("The pod's node was shut down"), _AGAIN),
    ("node-lost", _("The pod's node is gone, or does not answer"), _AGAIN),
    ("disrupted", _("The cluster ended the pod: {words}"), ""),
    (
        "deadline",
        _("The step took longer than its deadline, and its pod was ended"),
        _(
            "Raise ExecutorEphemeralDeadlineSeconds, or the limit of its workspace or organization, if it needs that "
            "long"
        ),
        _STAYS,
    ),
    (
        "silent",
        _("The executor has said nothing for {span}"),
        _("Look at the pod and its node; the log ends where it fell silent"),
    ),
    ("killed", _("The executor was ended from outside by {signal}"), ""),
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
        _("The container ended with 0, but its executor never reported a result"),
        _("See whether the image is an executor's"),
        _STAYS,
    ),
    (
        "result-not-delivered",
        _("The step ran, but the executor could not deliver its result or its last state"),
        _("Look at the pod's log before anything else runs on the workspace"),
    ),
    (
        "claim-refused",
        _("The executor was refused this attempt, and ran nothing"),
        _("See whether AzBuilderApiUrl is the address of this very site"),
        _STAYS,
    ),
    (
        "fenced",
        _("The attempt was fenced while its executor ran, and its commands were stopped"),
        _("Compare the state with what exists before you start the job again"),
        _STAYS,
    ),
    (
        "claimed-before",
        _("An executor claimed this step before, and this site's database has no record of it; {end}"),
        _("Compare the state with what exists before you start the job again"),
        _STAYS,
    ),
    (
        "launched-before",
        _("This step was launched before, and this site's database has no record of it; {end}"),
        _("Compare the state with what exists before you start the job again"),
        _STAYS,
    ),
    (
        "api-lost",
        _("The executor could not reach this site, and ran nothing"),
        _("See whether pods reach AzBuilderApiUrl: name resolution, network policies, proxy, ExecutorApiCaBundle"),
    ),
    (
        "source-unproved",
        _("The executor did not prove that it has the source, and versions up to 2.28 run without it: {words}"),
        _("See the workspace's source, branch and login, or use an executor image from 2.29 on"),
        _STAYS,
    ),
    (
        "bad-job-data",
        _("The executor could not read its job data"),
        _("See whether the image is of this site's version"),
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
    ("no-api-address", "", _("An administrator sets AzBuilderApiUrl to the address at which pods reach this site.")),
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
        _("An administrator gives this site's service account the right that the cluster's answer names."),
    ),
    ("refused", "", _("The cluster's message names the refused field; correct the setting of that field.")),
    ("import-failed", "", _("Check the repository, branch and folder that the template imports its commands from.")),
    ("fork-refused", "", _("Run it with this site's own executor image, or merge the pull request first.")),
    ("no-work-folder", "", _("An administrator makes the executor's work folder writable.")),
    ("not-started", "", _("An administrator looks at the log of the worker on that machine.")),
    (
        "storage-unavailable",
        "",
        _("An administrator looks whether the object storage answers; then run the job again."),
    ),
    ("state-elsewhere", "", ""),
    ("scope-not-kept", "", ""),
    ("no-schedules", "", _("Correct the name or the schedule in the template's scheduleTemplates step.")),
    ("incomplete-variables", "", _("Give the variables values on the workspace's page, and run the job again.")),
    (
        "workspace-deleted",
        _("The workspace was deleted; nothing of the job is run"),
        _("Restore the workspace, and start the job again"),
    ),
    (
        "organization-disabled",
        _("The organization is disabled; nothing of the job is run"),
        _("An administrator can enable it again; then start the job again"),
    ),
)
_SAID_BY_EXECUTORS = (
    ("done", "", ""),
    ("error-ignored", "", ""),
    ("terraform-failed", "", _("The log has terraform's error; fix the configuration or the resource that it names.")),
    ("init-failed", "", _("See the providers, modules and versions that the configuration asks for.")),
    ("source-failed", "", _("See the workspace's source, branch and folder, and its VCS connection or SSH key.")),
    ("bad-variables", "", _("Correct the variable on the workspace's page, and start the job again.")),
    ("script-failed", "", _("The log shows which script ended how.")),
    ("tool-missing", "", _("See the workspace's version of terraform or tofu, and the index of releases.")),
    ("plan-missing", "", _("Start the job again: it makes a new plan.")),
    (
        "plan-files-too-large",
        "",
        _(
            "Let the plan make less below its folder, or ask an administrator to raise ExecutorMaxPlanFilesMiB; what "
            "lies in a folder with a CACHEDIR.TAG is not kept."
        ),
    ),
    ("plan-files-missing", "", _("Start the job again: it makes a new plan.")),
    ("plan-files-failed", "", _("Start the job again: it makes a new plan.")),
    (
        "plan-altered",
        "",
        _("Ask an administrator who could write to the database since the plan; then start the job again."),
    ),
    (
        "out-of-scope",
        "",
        _("Add the addresses to the job, or take them out of TF_CLI_ARGS_* or the script that brought them in."),
    ),
    ("scope-unknown", "", _("The log has terraform's error; start the job again.")),
    ("upload-failed", "", _("See whether this site had room and answered at that time; then start the job again.")),
    ("file-failed", "", _("See whether the pod had room on its disk: EPHEMERAL_STORAGE_REQUEST and its limit.")),
    ("state-undelivered", "", _("Take the state from the pod before it is gone: the log names its file.")),
    (
        "state-refused",
        "",
        _("Compare what exists with the recovered state on this page, and make it the current one or discard it."),
    ),
    ("backend-replaced", "", _("The sentence names what to remove; this site configures the backend itself.")),
    ("no-work-directory", "", _("See the volumes of the pod and its security context.")),
    ("cannot-start", "", ""),
    ("bad-step-type", "", _("See whether the image is of this site's version.")),
    ("internal", "", _("The log shows the error; it is a defect of the executor.")),
    ("executor-said", "", ""),
)


def _rows() -> Iterator[tuple[str, str, str, bool]]:
    for row in (*_WAITING, *_STARTING, *_ENDING, *_LAUNCHING, *_SAID_BY_EXECUTORS):
        code, sentence, advice, *stays = row
        yield str(code), str(sentence), str(advice), bool(stays and stays[0])


ROWS = tuple(_rows())
