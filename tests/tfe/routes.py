"""Every address of the cloud protocol, with the right that it takes: the one table that a new address is added to.

``test_roles.py`` walks it with each role of ``tests/roles/declared.py``; ``tests/api/test_every_route.py`` walks the
addresses themselves with a stranger's token, with the names of ``names_of``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models

from tests.factories import member
from tests.roles.declared import ADMINISTRATOR, NOBODY
from workspaces.models import ConfigurationVersion
from workspaces.services.tokens import replace_main_team_token

BASES = ("remote/tfe/v2/", "api/v2/")


@dataclass(frozen=True)
class Route:
    """A method and an address; ``needed`` is a right of the table of roles.

    ``seen`` is what lets a caller see what the address names, without which the answer is 404. ``sent`` is a body that
    is accepted from who has the right; names in braces stand for those of ``names_of``.
    """

    method: str
    path: str
    needed: str
    seen: str = "here"
    sent: Any = None


def _sent(kind: str, relationships: Any = None, **attributes: Any) -> dict[str, Any]:
    """The document of one resource; names of attributes with hyphens."""
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return {"data": {"type": kind, "attributes": named, "relationships": relationships or {}}}


def _listed(kind: str, key: str) -> dict[str, Any]:
    return {"data": [{"type": kind, "id": key}]}


_WORKSPACE, _ORGANIZATION = "workspaces/<str:workspace_id>", "organizations/<str:organization_name>"
_SET, _VARIABLE = "varsets/<str:varset_id>", _sent("vars", key="made", value="x", category="terraform")
VARIABLES = (
    Route("GET", f"{_WORKSPACE}/vars", "here"),
    Route("POST", f"{_WORKSPACE}/vars", "workspace", sent=_VARIABLE),
    Route("GET", f"{_WORKSPACE}/vars/<str:variable_id>", "here"),
    Route("PATCH", f"{_WORKSPACE}/vars/<str:variable_id>", "workspace", sent=_sent("vars", value="y")),
    Route("DELETE", f"{_WORKSPACE}/vars/<str:variable_id>", "workspace"),
    Route("GET", f"{_WORKSPACE}/all-vars", "here"),
    Route("GET", f"{_WORKSPACE}/varsets", "here"),
    Route("GET", "projects/<str:project_id>/varsets", "here"),
    Route("GET", f"{_ORGANIZATION}/varsets", "here"),
    Route("POST", f"{_ORGANIZATION}/varsets", "collection", sent=_sent("varsets", name="made", priority=False)),
    Route("GET", _SET, "here"),
    Route("PATCH", _SET, "collection", sent=_sent("varsets", {"workspaces": {"data": []}}, name="renamed")),
    Route("DELETE", _SET, "collection"),
    Route("POST", f"{_SET}/relationships/workspaces", "collection", sent=_listed("workspaces", "{workspace_id}")),
    Route("DELETE", f"{_SET}/relationships/workspaces", "collection", sent=_listed("workspaces", "{workspace_id}")),
    Route("POST", f"{_SET}/relationships/projects", "collection", sent=_listed("projects", "{workspace_id}")),
    Route("DELETE", f"{_SET}/relationships/projects", "collection", sent=_listed("projects", "{workspace_id}")),
    Route("GET", f"{_SET}/relationships/vars", "here"),
    Route("POST", f"{_SET}/relationships/vars", "collection", sent=_VARIABLE),
    Route("GET", f"{_SET}/relationships/vars/<str:item_id>", "org", seen="org"),
    Route("PATCH", f"{_SET}/relationships/vars/<str:item_id>", "collection", seen="org", sent=_sent("vars", value="y")),
    Route("DELETE", f"{_SET}/relationships/vars/<str:item_id>", "collection", seen="org"),
)
PROJECTS = (
    Route("GET", "organizations/<str:organization_name>/projects", "here"),
    Route(
        "POST",
        "organizations/<str:organization_name>/projects",
        "create workspace",
        sent={"data": {"type": "projects", "attributes": {"name": "made"}}},
    ),
    Route("GET", "projects/<str:project_id>", "here"),
    Route(
        "PATCH",
        "projects/<str:project_id>",
        "project",
        sent={"data": {"type": "projects", "attributes": {"description": "x"}}},
    ),
    Route("DELETE", "projects/<str:project_id>", "project"),
    Route(
        "POST",
        "projects/<str:project_id>/relationships/workspaces",
        "workspace",
        sent={"data": [{"type": "workspaces", "id": "{workspace_id}"}]},
    ),
    Route("GET", "projects/<str:project_id>/tag-bindings", "here"),
    Route("GET", "projects/<str:project_id>/effective-tag-bindings", "here"),
)
_SPECULATIVE = {"data": {"type": "configuration-versions", "attributes": {"speculative": True}}}
_RUN = {
    "data": {
        "type": "runs",
        "attributes": {"plan-only": True},
        "relationships": {"workspace": {"data": {"type": "workspaces", "id": "{workspace_id}"}}},
    }
}
RUNS = (
    Route("GET", "workspaces/<str:workspace_id>/configuration-versions", "here"),
    Route("POST", "workspaces/<str:workspace_id>/configuration-versions", "approve"),
    Route("POST", "workspaces/<str:workspace_id>/configuration-versions", "plan", sent=_SPECULATIVE),
    Route("GET", "configuration-versions/<str:version_id>", "here"),
    Route("GET", "configuration-versions/<str:version_id>/download", "plan"),
    Route("POST", "configuration-versions/<str:version_id>/actions/archive", "approve"),
    Route("POST", "runs", "plan", sent=_RUN),
    Route("GET", "runs/<str:run_id>", "here"),
    Route("GET", "runs/<str:run_id>/run-events", "here"),
    Route("GET", "runs/<str:run_id>/comments", "here"),
    Route("POST", "runs/<str:run_id>/comments", "here", sent=_sent("comments", body="Why so many?")),
    Route("GET", "run-events/<str:event_id>", "here"),
    Route("POST", "runs/<str:run_id>/actions/apply", "approve"),
    Route("POST", "runs/<str:run_id>/actions/discard", "approve"),
    Route("POST", "runs/<str:run_id>/actions/cancel", "job"),
    Route("POST", "runs/<str:run_id>/actions/force-cancel", "job"),
    Route("POST", "runs/<str:run_id>/actions/force-execute", "approve"),
    Route("GET", "workspaces/<str:workspace_id>/runs", "here"),
    Route("GET", "organizations/<str:organization_name>/runs", "here"),
    Route("GET", "organizations/<str:organization_name>/runs/queue", "here"),
    Route("GET", "plans/<str:plan_id>", "here"),
    Route("GET", "applies/<str:apply_id>", "here"),
    Route("GET", "plans/<str:plan_id>/json-output", "state"),
    Route("GET", "plans/<str:plan_id>/json-output-redacted", "here"),
    Route("GET", "runs/<str:run_id>/plan/json-output", "state"),
    Route("GET", "runs/<str:run_id>/plan/json-output-redacted", "here"),
)
_STATE = "state-versions/<str:state_version_id>"
_NEW_STATE = _sent("state-versions", serial=1, md5="0" * 32, lineage="a")
_ROLLBACK = _sent(
    "state-versions", {"rollback-state-version": {"data": {"type": "state-versions", "id": "{state_version_id}"}}}
)
STATES = (
    Route("POST", f"{_WORKSPACE}/actions/lock", "workspace"),
    Route("POST", f"{_WORKSPACE}/actions/unlock", "workspace"),
    Route("POST", f"{_WORKSPACE}/actions/force-unlock", "workspace"),
    Route("GET", f"{_WORKSPACE}/state-versions", "state"),
    Route("POST", f"{_WORKSPACE}/state-versions", "state", sent=_NEW_STATE),
    Route("PATCH", f"{_WORKSPACE}/state-versions", "state", sent=_ROLLBACK),
    Route("GET", f"{_WORKSPACE}/current-state-version", "state", seen="state"),
    Route("GET", f"{_WORKSPACE}/current-state-version-outputs", "state"),
    Route("GET", "state-versions", "anybody", seen="anybody"),
    Route("GET", _STATE, "state"),
    Route("GET", f"{_STATE}/download", "state"),
    Route("GET", f"{_STATE}/json-download", "state"),
    Route("GET", f"{_STATE}/outputs", "state"),
    Route("GET", "state-version-outputs/<str:output_id>", "state"),
)
_TEAM, _NAMED = "teams/<str:team_id>", _listed("users", "{username}")
_MEMBERSHIPS, _TOKEN = _listed("organization-memberships", "{membership_id}"), _sent("authentication-tokens")
_ACCESS = _sent(
    "team-workspaces",
    {
        "team": {"data": {"type": "teams", "id": "{team_id}"}},
        "workspace": {"data": {"type": "workspaces", "id": "{workspace_id}"}},
    },
    access="read",
)
_PROJECT_ACCESS = _sent(
    "team-projects",
    {
        "team": {"data": {"type": "teams", "id": "{team_id}"}},
        "project": {"data": {"type": "projects", "id": "{project_id}"}},
    },
    access="read",
)
_TEAM_PROJECT, _READ = "team-projects/<str:project_access_id>", _sent("team-projects", access="read")
PEOPLE = (
    Route("GET", "account/details", "anybody", seen="anybody"),
    Route("GET", "users/<str:user_id>", "org", seen="org"),
    Route("GET", "users/<str:user_id>/authentication-tokens", NOBODY, seen="org"),
    Route("POST", "users/<str:user_id>/authentication-tokens", NOBODY, seen="org", sent=_TOKEN),
    Route("GET", f"{_ORGANIZATION}/teams", "here"),
    Route("POST", f"{_ORGANIZATION}/teams", ADMINISTRATOR, sent=_sent("teams", name="MADE")),
    Route("GET", _TEAM, "org", seen="org"),
    Route("PATCH", _TEAM, ADMINISTRATOR, seen="org", sent=_sent("teams", name="RENAMED")),
    Route("DELETE", _TEAM, ADMINISTRATOR, seen="org"),
    Route("POST", f"{_TEAM}/relationships/users", ADMINISTRATOR, seen="org", sent=_NAMED),
    Route("DELETE", f"{_TEAM}/relationships/users", ADMINISTRATOR, seen="org", sent=_NAMED),
    Route("POST", f"{_TEAM}/relationships/organization-memberships", ADMINISTRATOR, seen="org", sent=_MEMBERSHIPS),
    Route("DELETE", f"{_TEAM}/relationships/organization-memberships", ADMINISTRATOR, seen="org", sent=_MEMBERSHIPS),
    Route("GET", f"{_TEAM}/authentication-token", ADMINISTRATOR, seen="org"),
    Route("POST", f"{_TEAM}/authentication-token", ADMINISTRATOR, seen="org", sent=_TOKEN),
    Route("DELETE", f"{_TEAM}/authentication-token", ADMINISTRATOR, seen="org"),
    Route("GET", f"{_TEAM}/authentication-tokens", ADMINISTRATOR, seen="org"),
    Route("POST", f"{_TEAM}/authentication-tokens", ADMINISTRATOR, seen="org", sent=_TOKEN),
    Route("GET", f"{_ORGANIZATION}/team-tokens", "here"),
    Route("GET", "authentication-tokens/<str:token_id>", ADMINISTRATOR, seen=ADMINISTRATOR),
    Route("DELETE", "authentication-tokens/<str:token_id>", ADMINISTRATOR, seen=ADMINISTRATOR),
    Route("GET", "team-workspaces", "anybody", seen="anybody"),
    Route("POST", "team-workspaces", "access", sent=_ACCESS),
    Route("GET", "team-workspaces/<str:access_id>", "access", seen="access"),
    Route(
        "PATCH",
        "team-workspaces/<str:access_id>",
        "access",
        seen="access",
        sent=_sent("team-workspaces", access="read"),
    ),
    Route("DELETE", "team-workspaces/<str:access_id>", "access", seen="access"),
    Route("GET", "team-projects", "anybody", seen="anybody"),
    Route("POST", "team-projects", "project", sent=_PROJECT_ACCESS),
    Route("GET", _TEAM_PROJECT, "project", seen="project"),
    Route("PATCH", _TEAM_PROJECT, "project", seen="project", sent=_READ),
    Route("DELETE", _TEAM_PROJECT, "project", seen="project"),
    Route("GET", f"{_ORGANIZATION}/organization-memberships", "here"),
    Route("GET", "organization-memberships/<str:membership_id>", "org", seen="org"),
)
_MADE = {"name": "made", "email": "made@example.com"}
_TAG = [{"type": "tags", "id": "{tag_id}"}]
_KEY = {"name": "made", "value": "-----BEGIN OPENSSH PRIVATE KEY-----"}
ORGANIZATIONS = (
    Route("GET", "organizations", "anybody", seen="anybody"),
    Route("POST", "organizations", "administrator", seen="anybody", sent=_sent("organizations", **_MADE)),
    Route("GET", _ORGANIZATION, "here"),
    Route("PATCH", _ORGANIZATION, "administrator", sent=_sent("organizations", **_MADE)),
    Route("DELETE", _ORGANIZATION, "administrator"),
    Route("GET", f"{_ORGANIZATION}/entitlement-set", "here"),
    Route("GET", f"{_ORGANIZATION}/capacity", "here"),
    Route("GET", f"{_ORGANIZATION}/tags", "here"),
    Route("DELETE", f"{_ORGANIZATION}/tags", "org, workspace", sent={"data": _TAG}),
    Route(
        "POST", "tags/<str:tag_id>/relationships/workspaces", "org, workspace",
        sent={"data": [{"type": "workspaces", "id": "{workspace_id}"}]},
    ),
    Route("GET", f"{_ORGANIZATION}/ssh-keys", "here"),
    Route("POST", f"{_ORGANIZATION}/ssh-keys", "vcs", sent=_sent("ssh-keys", **_KEY)),
    Route("GET", "ssh-keys/<str:ssh_key_id>", "org", seen="org"),
    Route("PATCH", "ssh-keys/<str:ssh_key_id>", "vcs", seen="org", sent=_sent("ssh-keys", name="x")),
    Route("DELETE", "ssh-keys/<str:ssh_key_id>", "vcs", seen="org"),
)  # fmt: skip
_BY_NAME = f"{_ORGANIZATION}/workspaces/<str:workspace_name>"
_CHANGED = _sent("workspaces", description="changed")
_BOUND = {"tag-bindings": {"data": [{"type": "tag-bindings", "attributes": {"key": "net", "value": "a"}}]}}
_NEW = _sent("workspaces", _BOUND, name="made", terraform_version="1.11.4")
_BINDINGS = {"data": [{"type": "tag-bindings", "attributes": {"key": "net", "value": "b"}}]}
_ITSELF = {"data": [{"type": "workspaces", "id": "{workspace_id}"}]}
WORKSPACES = (
    Route("GET", f"{_ORGANIZATION}/workspaces", "here"),
    Route("POST", f"{_ORGANIZATION}/workspaces", "create workspace", sent=_NEW),
    *(
        Route(method, f"{path}{ending}", needed, sent=sent)
        for path in (_WORKSPACE, _BY_NAME)
        for method, ending, needed, sent in (
            ("GET", "", "here", None),
            ("PATCH", "", "workspace", _CHANGED),
            ("DELETE", "", "create workspace", None),
            ("POST", "/actions/safe-delete", "create workspace", None),
        )
    ),
    Route("GET", f"{_WORKSPACE}/tag-bindings", "here"),
    Route("PATCH", f"{_WORKSPACE}/tag-bindings", "workspace", sent=_BINDINGS),
    Route("GET", f"{_WORKSPACE}/effective-tag-bindings", "here"),
    Route("GET", f"{_WORKSPACE}/relationships/tags", "here"),
    Route("POST", f"{_WORKSPACE}/relationships/tags", "workspace", sent={"data": _TAG}),
    Route("DELETE", f"{_WORKSPACE}/relationships/tags", "workspace", sent={"data": _TAG}),
    Route("GET", f"{_WORKSPACE}/relationships/remote-state-consumers", "here"),
    *(
        Route(method, f"{_WORKSPACE}/relationships/remote-state-consumers", "workspace", sent=_ITSELF)
        for method in ("POST", "PATCH", "DELETE")
    ),
    Route(
        "PATCH", f"{_WORKSPACE}/relationships/ssh-key", "workspace",
        sent={"data": {"type": "workspaces", "attributes": {"id": None}}},
    ),
)  # fmt: skip
ROUTES = (
    *ORGANIZATIONS,
    *WORKSPACES,
    *PROJECTS,
    *VARIABLES,
    *RUNS,
    *STATES,
    *PEOPLE,
)
WITHOUT_ROLE: Mapping[str, str] = {
    "ping": "what every client asks first",
    "comments/<str:comment_id>": "404 for a run about which nobody said anything",
    "logs/<str:secret>": "the address itself is the permission",
    "state-versions/<str:state_version_id>/upload": "takes a state at a signed address alone",
    "state-versions/<str:state_version_id>/json-upload": "takes a state at a signed address alone",
    "<path:path>": "answers 404",
}
"""Addresses that no role decides, each with why."""
PATHS = frozenset(f"{base}{path}" for base in BASES for path in (*(route.path for route in ROUTES), *WITHOUT_ROLE))


def names_of(records: Mapping[str, models.Model]) -> dict[str, str]:
    """Return what the parameters of the addresses stand for, given a record of every type.

    A colleague and a token of the colleague's team are made here, since they are no types of REST.
    """
    organization: Any = records["organization"]
    team: Any = records["team"]
    colleague = member(team)
    token, _ = replace_main_team_token(by=None, team=team.name, expires_at=None)
    workspace: Any = records["workspace"]
    version = workspace.configuration_versions.exclude(content=None).first()
    if version is None:
        version = ConfigurationVersion.objects.create(workspace=workspace, content=b"archive")
    return {
        "version_id": str(version.pk),
        "secret": "forged",
        "archive_id": "forged",
        "event_id": f"re-{records['job'].pk}-1",
        "comment_id": f"wsc-{records['job'].pk}-1",
        "organization_name": organization.name,
        "workspace_name": workspace.name,
        "workspace_id": str(workspace.pk),
        "variable_id": str(records["variable"].pk),
        "user_id": f"user-{colleague.pk}",
        "username": colleague.username,
        "membership_id": f"ou-{organization.pk}-{colleague.pk}",
        "token_id": str(token.pk),
        "team_id": str(team.pk),
        "access_id": str(records["access"].pk),
        "project_access_id": str(records["project_access"].pk),
        "varset_id": str(records["collection"].pk),
        "item_id": str(records["item"].pk),
        "project_id": str(records["project"].pk),
        "state_version_id": str(records["history"].pk),
        "output_id": f"{records['history'].pk}.url",
        "tag_id": str(records["tag"].pk),
        "ssh_key_id": str(records["ssh"].pk),
        "run_id": f"run-{records['job'].pk}",
        "plan_id": f"plan-{records['job'].pk}",
        "apply_id": f"apply-{records['job'].pk}",
    }
