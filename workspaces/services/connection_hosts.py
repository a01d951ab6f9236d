"""Who may use a connection for a source on another host, which then gets the connection's token."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor
from workspaces.connections.addresses import PUBLIC, git_host_of, is_there
from workspaces.errors import InvalidInput
from workspaces.models import Workspace
from workspaces.permissions import rights

COLUMNS = frozenset({"source", "vcs"})
_ELSEWHERE = _(
    "{source} is not at {host}, and the other host would get the token of the connection “{name}”. Use a repository "
    "at {host} or no connection, or ask a user with the right manageVcs to save it."
)


def check_host(workspace: Workspace, *, by: Actor) -> None:
    """Refuse a connection beside a source on another host, unless the actor manages connections or it is stored so.

    The workspace is as it shall be saved. Steps log in by the connection on the source's host only. Raises
    InvalidInput.
    """
    vcs, source = workspace.vcs, workspace.source
    # By SSH no token is sent, and what is uploaded has no host.
    if vcs is None or vcs.vcs_type not in PUBLIC or not source.startswith(("https://", "http://")):
        return
    if is_there(vcs, source) or rights(by, workspace.organization).manage_vcs:
        return
    if Workspace.objects.filter(pk=workspace.pk, vcs=vcs, source=source).exists():
        return
    sentence = message(_ELSEWHERE, source=source, host=git_host_of(vcs), name=vcs.name)
    raise InvalidInput(sentence, fields={"source": sentence})
