"""What the types of the API are for, and what it takes to read and to change them, in sentences."""

from __future__ import annotations

import re

from workspaces.api.jsonapi.resource import Resource
from workspaces.services.records import RIGHTS

_TYPES = {
    "access": "What the members of a group may do on one workspace, in addition to their teams.",
    "address": "A resource that a job targets or replaces; fixed once the job begins.",
    "agent": "The address of a persistent executor, kept for Terrakube's clients.",
    "cluster": "A cluster, or a namespace of one, in which steps may run, besides the one of the installation's "
    "settings. Its kubeconfig is never returned.",
    "collection": "Variables that several workspaces share; the collection with the higher priority wins.",
    "drift": "What was changed outside of Terraform, as the last check found it; none before the first check.",
    "globalvar": "A variable of all workspaces of an organization; a variable of the workspace itself overrides it.",
    "history": "A state of a workspace after a job; `output` is the URL of its description.",
    "item": "A variable of a collection.",
    "job": "One run of a template on a workspace; its steps run one after another.",
    "job_comment": "A comment on a job. It cannot be changed and sends no notification.",
    "notification_configuration": "Where to send events of an organization or of one of its workspaces: a webhook, "
    "Slack, Teams or e-mail. Only users who may change it can read it, because its address may be a credential.",
    "notification_trigger": "An event that sends a notification: a status of jobs, or an event of this site.",
    "organization": "Workspaces and what they share: teams, templates, connections and variables.",
    "policyrule": "A rule for one setting of pods; without an organization it applies to the installation.",
    "project": "Workspaces of an organization that belong together; null for a workspace without a project.",
    "project_access": "What the members of a group may do on a project's workspaces, in addition to their teams.",
    "recovered_state": "A state that an executor wrote and that did not become the current one; `why` is the reason.",
    "reference": "The use of a collection by a workspace.",
    "runlimits": "How many steps run at once, how long they may take and how long they are kept.",
    "schedule": "When jobs of a template start on a workspace, by a cron expression in UTC.",
    "ssh": "An SSH key for sources and modules; the private key is never returned.",
    "step": "One part of a job; `output` is the URL of its log.",
    "tag": "A label for workspaces of an organization.",
    "team": "What the members of a group may do in an organization; `name` is the name of the group.",
    "template": "What a job does: `tcl` is the YAML of its steps, in base64.",
    "variable": "A variable of a workspace, for Terraform or the environment; a sensitive value is never returned.",
    "vcs": "A connection to a version control system; its secrets are never returned.",
    "webhook": "Starts jobs at events of a workspace's repository; its webhook_event records say at which.",
    "webhook_event": "What starts a job: an event of a branch that changes a path, with the template to run. An empty "
    "branch is that of the workspace, an empty path its folder and the local modules that it uses.",
    "workspace": "One configuration in a source, with its state, its variables and its jobs.",
    "workspacetag": "A tag on a workspace.",
}
_JOB = {
    "create": "Needs the right planJob; a priority also needs manageWorkspace.",
    "update": "Set `status` to approve or reject a waiting job, or to cancel a job that has not ended. Needs the right "
    "approveJob; the team that the job names may also approve or reject.",
    "delete": "Needs the right manageJob. The job must have ended.",
}
_DOING = {
    "list": "Only records that the caller may read. `filter` selects among them, `page` returns a part of them.",
    "show": "`data` is null if there is none.",
    "read": "Refused if the caller may not read it.",
    "create": "Omitted attributes get their defaults.",
    "update": "Omitted attributes keep their values. The response has no body.",
    "delete": "The response has no body.",
}


def _right(resource: Resource, doing: str) -> str:
    if resource.type == "job":
        return _JOB[doing]
    if resource.type == "cluster":
        return "Needs an administrator."
    if resource.type == "address":
        return "Needs the rights to start the job. The job must not have begun."
    if resource.type == "job_comment":
        rights = {"create": "Needs the right to read the job.", "delete": "Needs its author or an administrator."}
        return rights[doing]
    if resource.type == "runlimits":
        return "Those of a workspace need the right manageWorkspace, those of an organization an administrator."
    if resource.type == "drift":
        return "Needs the right planJob. The workspace must have drift."
    if resource.type == "project" and doing == "create":
        return "Needs the right manageWorkspace."
    right = RIGHTS[resource.model]
    if right == "manage_organization":
        return "Needs an administrator."
    return f"Needs the right {re.sub('_(.)', lambda found: found[1].upper(), right)}."


def describe(resource: Resource, doing: str) -> str:
    """What one operation on a type does, beside its summary; ``doing`` is list, read, create, update or delete."""
    sentences = [_TYPES[resource.type], _DOING[doing]]
    if doing in ("create", "update", "delete"):
        sentences.append(_right(resource, doing))
    return " ".join(sentences)
