"""The service account with which the site's processes reach the cluster, bound to what deploy/rbac.yaml grants."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client

RBAC = Path(__file__).resolve().parents[2] / "deploy" / "rbac.yaml"
TOKEN_SECONDS = 3600


def guide_objects() -> list[dict[str, Any]]:
    """The guide's three objects: the account, the Role on Jobs and its binding."""
    return _documents()[:3]


def optional_objects() -> list[dict[str, Any]]:
    """The Role on Secrets, pods and events, and its binding."""
    return _documents()[3:]


def _documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(RBAC.read_text(encoding="utf-8")))


def kubeconfig(api: client.ApiClient, namespace: str, folder: Path, objects: list[dict[str, Any]]) -> Path:
    """Create the objects in a namespace and return a kubeconfig that holds nothing but a token of their account."""
    core, rbac = client.CoreV1Api(api), client.RbacAuthorizationV1Api(api)
    create: dict[str, Callable[..., object]] = {
        "ServiceAccount": core.create_namespaced_service_account,
        "Role": rbac.create_namespaced_role,
        "RoleBinding": rbac.create_namespaced_role_binding,
    }
    for document in objects:
        create[document["kind"]](namespace, document)
    (account,) = (document["metadata"]["name"] for document in objects if document["kind"] == "ServiceAccount")
    request = client.AuthenticationV1TokenRequest(
        spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=TOKEN_SECONDS)
    )
    status = core.create_namespaced_service_account_token(account, namespace, request).status
    assert status is not None
    settings = api.configuration
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "test", "cluster": {"server": settings.host, "certificate-authority": settings.ssl_ca_cert}}
        ],
        "users": [{"name": account, "user": {"token": status.token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": account, "namespace": namespace}}],
        "current-context": "test",
    }
    path = folder / "kubeconfig.yaml"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path
