"""Who may use a connection for a source on another host, which then gets the connection's token."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import Message, message
from workspaces import flows
from workspaces.actors import Actor
from workspaces.connections.addresses import PUBLIC, git_host_of, is_there
from workspaces.errors import InvalidInput
from workspaces.models import Template, Vcs, Workspace
from workspaces.permissions import rights

COLUMNS = frozenset({"source", "vcs"})
_ELSEWHERE = _(
    "{source} is not at {host}, and the other host would get the token of the connection “{name}”. Use a repository "
    "at {host} or no connection, or ask a user with the right manageVcs to save it."
)
_IMPORTED_ELSEWHERE = _('its repository is not at {host}, and no other host gets the token of the connection "{name}"')
_HTTP = ("https://", "http://")


def import_refusal(vcs: Vcs, repository: str) -> Message | None:
    """Return why commands are not imported from a repository by a connection; None if they may be.

    Who writes a flow names both, and needs no right to manage connections, so the token goes to its own host alone.
    """
    if vcs.vcs_type not in PUBLIC or not repository.startswith(_HTTP) or is_there(vcs, repository):
        return None
    return message(_IMPORTED_ELSEWHERE, host=git_host_of(vcs), name=vcs.name)


def check_imports(template: Template) -> None:
    """Refuse a template that imports commands from another host than its connection's. Raises InvalidInput."""
    try:
        wanted = [step.import_commands for step in flows.parse(template.tcl or "") if step.import_commands is not None]
    except flows.FlowError:
        # The check of the flow tells that.
        return
    by_key = {one.vcs_id: one for one in wanted if one.vcs_id}
    for vcs in Vcs.objects.filter(organization=template.organization_id, pk__in=by_key) if by_key else ():
        why = import_refusal(vcs, by_key[str(vcs.pk)].repository)
        if why is not None:
            sentence = message(_("importCommands: {why}."), why=why)
            raise InvalidInput(sentence, fields={"tcl": sentence})


def check_host(workspace: Workspace, *, by: Actor) -> None:
    """Refuse a connection beside a source on another host, unless the actor manages connections or it is stored so.

    The workspace is as it shall be saved. Steps log in by the connection on the source's host only. Raises
    InvalidInput.
    """
    vcs, source = workspace.vcs, workspace.source
    # By SSH no token is sent, and what is uploaded has no host.
    if vcs is None or vcs.vcs_type not in PUBLIC or not source.startswith(_HTTP):
        return
    if is_there(vcs, source) or rights(by, workspace.organization).manage_vcs:
        return
    if Workspace.objects.filter(pk=workspace.pk, vcs=vcs, source=source).exists():
        return
    sentence = message(_ELSEWHERE, source=source, host=git_host_of(vcs), name=vcs.name)
    raise InvalidInput(sentence, fields={"source": sentence})
