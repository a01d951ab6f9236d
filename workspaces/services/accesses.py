"""Grant groups access to one workspace; users cannot grant rights that they lack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor
from workspaces.errors import NotAllowed
from workspaces.models import Access
from workspaces.permissions import rights, rights_given_by
from workspaces.services.records import create_record, require_right, update_record

_FLAGS = ("manage_state", "manage_workspace", "manage_job", "plan_job", "approve_job")


def _check_own_rights(access: Access, flags: Iterable[str], *, by: Actor) -> None:
    """Refuse rights that the actor lacks, including flags that a later change of role would activate.

    Raises NotAllowed.
    """
    own = asdict(rights(by, access.workspace.organization, access.workspace))
    given = {name for name, is_given in rights_given_by(access).items() if is_given}
    lacking = sorted(name for name in given | set(flags) if not own[name])
    if lacking:
        raise NotAllowed(message(_("You may not give rights that you do not have: {names}."), names=", ".join(lacking)))


def create_access(access: Access, *, by: Actor) -> Access:
    """Give a group access to a workspace. Raises NotAllowed, InvalidInput, Duplicate."""
    require_right(access, by=by, verb="create")
    _check_own_rights(access, (name for name in _FLAGS if getattr(access, name)), by=by)
    return create_record(access, by=by)


def update_access(access: Access, changes: Mapping[str, Any], *, by: Actor) -> Access:
    """Change what a group may do on a workspace. Raises NotAllowed, InvalidInput, Duplicate."""
    require_right(access, by=by, verb="change")
    for name, value in changes.items():
        setattr(access, name, value)
    _check_own_rights(access, (name for name in _FLAGS if changes.get(name)), by=by)
    return update_record(access, changes, by=by)
