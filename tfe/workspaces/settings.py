"""Settings of a workspace, between the protocol's attributes and the columns of the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from rest_framework.request import Request

from terrakube_site.terraform.versions import VersionRange
from tfe.body import Body
from tfe.documents import Json
from tfe.errors import Invalid
from workspaces.choices import ExecutionMode, IacType
from workspaces.models import Organization, Workspace
from workspaces.validation.repositories import NO_REPOSITORY

UPLOADED = {"source": NO_REPOSITORY, "branch": "remote-content"}
"""A workspace whose configuration comes from a terminal."""
LATEST = "latest"

CONSTANT: Mapping[str, Any] = {
    "allow-destroy-plan": True,
    "assessments-enabled": False,
    "auto-apply-run-trigger": False,
    "file-triggers-enabled": True,
    "project-remote-state": False,
    "queue-all-runs": True,
    "speculative-enabled": True,
    "structured-run-output-enabled": False,
    "trigger-patterns": [],
    "trigger-prefixes": [],
}
"""What no workspace has otherwise here."""
_OF_LITTLE_WEIGHT = frozenset(
    {"file-triggers-enabled", "queue-all-runs", "speculative-enabled", "structured-run-output-enabled"}
)
"""What clients send with any workspace, and what changes no run from a terminal; the answer says what holds."""
_ABSENT = ("agent-pool-id", "auto-destroy-at", "auto-destroy-activity-duration")


def shown_version(workspace: Workspace) -> str:
    """Return an exact version, else ``latest``: the clients read ranges by another grammar than the site."""
    try:
        exact = VersionRange(workspace.terraform_version).exact
    except ValueError:
        return LATEST
    return LATEST if exact is None else str(exact)


def shown_directory(workspace: Workspace) -> str:
    """Return the folder without a leading slash, as clients cut it off a path; the top is empty."""
    return workspace.first_folder.lstrip("/")


def has_repository(workspace: Workspace) -> bool:
    """Return whether the configuration comes from git, which the clients refuse to apply from a terminal."""
    return workspace.source != NO_REPOSITORY and not workspace.uploaded_source


def vcs_repository(workspace: Workspace) -> Json | None:
    """Return the repository of a workspace; None where a terminal may apply its own configuration."""
    if not has_repository(workspace) or workspace.allow_remote_apply:
        return None
    url = urlsplit(workspace.source)
    path = url.path if url.scheme else workspace.source.partition(":")[2]
    identifier = path.strip("/").removesuffix(".git")
    return {
        "branch": workspace.first_branch,
        "display-identifier": identifier,
        "identifier": identifier,
        "ingress-submodules": False,
        "oauth-token-id": None if workspace.vcs_id is None else str(workspace.vcs_id),
        "repository-http-url": workspace.source if url.scheme in {"http", "https"} else None,
        "tags-regex": None,
    }


def fields_of(body: Body, organization: Organization) -> dict[str, Any]:
    """Return the columns that a document sets. Raises Invalid for what the site does not have, and would drop."""
    _refuse_absent(body)
    found: dict[str, Any] = {}
    if "name" in body:
        found["name"] = body.text("name")
    if "description" in body:
        found["description"] = body.text("description") or None
    if body.text("terraform-version"):
        found["terraform_version"] = body.text("terraform-version")
    if "working-directory" in body:
        found["folder"] = body.text("working-directory").lstrip("/") or None
    if "auto-apply" in body:
        found["auto_apply"] = body.flag("auto-apply")
    if "global-remote-state" in body:
        found["global_remote_state"] = body.flag("global-remote-state", True)
    return found | _execution_mode(body, organization)


def _execution_mode(body: Body, organization: Organization) -> dict[str, str]:
    overwrites = body.attributes.get("setting-overwrites")
    if body.text("execution-mode"):
        mode = body.text("execution-mode")
    elif body.attributes.get("operations") is not None:
        mode = ExecutionMode.REMOTE if body.flag("operations") else ExecutionMode.LOCAL
    elif isinstance(overwrites, dict) and overwrites.get("execution-mode") is False:
        mode = organization.execution_mode
    else:
        return {}
    if mode not in ExecutionMode:
        raise Invalid("The execution mode is remote or local.", "/data/attributes/execution-mode")
    return {"execution_mode": mode}


def _refuse_absent(body: Body) -> None:
    for name, value in CONSTANT.items():
        sent = body.attributes.get(name)
        if sent is not None and sent != value and name not in _OF_LITTLE_WEIGHT:
            raise Invalid(f"{name} cannot be set here; it is {_as_json(value)}.", f"/data/attributes/{name}")
    for name in _ABSENT:
        if body.attributes.get(name) is not None:
            raise Invalid(f"{name} cannot be set here.", f"/data/attributes/{name}")
    if body.attributes.get("vcs-repo") is not None:
        sentence = "A repository is connected in the panel or by REST, and not by this protocol."
        raise Invalid(sentence, "/data/attributes/vcs-repo")


def _as_json(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, "empty") if isinstance(value, bool) else "empty"


def without_repository(body: Body, workspace: Workspace) -> dict[str, Any]:
    """Return the columns that a repository leaves behind if a document takes it away by null."""
    if "vcs-repo" not in body or not has_repository(workspace):
        return {}
    return {**UPLOADED, "vcs": None, "ssh": None}


def defaults_of(request: Request) -> dict[str, Any]:
    """Return what the columns of a new workspace follow from the client: its tool, and its version of that."""
    tofu = "opentofu" in request.headers.get("User-Agent", "").lower()
    version = request.headers.get("Terraform-Version", "")
    return UPLOADED | {
        "iac_type": IacType.TOFU if tofu else IacType.TERRAFORM,
        "terraform_version": version if _is_version(version) else LATEST,
    }


def _is_version(text: str) -> bool:
    try:
        return VersionRange(text).exact is not None
    except ValueError:
        return False
