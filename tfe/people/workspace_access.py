"""What a team may do on one workspace: the protocol's levels, and our role and flags.

Four levels are roles of ours. The fifth, ``custom``, has four parts, of which ours has fewer steps: a step that would
give more than it says is refused. Access to a project has the same parts for its workspaces.
"""

from __future__ import annotations

from typing import Any

from tfe.body import Body
from tfe.errors import Invalid
from workspaces.choices import TeamRole
from workspaces.models import Access
from workspaces.roles import granted_rights, parse_role

_STEPS = {
    "runs": ("read", "plan", "apply"),
    "variables": ("read", "write"),
    "state-versions": ("none", "write"),
    "sentinel-mocks": ("none", "read"),
}
_WHY = {
    "variables": "Who sees a workspace sees its variables, except sensitive values.",
    "state-versions": "The right on states is to read and to write them.",
}
_SWITCHES = ("workspace-locking", "run-tasks", "policy-overrides")


def workspace_access(access: Access) -> dict[str, Any]:
    """Return the level of an access and what it gives."""
    role = parse_role(access.role)
    given = granted_rights(access, of_team=False)
    # Under an unknown role, a group may only read.
    switches = {"workspace-locking": "manage_workspace" in given, "run-tasks": False, "policy-overrides": False}
    return {"access": str(role or TeamRole.READ), **parts_of(role, given), **switches}


def parts_of(role: TeamRole | None, given: frozenset[str]) -> dict[str, Any]:
    """Return the parts that have steps, as a role and the rights that it gives have them."""
    return {
        "runs": "apply" if "approve_job" in given else "plan" if "plan_job" in given else "read",
        "variables": "write" if "manage_workspace" in given else "read",
        "state-versions": "write" if "manage_state" in given else "none",
        "sentinel-mocks": "read" if role in {TeamRole.ADMIN, TeamRole.WRITE} else "none",
    }


def access_changes(access: Access, body: Body) -> dict[str, Any]:
    """Return the fields of an access that a request changes. Raises Invalid."""
    shown = workspace_access(access)
    level = body.text("access") or shown["access"]
    if level not in TeamRole.values:
        raise Invalid(f"access is one of {', '.join(TeamRole.values)}.", "/data/attributes/access")
    sent = sent_parts(body) | {name: body.flag(name) for name in _SWITCHES if body.attributes.get(name) is not None}
    if level != TeamRole.CUSTOM:
        for name in sent:
            word = name.replace("-", " ").capitalize()
            sentence = f"{word} is read-only when access level is '{level}'; use the 'custom' access level to set this "
            sentence += "attribute."
            raise Invalid(sentence, f"/data/attributes/{name}", title="invalid attribute")
        return {"role": level} if level != shown["access"] or access.role is None else {}
    manages = (shown | sent)["variables"] == "write"
    if sent.get("workspace-locking", manages) != manages:
        sentence = "To write variables and to lock are one right: variables is write where workspace-locking is true."
        raise Invalid(sentence, "/data/attributes/workspace-locking")
    return {"role": level, **flags_of(shown | sent)}


def sent_parts(body: Body) -> dict[str, Any]:
    """Return the parts with steps that a request sets. Raises Invalid for a step that no flag of ours gives alone."""
    found: dict[str, Any] = {}
    for name, steps in _STEPS.items():
        if word := body.text(name):
            if word not in steps:
                why = f"{_WHY[name]} " if name in _WHY else ""
                raise Invalid(f"{why}{name} is one of {', '.join(steps)}.", f"/data/attributes/{name}")
            found[name] = word
    return found


def flags_of(wanted: dict[str, Any]) -> dict[str, bool]:
    """Return the flags that give some parts."""
    return {
        "plan_job": wanted["runs"] in {"plan", "apply"},
        "approve_job": wanted["runs"] == "apply",
        "manage_workspace": wanted["variables"] == "write",
        "manage_state": wanted["state-versions"] == "write",
    }
