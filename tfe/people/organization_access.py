"""What a team may do in an organization: the protocol's switches, and our role and flags.

A switch that changes turns the role of the team into ``custom``, with the flags of the rights that the role gave.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfe.errors import Invalid
from workspaces.choices import TeamRole
from workspaces.models import Team
from workspaces.roles import granted_rights

_FLAGS_OF: Mapping[str, tuple[str, ...]] = {
    # In the protocol it includes the runs and states of all workspaces.
    "manage-workspaces": ("manage_workspace", "manage_state", "plan_job", "approve_job"),
    "manage-vcs-settings": ("manage_vcs",),
    "manage-providers": ("manage_provider",),
    "manage-modules": ("manage_module",),
}
_FIXED: Mapping[str, tuple[bool, str]] = {
    "read-workspaces": (True, "Each team reads all workspaces of its organization: read-workspaces is true."),
    "read-projects": (True, "Each team reads all projects of its organization: read-projects is true."),
    "manage-membership": (False, "Only administrators change the members of teams: manage-membership is false."),
    "manage-teams": (False, "Only administrators change teams: manage-teams is false."),
    "manage-organization-access": (
        False, "Only administrators change what teams may do: manage-organization-access is false."
    ),
    "manage-agent-pools": (False, "Only administrators change agents: manage-agent-pools is false."),
}  # fmt: skip
"""Switches that no team can have otherwise, each with the sentence that refuses the other value."""
_WITHOUT_MEANING = (
    "manage-policies", "manage-policy-overrides", "delegate-policy-overrides", "manage-run-tasks",
    "access-secret-teams",
)  # fmt: skip
"""Rights on what this site does not have: they give nothing, so they are accepted and stay false."""
_FLAGS = (
    "manage_state", "manage_collection", "manage_workspace", "manage_module", "manage_provider", "manage_vcs",
    "manage_template", "plan_job", "approve_job",
)  # fmt: skip


def organization_access(team: Team) -> dict[str, bool]:
    """Return the switches of a team."""
    return _switches(granted_rights(team, of_team=True))


def _switches(given: frozenset[str]) -> dict[str, bool]:
    found = {name: given.issuperset(flags) for name, flags in _FLAGS_OF.items()}
    # Projects are managed by who manages workspaces.
    found["manage-projects"] = "manage_workspace" in given
    found |= {name: value for name, (value, _) in _FIXED.items()}
    return found | dict.fromkeys(_WITHOUT_MEANING, False)


def access_changes(team: Team, sent: object) -> dict[str, Any]:
    """Return the fields of a team that switches change. Raises Invalid for a right that a team cannot have."""
    wanted = _wanted(sent)
    given = granted_rights(team, of_team=True)
    shown = _switches(given)
    changed = {name: wanted[name] for name in _FLAGS_OF if name in wanted and wanted[name] != shown[name]}
    flags = {flag: flag in given for flag in _FLAGS}
    for name, value in changed.items():
        flags |= dict.fromkeys(_FLAGS_OF[name], value)
    if wanted.get("manage-projects", flags["manage_workspace"]) != flags["manage_workspace"]:
        raise _refused(
            "Projects are managed by who manages workspaces: both are true or both false.", "manage-projects"
        )
    return {"role": TeamRole.CUSTOM.value, **flags} if changed else {}


def _wanted(sent: object) -> dict[str, bool]:
    if not isinstance(sent, Mapping):
        raise Invalid("organization-access is an object.", "/data/attributes/organization-access")
    known = {*_FLAGS_OF, *_FIXED, "manage-projects"}
    wanted = {name: value for name, value in sent.items() if name in known and value is not None}
    for name, value in wanted.items():
        if type(value) is not bool:
            raise _refused(f"{name} is true or false.", name)
        if name in _FIXED and value != _FIXED[name][0]:
            raise _refused(_FIXED[name][1], name)
    return wanted


def _refused(sentence: str, name: str) -> Invalid:
    return Invalid(sentence, f"/data/attributes/organization-access/{name}")
