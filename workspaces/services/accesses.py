"""Grant groups access to a workspace or to all of a project; users cannot grant rights that they lack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor
from workspaces.errors import NotAllowed
from workspaces.models import Access, ProjectAccess
from workspaces.permissions import rights, rights_given_by
from workspaces.services.records import (
    create_record,
    organization_of,
    project_of,
    require_right,
    update_record,
    workspace_of,
)

_FLAGS = ("manage_state", "manage_workspace", "manage_job", "plan_job", "approve_job")


def _check_own_rights(access: Access | ProjectAccess, flags: Iterable[str], *, by: Actor) -> None:
    """Refuse rights that the actor lacks, including flags that a later change of role would activate.

    Raises NotAllowed.
    """
    own = asdict(rights(by, organization_of(access), workspace_of(access), project=project_of(access)))
    given = {name for name, is_given in rights_given_by(access).items() if is_given}
    if why := giving_refusal(given | set(flags), own):
        raise NotAllowed(why)


def giving_refusal(given: Iterable[str], own: Mapping[str, bool]) -> str:
    """Return the refusal to give rights that the giver lacks; empty if they have all."""
    lacking = ", ".join(sorted(name for name in given if not own[name]))
    return message(_("You may not give rights that you do not have: {names}."), names=lacking) if lacking else ""


def create_access[A: (Access, ProjectAccess)](access: A, *, by: Actor) -> A:
    """Give a group access to a workspace or project. Raises NotAllowed, InvalidInput, Duplicate."""
    require_right(access, by=by, verb="create")
    _check_own_rights(access, (name for name in _FLAGS if getattr(access, name)), by=by)
    return create_record(access, by=by)


def update_access[A: (Access, ProjectAccess)](access: A, changes: Mapping[str, Any], *, by: Actor) -> A:
    """Change what a group may do on a workspace or project. Raises NotAllowed, InvalidInput, Duplicate."""
    require_right(access, by=by, verb="change")
    for name, value in changes.items():
        setattr(access, name, value)
    _check_own_rights(access, (name for name in _FLAGS if changes.get(name)), by=by)
    return update_record(access, changes, by=by)
