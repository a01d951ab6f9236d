"""Map each line of a Job to the setting that it comes from. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from executors.launching.manifest import LINUX_NODES, MANAGED_BY_LABEL
from executors.launching.yaml_lines import CONTAINER, POD, Place
from workspaces.pods import RESERVED_LABEL_PREFIX, PodSettings
from workspaces.pods import catalogue as names

NAMESPACE = "ExecutorEphemeralNamespace"
IMAGE = "ExecutorEphemeralImage"
SECRET = "ExecutorEphemeralSecret"  # noqa: S105 - the name of a setting
DEADLINE = "ExecutorEphemeralDeadlineSeconds"
TTL = "ExecutorEphemeralTtlSeconds"
PULL_SECRETS = "ExecutorEphemeralImagePullSecrets"
PULL_POLICY = "ExecutorEphemeralImagePullPolicy"


def _prefixes() -> Iterator[tuple[Place, str]]:
    yield ("metadata", "namespace"), NAMESPACE
    yield ("metadata", "annotations"), names.ANNOTATIONS
    yield ("spec", "activeDeadlineSeconds"), DEADLINE
    yield ("spec", "ttlSecondsAfterFinished"), TTL
    yield (*POD, "nodeSelector"), names.NODE_SELECTOR
    yield (*POD, "tolerations"), names.TOLERATIONS
    yield (*POD, "serviceAccountName"), names.SERVICE_ACCOUNT
    for field in ("fsGroup", "runAsUser", "runAsNonRoot"):
        yield (*POD, "securityContext", field), names.POD_SECURITY
    yield (*POD, "volumes", "config-volume"), names.CONFIG_MAP_NAME
    yield (*POD, "volumes", "tf-plugin-volume"), names.PLUGIN_CACHE_CLAIM
    yield (*POD, "imagePullSecrets"), PULL_SECRETS
    yield (*CONTAINER, "image"), IMAGE
    yield (*CONTAINER, "imagePullPolicy"), PULL_POLICY
    yield (*CONTAINER, "securityContext", "allowPrivilegeEscalation"), names.CONTAINER_SECURITY
    yield (*CONTAINER, "volumeMounts", "config-volume"), names.CONFIG_MAP_MOUNT_PATH
    yield (*CONTAINER, "volumeMounts", "tf-plugin-volume"), names.PLUGIN_CACHE_DIR
    for resource, (request, limit) in names.RESOURCES.items():
        yield (*CONTAINER, "resources", "requests", resource), request
        yield (*CONTAINER, "resources", "limits", resource), limit


_PREFIXES = tuple(_prefixes())


def setting_name(place: Place, pod: PodSettings) -> str:
    """Return the name of the setting behind a line, "" for a line that is the same in every Job."""
    if place[:-1] == (*POD, "nodeSelector") and place[-1] in LINUX_NODES and place[-1] not in (pod.node_selector or {}):
        return ""
    if pod.cluster and place == ("metadata", "namespace"):
        return names.CLUSTER
    for prefix, name in _PREFIXES:
        if place[: len(prefix)] == prefix:
            return name
    *parents, last = place
    if parents[-1:] == ["labels"]:
        return "" if last == MANAGED_BY_LABEL or last.startswith(RESERVED_LABEL_PREFIX) else names.LABELS
    if tuple(parents) == ("spec", "template", "metadata", "annotations"):
        return names.POD_ANNOTATIONS if last in pod.pod_annotations else ""
    length = len(CONTAINER)
    if place[:length] == CONTAINER and len(place) > length + 1:
        kind, entry = place[length], place[length + 1]
        if kind == "env":
            return names.ENVIRONMENT if entry in dict(pod.env) else ""
        if kind == "envFrom":
            return names.ENV_FROM_CONFIG_MAPS if entry in pod.env_from_config_maps else SECRET
    return ""
