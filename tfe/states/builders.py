"""State versions as other documents include them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tfe.documents import Json
from tfe.included import builds
from tfe.state_rights import RIGHT
from tfe.states.access import versions_without_content
from tfe.states.documents import version_object
from workspaces.actors import Actor
from workspaces.permissions import workspaces_with_right


@builds("state-versions")
def version_objects(actor: Actor, keys: Sequence[UUID]) -> list[Json]:
    """Return the versions whose states the actor may read."""
    found = list(versions_without_content().filter(pk__in=keys, workspace__deleted=False))
    readable = workspaces_with_right(actor, [row.workspace for row in found], RIGHT)
    return [version_object(row) for row in found if row.workspace_id in readable]
