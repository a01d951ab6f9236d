"""How this installation runs steps: its environment variables, read once and strictly.

`ExecutorEphemeralNamespace`, `ExecutorEphemeralImage` and `ExecutorEphemeralSecret` have Terrakube's names, meanings
and defaults. Terrakube also reads them, and a node selector, from properties in `JAVA_TOOL_OPTIONS`
(`-Dio.terrakube.executor.ephemeral.nodeSelector.KEY=VALUE`, with `org` in place of `io` before 2.27); so does this
module, and a variable wins over a property, `io` over `org`.
"""

import functools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Warning

from executors.conf_reader import Reader, certificates, version
from executors.conf_table import REPORT_SECONDS, SETTINGS
from terrakube_site import env
from terrakube_site.env import SettingError, SettingErrors
from workspaces import kubernetes_syntax

type JobDataMode = Literal["inline", "claim"]

# From the start of a container of ours to its claim, which takes about a second.
CLAIM_SECONDS = 60

_PROJECT = Path(__file__).resolve().parent.parent
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_IMAGE = (
    r"(?:(?:[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d+)?/)?"  # registry
    rf"{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][-.A-Za-z0-9_]{{0,127}})?(?:@[a-z0-9]+:[0-9a-f]{{32,}})?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What `SETTINGS` say, typed. Times are in seconds; None is nothing; `ca_bundle` is the PEM text itself."""

    namespace: str
    image: str
    image_version: tuple[int, int] | None
    secrets: tuple[str, ...]
    node_selector: Mapping[str, str]
    deadline_seconds: int
    ttl_seconds: int
    start_timeout_seconds: int
    image_seconds: int
    reference_seconds: int
    unschedulable_seconds: int
    node_wait_seconds: int
    claim_seconds: int
    grace_seconds: int
    apply_grace_seconds: int
    memory_soft_stop_percent: int
    job_data: str
    image_pull_policy: str | None
    image_pull_secrets: tuple[str, ...]
    token_secret: str
    api_url: str | None
    ca_bundle: str | None
    local_api_url: str
    local_work_dir: Path
    heartbeat_seconds: int
    lost_after_seconds: int
    max_attempts: int
    outage_seconds: int
    max_running_steps: int | None
    max_running_applies: int | None
    keep_jobs: int | None
    keep_finished_jobs: int | None
    keep_log_days: int | None

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
        match = re.search(r":v?(\d+)\.(\d+)[^/]*$", self.image.partition("@")[0])
        return (int(match[1]), int(match[2])) if match and self.is_terrakube_image else None

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
    data_dir = reader.get(env.path, "TERRAKUBE_DATA_DIR", _PROJECT / "var")
    found = Installation(
        namespace=reader.name("ExecutorEphemeralNamespace", kubernetes_syntax.namespace_objection),
        image=reader.get(
            env.text,
            "ExecutorEphemeralImage",
            "",
            pattern=_IMAGE,
            allowed="an image such as registry:5000/path/name:tag",
        ),
        image_version=reader.get(version, "ExecutorEphemeralImageVersion", None),
        secrets=reader.names("ExecutorEphemeralSecret"),
        node_selector=reader.node_selector(),
        deadline_seconds=reader.seconds("ExecutorEphemeralDeadlineSeconds", minimum=60),
        ttl_seconds=reader.seconds("ExecutorEphemeralTtlSeconds", minimum=60),
        start_timeout_seconds=reader.seconds("ExecutorEphemeralStartTimeoutSeconds", minimum=10),
        image_seconds=reader.seconds("ExecutorEphemeralImageSeconds", minimum=10),
        reference_seconds=reader.seconds("ExecutorEphemeralReferenceSeconds", minimum=10),
        unschedulable_seconds=reader.seconds("ExecutorEphemeralUnschedulableSeconds", minimum=10),
        node_wait_seconds=reader.seconds("ExecutorEphemeralNodeWaitSeconds", minimum=10),
        claim_seconds=reader.seconds("ExecutorEphemeralClaimSeconds", minimum=10),
        grace_seconds=reader.seconds("ExecutorEphemeralGraceSeconds", minimum=1),
        memory_soft_stop_percent=reader.get(env.integer, "ExecutorMemorySoftStopPercent", 0, minimum=0, maximum=100),
        apply_grace_seconds=reader.seconds("ExecutorEphemeralApplyGraceSeconds", minimum=1),
        job_data=reader.choice("ExecutorEphemeralJobData", ("auto", "inline", "claim")),
        image_pull_policy=reader.choice("ExecutorEphemeralImagePullPolicy", ("Always", "IfNotPresent", "Never"))
        or None,
        image_pull_secrets=reader.names("ExecutorEphemeralImagePullSecrets"),
        token_secret=reader.choice("ExecutorEphemeralTokenSecret", ("auto", "always", "never")),
        api_url=reader.get(env.url, "AzBuilderApiUrl", None),
        ca_bundle=reader.get(certificates, "ExecutorApiCaBundle", None),
        local_api_url=reader.get(env.url, "ExecutorLocalApiUrl", ""),
        local_work_dir=reader.get(env.path, "ExecutorLocalWorkDir", data_dir / "executor"),
        heartbeat_seconds=reader.seconds("ExecutorHeartbeatSeconds", minimum=1, maximum=60),
        lost_after_seconds=reader.seconds("ExecutorLostAfterSeconds", minimum=30),
        max_attempts=reader.get(env.integer, "ExecutorMaxAttempts", 0, minimum=1, maximum=20),
        outage_seconds=reader.seconds("ExecutorOutageSeconds", minimum=1),
        max_running_steps=reader.count("ExecutorMaxRunningSteps", maximum=1_000_000),
        max_running_applies=reader.count("ExecutorMaxRunningApplies", maximum=1_000_000),
        keep_finished_jobs=reader.count("ExecutorKeepFinishedJobs", maximum=1_000_000),
        keep_jobs=reader.count("ExecutorKeepJobs", maximum=1_000_000),
        keep_log_days=reader.count("ExecutorKeepLogDays", maximum=36_600),
    )
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
    signs = ("KUBERNETES_SERVICE_HOST", "KUBECONFIG", *(name for name in SETTINGS if name.startswith("ExecutorEph")))
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


def is_terrakube_name(image: str) -> bool:
    """Whether an image's name is that of Terrakube's own executor, in any registry."""
    return _repository(image)[-2:] == ["azbuilder", "executor"]


def _repository(image: str) -> list[str]:
    *folders, last = image.partition("@")[0].split("/")
    return [*folders, last.partition(":")[0]]
