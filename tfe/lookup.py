"""Find what an address names, among what the caller may see."""

from __future__ import annotations

from uuid import UUID

from executors.attempts.state_tokens import RunUser
from tfe.errors import NotFound
from tfe.state_rights import require_state_right
from workspaces.actors import Actor
from workspaces.models import Organization, Workspace


def key_of(text: str) -> UUID:
    """Return the key that an id of the protocol stands for. Raises NotFound for any other text."""
    try:
        found = UUID(text)
    except ValueError:
        raise NotFound from None
    if str(found) != text:
        raise NotFound
    return found


def number_of(text: str, prefix: str) -> int:
    """Return the number in an id such as ``run-41``. Raises NotFound for any other text."""
    found = text.removeprefix(prefix)
    if found == text or not found.isascii() or not found.isdecimal() or str(int(found)) != found or len(found) > 18:
        raise NotFound
    return int(found)


def organization_of(actor: Actor, name: str) -> Organization:
    """Return a visible organization by its name, which is its id in the protocol. Raises NotFound."""
    found: Organization | None = Organization.objects.visible_to(actor).alive().filter(name=name).first()
    if found is None:
        raise NotFound
    return found


def workspace_of(actor: Actor, key: str) -> Workspace:
    """Return a visible workspace by its id. Raises NotFound."""
    visible = Workspace.objects.visible_to(actor).alive().select_related("organization")
    found: Workspace | None = visible.filter(pk=key_of(key)).first()
    if found is None:
        raise NotFound
    return found


def organization_of_reader(actor: Actor, name: str) -> Organization:
    """Return a visible organization, or that of a run, for what each command asks first. Raises NotFound."""
    if isinstance(actor, RunUser) and actor.workspace.organization.name == name:
        return actor.workspace.organization
    return organization_of(actor, name)


def readable_workspace(actor: Actor, key: str) -> Workspace:
    """Return a workspace whose state the actor may read, by its id. Raises NotFound and NotAllowed."""
    if not isinstance(actor, RunUser):
        found = workspace_of(actor, key)
        require_state_right(actor, found)
        return found
    return _of_run(actor, pk=key_of(key))


def _of_run(actor: RunUser, **named: object) -> Workspace:
    """Return a workspace of a run's own organization whose state it may read. Raises NotFound and NotAllowed."""
    rows = Workspace.objects.alive().select_related("organization")
    found: Workspace | None = rows.filter(organization=actor.workspace.organization_id, **named).first()
    if found is None:
        raise NotFound
    require_state_right(actor, found)
    return found


def workspace_named(actor: Actor, organization: str, name: str) -> Workspace:
    """Return a visible workspace by its name; to a run one whose state it may read. Raises NotFound and NotAllowed.

    A run reads alone, and what its workspace may read of another one: the state, and the workspace by its name.
    """
    if isinstance(actor, RunUser):
        return _of_run(actor, organization__name=organization, name=name)
    visible = Workspace.objects.visible_to(actor).alive().select_related("organization")
    found: Workspace | None = visible.filter(organization__name=organization, name=name).first()
    if found is None:
        raise NotFound
    return found
