"""What preflight looks at: a workspace with all that meets in its steps, stored here or read from Terrakube."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from executors.attempts.source_access import valid_access
from executors.contract.repository_access import RepositoryAccess
from workspaces.choices import Category
from workspaces.encryption import DecryptionError
from workspaces.models import Workspace
from workspaces.models.variable import AbstractVariable
from workspaces.pods import is_enabled
from workspaces.pods.catalogue import ENABLE
from workspaces.variables.in_force import Inputs, workspace_inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A workspace, its own variables, and all variables in force.

    ``untold`` are the keys of records whose values are not known here. ``access`` None: its source cannot be read for
    want of credentials, or since they cannot be decrypted, as ``lost_access`` says. ``foreign_registry`` is the host of
    an installation whose modules are not here.
    """

    workspace: Workspace
    variables: Sequence[AbstractVariable]
    inputs: Inputs
    access: RepositoryAccess | None
    untold: frozenset[UUID] = frozenset()
    foreign_registry: str = ""
    lost_access: str = ""

    @property
    def in_pods(self) -> bool:
        """Whether its steps run in pods."""
        return is_enabled(self.inputs.texts(Category.ENV).get(ENABLE, ""))


def stored_subject(workspace: Workspace) -> Subject:
    """Return what preflight looks at for a stored workspace."""
    access, lost_access = None, ""
    try:
        found = valid_access(workspace, workspace.source)
        access = RepositoryAccess(
            source=workspace.source,
            vcs_type=found.vcs_type,
            connection_type=found.connection_type,
            access_token=found.token,
        )
    except DecryptionError as error:
        lost_access = error.sentence
    return Subject(
        workspace=workspace,
        variables=list(workspace.variables.all()),
        inputs=workspace_inputs(workspace),
        access=access,
        lost_access=lost_access,
    )
