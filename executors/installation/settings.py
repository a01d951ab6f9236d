"""How this installation runs steps: its environment variables, declared once, and read once and strictly.

`ExecutorEphemeralNamespace`, `ExecutorEphemeralImage` and `ExecutorEphemeralSecret` have Terrakube's names, meanings
and defaults. Terrakube also reads them, and a node selector, from properties in `JAVA_TOOL_OPTIONS`
(`-Dio.terrakube.executor.ephemeral.nodeSelector.KEY=VALUE`, with `org` in place of `io` before 2.27); so does this
module, and a variable wins over a property, `io` over `org`.
"""

import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Warning

from executors.installation.reader import (
    Reader,
    read_certificates,
    read_name,
    read_names,
    read_node_selector,
    read_version,
)
from terrakube_site import env, site_settings
from terrakube_site.env import Section, SettingError, SettingErrors
from workspaces.pods import kubernetes_syntax

type JobDataMode = Literal["inline", "claim"]

# What the executor gets after it has interrupted terraform, to deliver state, logs and result before the pod ends.
REPORT_SECONDS = 30
# From the start of a container of ours to its claim, which takes about a second.
CLAIM_SECONDS = 60

_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_IMAGE = (
    r"(?:(?:[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d+)?/)?"  # registry
    rf"{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][-.A-Za-z0-9_]{{0,127}})?(?:@[a-z0-9]+:[0-9a-f]{{32,}})?"
)


EXECUTORS = Section(
    title="Executors",
    read_by="web, worker, watcher",
    intro="How steps run. Durations are seconds, or have units as in 90s, 10m, 6h.",
)
_YEAR = 366 * 24 * 3600


def _setting[T](reader: Callable[..., T], name: str, default: T, help: str, **more: Any) -> T:
    """Declare a setting as a field of the installation."""
    declared: Any = field(metadata={"setting": EXECUTORS.add(reader, name, default, help, **more)})
    return declared  # type: ignore[no-any-return]


def _seconds(name: str, default: int, help: str, *, minimum: int, maximum: int = _YEAR, **more: Any) -> int:
    return _setting(env.seconds, name, default, help, minimum=minimum, maximum=maximum, **more)


def _count(name: str, help: str, *, maximum: int = 1_000_000) -> int | None:
    """Declare a number from 1 that may be unset."""
    return _setting(env.integer, name, None, help, minimum=1, maximum=maximum)


def _mebibytes(environ: Mapping[str, str], name: str, default: int, **limits: int) -> int:
    return env.integer(environ, name, default, **limits) * 2**20


def _work_dir(environ: Mapping[str, str], name: str, default: Path) -> Path:
    """Read a folder; the default is below the data folder."""
    return env.path(environ, name, None) or site_settings.DATA_DIR.read(environ) / default


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The installation's settings: each field is declared with its variable, reader, default and documentation.

    Times are in seconds, sizes in bytes; None is not set; ``ca_bundle`` is PEM text.
    """

    namespace: str = _setting(
        read_name,
        "ExecutorEphemeralNamespace",
        "terrakube",
        "Namespace of the Kubernetes Jobs.",
        kind="text",
        objection=kubernetes_syntax.namespace_objection,
    )
    image: str = _setting(
        env.text,
        "ExecutorEphemeralImage",
        "azbuilder/executor:2.22.0",
        "Image of the executor.",
        pattern=_IMAGE,
        allowed="an image such as registry:5000/path/name:tag",
    )
    image_version: tuple[int, int] | None = _setting(
        read_version,
        "ExecutorEphemeralImageVersion",
        None,
        "Version of Terrakube's executor in the image, such as 2.30, if neither name nor tag says it.",
        kind="text",
    )
    secrets: tuple[str, ...] = _setting(
        read_names,
        "ExecutorEphemeralSecret",
        ("terrakube-executor-secrets",),
        "Secrets whose entries become environment variables of the pods. Empty: none.",
        kind="list",
    )
    node_selector: Mapping[str, str] = _setting(
        read_node_selector,
        "ExecutorEphemeralNodeSelector",
        {},
        "Node selector of the pods, as key=value;key=value; a workspace can have its own.",
        kind="text",
        shown_default=None,
    )
    deadline_seconds: int = _seconds(
        "ExecutorEphemeralDeadlineSeconds", 21600, "Timeout from a pod's creation to its end.", minimum=60
    )
    ttl_seconds: int = _seconds(
        "ExecutorEphemeralTtlSeconds",
        600,
        "Time for which the cluster keeps a finished Kubernetes Job; at least 60, so that the watcher sees its end.",
        minimum=60,
    )
    start_timeout_seconds: int = _seconds(
        "ExecutorEphemeralStartTimeoutSeconds",
        600,
        "Timeout from a pod's creation to the first report of its executor.",
        minimum=10,
    )
    image_seconds: int = _seconds(
        "ExecutorEphemeralImageSeconds",
        60,
        "Timeout for an image that cannot be pulled. An organization or workspace can lower this timeout and the four "
        "below.",
        minimum=10,
    )
    reference_seconds: int = _seconds(
        "ExecutorEphemeralReferenceSeconds", 60, "Timeout for a missing Secret, ConfigMap or volume claim.", minimum=10
    )
    unschedulable_seconds: int = _seconds(
        "ExecutorEphemeralUnschedulableSeconds", 600, "Timeout for a pod that no node can take.", minimum=10
    )
    node_wait_seconds: int = _seconds(
        "ExecutorEphemeralNodeWaitSeconds",
        1200,
        "The same timeout while an event of an autoscaler says that it adds a node for the pod.",
        minimum=10,
    )
    claim_seconds: int = _seconds(
        "ExecutorEphemeralClaimSeconds",
        0,
        "Timeout from a container's start to the first report of its executor. Unset: 60, and for Terrakube's own "
        "executor, which clones first, ExecutorEphemeralStartTimeoutSeconds.",
        minimum=10,
        shown_default=None,
    )
    grace_seconds: int = _seconds(
        "ExecutorEphemeralGraceSeconds",
        120,
        f"Time for terraform to end after an interrupt; the pod gets {REPORT_SECONDS} seconds more.",
        minimum=1,
    )
    apply_grace_seconds: int = _seconds(
        "ExecutorEphemeralApplyGraceSeconds",
        300,
        "The same for steps that may change something (apply, destroy, scripts), if it is longer.",
        minimum=1,
    )
    job_data: str = _setting(
        env.choice,
        "ExecutorEphemeralJobData",
        "auto",
        "inline: the pod's environment holds the step's data, as Terrakube's executor needs it; claim: the running "
        "executor fetches it; auto: inline for the image azbuilder/executor, else claim.",
        choices=("auto", "inline", "claim"),
    )
    memory_soft_stop_percent: int = _setting(
        env.integer,
        "ExecutorMemorySoftStopPercent",
        95,
        "Share of the memory limit at which a step is stopped in good order, so that its state is saved. 0: never.",
        minimum=0,
        maximum=100,
    )
    image_pull_policy: str | None = _setting(
        env.choice,
        "ExecutorEphemeralImagePullPolicy",
        None,
        "Always, IfNotPresent or Never. Unset: the cluster's default.",
        choices=("Always", "IfNotPresent", "Never"),
    )
    image_pull_secrets: tuple[str, ...] = _setting(
        read_names, "ExecutorEphemeralImagePullSecrets", (), "Secrets that the image is pulled with.", kind="list"
    )
    token_secret: str = _setting(
        env.choice,
        "ExecutorEphemeralTokenSecret",
        "auto",
        "Put EphemeralJobData into a Secret of its own instead of the pod's spec: always, never, or auto, where the "
        "service account may create Secrets.",
        choices=("auto", "always", "never"),
    )
    api_url: str | None = _setting(
        env.url, "AzBuilderApiUrl", None, "Address of this site for the pods. Unset: no pod is launched."
    )
    ca_bundle: str | None = _setting(
        read_certificates,
        "ExecutorApiCaBundle",
        None,
        "File with the certificates (PEM) by which executors trust AzBuilderApiUrl.",
        kind="absolute path",
    )
    local_api_url: str = _setting(
        env.url,
        "ExecutorLocalApiUrl",
        "http://127.0.0.1:8000",
        "Address of this site for executors on this machine.",
    )
    local_work_dir: Path = _setting(  # noqa: RUF009 - it returns a field
        _work_dir,
        "ExecutorLocalWorkDir",
        Path("executor"),
        "Work folder of executors on this machine. Unset: the folder executor in TERRAKUBE_DATA_DIR.",
        kind="absolute path",
        shown_default=None,
    )
    heartbeat_seconds: int = _seconds(
        "ExecutorHeartbeatSeconds", 5, "Interval of a running executor's heartbeats.", minimum=1, maximum=60
    )
    lost_after_seconds: int = _seconds(
        "ExecutorLostAfterSeconds", 900, "Time without a heartbeat after which a running executor is lost.", minimum=30
    )
    max_attempts: int = _setting(
        env.integer,
        "ExecutorMaxAttempts",
        3,
        "Attempts to run a step as long as no executor has begun it.",
        minimum=1,
        maximum=20,
    )
    outage_seconds: int = _seconds(
        "ExecutorOutageSeconds",
        300,
        "Time for which an executor retries in one outage of this site; log, state and result share it.",
        minimum=1,
    )
    max_plan_files_bytes: int = _setting(
        _mebibytes,
        "ExecutorMaxPlanFilesMiB",
        100,
        "Size limit, in MiB, of the other files that a plan makes for its apply, such as archives of functions; a plan "
        "above it fails.",
        kind="whole number",
        minimum=1,
        maximum=400,
    )
    max_running_steps: int | None = _count(
        "ExecutorMaxRunningSteps", "Limit of steps that run at once in this installation. Unset: no limit."
    )
    max_running_applies: int | None = _count(
        "ExecutorMaxRunningApplies", "Limit of applies, destroys and scripts among them. Unset: no limit."
    )
    warm_pods: int = _setting(
        env.integer,
        "ExecutorWarmPods",
        0,
        "Limit of pods that are started before a step needs them and wait for one. 0: none.",
        minimum=0,
        maximum=1000,
    )
    warm_pods_of_a_shape: int = _setting(
        env.integer,
        "ExecutorWarmPodsOfAShape",
        2,
        "Limit of warm pods among them that have the same manifest.",
        minimum=1,
        maximum=1000,
    )
    warm_pod_seconds: int = _seconds(
        "ExecutorWarmPodSeconds",
        900,
        "Longest time that a warm pod waits. A manifest without a new step for so long gets no warm pods.",
        minimum=60,
        maximum=86_400,
    )
    keep_jobs: int | None = _count(
        "ExecutorKeepJobs",
        "Number of ended jobs of a workspace whose logs and plans are kept. Unset: all. An organization or workspace "
        "can have its own.",
    )
    keep_finished_jobs: int | None = _count(
        "ExecutorKeepFinishedJobs",
        "Number of finished Kubernetes Jobs that stay in the namespace. Unset: ExecutorEphemeralTtlSeconds alone "
        "decides.",
    )
    keep_log_days: int | None = _count(
        "ExecutorKeepLogDays",
        "Days for which logs and plans of an ended job are kept. Unset: all stay. An organization or workspace can "
        "have its own.",
        maximum=36_600,
    )
    keep_states: int | None = _count(
        "ExecutorKeepStates",
        "Number of newest versions of a workspace's state that are kept, the current one among them. Unset: all. An "
        "organization or workspace can have its own.",
    )

    @property
    def is_terrakube_image(self) -> bool:
        """Whether the pods run Terrakube's own executor.

        The image is named azbuilder/executor, in any registry, or ExecutorEphemeralImageVersion says so; every other
        is taken for ours.
        """
        return self.image_version is not None or is_terrakube_name(self.image)

    @property
    def terrakube_version(self) -> tuple[int, int] | None:
        """Version of Terrakube's executor, as in (2, 30); None for ours and where nothing tells.

        ExecutorEphemeralImageVersion wins over the image's tag.
        """
        if self.image_version is not None:
            return self.image_version
        return version_in_name(self.image) if self.is_terrakube_image else None

    @property
    def job_data_mode(self) -> JobDataMode:
        """How a step's data reaches its pod."""
        if self.job_data == "auto":
            return "inline" if self.is_terrakube_image else "claim"
        return "inline" if self.job_data == "inline" else "claim"

    def interrupt_seconds(self, *, may_change: bool) -> int:
        """How long an interrupted step may take to end in good order; ``may_change`` what is there outside."""
        return max(self.grace_seconds, self.apply_grace_seconds) if may_change else self.grace_seconds

    def termination_grace_seconds(self, *, may_change: bool) -> int:
        """How long a pod may take to end: terraform's time and the executor's own to deliver what it has."""
        return self.interrupt_seconds(may_change=may_change) + REPORT_SECONDS


@functools.cache
def installation() -> Installation:
    """Return what this process's environment says, read once; `installation.cache_clear()` forgets it.

    Raises SettingErrors.
    """
    return read(os.environ)


def read(environ: Mapping[str, str]) -> Installation:
    """Read the installation's settings; raises SettingErrors with all that is wrong."""
    reader = Reader(environ)
    found = Installation(**{one.name: reader.get(one.metadata["setting"]) for one in fields(Installation)})
    found = replace(found, node_selector={**reader.java_node_selector, **found.node_selector})
    if not found.claim_seconds:
        wait = found.start_timeout_seconds if found.is_terrakube_image else CLAIM_SECONDS
        found = replace(found, claim_seconds=min(wait, found.start_timeout_seconds))
    if not reader.errors:
        reader.errors.extend(_contradictions(found))
    if reader.errors:
        raise SettingErrors(reader.errors)
    return found


def check_installation(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Tell at start what is wrong with the installation's settings (a Django system check).

    That pods could not reach this site is only worth a warning where there seems to be a cluster to launch them in.
    """
    try:
        found = read(os.environ)
    except SettingErrors as errors:
        return [Error(str(error), id="executors.E001") for error in errors.errors]
    warnings = _terrakube_warnings(found)
    names = (setting.name for setting in EXECUTORS.settings)
    signs = ("KUBERNETES_SERVICE_HOST", "KUBECONFIG", *(name for name in names if name.startswith("ExecutorEph")))
    if found.api_url is None and any(os.environ.get(name) for name in signs):
        warnings.append(
            Warning(
                "AzBuilderApiUrl is not set, so no step can be launched in the cluster.",
                hint="Set it to the address at which pods reach this site, such as http://terrakube-api:8080.",
                id="executors.W001",
            )
        )
    return warnings


def _terrakube_warnings(found: Installation) -> list[CheckMessage]:
    if not found.is_terrakube_image:
        return []
    if found.job_data_mode == "claim":
        return [
            Warning(
                f"ExecutorEphemeralJobData is claim, and {found.image} is Terrakube's executor by its name.",
                hint="Terrakube's own executor hangs on such job data: leave it at auto.",
                id="executors.W006",
            )
        ]
    if found.terrakube_version is not None:
        return []
    return [
        Warning(
            f"The tag of {found.image} tells no version, so steps are described to it as to the newest executor.",
            hint="Set ExecutorEphemeralImageVersion, such as 2.30: older ones hang on a field that they do not know.",
            id="executors.W004",
        )
    ]


def _contradictions(found: Installation) -> list[SettingError]:
    """Find what is right in each variable and wrong between them."""
    deadline, lost_after = "ExecutorEphemeralDeadlineSeconds", "ExecutorLostAfterSeconds"
    pairs = (
        (deadline, found.deadline_seconds, "ExecutorEphemeralStartTimeoutSeconds", found.start_timeout_seconds),
        (lost_after, found.lost_after_seconds, "ExecutorHeartbeatSeconds", found.heartbeat_seconds),
        # An executor that outlives an outage must find that its attempt is still its own.
        (lost_after, found.lost_after_seconds, "ExecutorOutageSeconds", found.outage_seconds),
    )
    return [
        SettingError(name, str(value), f"more than the {least} seconds of {other}")
        for name, value, other, least in pairs
        if value <= least
    ]


def version_in_name(image: str) -> tuple[int, int] | None:
    """The version in the tag of an image, as in (2, 30); None where it tells none."""
    match = re.search(r":v?(\d+)\.(\d+)[^/]*$", image.partition("@")[0])
    return (int(match[1]), int(match[2])) if match else None


def is_terrakube_name(image: str) -> bool:
    """Whether an image's name is that of Terrakube's own executor, in any registry."""
    return _repository(image)[-2:] == ["azbuilder", "executor"]


def _repository(image: str) -> list[str]:
    *folders, last = image.partition("@")[0].split("/")
    return [*folders, last.partition(":")[0]]
