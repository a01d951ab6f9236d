"""What a team may do in a project: the protocol's levels, and our role and flags.

``write`` is our role, which includes to create workspaces in the project; our role ``plan`` is shown as ``custom``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfe.body import Body
from tfe.errors import Invalid
from tfe.people.workspace_access import flags_of, parts_of, sent_parts
from workspaces.choices import TeamRole
from workspaces.models import ProjectAccess
from workspaces.roles import granted_rights, parse_role

_LEVELS = (TeamRole.READ, TeamRole.WRITE, TeamRole.ADMIN, TeamRole.CUSTOM)
_FOR_ADMINISTRATORS = {"settings": "read", "teams": "none", "variable-sets": "none"}
"""What a level other than ``admin`` gives on the project itself."""


def project_access(access: ProjectAccess) -> dict[str, Any]:
    """Return the level of an access, and what it gives on the project and on its workspaces."""
    role = parse_role(access.role)
    given = granted_rights(access, of_team=False)
    level = TeamRole.CUSTOM if role == TeamRole.PLAN else role or TeamRole.READ
    manages, administers = "manage_workspace" in given, "manage_access" in given
    on_project = _FOR_ADMINISTRATORS | ({"settings": "delete", "teams": "manage"} if administers else {})
    on_workspaces = parts_of(role, given) | {
        "create": manages,
        "locking": manages,
        "move": administers,
        "delete": False,
        "run-tasks": False,
        "policy-overrides": False,
    }
    return {"access": str(level), "project-access": on_project, "workspace-access": on_workspaces}


def access_changes(access: ProjectAccess, body: Body) -> dict[str, Any]:
    """Return the fields of an access that a request changes. Raises Invalid for what a level cannot give."""
    shown = project_access(access)
    level = body.text("access") or shown["access"]
    if level not in _LEVELS:
        more = " Write includes to create workspaces, as maintain does." if level == "maintain" else ""
        raise Invalid(f"access is one of {', '.join(_LEVELS)}.{more}", "/data/attributes/access")
    on_project, on_workspaces = _object(body, "project-access"), _object(body, "workspace-access")
    if level != TeamRole.CUSTOM:
        for name, sent in (("project-access", on_project), ("workspace-access", on_workspaces)):
            if sent:
                sentence = (
                    f"{name} is read-only when access level is '{level}'; use the 'custom' access level to set it."
                )
                raise Invalid(sentence, f"/data/attributes/{name}", title="invalid attribute")
        return {"role": level} if level != shown["access"] or access.role is None else {}
    for name, step in on_project.items():
        if _FOR_ADMINISTRATORS.get(name) != step:
            sentence = f"Only the level admin gives rights on the project itself: {name} is no {step} in custom."
            raise Invalid(sentence, f"/data/attributes/project-access/{name}")
    wanted = shown["workspace-access"] | sent_parts(Body(on_workspaces, {}))
    manages = wanted["variables"] == "write"
    for name, must, why in (
        ("create", manages, "To write variables, to lock and to create workspaces are one right"),
        ("locking", manages, "To write variables, to lock and to create workspaces are one right"),
        ("move", False, "Only the level admin lets a team move workspaces"),
        ("delete", False, "Only teams with the right in the whole organization delete workspaces"),
    ):
        if on_workspaces.get(name, must) != must:
            raise Invalid(f"{why}: {name} is {str(must).lower()}.", f"/data/attributes/workspace-access/{name}")
    return {"role": level, **flags_of(wanted)}


def _object(body: Body, name: str) -> Mapping[str, Any]:
    """Return the members of an object that are not null. Raises Invalid."""
    sent = body.attributes.get(name) or {}
    if not isinstance(sent, Mapping):
        raise Invalid(f"{name} is an object.", f"/data/attributes/{name}")
    return {key: value for key, value in sent.items() if value is not None}
