"""The operations of the Kubernetes API that the site uses: verb and path of each, by the names of its specification."""

from __future__ import annotations

from dataclasses import dataclass

_JOBS = "/apis/batch/v1/namespaces/{namespace}/jobs"
_PODS = "/api/v1/namespaces/{namespace}/pods"
_SECRETS = "/api/v1/namespaces/{namespace}/secrets"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``name`` is its label in the metrics; ``path`` has places for ``namespace`` and ``name``."""

    name: str
    verb: str
    path: str


CREATE_JOB = Operation("create_namespaced_job", "POST", _JOBS)
READ_JOB = Operation("read_namespaced_job", "GET", f"{_JOBS}/{{name}}")
PATCH_JOB = Operation("patch_namespaced_job", "PATCH", f"{_JOBS}/{{name}}")
DELETE_JOB = Operation("delete_namespaced_job", "DELETE", f"{_JOBS}/{{name}}")
LIST_JOBS = Operation("list_namespaced_job", "GET", _JOBS)

LIST_PODS = Operation("list_namespaced_pod", "GET", _PODS)
PATCH_POD = Operation("patch_namespaced_pod", "PATCH", f"{_PODS}/{{name}}")
DELETE_POD = Operation("delete_namespaced_pod", "DELETE", f"{_PODS}/{{name}}")
READ_POD_LOG = Operation("read_namespaced_pod_log", "GET", f"{_PODS}/{{name}}/log")
LIST_EVENTS = Operation("list_namespaced_event", "GET", "/api/v1/namespaces/{namespace}/events")

CREATE_SECRET = Operation("create_namespaced_secret", "POST", _SECRETS)
LIST_SECRETS = Operation("list_namespaced_secret", "GET", _SECRETS)
READ_SECRET = Operation("read_namespaced_secret", "GET", f"{_SECRETS}/{{name}}")
READ_CLAIM = Operation(
    "read_namespaced_persistent_volume_claim", "GET", "/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}"
)
READ_CONFIG_MAP = Operation("read_namespaced_config_map", "GET", "/api/v1/namespaces/{namespace}/configmaps/{name}")
READ_SERVICE_ACCOUNT = Operation(
    "read_namespaced_service_account", "GET", "/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
)
READ_PRIORITY_CLASS = Operation("read_priority_class", "GET", "/apis/scheduling.k8s.io/v1/priorityclasses/{name}")

LIST_NODES = Operation("list_node", "GET", "/api/v1/nodes")
REVIEW_OWN_ACCESS = Operation(
    "create_self_subject_access_review", "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
)
READ_VERSION = Operation("get_code", "GET", "/version/")

EXISTING = {
    "ConfigMap": READ_CONFIG_MAP,
    "PersistentVolumeClaim": READ_CLAIM,
    "PriorityClass": READ_PRIORITY_CLASS,
    "Secret": READ_SECRET,
    "ServiceAccount": READ_SERVICE_ACCOUNT,
}
"""How an object of a kind is read, to learn whether it exists."""
