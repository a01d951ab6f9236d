"""The table: who there is with which rights, and what each record and each button takes.

It says again, by hand, what ``docs/roles.md`` says, and asks no code of the site.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ADMINISTRATOR = "administrator"
ANYBODY = "anybody"
NOBODY = "nobody"


@dataclass(frozen=True)
class Who:
    """Somebody: what their team, access or project access says, and the rights that follow.

    ``here`` is to see the workspace and what goes with it, ``org`` to see the organization as a member does.
    """

    rights: frozenset[str]
    team: Mapping[str, Any] | None = None
    access: Mapping[str, Any] | None = None
    project: Mapping[str, Any] | None = None
    is_active: bool = True

    def may(self, needed: str) -> bool:
        """Whether this one has all of the rights that an action takes, which stand with commas between."""
        if needed == NOBODY:
            return False
        if ADMINISTRATOR in self.rights:
            return True
        return set(needed.split(", ")) <= self.rights


def _team(*rights: str, **fields: Any) -> Who:
    return Who(frozenset({ANYBODY, "org", "here", *rights}), team=fields)


def _access(*rights: str, **fields: Any) -> Who:
    return Who(frozenset({ANYBODY, "here", *rights}), access=fields)


def _project(*rights: str, **fields: Any) -> Who:
    return Who(frozenset({ANYBODY, "here", *rights}), project=fields)


_WRITE = ("workspace", "state", "plan", "approve", "job")
_OF_TEAMS = ("create workspace", "create in project", "project", "access")
"""What the right to manage workspaces adds to a team."""
WHO: Mapping[str, Who] = {
    "administrator": Who(frozenset({ADMINISTRATOR})),
    "team admin": _team(*_WRITE, *_OF_TEAMS, "vcs", "template", "collection", role="admin"),
    "team ADMIN in blanks": _team(*_WRITE, *_OF_TEAMS, "vcs", "template", "collection", role=" ADMIN "),
    "team write": _team(*_WRITE, *_OF_TEAMS, role="write"),
    "team plan": _team("plan", "job", role="plan", manage_workspace=True, approve_job=True),
    "team read": _team(role="read", manage_workspace=True, plan_job=True, manage_template=True),
    "team of an unknown role": _team(role="owner", manage_workspace=True, approve_job=True, plan_job=True),
    "team without flags": _team(),
    "team manageState": _team("state", role="custom", manage_state=True),
    "team manageCollection": _team("collection", manage_collection=True),
    "team manageJob": _team(manage_job=True),
    "team manageWorkspace": _team("workspace", *_OF_TEAMS, role="", manage_workspace=True),
    "team manageModule": _team(manage_module=True),
    "team manageProvider": _team(manage_provider=True),
    "team manageVcs": _team("vcs", manage_vcs=True),
    "team manageTemplate": _team("template", manage_template=True),
    "team planJob": _team("plan", "job", plan_job=True),
    "team approveJob": _team("approve", "job", approve_job=True),
    "access admin": _access(*_WRITE, "access", role="Admin"),
    "access write": _access(*_WRITE, role="write"),
    "access plan": _access("plan", "job", role="plan", approve_job=True),
    "access read": _access(role="read", manage_workspace=True),
    "access manageWorkspace": _access("workspace", manage_workspace=True),
    "access manageState": _access("state", manage_state=True),
    "access manageJob": _access(manage_job=True),
    "access planJob": _access("plan", "job", plan_job=True),
    "access approveJob": _access("approve", "job", approve_job=True),
    "project admin": _project(*_WRITE, "access", "project", "create in project", role="Admin"),
    "project write": _project(*_WRITE, "create in project", role="write"),
    "project plan": _project("plan", "job", role="plan", manage_workspace=True),
    "project manageWorkspace": _project("workspace", "create in project", manage_workspace=True),
    "project read": _project(role="read", approve_job=True),
    "outsider": Who(frozenset({ANYBODY})),
    "inactive": Who(frozenset(), team={"role": "admin"}, is_active=False),
}


@dataclass(frozen=True)
class Row:
    """What reading, making, changing and deleting records of one type takes."""

    read: str
    create: str
    change: str
    delete: str
    body: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    related: tuple[str, ...] = ()
    create_in: Mapping[str, str] = field(default_factory=dict)
    """What making one takes where the path leads through a record of another type."""


def _row(
    read: str,
    write: str,
    body: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
    related: tuple[str, ...] = (),
) -> Row:
    """A row of records that are made, changed and deleted by the same right."""
    return Row(read, write, write, write, body or {}, changes or {}, related)


_VALUE = {"key": "MADE", "value": "x", "category": "ENV", "description": "made"}
RECORDS: Mapping[str, Row] = {
    "organization": _row("here", ADMINISTRATOR, {"name": "made"}, {"description": "x"}),
    "team": _row("org", ADMINISTRATOR, {"name": "MADE"}, {"planJob": True}, ("organization",)),
    "globalvar": _row("org", ADMINISTRATOR, _VALUE, {"value": "new"}, ("organization",)),
    "agent": _row("org", ADMINISTRATOR, {"name": "made"}, {"description": "x"}, ("organization",)),
    "policyrule": _row(
        "here", ADMINISTRATOR, {"setting": "EPHEMERAL_CPU_LIMIT", "maximum": "2"}, {"reason": "x"},
        ("organization",),
    ),
    "cluster": _row(ADMINISTRATOR, ADMINISTRATOR, {"name": "made", "namespace": "made"}, {"description": "x"}),
    "workspace": Row(
        "here", "create workspace", "workspace", "create workspace",
        {"name": "made", "source": "empty", "branch": "main", "terraformVersion": "1.11.4"}, {"description": "x"},
        ("organization",), {"project": "create in project"},
    ),
    "project": Row(
        "here", "create workspace", "project", "project", {"name": "made"}, {"description": "x"}, ("organization",)
    ),
    "project_access": _row(
        "project", "project", {"name": "MADE", "role": "read"}, {"role": " Read "}, ("project",)
    ),
    "access": _row("access", "access", {"name": "MADE", "role": "read"}, {"role": " Read "}, ("workspace",)),
    "runlimits": _row("here", "workspace", {"imageSeconds": 60}, {"imageSeconds": 40}, ("workspace",)),
    "variable": _row("here", "workspace", _VALUE, {"value": "new"}, ("workspace",)),
    "schedule": Row(
        "here", "workspace, plan", "workspace, plan", "workspace",
        {"cron": "0 0 21 ? * FRI", "templateReference": "{plan}"}, {"templateReference": "{plan}"}, ("workspace",),
    ),
    "webhook": _row("here", "workspace", {"migratedV2": True}, {"migratedV2": True}, ("workspace",)),
    "webhook_event": Row(
        "here", "workspace, plan", "workspace, plan", "workspace",
        {"event": "PULL_REQUEST", "branch": "main", "path": ".*", "templateId": "{plan}"}, {"templateId": "{plan}"},
        ("webhook",),
    ),
    "workspacetag": _row(
        "here", "workspace", {"tagId": "{other_tag}"}, {"tagId": "{other_tag}"}, ("workspace",)
    ),
    "tag": _row("here", "create workspace", {"name": "made"}, {"name": "renamed"}, ("organization",)),
    "template": _row("here", "template", {"name": "made", "tcl": "{tcl}"}, {"version": "2"}, ("organization",)),
    "vcs": _row(
        "org", "vcs", {"name": "made", "description": "x", "vcsType": "GITHUB", "connectionType": "OAUTH"},
        {"description": "y"}, ("organization",),
    ),
    "ssh": _row("org", "vcs", {"name": "made", "privateKey": "x"}, {"description": "y"}, ("organization",)),
    "collection": _row(
        "here", "collection", {"name": "made", "priority": 1}, {"priority": 2}, ("organization",)
    ),
    "item": _row("org", "collection", _VALUE, {"value": "new"}, ("collection",)),
    "reference": _row(
        "here", "collection", {"description": "x"}, {"description": "y"}, ("collection", "workspace")
    ),
    "job": Row(
        "here", "plan", "job", ADMINISTRATOR, {"templateReference": "{plan}"}, {"status": "cancelled"}, ("workspace",)
    ),
    "notification_configuration": _row(
        "workspace", "workspace",
        {"name": "made", "channelType": "SLACK", "destinationUrl": "https://hooks.example/made"}, {"active": False},
        ("workspace",),
    ),
    "notification_trigger": _row(
        "workspace", "workspace", {"jobStatus": "drifted"}, {"jobStatus": "cancelled"}, ("notification_configuration",)
    ),
    "recovered_state": Row(
        "here", NOBODY, "state", NOBODY, {}, {"status": "discarded", "reason": "it is older"}
    ),
    "step": _row("here", NOBODY),
    "job_comment": Row("here", "here", NOBODY, ADMINISTRATOR, {"text": "Why so many?"}, {}, ("job",)),
    "drift": Row("here", NOBODY, "plan", NOBODY, {}, {"bringBack": True}),
    "address": Row("here", "plan, approve", NOBODY, NOBODY, {"name": "null_resource.b"}, {}, ("job",)),
    "history": _row("here", NOBODY),
}  # fmt: skip


# What starting a job takes, by the body of the request; the workspace is the one of the table.
STARTS: Mapping[str, tuple[dict[str, Any], str]] = {
    "a plan": ({"templateReference": "{Plan}"}, "plan"),
    "a plan of a target": ({"templateReference": "{Plan}", "targetAddrs": ["null_resource.a"]}, "plan"),
    "a plan of another branch": ({"templateReference": "{Plan}", "overrideBranch": "mine"}, "plan"),
    "plan, approve, apply": ({"templateReference": "{Plan, approve, apply}"}, "plan"),
    "plan, approve, destroy": ({"templateReference": "{Plan, approve, destroy}"}, "plan"),
    "plan and apply": ({"templateReference": "{Plan and apply}"}, "plan, approve"),
    "destroy": ({"templateReference": "{Destroy}"}, "plan, approve"),
    "destroy of a target": ({"templateReference": "{Destroy}", "targetAddrs": ["null_resource.a"]}, "plan, approve"),
    "refresh only": ({"templateReference": "{Plan and apply}", "refreshOnly": True}, "plan, approve"),
    "replace": ({"templateReference": "{Plan and apply}", "replaceAddrs": ["null_resource.a"]}, "plan, approve"),
    "the default, which destroys": ({}, "plan, approve"),
    "an own plan": ({"tcl": "PLAN"}, "plan"),
    "an own apply": ({"tcl": "PLAN_AND_APPLY"}, "plan, approve"),
    "an own flow with a script": ({"tcl": "SCRIPT"}, "plan, approve"),
    "an own flow whose approval is of a team": ({"tcl": "TEAM"}, "plan, approve"),
    "a script on another branch": ({"templateReference": "{Scripted}", "overrideBranch": "mine"}, "plan, approve"),
    "a script on the workspace's source": ({"templateReference": "{Scripted}"}, "plan"),
    "with a priority": ({"templateReference": "{Plan}", "priority": 5}, "plan, workspace"),
}

# What the panel's pages of a record take: its page, the form for a new one, saving, deleting.
PAGES: Mapping[str, tuple[str, str, str, str]] = {
    "workspaces.organization": ("here", ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR),
    "workspaces.team": ("org", ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR),
    "workspaces.globalvariable": ("org", ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR),
    "workspaces.agent": ("org", ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR),
    "workspaces.policyrule": ("here", ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR),
    "workspaces.workspace": ("here", "create in project", "workspace", "create workspace"),
    "workspaces.project": ("here", "create workspace", "project", "project"),
    "workspaces.variable": ("here", "workspace", "workspace", "workspace"),
    "workspaces.schedule": ("here", "workspace", "workspace", "workspace"),
    "workspaces.webhook": ("here", "workspace", "workspace", "workspace"),
    "workspaces.notificationconfiguration": ("workspace", "workspace", "workspace", "workspace"),
    "workspaces.notificationdelivery": ("workspace", NOBODY, NOBODY, NOBODY),
    "vcs.repositoryhook": ("org", NOBODY, NOBODY, NOBODY),
    "vcs.delivery": ("org", NOBODY, NOBODY, NOBODY),
    "workspaces.tag": ("here", "workspace", "create workspace", "create workspace"),
    "workspaces.template": ("here", "template", "template", "template"),
    "workspaces.vcs": ("org", "vcs", "vcs", "vcs"),
    "vcs.pullrequest": ("org", NOBODY, NOBODY, NOBODY),
    "vcs.pullrequestrules": ("here", "workspace", "workspace", "workspace"),
    "vcs.accountlink": (ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR),
    "workspaces.cluster": (ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR),
    "workspaces.ssh": ("org", "vcs", "vcs", "vcs"),
    "workspaces.collection": ("here", "collection", "collection", "collection"),
    "workspaces.stateversion": ("here", NOBODY, NOBODY, NOBODY),
    "workspaces.recoveredstate": ("here", NOBODY, NOBODY, NOBODY),
    "workspaces.job": ("here", NOBODY, NOBODY, NOBODY),
    "executors.attempt": ("org", NOBODY, NOBODY, NOBODY),
    "workspaces.accesstoken": (ADMINISTRATOR, ANYBODY, NOBODY, NOBODY),
    "auth.user": (ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR),
    "auth.group": (ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR),
    "auditlog.logentry": (ADMINISTRATOR, NOBODY, NOBODY, NOBODY),
    "axes.accessattempt": (ADMINISTRATOR, NOBODY, NOBODY, ADMINISTRATOR),
    "executors.checkrun": (ADMINISTRATOR, NOBODY, NOBODY, NOBODY),
    "django_q.failure": (ADMINISTRATOR, NOBODY, NOBODY, ADMINISTRATOR),
    "django_q.ormq": (ADMINISTRATOR, NOBODY, NOBODY, ADMINISTRATOR),
}


@dataclass(frozen=True)
class Button:
    """A POST of the panel that changes something; ``before`` names what the job or workspace must be."""

    name: str
    needed: str
    data: Mapping[str, Any] = field(default_factory=dict)
    before: str = ""


BUTTONS: tuple[Button, ...] = (
    *(
        Button("workspaces_workspace_start", needed, {"template": f"{{{name}}}", "refresh": "on", **more})
        for name, needed, more in (
            ("Plan", "plan", {}),
            ("Plan, approve, apply", "plan", {}),
            ("Plan and apply", "plan, approve", {}),
            ("Destroy", "plan, approve", {"targets": "null_resource.a"}),
            ("Plan", "plan, approve", {"auto_apply": "on"}),
            ("Plan, approve, apply", "plan, approve", {"auto_apply": "on"}),
            ("Scripted", "plan", {}),
            ("Scripted", "plan, approve", {"branch": "mine"}),
        )
    ),
    Button("workspaces_workspace_preflight", "plan"),
    Button("workspaces_workspace_bring_back", "plan"),
    Button("workspaces_workspace_lock", "workspace"),
    Button("workspaces_workspace_unlock", "workspace", before="locked"),
    Button("workspaces_workspace_restore", "create workspace", {"name": "back"}, before="deleted"),
    Button("workspaces_workspace_upload", "approve", before="uploads"),
    Button("workspaces_recoveredstate_current", "state", {"reason": "it is right"}, before="kept"),
    Button("workspaces_recoveredstate_discard", "state", {"reason": "it is older"}, before="kept"),
    Button("workspaces_stateversion_roll_back", "state", {"reason": "it was right"}, before="older state"),
    Button("workspaces_workspace_upload_state", "state", before="a state file"),
    Button("workspaces_job_approve", "approve", before="waits"),
    Button("workspaces_job_reject", "approve", before="waits"),
    Button("workspaces_job_comment", "here", {"text": "Why so many?"}),
    Button("workspaces_job_comment_delete", ADMINISTRATOR, before="a comment"),
    Button("workspaces_job_cancel", "job", before="waits"),
    Button("workspaces_job_cancel", "approve", before="applies"),
    Button("workspaces_job_again", "plan, approve", before="ended"),
    Button("workspaces_job_again", "plan", before="ended plan"),
)

# Every other address: what a GET, or a POST where it says so, takes of a person.
ADDRESSES: Mapping[str, str] = {
    "GET runs/<int:job_id>/": "here",
    "GET runs/<int:job_id>/live": "here",
    "GET runs/<int:job_id>/results": "here",
    "GET runs/<int:job_id>/plan.txt": "here",
    "GET runs/<int:job_id>/steps/<uuid:step_id>/log": "here",
    "GET runs/<int:job_id>/steps/<uuid:step_id>/log.txt": "here",
    "GET runs/<int:job_id>/steps/<uuid:step_id>/find": "here",
    "GET runs/<int:job_id>/steps/<uuid:step_id>/events": "here",
    "GET runs/<int:job_id>/steps/<uuid:step_id>/incident.json": "here",
    "GET runs/": ANYBODY,
    "GET admin/": ANYBODY,
    "GET admin/workspaces/workspace/<uuid:pk>/kubernetes-job/": "here",
    "GET admin/workspaces/workspace/<uuid:pk>/start/": "here",
    "GET admin/workspaces/job/<int:job_id>/compare/": "here",
    "GET admin/workspaces/workspace/from-repository/": "create workspace",
    "GET admin/workspaces/recoveredstate/<uuid:pk>/download/": "state",
    "GET admin/workspaces/stateversion/<uuid:pk>/download/": "state",
    **{
        f"GET admin/workspaces/workspace/<uuid:pk>/{tab}": "here"
        for tab in ("", "change/", "jobs/", "variables/", "pods/", "source/", "access/", "settings/")
    },
    "GET admin/workspaces/workspace/<uuid:pk>/states/": "here",
    "GET admin/workspaces/workspace/<uuid:pk>/history/export/": "here",
    "GET admin/workspaces/organization/<uuid:pk>/history/export/": "here",
    "GET admin/workspaces/workspace/export/": ANYBODY,
    "GET admin/workspaces/job/export/": ANYBODY,
    "GET admin/workspaces/workspace/<uuid:pk>/states/difference/": "state",
    "GET admin/workspaces/workspace/drift/": ANYBODY,
    "GET admin/workspaces/workspace/by-folder/": ANYBODY,
    "GET admin/workspaces/workspace/by-project/": ANYBODY,
    "GET admin/workspaces/policyrule/violations/": ANYBODY,
    "GET admin/workspaces/schedule/preview/": ANYBODY,
    "GET admin/auth/user/<id>/password/": ADMINISTRATOR,
    "GET admin/auth/user/<id>/rights/": ADMINISTRATOR,
    "GET admin/auth/user/rights/": ANYBODY,
    "GET admin/workspaces/workspace/<uuid:pk>/who-may/": "here",
    "GET tfoutput/v1/organization/<uuid:organization_id>/job/<int:job_id>/step/<uuid:step_id>": "here",
    "GET tfoutput/v1/organization/<uuid:organization_id>/job/<int:job_id>/step/<uuid:step_id>/stream": "here",
    "GET tfoutput/v1/organization/<uuid:organization_id>/job/<int:job_id>/step/<uuid:step_id>/files": "here",
    "GET tfoutput/v1/organization/<uuid:organization_id>/job/<int:job_id>/step/<uuid:step_id>/incident": "here",
    "GET tfstate/v1/organization/<uuid:organization_id>/workspace/<uuid:workspace_id>/state/terraform.tfstate": "state",
    "GET tfstate/v1/organization/<uuid:organization_id>/workspace/<uuid:workspace_id>/state/<uuid:state_id>.json": (
        "state"
    ),
    "PUT tfstate/v1/organization/<uuid:organization_id>/workspace/<uuid:workspace_id>/rollback/<uuid:state_id>.json": (
        "state"
    ),
    "GET tfstate/v1/organization/<uuid:organization_id>/workspace/<uuid:workspace_id>/recovered/"
    "<uuid:recovered_id>.tfstate": "state",
    "GET tfstate/v1/organization/<uuid:organization_id>/workspace/<uuid:workspace_id>/jobId/<int:job_id>/step/"
    "<uuid:step_id>/terraform.tfstate": "state",
    "GET context/v1/<str:job_id>": "here",
    "POST context/v1/<str:job_id>": ADMINISTRATOR,
    "POST logs": ADMINISTRATOR,
    "POST logs/<str:job_id>/setup-consumer-groups": ADMINISTRATOR,
    "GET remote/tfe/v2/configuration-versions/<uuid:version_id>/terraformContent.tar.gz": ADMINISTRATOR,
    "GET access-token/v1/teams/permissions/organization/<uuid:organization_id>": "here",
    "GET access-token/v1/teams/permissions/organization/<uuid:organization_id>/workspace/<uuid:workspace_id>": "here",
    "GET notification/v1/workspace/<uuid:workspace_id>/deliveries": "workspace",
    "GET history/v1/organization/<uuid:organization_id>": "here",
    "GET history/v1/workspace/<uuid:workspace_id>": "here",
    "GET pat/v1": ANYBODY,
    "POST pat/v1": ANYBODY,
    "GET access-token/v1/teams": ANYBODY,
    "GET access-token/v1/teams/current-teams": ANYBODY,
}

# Addresses that no role decides: of one's own account, of frames and choices that show what a row above lets one see,
# or for an executor's own token; each with why.
WITHOUT_ROLE: Mapping[str, str] = {
    **{
        f"app/<str:organization_name>/{path}": "leads to a page of the panel"
        for path in (
            "<str:workspace_name>/runs/<str:run_id>",
            "workspaces/<str:workspace_name>",
            "workspaces/<str:workspace_name>/runs/<str:run_id>",
        )
    },
    "webhook/v1/<str:webhook_id>": "the signature of a provider opens it",
    "webhook/v2/<str:hook_id>": "the signature of a provider opens it",
    "i18n/setlang/": "the reader's language",
    "admin/workspaces/workspace/list/": "one's own filters, and shared ones: tests/panel/test_saved_filters.py",
    "admin/workspaces/job/list/": "one's own filters, and shared ones: tests/panel/test_saved_filters.py",
    "admin/search/": "finds what lists show, by the same query: tests/panel/test_search.py",
    "admin/password_change/": "one's own password",
    "admin/password_change/done/": "one's own password",
    "admin/autocomplete/": "rows that their list shows, by the same query",
    "admin/r/<path:content_type_id>/<path:object_id>/": "leads nowhere: no record has a page outside of the panel",
    "admin/(?P<app_label>workspaces|auth|auditlog|axes|vcs|executors|django_q)/$": "names lists of the sidebar",
    "admin/(?P<url>.*)$": "answers 404",
    "callback/v1/vcs/<str:vcs_id>": "the provider sends people here, with a code that it gave for this connection",
    **{
        f"vcs/v1/<uuid:vcs_id>/{name}": "the right to manage connections or workspaces, each by itself"
        for name in ("groups", "repositories", "branches", "folders")
    },
    "admin/workspaces/vcs/<uuid:pk>/connect/": "who may change the connection, as its page says",
    "admin/workspaces/vcs/<uuid:pk>/try/": "who may change the connection, as its page says",
    **{
        f"tfstate/v1/archive/<str:archive_id>/{name}": "takes a state at a signed address alone"
        for name in ("terraform.tfstate", "terraform.json.tfstate")
    },
    "vcs-token/v1/<str:job_id>/refresh": "the session of a running step opens it, and no person's token",
    "pat/v1/<str:token_id>": "one's own tokens",
    "access-token/v1/teams/<str:token_id>": "tokens of one's own teams",
    **{
        f"executor/v1/attempts/<uuid:attempt_id>/{name}": "the token of an attempt opens it, and no person's"
        for name in (
            "claim", "heartbeat", "logs", "result", "source", "source-token", "plan-file", "plan-lock-file",
            "plan-json", "state-json", "state", "lock", "unlock", "plan-files", "plan-manifest", "recovered-state",
        )
    },
    "executor/v1/warm-pods/<uuid:pod_id>/wait": "the token of a warm pod opens it, and no person's",
}  # fmt: skip

# Walked by the tables above.
WALKED = {
    # tests/vcs/test_pull_request_pages.py
    "admin/vcs/pullrequest/<int:pk>/allow/",
    "api/v1/operations",
    "api/v1/<path:path>",
    "api/v1/(?P<path>organization/[^/]+/job/[^/]+)$",
    "api/v1/(?P<path>organization/[^/]+/job/[^/]+/step/[^/]+)$",
    "api/v1/(?P<path>organization/[^/]+/workspace/[^/]+/history)$",
    "admin/workspaces/policyrule/preview/",
    # tests/vcs/test_pages.py
    "admin/vcs/repositoryhook/<uuid:pk>/again/",
    "admin/vcs/delivery/<int:pk>/again/",
    "admin/workspaces/job/<int:pk>/stop/",
    # tests/notifications/test_doors.py
    "admin/workspaces/notificationconfiguration/<uuid:pk>/test/",
    "admin/workspaces/notificationdelivery/<uuid:pk>/again/",
    "notification/v1/configuration/<uuid:configuration_id>/test",
    "notification/v1/organization/<uuid:organization_id>/configuration/test",
    "notification/v1/workspace/<uuid:workspace_id>/deliveries/<uuid:delivery_id>/retry",
}
