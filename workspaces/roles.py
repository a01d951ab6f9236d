"""The rights that each role and flag of a team, an access or a project access gives, as in Terrakube."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Protocol

from workspaces.choices import TeamRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """The rights of one actor in one organization.

    ``create_workspace``, which includes deleting, and ``manage_access`` follow from a team's ``manage_workspace``. An
    access, also to a project, gives the second only with the role ``admin``, and never the first.
    """

    read: bool = False
    manage_state: bool = False
    manage_collection: bool = False
    manage_job: bool = False
    manage_workspace: bool = False
    manage_module: bool = False
    manage_provider: bool = False
    manage_vcs: bool = False
    manage_template: bool = False
    plan_job: bool = False
    approve_job: bool = False
    create_workspace: bool = False
    manage_access: bool = False
    manage_organization: bool = False


ALL = Rights(**{field.name: True for field in fields(Rights)})
NONE = Rights()
NAMES = tuple(field.name for field in fields(Rights))
_OF_TEAMS_ALONE = frozenset(
    {"manage_module", "manage_provider", "manage_vcs", "manage_template", "manage_collection", "create_workspace"}
)
_BY_WORD: Mapping[str, TeamRole] = {str(role): role for role in TeamRole}
_WRITE = frozenset({"manage_workspace", "manage_state", "plan_job", "approve_job"})
_BY_ROLE: Mapping[TeamRole, frozenset[str]] = {
    TeamRole.ADMIN: frozenset(NAMES) - {"manage_organization"},
    TeamRole.WRITE: _WRITE,
    TeamRole.PLAN: frozenset({"plan_job"}),
    TeamRole.READ: frozenset(),
}
OF_ACCESSES = _BY_ROLE[TeamRole.ADMIN] - _OF_TEAMS_ALONE
"""All that an access can give; where teams give that, none need be asked for."""
FLAGS = frozenset(NAMES) - {"read", "manage_job", "create_workspace", "manage_access", "manage_organization"}
"""The rights that a flag of a team or access gives under the role ``custom``; ``manageJob`` is stored and not read."""


def parse_role(text: str | None) -> TeamRole | None:
    """Return the role that a stored text names; empty is ``custom``, None an unknown role."""
    return _BY_WORD.get((text or "").strip().lower() or TeamRole.CUSTOM)


def role_in_words(stored: str | None) -> str:
    """Return what the panel calls a stored role: an unknown one as it is, empty where there is none."""
    text = (stored or "").strip()
    role = parse_role(text) if text else None
    return str(role.label) if role is not None else text


def role_pattern(*roles: TeamRole) -> str:
    """Return a regular expression, to be matched without case, for texts that name one of some roles."""
    words = [f"({'|'.join(roles)})", *([""] if TeamRole.CUSTOM in roles else [])]
    return f"^\\s*({'|'.join(words)})\\s*$"


class RightsGrant(Protocol):
    """Something that gives rights: a team, an access or a project access."""

    role: str | None


def granted_rights(given: RightsGrant, *, of_team: bool) -> frozenset[str]:
    """Return the rights that a team or an access gives. Under an unknown role, its members may only read."""
    role = parse_role(given.role)
    if role == TeamRole.CUSTOM:
        found = {name for name in FLAGS if getattr(given, name, False)}
    else:
        found = set(_BY_ROLE[role]) if role is not None else set()
    if not of_team:
        found -= _OF_TEAMS_ALONE
    elif "manage_workspace" in found:
        found |= {"create_workspace", "manage_access"}
    if found & {"plan_job", "approve_job"}:
        found.add("manage_job")
    return frozenset(found | {"read"})
