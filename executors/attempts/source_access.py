"""How a step's source is read: the workspace's VCS connection or SSH key, in the terms of Terrakube's job data."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, field, replace

from vcs.connections.problems import ConnectionProblem
from vcs.connections.tokens import known_tokens, token_for
from vcs.providers import provider_of
from workspaces.choices import SshType, VcsType
from workspaces.models import Job, Vcs, Workspace

logger = logging.getLogger(__name__)
UNTIL_A_POD_STARTS = dt.timedelta(minutes=50)
"""How long a token must last that waits in a pod's job data; a token of most providers lives an hour."""
_KNOWN_TO_TERRAKUBE = {VcsType.GITEA: VcsType.GITLAB, VcsType.AZURE_SP_MI: VcsType.AZURE_DEVOPS}
"""As which type Terrakube's own executor logs in the same way, for types that it does not know or gets tokens of."""


@dataclass(frozen=True, slots=True)
class SourceAccess:
    """The members ``vcsType``, ``connectionType`` and ``accessToken`` of job data; a token, or a PEM key."""

    vcs_type: str = "PUBLIC"
    connection_type: str | None = None
    token: str | None = field(default=None, repr=False)

    def for_terrakube(self) -> SourceAccess:
        """Return the access as Terrakube's own executor understands it."""
        if not self.token or self.vcs_type not in _KNOWN_TO_TERRAKUBE:
            return self
        return replace(self, vcs_type=_KNOWN_TO_TERRAKUBE[VcsType(self.vcs_type)])


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


def access_by(vcs: Vcs, source: str, *, lasting: dt.timedelta | None = None) -> SourceAccess:
    """Return the access that a connection gives to a source, as ``valid_access`` does."""
    try:
        token = token_for(vcs, source) if lasting is None else token_for(vcs, source, lasting=lasting)
    except ConnectionProblem as problem:
        logger.warning("Connection %s gives no token for %s: %s", vcs.pk, source, problem.sentence)
        token = None
    return SourceAccess(vcs.vcs_type, vcs.connection_type, token.text if token is not None else None)


def may_renew(job: Job) -> bool:
    """Return whether a job's source is read by a connection that has tokens."""
    vcs = job.workspace.vcs
    return vcs is not None and provider_of(vcs) is not None and not job.workspace.uploaded_source


def renewed_token(job: Job) -> str:
    """Return another token for a job's source, since the provider refused the last one. Raises ConnectionProblem."""
    vcs = job.workspace.vcs
    if vcs is None:
        raise ValueError("The workspace has no connection")
    token = token_for(vcs, job.override_source or job.workspace.source, renew=True)
    return token.text if token is not None else ""


def tokens_in_use(workspace: Workspace) -> set[str]:
    """Return the tokens that steps of a workspace may have now, which no log may show."""
    return known_tokens(workspace.vcs) if workspace.vcs is not None else set()
