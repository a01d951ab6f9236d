"""The variables that shape the pod of a step: names, and texts for help, forms and documentation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from django.utils.translation import gettext_noop as _

from terrakube_site.env import OFF

ENABLE = "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR"
CLUSTER = "EPHEMERAL_CONFIG_CLUSTER"
NODE_SELECTOR = "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS"
SERVICE_ACCOUNT = "EPHEMERAL_CONFIG_SERVICE_ACCOUNT"
ANNOTATIONS = "EPHEMERAL_CONFIG_ANNOTATIONS"
CONFIG_MAP_NAME = "EPHEMERAL_CONFIG_MAP_NAME"
CONFIG_MAP_MOUNT_PATH = "EPHEMERAL_CONFIG_MAP_MOUNT_PATH"
TOLERATIONS = "EPHEMERAL_CONFIG_TOLERATIONS"
PLUGIN_CACHE_DIR = "TF_PLUGIN_CACHE_DIR"
PLUGIN_CACHE_CLAIM = "PVC_CLAIM_NAME"
POD_SECURITY = "EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT"
CONTAINER_SECURITY = "EPHEMERAL_CONFIG_SECURITY_CONTEXT"
ENVIRONMENT = "EPHEMERAL_JOB_ENV_VARS"
LABELS = "EPHEMERAL_CONFIG_LABELS"
POD_ANNOTATIONS = "EPHEMERAL_CONFIG_POD_ANNOTATIONS"
ENV_FROM_CONFIG_MAPS = "EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP"

# Resource of a container: the variables of its request and limit.
RESOURCES = {
    "cpu": ("EPHEMERAL_CPU_REQUEST", "EPHEMERAL_CPU_LIMIT"),
    "memory": ("EPHEMERAL_MEMORY_REQUEST", "EPHEMERAL_MEMORY_LIMIT"),
    "ephemeral-storage": ("EPHEMERAL_STORAGE_REQUEST", "EPHEMERAL_STORAGE_LIMIT"),
}

OFF_TEXTS = OFF
"""The texts of the switch, in small letters, that are off; every other is on."""

DEFAULT_CLUSTER = "default"
"""The name of the cluster and namespace that the installation's settings say."""
DEFAULT_CONFIG_MAP_MOUNT_PATH = "/data"
DEFAULT_PLUGIN_CACHE_CLAIM = "terrakube-plugin-pvc"
DEFAULT_FS_GROUP = 1000

_CONTROL_PREFIXES = ("EPHEMERAL_", "ENABLE_DYNAMIC_CREDENTIALS_")
# Keys that configure Terrakube and must not reach terraform's environment; `is_control_key` adds whole families.
# TF_PLUGIN_CACHE_DIR is not among them: terraform reads it too.
CONTROL_KEYS = frozenset(
    {ENABLE, PLUGIN_CACHE_CLAIM, "KEEP_JOB_HISTORY", "KEEP_JOB_HISTORY_SOFT_DELETE", "TERRAKUBE_DEFAULT_EXECUTOR"}
    | {"PRIVATE_EXTENSION_VCS_ID_AUTH"}
)


class Kind(StrEnum):
    """How a variable is written; selects the widget of an editor."""

    SWITCH = "switch"
    NAME = "name"
    NAMES = "names"
    PATH = "path"
    PAIRS = "pairs"
    TOLERATIONS = "tolerations"
    QUANTITY = "quantity"


GRAMMAR = {
    Kind.SWITCH: _("1, true, yes or on; or 0, false, no, off or nothing"),
    Kind.NAME: _("the name of a Kubernetes object"),
    Kind.NAMES: _("names of Kubernetes objects, separated by ','"),
    Kind.PATH: _("an absolute path"),
    Kind.PAIRS: _("key=value, several separated by ';' (a value cannot contain ';')"),
    Kind.TOLERATIONS: _("key[=value][:operator[:effect]], several separated by ';'"),
    Kind.QUANTITY: _("a Kubernetes quantity such as 250m, 1.5 or 2Gi"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One variable, with its texts for help, forms and documentation.

    `since` is the first Terrakube version with it, "" if it is this site's own;
    `default` is the value without it, None for nothing.
    """

    name: str
    since: str
    kind: Kind
    help: str
    grammar: str
    example: str
    default: str | None = None


def is_control_key(name: str) -> bool:
    """Return whether an environment variable configures Terrakube and must not reach terraform's environment."""
    return name in CONTROL_KEYS or name.startswith(_CONTROL_PREFIXES)


def _setting(
    name: str,
    since: str,
    kind: Kind,
    help: str,
    example: str,
    default: str | None = None,
    grammar: str = "",
) -> tuple[str, Setting]:
    setting = Setting(
        name=name, since=since, kind=kind, help=help, grammar=grammar or GRAMMAR[kind], example=example, default=default
    )
    return name, setting


def _amount(name: str, since: str, what: str, example: str) -> tuple[str, Setting]:
    return _setting(name, since, Kind.QUANTITY, what, example)


SETTINGS: Mapping[str, Setting] = dict(
    [
        _setting(ENABLE, "2.22.0", Kind.SWITCH, _("Run each step of the workspace in its own pod."), "1"),
        _setting(
            CLUSTER,
            "",
            Kind.NAME,
            _("Cluster in which the pod runs, by its name on the page Clusters."),
            DEFAULT_CLUSTER,
            DEFAULT_CLUSTER,
            _("the name of an enabled cluster, or default for the cluster of the installation's settings"),
        ),
        _setting(
            NODE_SELECTOR,
            "2.23.0",
            Kind.PAIRS,
            _("Labels that the node must have. They replace the installation's; empty allows any node."),
            "disk=ssd;pool=spot",
        ),
        _setting(SERVICE_ACCOUNT, "2.23.0", Kind.NAME, _("Service account of the pod."), "tf-runner"),
        _setting(
            ANNOTATIONS, "2.23.0", Kind.PAIRS, _("Annotations of the Kubernetes Job, not of its pod."), "owner=net"
        ),
        _setting(
            CONFIG_MAP_NAME, "2.24.0", Kind.NAME, _("ConfigMap whose files are mounted in the container."), "tf-files"
        ),
        _setting(
            CONFIG_MAP_MOUNT_PATH,
            "2.24.0",
            Kind.PATH,
            _("Mount path for the files of EPHEMERAL_CONFIG_MAP_NAME."),
            "/etc/tf",
            DEFAULT_CONFIG_MAP_MOUNT_PATH,
        ),
        _setting(
            TOLERATIONS,
            "2.24.0",
            Kind.TOLERATIONS,
            _("Taints the pod tolerates."),
            "dedicated=tf:Equal:NoSchedule",
        ),
        _setting(
            PLUGIN_CACHE_DIR,
            "2.26.0",
            Kind.PATH,
            _("Directory of the provider cache; the volume claim PVC_CLAIM_NAME is mounted there."),
            "/home/cnb/.terraform.d/plugin-cache",
        ),
        _setting(
            PLUGIN_CACHE_CLAIM,
            "2.26.0",
            Kind.NAME,
            _("Persistent volume claim mounted at TF_PLUGIN_CACHE_DIR."),
            "cache",
            DEFAULT_PLUGIN_CACHE_CLAIM,
        ),
        _setting(
            POD_SECURITY,
            "2.27.0",
            Kind.PAIRS,
            _("Security context of the pod."),
            "runAsUser=1002;runAsNonRoot=true",
            f"fsGroup={DEFAULT_FS_GROUP}",
            _(
                "fsGroup and runAsUser, each a number or none (the cluster chooses), and runAsNonRoot=true or false; "
                "separated by ';'"
            ),
        ),
        _setting(
            CONTAINER_SECURITY,
            "2.27.0",
            Kind.PAIRS,
            _("Security context of the container."),
            "allowPrivilegeEscalation=false",
            "allowPrivilegeEscalation=false",
            _("allowPrivilegeEscalation=true or false"),
        ),
        _amount("EPHEMERAL_CPU_REQUEST", "2.27.0", _("CPU reserved for the container."), "250m"),
        _amount("EPHEMERAL_MEMORY_REQUEST", "2.27.0", _("Memory reserved for the container."), "512Mi"),
        _amount("EPHEMERAL_CPU_LIMIT", "2.27.0", _("CPU limit; the container is throttled above it."), "2"),
        _amount("EPHEMERAL_MEMORY_LIMIT", "2.27.0", _("Memory limit; the container is killed above it."), "1Gi"),
        _setting(
            ENVIRONMENT,
            "2.28.0",
            Kind.PAIRS,
            _("Additional environment variables of the container."),
            "HTTPS_PROXY=http://proxy:3128",
        ),
        _setting(LABELS, "2.31.0", Kind.PAIRS, _("Labels of the Kubernetes Job and of its pod."), "team=net"),
        _setting(POD_ANNOTATIONS, "2.31.0", Kind.PAIRS, _("Annotations of the pod."), "sidecar.istio.io/inject=false"),
        _setting(
            ENV_FROM_CONFIG_MAPS,
            "2.31.0",
            Kind.NAMES,
            _("ConfigMaps whose entries become environment variables of the container; applied after the Secrets."),
            "terrakube-executor-config",
        ),
        _amount("EPHEMERAL_STORAGE_REQUEST", "2.33.0", _("Disk space reserved for the container."), "2Gi"),
        _amount("EPHEMERAL_STORAGE_LIMIT", "2.33.0", _("Disk limit; the pod is evicted above it."), "8Gi"),
    ]
)

PLAN, APPLY, DESTROY = "PLAN", "APPLY", "DESTROY"
STEP_ENDINGS = (PLAN, APPLY, DESTROY)
"""Endings of a setting's name that limit it to the steps of one type, as in EPHEMERAL_CPU_LIMIT_APPLY."""
_PLAIN_NAMES = {
    f"{name}_{ending}": name for name in SETTINGS if name.startswith("EPHEMERAL_") for ending in STEP_ENDINGS
}
STEP_SETTINGS: Mapping[str, Setting] = {
    name: replace(SETTINGS[plain], name=name, default=None) for name, plain in _PLAIN_NAMES.items()
}
ALL_SETTINGS: Mapping[str, Setting] = {**SETTINGS, **STEP_SETTINGS}


def plain_name(name: str) -> str:
    """Return the name of a setting without the ending of a step type."""
    return _PLAIN_NAMES.get(name, name)


def endings_in(names: Iterable[str]) -> tuple[str, ...]:
    """Return "" and the endings that settings among these names have."""
    found = {name.rpartition("_")[2] for name in names if name in STEP_SETTINGS}
    return ("", *(ending for ending in STEP_ENDINGS if ending in found))
