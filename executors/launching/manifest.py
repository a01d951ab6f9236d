"""The Kubernetes Job of one attempt at a step: frozen dataclasses in, dict out.

No clock, database or cluster: the same arguments give the same dict. The Job is Terrakube's, in its order and with
its defaults, and hardened where Terrakube leaves things to the cluster:

- The pod runs once (`backoffLimit` 0, `restartPolicy` Never) and not for ever (`activeDeadlineSeconds`).
- `podReplacementPolicy` Failed: the Job is over only when its pod is. By default a Job fails in the moment in which its
  pod is deleted, as when a node is drained, while terraform may still be running, and stays failed when it then ends
  well. It needs Kubernetes 1.28.
- The node runs Linux, unless a node selector says otherwise.
- No token of a service account is mounted unless the workspace asks for an account, and no service of the namespace
  is announced in the environment.
- The container may not gain privileges and has no capabilities. `allowPrivilegeEscalation=true` lifts both, since
  without capabilities it would do nothing.
- Our own image runs as a user by number on a read-only root. Terrakube's does neither: its user is known by name
  only and its home has to be writable.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from executors.contract.job_data import DATA_VARIABLE, FLAG_VARIABLE
from executors.installation.settings import Installation
from workspaces.pods import RESERVED_LABEL_PREFIX, PodSettings, Toleration

CONTAINER = "executor"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "terrakube-site"
ATTEMPT_LABEL = f"{RESERVED_LABEL_PREFIX}attempt"
WARM_LABEL = f"{RESERVED_LABEL_PREFIX}warm-pod"
LAUNCHED_AS = f"{RESERVED_LABEL_PREFIX}launched-as"
"""Annotation of a warm pod's Job that a step has got: the name that the step's Job would have otherwise."""
LAUNCHED_AT = f"{RESERVED_LABEL_PREFIX}launched-at"
"""The same: when the step got it, as RFC 3339; the Job itself is older."""

NO_EVICTION = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}
"""Keep common autoscalers from evicting the pod to save a node: an apply cannot be moved."""

LINUX_NODES = {"kubernetes.io/os": "linux"}
"""Labels of the nodes that can run an executor's image; a node selector may say otherwise."""

# Of our own image: its user and its writable folders.
OWN_USER = 1000
OWN_WRITABLE_FOLDERS = {"tmp": "/tmp", "home": "/home/terrakube"}  # noqa: S108 - a volume of the pod's own
# Of Terrakube's image: the uid of its user "cnb"; the kubelet needs the number if root is forbidden.
TERRAKUBE_USER = 1002


@dataclass(frozen=True, slots=True, kw_only=True)
class StepIdentity:
    """Identity of the pod. Numbers count from 1, attempts within their step; a ``name`` of None is built from the
    numbers.
    """

    organization_id: UUID | str
    workspace_id: UUID | str
    job_id: int
    step_id: UUID | str
    step_number: int
    attempt_number: int
    attempt_id: UUID | str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmIdentity:
    """Identity of a warm pod, which has no step yet."""

    pod_id: UUID | str
    name: str


@dataclass(frozen=True, slots=True)
class InlineData:
    """EphemeralJobData inline in the pod's spec."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretData:
    """EphemeralJobData in a Secret, as `data_secret_manifest` makes it."""

    secret_name: str
    key: str = DATA_VARIABLE


def job_name(identity: StepIdentity | WarmIdentity) -> str:
    """Return the name of the Kubernetes Job, and of its Secret: job-<job>-<step number>-<attempt number>."""
    if isinstance(identity, WarmIdentity):
        return identity.name
    return identity.name or f"job-{identity.job_id}-{identity.step_number}-{identity.attempt_number}"


def labels(identity: StepIdentity | WarmIdentity) -> dict[str, str]:
    """Return the labels of all that is created for an attempt; a workspace's own labels cannot replace them.

    A warm pod gets those of its attempt when it is handed over.
    """
    if isinstance(identity, WarmIdentity):
        return {WARM_LABEL: str(identity.pod_id), MANAGED_BY_LABEL: MANAGED_BY}
    return {
        f"{RESERVED_LABEL_PREFIX}organization": str(identity.organization_id),
        f"{RESERVED_LABEL_PREFIX}workspace": str(identity.workspace_id),
        f"{RESERVED_LABEL_PREFIX}job": str(identity.job_id),
        f"{RESERVED_LABEL_PREFIX}step": str(identity.step_id),
        ATTEMPT_LABEL: str(identity.attempt_id),
        MANAGED_BY_LABEL: MANAGED_BY,
    }


def job_manifest(
    identity: StepIdentity | WarmIdentity,
    settings: PodSettings,
    installation: Installation,
    data: InlineData | SecretData,
    *,
    plugin_cache_claim_exists: bool | None,
    may_change: bool = False,
) -> dict[str, Any]:
    """Return the batch/v1 Job of one attempt, or of a warm pod.

    The pod of a step that `may_change` something asks autoscalers not to evict it and gets a longer grace period; the
    workspace's own annotations win.

    `plugin_cache_claim_exists` None means that it could not be looked up. A claim set by name is then mounted, and the
    default one is not: if it were missing, no pod of the workspace would ever start.
    """
    all_labels = {**settings.labels, **labels(identity)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(identity),
            "namespace": installation.namespace,
            **_drop_empty(annotations=dict(settings.annotations)),
            "labels": all_labels,
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": installation.deadline_seconds,
            "ttlSecondsAfterFinished": installation.ttl_seconds,
            "podReplacementPolicy": "Failed",
            "template": {
                "metadata": {
                    "labels": dict(all_labels),
                    **_drop_empty(annotations={**(NO_EVICTION if may_change else {}), **settings.pod_annotations}),
                },
                "spec": {
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": installation.termination_grace_seconds(may_change=may_change),
                    **_pod(settings, installation, data, plugin_cache_claim_exists),
                },
            },
        },
    }


def data_secret_manifest(
    identity: StepIdentity | WarmIdentity, installation: Installation, text: str, job_uid: str
) -> dict[str, Any]:
    """Return the Secret that holds an attempt's EphemeralJobData.

    It is owned by the Kubernetes Job with `job_uid` and deleted with it, so it is created after the Job; until then the
    kubelet waits.
    """
    name = job_name(identity)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": installation.namespace,
            "labels": labels(identity),
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job_uid}],
        },
        "type": "Opaque",
        "immutable": True,
        "data": {DATA_VARIABLE: base64.b64encode(text.encode()).decode()},
    }


def _pod(
    settings: PodSettings, installation: Installation, data: InlineData | SecretData, claim_exists: bool | None
) -> dict[str, Any]:
    chosen = installation.node_selector if settings.node_selector is None else settings.node_selector
    volumes, mounts = _volumes(settings, installation, claim_exists)
    return {
        "automountServiceAccountToken": settings.service_account is not None,
        **_drop_empty(serviceAccountName=settings.service_account),
        "enableServiceLinks": False,
        "nodeSelector": {**LINUX_NODES, **chosen},
        "securityContext": _pod_security(settings, installation),
        **_drop_empty(
            tolerations=[_toleration(toleration) for toleration in settings.tolerations],
            imagePullSecrets=[{"name": name} for name in installation.image_pull_secrets],
            volumes=volumes,
        ),
        "containers": [
            {
                "name": CONTAINER,
                "image": installation.image,
                **_drop_empty(
                    imagePullPolicy=installation.image_pull_policy,
                    # An executor that cannot even start leaves no words of its own.
                    terminationMessagePolicy=None if installation.is_terrakube_image else "FallbackToLogsOnError",
                    envFrom=[
                        *({"secretRef": {"name": name}} for name in installation.secrets),
                        *({"configMapRef": {"name": name}} for name in settings.env_from_config_maps),
                    ],
                ),
                "env": _environment(settings, data),
                **_drop_empty(
                    resources=_drop_empty(requests=dict(settings.requests), limits=dict(settings.limits)),
                ),
                "securityContext": _container_security(settings, installation),
                **_drop_empty(volumeMounts=mounts),
            }
        ],
    }


def _environment(settings: PodSettings, data: InlineData | SecretData) -> list[dict[str, Any]]:
    content: dict[str, Any]
    if isinstance(data, InlineData):
        content = {"value": data.text}
    else:
        content = {"valueFrom": {"secretKeyRef": {"name": data.secret_name, "key": data.key}}}
    return [
        {"name": FLAG_VARIABLE, "value": "true"},
        {"name": DATA_VARIABLE, **content},
        *({"name": name, "value": value} for name, value in settings.env),
    ]


def _volumes(
    settings: PodSettings, installation: Installation, claim_exists: bool | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any], str]] = []
    if settings.config_map_name:
        source = {"configMap": {"name": settings.config_map_name}}
        found.append(("config-volume", source, settings.config_map_mount_path))
    if settings.plugin_cache_dir and (settings.plugin_cache_claim_given if claim_exists is None else claim_exists):
        source = {"persistentVolumeClaim": {"claimName": settings.plugin_cache_claim}}
        found.append(("tf-plugin-volume", source, settings.plugin_cache_dir))
    if not installation.is_terrakube_image:
        found.extend((name, {"emptyDir": {}}, path) for name, path in OWN_WRITABLE_FOLDERS.items())
    volumes = [{"name": name, **source} for name, source, _ in found]
    mounts = [{"name": name, "mountPath": path} for name, _, path in found]
    return volumes, mounts


def _pod_security(settings: PodSettings, installation: Installation) -> dict[str, Any]:
    asked = settings.pod_security
    user, non_root = asked.run_as_user, asked.run_as_non_root
    if installation.is_terrakube_image:
        if user is None and non_root and not asked.user_left_out:
            # The image names its user; the kubelet cannot tell a name from root and would refuse every pod.
            user = TERRAKUBE_USER
    else:
        user = OWN_USER if user is None and not asked.user_left_out else user
        non_root = user != 0 if non_root is None else non_root
    context: dict[str, Any] = {} if asked.fs_group is None else {"fsGroup": asked.fs_group}
    if non_root is not None:
        context["runAsNonRoot"] = non_root
    if user is not None:
        context["runAsUser"] = user
    return {**context, "seccompProfile": {"type": "RuntimeDefault"}}


def _container_security(settings: PodSettings, installation: Installation) -> dict[str, Any]:
    escalation = bool(settings.allow_privilege_escalation)
    context: dict[str, Any] = {"allowPrivilegeEscalation": escalation}
    if not escalation:
        context["capabilities"] = {"drop": ["ALL"]}
    if not installation.is_terrakube_image:
        context["readOnlyRootFilesystem"] = True
    return context


def _toleration(toleration: Toleration) -> dict[str, Any]:
    return {
        "key": toleration.key,
        "operator": toleration.operator,
        **_drop_empty(value=toleration.value, effect=toleration.effect),
    }


def _drop_empty(**fields: Any) -> Mapping[str, Any]:
    """Leave out None and empty values."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}
