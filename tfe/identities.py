"""The ids of people and teams, which other resources name."""

from __future__ import annotations

import hashlib

from tfe.documents import Json, to_one
from workspaces.models import Team, Workspace
from workspaces.services.locks import Holder, holder_of


def user_id(key: int | None, name: str) -> str:
    """Return the id of a user; one who is known by a token alone has an id made of the name."""
    return f"user-{key}" if key is not None else f"user-x{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def locked_by(workspace: Workspace, holder: Holder | None = None) -> Json:
    """Return the relationship ``locked-by``: a user, a team, a run, or none.

    ``holder`` is who holds the workspace where that is known already, as for lists by ``holders_of``.
    """
    found = holder or holder_of(workspace)
    if found is None:
        return {"data": None}
    if found.job is not None:
        return to_one("runs", f"run-{found.job}")
    if found.team:
        team = Team.objects.filter(organization=workspace.organization_id, name=found.team).first()
        return to_one("teams", team.pk if team is not None else found.team)
    return to_one("users", user_id(found.user_id, found.name))


def in_words(holder: Holder) -> str:
    """Return who holds a workspace, in the words by which the clients tell them apart."""
    if holder.job is not None:
        return f"Run run-{holder.job}"
    return f"Team {holder.team}" if holder.team else f"User {holder.name or 'unknown'}"
