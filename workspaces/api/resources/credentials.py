"""``vcs`` and ``ssh``: credentials for sources. Their secrets are accepted and never returned."""

from __future__ import annotations

from typing import Any

from workspaces.actors import Actor, TokenUser
from workspaces.api.jsonapi.attributes import Writing, audit, of_column, of_columns
from workspaces.api.jsonapi.resource import make, to_one
from workspaces.api.resources.changes import creating, deleting, updating
from workspaces.models import Ssh, Vcs


def _for_the_installation(record: Any, actor: Actor) -> bool:
    """Return whether the reader is the installation itself, which needs the secret."""
    return isinstance(actor, TokenUser) and actor.internal


VCS = make(
    "vcs",
    Vcs,
    (
        *of_columns(Vcs, "name description vcsType connectionType clientId callback endpoint apiUrl redirectUrl"),
        *of_columns(Vcs, "clientSecret privateKey", read=None),
        of_column(Vcs, "accessToken", shown=_for_the_installation),
        of_column(Vcs, "status", writing=Writing.NEVER),
        *audit(Vcs),
    ),
    (to_one("organization", required=True),),
    joined=("organization",),
    create=creating(Vcs),
    update=updating(Vcs),
    delete=deleting(),
)

SSH = make(
    "ssh",
    Ssh,
    (
        *of_columns(Ssh, "name description sshType allowSshRsa"),
        of_column(Ssh, "privateKey", shown=_for_the_installation),
        *audit(Ssh),
    ),
    (to_one("organization", required=True),),
    joined=("organization",),
    create=creating(Ssh),
    update=updating(Ssh),
    delete=deleting(),
)
