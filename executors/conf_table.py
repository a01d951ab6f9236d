"""The environment variables of how this installation runs steps: name, default and meaning of each."""

from collections.abc import Mapping

from terrakube_site.documented import Setting

# What the executor gets after it has interrupted terraform, to deliver state, logs and result before the pod ends.
REPORT_SECONDS = 30

SETTINGS: Mapping[str, Setting] = {
    name: Setting(name=name, default=default, help=help)
    for name, default, help in (
        ("ExecutorEphemeralNamespace", "terrakube", "Namespace of the Kubernetes Jobs."),
        ("ExecutorEphemeralImage", "azbuilder/executor:2.22.0", "Image of the executor in the pods."),
        (
            "ExecutorEphemeralImageVersion",
            None,
            "Version of Terrakube's executor in the image, such as 2.30, where neither its name nor its tag tells.",
        ),
        (
            "ExecutorEphemeralSecret",
            "terrakube-executor-secrets",
            "Secrets whose entries become environment variables of the pods, separated by commas; empty for none.",
        ),
        (
            "ExecutorEphemeralNodeSelector",
            None,
            "Labels that a node must have to run pods, as key=value;key=value; a workspace can have its own.",
        ),
        ("ExecutorEphemeralDeadlineSeconds", "21600", "Longest time from a pod's creation to its end."),
        (
            "ExecutorEphemeralTtlSeconds",
            "600",
            "How long the cluster keeps a Kubernetes Job that is over; at least 60, so that the watcher sees its end.",
        ),
        ("ExecutorEphemeralStartTimeoutSeconds", "600", "Longest time from a pod's creation to its first word."),
        (
            "ExecutorEphemeralImageSeconds",
            "60",
            "How long an image that cannot be pulled is waited for; an organization or workspace can say less, as of "
            "the four settings below.",
        ),
        (
            "ExecutorEphemeralReferenceSeconds",
            "60",
            "How long a Secret, ConfigMap or claim that is not there is waited for.",
        ),
        ("ExecutorEphemeralUnschedulableSeconds", "600", "How long a pod waits for a node."),
        (
            "ExecutorEphemeralNodeWaitSeconds",
            "1200",
            "How long a pod waits for a node while one is being added for it, as an autoscaler's event says.",
        ),
        (
            "ExecutorEphemeralClaimSeconds",
            None,
            "How long a container may run before its executor says its first word; unset is 60, and for Terrakube's "
            "own executor, which clones first, ExecutorEphemeralStartTimeoutSeconds.",
        ),
        (
            "ExecutorEphemeralGraceSeconds",
            "120",
            f"Time that terraform gets to end after it was interrupted; the pod gets {REPORT_SECONDS} seconds more.",
        ),
        (
            "ExecutorEphemeralApplyGraceSeconds",
            "300",
            "The same for steps that may change something (apply, destroy, scripts), where it is longer.",
        ),
        (
            "ExecutorEphemeralJobData",
            "auto",
            "inline: a step's data is in the pod's environment, as Terrakube's executor needs it; claim: it is handed "
            "over to the running pod; auto: inline for the image azbuilder/executor, else claim.",
        ),
        (
            "ExecutorMemorySoftStopPercent",
            "95",
            "At how much of its memory limit a step is stopped in good order, so that its state is saved; 0 is never.",
        ),
        ("ExecutorEphemeralImagePullPolicy", None, "Always, IfNotPresent or Never; unset is the cluster's default."),
        ("ExecutorEphemeralImagePullSecrets", None, "Secrets with which the image is pulled, separated by commas."),
        (
            "ExecutorEphemeralTokenSecret",
            "auto",
            "Whether EphemeralJobData is in a Secret of its own rather than in the pod's spec: always, never, or auto, "
            "where the service account may create Secrets.",
        ),
        ("AzBuilderApiUrl", None, "Address at which pods reach this site; without it no pod is launched."),
        ("ExecutorApiCaBundle", None, "File with the certificates (PEM) by which executors trust AzBuilderApiUrl."),
        ("ExecutorLocalApiUrl", "http://127.0.0.1:8000", "Address at which executors on this machine reach this site."),
        (
            "ExecutorLocalWorkDir",
            None,
            "Folder in which executors on this machine work; unset is the folder executor in TERRAKUBE_DATA_DIR.",
        ),
        ("ExecutorHeartbeatSeconds", "5", "How often a running executor says that it is there."),
        ("ExecutorLostAfterSeconds", "900", "Silence after which a running executor counts as lost."),
        ("ExecutorMaxAttempts", "3", "How often a step is tried, as long as no executor has begun it."),
        (
            "ExecutorOutageSeconds",
            "300",
            "For how long of one outage an executor keeps what this site does not answer for: log, state and result "
            "share it.",
        ),
        ("ExecutorMaxRunningSteps", None, "Most steps in execution at once in this installation; unset is no limit."),
        (
            "ExecutorMaxRunningApplies",
            None,
            "Most of them that may be applies, destroys or scripts; unset is no limit.",
        ),
        (
            "ExecutorKeepJobs",
            None,
            "Of how many ended jobs of a workspace logs and plans are kept; unset keeps all. An organization or "
            "workspace can have its own, as of the next one.",
        ),
        (
            "ExecutorKeepFinishedJobs",
            None,
            "How many Kubernetes Jobs that are over stay in the namespace; unset leaves it to "
            "ExecutorEphemeralTtlSeconds alone.",
        ),
        ("ExecutorKeepLogDays", None, "How many days logs and plans of an ended job are kept; unset keeps them."),
    )
}
