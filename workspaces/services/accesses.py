"""What a user does with access to a workspace: nobody can give a right that they don't have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext_noop as _

from workspaces.access import Actor
from workspaces.errors import NotAllowed
from workspaces.models import Access
from workspaces.permissions import given_by, rights
from workspaces.services.records import create_record, require_right, update_record


def _check_own_rights(access: Access, *, by: Actor) -> None:
    own = asdict(rights(by, access.workspace.organization, access.workspace))
    lacking = sorted(name for name, given in given_by(access).items() if given and not own[name])
    if lacking:
        raise NotAllowed(_("You may not give rights that you don't have: {names}.").format(names=", ".join(lacking)))


def create_access(access: Access, *, by: Actor) -> Access:
    """Give a group access to a workspace. Raises NotAllowed, InvalidInput, Duplicate."""
    require_right(access, by=by, verb="create")
    _check_own_rights(access, by=by)
    return create_record(access, by=by)


def update_access(access: Access, changes: Mapping[str, Any], *, by: Actor) -> Access:
    """Change what a group may do on a workspace. Raises NotAllowed, InvalidInput, Duplicate."""
    require_right(access, by=by, verb="change")
    for name, value in changes.items():
        setattr(access, name, value)
    _check_own_rights(access, by=by)
    return update_record(access, changes, by=by)
