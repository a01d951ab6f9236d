"""Which workspaces may read a workspace's state as remote state: all of its organization, or those that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor
from workspaces.errors import InvalidInput
from workspaces.models import Organization, Workspace
from workspaces.querysets import Scope
from workspaces.services.records import update_record

_SEPARATORS = re.compile(r"[\s,;\[\]\"']+")


def consumer_ids(workspace: Workspace) -> list[UUID]:
    """Return the workspaces that a workspace names in ``shared_ids``; what is no id is left out."""
    return consumer_keys(workspace.shared_ids)


def consumer_keys(text: str | None) -> list[UUID]:
    """Return the ids in a text of ``shared_ids``; what is no id is left out."""
    return list(dict.fromkeys(key for part in _parts(text) if (key := _key(part)) is not None))


def may_consume(reader: Workspace, source: Workspace) -> bool:
    """Return whether a workspace's runs may read the state of another: it is shared with them, or their own."""
    if reader.pk == source.pk:
        return True
    if reader.organization_id != source.organization_id:
        return False
    return source.global_remote_state or reader.pk in consumer_ids(source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """Whose steps may read the state of a workspace, and which workspaces name it as a reader of theirs.

    With ``with_all`` it is every workspace of the organization, and ``readers`` is empty.
    """

    with_all: bool
    readers: list[Workspace]
    sources: list[Workspace]


def sharing_of(workspace: Workspace, *, within: Scope) -> Sharing:
    """Return who shares states with a workspace, and with whom it shares its own, as far as a user sees them."""
    visible = Workspace.objects.within(within).alive().filter(organization=workspace.organization_id).order_by("name")
    keys = [] if workspace.global_remote_state else consumer_ids(workspace)
    return Sharing(
        with_all=workspace.global_remote_state,
        readers=list(visible.filter(pk__in=keys)) if keys else [],
        sources=list(visible.filter(shared_ids__contains=str(workspace.pk), global_remote_state=False)),
    )


def checked_shared_ids(organization: Organization, text: str | None) -> str | None:
    """Return ``shared_ids`` as it is stored, ids with commas between. Raises InvalidInput.

    An id of no workspace of the organization is refused, so that nothing is shared with another organization.
    """
    parts = _parts(text)
    if not parts:
        return None
    keys = list(dict.fromkeys(_key(part) for part in parts))
    known = set(
        organization.workspaces.filter(deleted=False, pk__in=[key for key in keys if key]).values_list("pk", flat=True)
    )
    for part in parts:
        if _key(part) not in known:
            sentence = _(
                '"{id}" is not a workspace of {organization}. Enter the ids of workspaces, separated by commas.'
            )
            raise InvalidInput(
                message(sentence, id=part, organization=organization.name), fields={"shared_ids": "unknown"}
            )
    return ",".join(str(key) for key in keys)


def share_state(workspace: Workspace, consumers: Iterable[UUID], *, by: Actor) -> Workspace:
    """Replace the workspaces that may read a workspace's state. Raises NotAllowed, InvalidInput."""
    text = checked_shared_ids(workspace.organization, ",".join(str(key) for key in consumers))
    return update_record(workspace, {"shared_ids": text}, by=by)


def forget_consumer(workspace: Workspace) -> None:
    """Take a deleted workspace out of the lists of its organization."""
    sharing = Workspace.objects.filter(organization=workspace.organization_id, shared_ids__contains=str(workspace.pk))
    for other in sharing:
        kept = ",".join(str(key) for key in consumer_ids(other) if key != workspace.pk)
        Workspace.objects.filter(pk=other.pk).update(shared_ids=kept or None)


def _parts(text: str | None) -> list[str]:
    return [part for part in _SEPARATORS.split(text or "") if part]


def _key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
