"""The resources of the API, by subject; each declares the names, content and operations of its records."""

from workspaces.api.resources.credentials import SSH, VCS
from workspaces.api.resources.drift import DRIFT
from workspaces.api.resources.job import ADDRESS, JOB, STEP, TEMPLATE
from workspaces.api.resources.job_comment import JOB_COMMENT
from workspaces.api.resources.limits import RUN_LIMITS
from workspaces.api.resources.notification import NOTIFICATION_CONFIGURATION, NOTIFICATION_TRIGGER
from workspaces.api.resources.organization import AGENT, ORGANIZATION, TAG, TEAM
from workspaces.api.resources.policy import POLICY_RULE
from workspaces.api.resources.project import PROJECT, PROJECT_ACCESS
from workspaces.api.resources.recovered import RECOVERED_STATE
from workspaces.api.resources.variable import COLLECTION, GLOBALVAR, ITEM, REFERENCE, VARIABLE
from workspaces.api.resources.webhook import WEBHOOK, WEBHOOK_EVENT
from workspaces.api.resources.workspace import HISTORY, WORKSPACE
from workspaces.api.resources.workspace_parts import ACCESS, SCHEDULE, WORKSPACE_TAG

ALL = (
    ACCESS,
    ADDRESS,
    AGENT,
    COLLECTION,
    DRIFT,
    GLOBALVAR,
    HISTORY,
    ITEM,
    JOB,
    JOB_COMMENT,
    NOTIFICATION_CONFIGURATION,
    NOTIFICATION_TRIGGER,
    ORGANIZATION,
    POLICY_RULE,
    PROJECT,
    PROJECT_ACCESS,
    RECOVERED_STATE,
    REFERENCE,
    RUN_LIMITS,
    SCHEDULE,
    SSH,
    STEP,
    TAG,
    TEAM,
    TEMPLATE,
    VARIABLE,
    VCS,
    WEBHOOK,
    WEBHOOK_EVENT,
    WORKSPACE,
    WORKSPACE_TAG,
)
