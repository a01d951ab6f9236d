"""How this installation runs steps: its environment variables, read once and strictly.

`ExecutorEphemeralNamespace`, `ExecutorEphemeralImage` and `ExecutorEphemeralSecret` have Terrakube's names, meanings
and defaults. Terrakube also reads them, and a node selector, from properties in `JAVA_TOOL_OPTIONS`
(`-Dio.terrakube.executor.ephemeral.nodeSelector.KEY=VALUE`, with `org` in place of `io` before 2.27); so does this
module, and a variable wins over a property, `io` over `org`.
"""

import functools
import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cryptography import x509
from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Warning

from terrakube_site import env
from terrakube_site.documented import Setting
from terrakube_site.env import SettingError, SettingErrors
from workspaces import ephemeral, kubernetes_syntax

type JobDataMode = Literal["inline", "claim"]

# What the executor gets after it has interrupted terraform, to deliver state, logs and result before the pod ends.
REPORT_SECONDS = 30
# From the start of a container of ours to its claim, which takes about a second.
CLAIM_SECONDS = 60
# The certificates travel in an environment variable, of which Linux takes 128 KiB in all, base64 included.
MAX_CA_BUNDLE_BYTES = 64 * 1024

_PROJECT = Path(__file__).resolve().parent.parent
_JAVA_OPTIONS = "JAVA_TOOL_OPTIONS"
_PROPERTY = re.compile(r"-D(org|io)\.terrakube\.executor\.ephemeral\.([A-Za-z]+)(.*)", re.DOTALL)
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_IMAGE = (
    r"(?:(?:[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d+)?/)?"  # registry
    rf"{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][-.A-Za-z0-9_]{{0,127}})?(?:@[a-z0-9]+:[0-9a-f]{{32,}})?"
)


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
        ("ExecutorOutageSeconds", "300", "How long an executor keeps what this site does not answer for."),
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
    reader = _Reader(environ)
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
        image_version=reader.get(_version, "ExecutorEphemeralImageVersion", None),
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
        ca_bundle=reader.get(_certificates, "ExecutorApiCaBundle", None),
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


class _Reader:
    """The environment over Terrakube's properties over the defaults, with the errors of all that was read."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.errors: list[SettingError] = []
        self._properties: dict[str, str] = {}
        self._selector: dict[str, str] = {}
        self._read_java_options(environ.get(_JAVA_OPTIONS, ""))
        # Set but empty is a value only where it takes a default away.
        said = {name: text for name, text in environ.items() if text.strip() or name == "ExecutorEphemeralSecret"}
        self._said = said
        defaults = {name: setting.default for name, setting in SETTINGS.items() if setting.default is not None}
        self.environ = {**defaults, **self._properties, **said}

    def get[T](self, reader: Callable[..., T], name: str, default: T, **limits: Any) -> T:
        try:
            return reader(self.environ, name, default, **limits)
        except SettingError as error:
            if name in self._properties and name not in self._said:
                error = SettingError(f"{name} in {_JAVA_OPTIONS}", error.value, error.allowed)
            self.errors.append(error)
            return default

    def seconds(self, name: str, *, minimum: int, maximum: int = 366 * 24 * 3600) -> int:
        return self.get(env.seconds, name, 0, minimum=minimum, maximum=maximum)

    def count(self, name: str, *, maximum: int) -> int | None:
        """A number from 1; None where nothing is said."""
        return self.get(env.integer, name, 0, minimum=1, maximum=maximum) or None

    def choice(self, name: str, choices: Sequence[str]) -> str:
        return self.get(env.choice, name, "", choices=choices)

    def name(self, name: str, objection: Callable[[str], str | None]) -> str:
        return self.get(_name, name, "", objection=objection)

    def names(self, name: str) -> tuple[str, ...]:
        return self.get(_names, name, ())

    def node_selector(self) -> dict[str, str]:
        nothing: dict[str, str] = {}
        return self._selector | self.get(_node_selector, "ExecutorEphemeralNodeSelector", nothing)

    def _read_java_options(self, text: str) -> None:
        try:
            options = _split_java_options(text)
        except ValueError:
            # Not repeated: such options often hold passwords.
            self.errors.append(SettingError(_JAVA_OPTIONS, env.HIDDEN, "options whose quotation marks are all closed"))
            return
        found = [match for option in options if (match := _PROPERTY.fullmatch(option))]
        for match in sorted(found, key=lambda match: ("org", "io").index(match[1])):
            key, _, value = match[3].partition("=")
            if match[2] == "nodeSelector":
                self._read_selector(key, value, match[0])
            elif not key and value and match[2] in ("namespace", "image", "secret"):
                self._properties[f"ExecutorEphemeral{match[2].capitalize()}"] = value

    def _read_selector(self, key: str, value: str, option: str) -> None:
        # Spring writes a key with dots or slashes as nodeSelector[KEY]; plainly written ones are taken as they are.
        bracketed = re.fullmatch(r"\.?\[(.+)\]", key)
        key = bracketed[1] if bracketed else key.removeprefix(".")
        objection = kubernetes_syntax.label_key_objection(key) or kubernetes_syntax.label_value_objection(value)
        if objection:
            allowed = f"a node selector whose keys and values are labels: each {objection}"
            self.errors.append(SettingError(_JAVA_OPTIONS, option, allowed))
        else:
            self._selector[key] = value


def _split_java_options(text: str) -> list[str]:
    """Split options as the JVM does: at white space, with quotation marks of both kinds, and no escapes."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""
    return list(lexer)


def _name(environ: Mapping[str, str], name: str, default: str, *, objection: Callable[[str], str | None]) -> str:
    value = env.text(environ, name, default)
    if problem := objection(value):
        raise SettingError(name, value, f"a name, which {problem}")
    return value


def _names(environ: Mapping[str, str], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    values = env.comma_list(environ, name, default)
    for value in values:
        if problem := kubernetes_syntax.name_objection(value):
            raise SettingError(name, value, f"names, each of which {problem}")
    return tuple(dict.fromkeys(values))


def _node_selector(environ: Mapping[str, str], name: str, default: dict[str, str]) -> dict[str, str]:
    text = env.text(environ, name, "")
    if not text:
        return default
    try:
        return ephemeral.node_selector(text)
    except ephemeral.EphemeralSyntaxError as error:
        raise SettingError(name, text, f'{error.grammar}; "{error.item}" {error.problem}') from None


def _certificates(environ: Mapping[str, str], name: str, default: None) -> str | None:
    path = env.path(environ, name, None)
    if path is None:
        return default
    allowed = f"a readable file of certificates in PEM, of at most {MAX_CA_BUNDLE_BYTES // 1024} KiB"
    try:
        content = path.read_bytes()
        if len(content) > MAX_CA_BUNDLE_BYTES or not x509.load_pem_x509_certificates(content):
            raise SettingError(name, str(path), allowed)
        text = content.decode("ascii")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds something else"
        raise SettingError(name, str(path), f"{allowed} ({reason})") from None
    if "PRIVATE KEY" in text:
        # Every pod gets the text.
        raise SettingError(name, str(path), f"{allowed}, without a private key")
    return text


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


def _version(environ: Mapping[str, str], name: str, default: None) -> tuple[int, int] | None:
    text = env.text(environ, name, "", pattern=r"v?\d{1,3}\.\d{1,3}([.+-].*)?", allowed="a version such as 2.30")
    if not text:
        return default
    major, minor = re.findall(r"\d+", text)[:2]
    return int(major), int(minor)


def is_terrakube_name(image: str) -> bool:
    """Whether an image's name is that of Terrakube's own executor, in any registry."""
    return _repository(image)[-2:] == ["azbuilder", "executor"]


def _repository(image: str) -> list[str]:
    *folders, last = image.partition("@")[0].split("/")
    return [*folders, last.partition(":")[0]]
