"""The models of organizations, workspaces and jobs."""

from workspaces.models.access import Access
from workspaces.models.agent import Agent
from workspaces.models.cluster import Cluster
from workspaces.models.collection import Collection, Item, Reference
from workspaces.models.credentials import Ssh, Vcs
from workspaces.models.drift import Drift
from workspaces.models.history_entry import HistoryEntry
from workspaces.models.identity import Identity
from workspaces.models.job import Address, Job, JobVariable, Step
from workspaces.models.job_comment import JobComment
from workspaces.models.limits import RunLimits
from workspaces.models.list_view import ListPreference, SavedFilter
from workspaces.models.login_code import LoginCode
from workspaces.models.notification import NotificationConfiguration, NotificationDelivery, NotificationTrigger
from workspaces.models.organization import Organization, Team
from workspaces.models.plan import SavedPlan
from workspaces.models.policy import PolicyRule
from workspaces.models.project import Project, ProjectAccess
from workspaces.models.schedule import Schedule
from workspaces.models.source import ConfigurationVersion
from workspaces.models.state import RecoveredState, StateLock, StateUpload, StateVersion
from workspaces.models.tag import Tag, WorkspaceTag
from workspaces.models.template import Template
from workspaces.models.token import AccessToken
from workspaces.models.variable import GlobalVariable, Variable
from workspaces.models.webhook import Webhook, WebhookEvent
from workspaces.models.workspace import Workspace

__all__ = (
    "Access",
    "AccessToken",
    "Address",
    "Agent",
    "Cluster",
    "Collection",
    "ConfigurationVersion",
    "Drift",
    "GlobalVariable",
    "HistoryEntry",
    "Identity",
    "Item",
    "Job",
    "JobComment",
    "JobVariable",
    "ListPreference",
    "LoginCode",
    "NotificationConfiguration",
    "NotificationDelivery",
    "NotificationTrigger",
    "Organization",
    "PolicyRule",
    "Project",
    "ProjectAccess",
    "RecoveredState",
    "Reference",
    "RunLimits",
    "SavedFilter",
    "SavedPlan",
    "Schedule",
    "Ssh",
    "StateLock",
    "StateUpload",
    "StateVersion",
    "Step",
    "Tag",
    "Team",
    "Template",
    "Variable",
    "Vcs",
    "Webhook",
    "WebhookEvent",
    "Workspace",
    "WorkspaceTag",
)
