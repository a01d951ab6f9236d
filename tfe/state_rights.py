"""Who may read the state of a workspace: people and teams by their right, a run what is shared with its workspace."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from executors.attempts.state_tokens import RunUser
from workspaces.actors import Actor
from workspaces.errors import NotAllowed
from workspaces.models import Workspace
from workspaces.permissions import require_permission, rights
from workspaces.services.remote_state import may_consume

RIGHT = "manage_state"
ONLY_READS = (
    "The token of a run reads states and changes nothing. A run reads the states of other workspaces that share them: "
    "with all workspaces of the organization, or with the run's own."
)


def may_read_state_of(actor: Actor, workspace: Workspace) -> bool:
    """Return whether the actor may read the state of a workspace."""
    if isinstance(actor, RunUser):
        return may_consume(actor.workspace, workspace)
    return rights(actor, workspace.organization, workspace).manage_state


def require_state_right(actor: Actor, workspace: Workspace) -> None:
    """Raise NotAllowed unless the actor may read the state of a workspace."""
    if not isinstance(actor, RunUser):
        require_permission(actor, workspace.organization, RIGHT, action=_("read a state"), workspace=workspace)
    elif not may_consume(actor.workspace, workspace):
        reader = actor.workspace.name
        raise NotAllowed(
            f"Runs of {reader} may not read the state of {workspace.name}: it is shared neither with all workspaces of "
            f"the organization (globalRemoteState) nor with {reader} (sharedIds)."
        )
