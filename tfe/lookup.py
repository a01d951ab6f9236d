"""Find what an address names, among what the caller may see."""

from __future__ import annotations

from uuid import UUID

from tfe.errors import NotFound
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


def workspace_named(actor: Actor, organization: str, name: str) -> Workspace:
    """Return a visible workspace by its name. Raises NotFound."""
    visible = Workspace.objects.visible_to(actor).alive().select_related("organization")
    found: Workspace | None = visible.filter(organization__name=organization, name=name).first()
    if found is None:
        raise NotFound
    return found
