"""How a step's source is read: the workspace's VCS connection or SSH key, in the terms of Terrakube's job data."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from vcs.connections.grants import LASTING
from vcs.connections.problems import ConnectionProblem
from vcs.connections.tokens import can_narrow, known_tokens, token_for
from vcs.providers import provider_of
from workspaces.choices import SshType, VcsType
from workspaces.models import Job, Vcs, Workspace

logger = logging.getLogger(__name__)
_NOT_FOR_FORKS = _(
    "The connection “{name}” has no tokens for one repository alone, so a step with a fork's code gets no token. The "
    "site's own executor can still fetch the source."
)
UNTIL_A_POD_STARTS = dt.timedelta(minutes=50)
"""How long a token must last that waits in a pod's job data; a token of most providers lives an hour."""
_KNOWN_TO_TERRAKUBE = {VcsType.GITEA: VcsType.GITLAB, VcsType.AZURE_SP_MI: VcsType.AZURE_DEVOPS}
"""As which type Terrakube's own executor logs in the same way, for types that it does not know or gets tokens of."""


@dataclass(frozen=True, slots=True)
class SourceAccess:
    """The members ``vcsType``, ``connectionType`` and ``accessToken`` of job data; a token, or a PEM key.

    ``fetch_token`` is one that our executor uses to fetch the source and then drops, before anything of the source
    runs; it is never in job data.
    """

    vcs_type: str = "PUBLIC"
    connection_type: str | None = None
    token: str | None = field(default=None, repr=False)
    fetch_token: str | None = field(default=None, repr=False)

    def for_terrakube(self) -> SourceAccess:
        """Return the access as Terrakube's own executor understands it."""
        if not self.token or self.vcs_type not in _KNOWN_TO_TERRAKUBE:
            return self
        return replace(self, vcs_type=_KNOWN_TO_TERRAKUBE[VcsType(self.vcs_type)])


def access_of_job(job: Job, *, lasting: dt.timedelta | None = None) -> SourceAccess:
    """Return the access for a step of a job, with a token as in ``valid_access``.

    Whoever wrote the code of a fork could carry a token off. So its steps get one that reads this repository alone, or,
    where the connection cannot narrow its tokens, one for the fetching.
    """
    workspace, source = job.workspace, job.override_source or job.workspace.source
    if not job.from_fork:
        return valid_access(workspace, source, lasting=lasting)
    if workspace.vcs is None:
        stored = stored_access(workspace)
        return replace(stored, token=None, fetch_token=stored.token)
    access = access_by(workspace.vcs, source, lasting=lasting, narrow=True)
    return access if can_narrow(workspace.vcs) else replace(access, token=None, fetch_token=access.token)


def stored_access_of_job(job: Job) -> SourceAccess:
    """Return the access for a step with what is stored, as job data may have it; no provider is asked."""
    stored = stored_access(job.workspace)
    return replace(stored, token=None) if job.from_fork else stored


def stored_access(workspace: Workspace) -> SourceAccess:
    """Return the access with what is stored; no provider is asked. A VCS connection wins over an SSH key."""
    if workspace.vcs is not None:
        vcs = workspace.vcs
        return SourceAccess(vcs.vcs_type, vcs.connection_type, vcs.access_token or None)
    if workspace.ssh is not None:
        name = "id_rsa" if workspace.ssh.ssh_type == SshType.RSA else "id_ed25519"
        return SourceAccess(f"SSH~{name}", None, workspace.ssh.private_key)
    return SourceAccess()


def valid_access(workspace: Workspace, source: str, *, lasting: dt.timedelta | None = None) -> SourceAccess:
    """Return the access with a token that the provider takes now, and for ``lasting`` where that is given.

    It may ask the provider, so never call it inside a transaction. Without a token where the connection gives none:
    the repository may be public, and the connection's page says what is wrong.
    """
    if workspace.vcs is None or workspace.uploaded_source:
        return stored_access(workspace)
    return access_by(workspace.vcs, source, lasting=lasting)


def access_by(vcs: Vcs, source: str, *, lasting: dt.timedelta | None = None, narrow: bool = False) -> SourceAccess:
    """Return a connection's access to a source as ``valid_access`` does; ``narrow`` as in ``token_for``."""
    try:
        token = token_for(vcs, source, narrow=narrow, lasting=LASTING if lasting is None else lasting)
    except ConnectionProblem as problem:
        logger.warning("Connection %s gives no token for %s: %s", vcs.pk, source, problem.sentence)
        token = None
    return SourceAccess(vcs.vcs_type, vcs.connection_type, token.text if token is not None else None)


def may_renew(job: Job) -> bool:
    """Return whether a job's source is read by a connection that has tokens."""
    vcs = job.workspace.vcs
    return vcs is not None and provider_of(vcs) is not None and not job.workspace.uploaded_source


def renewed_token(job: Job, *, for_fetch: bool = False) -> str:
    """Return another token for a job's source, since the provider refused the last one.

    ``for_fetch``: the executor drops it before anything of the source runs. Raises ConnectionProblem, also for code of
    a fork that asks for a token to keep where the connection cannot narrow it.
    """
    vcs = job.workspace.vcs
    if vcs is None:
        raise ValueError("The workspace has no connection")
    if job.from_fork and not for_fetch and not can_narrow(vcs):
        raise ConnectionProblem(message(_NOT_FOR_FORKS, name=vcs.name))
    token = token_for(vcs, job.override_source or job.workspace.source, narrow=job.from_fork, renew=True)
    return token.text if token is not None else ""


def tokens_in_use(workspace: Workspace) -> set[str]:
    """Return the tokens that steps of a workspace may have now, which no log may show."""
    return known_tokens(workspace.vcs) if workspace.vcs is not None else set()
