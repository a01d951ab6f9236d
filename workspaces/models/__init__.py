"""The records of organizations, workspaces and jobs."""

from workspaces.models.collection import Collection, Item, Reference
from workspaces.models.credentials import Ssh, Vcs
from workspaces.models.job import Address, Job, Step
from workspaces.models.organization import Organization, Team
from workspaces.models.plan import SavedPlan
from workspaces.models.source import ConfigurationVersion
from workspaces.models.state import StateLock, StateVersion
from workspaces.models.template import Template
from workspaces.models.token import AccessToken
from workspaces.models.variable import GlobalVariable, Variable
from workspaces.models.workspace import Workspace

__all__ = (
    "AccessToken",
    "Address",
    "Collection",
    "ConfigurationVersion",
    "GlobalVariable",
    "Item",
    "Job",
    "Organization",
    "Reference",
    "SavedPlan",
    "Ssh",
    "StateLock",
    "StateVersion",
    "Step",
    "Team",
    "Template",
    "Variable",
    "Vcs",
    "Workspace",
)
