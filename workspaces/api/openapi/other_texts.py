"""Texts for the endpoints besides the resources: what they do, and examples of their answers."""

from __future__ import annotations

from collections.abc import Mapping

from workspaces.api.openapi.examples import ID

_RIGHTS = "All of the caller's teams count together; an administrator has every right."
_RELEASES = "The published index, cached for a while; an older copy while it cannot be reached. Needs no token."
_STATE = "Needs the right manageState, because it contains secrets."
_ARCHIVE = (
    "Terrakube's address. `POST …/state-versions` of terraform's cloud protocol announces a state; the answer's "
    "`hosted-state-upload-url` and `hosted-json-state-upload-url` have a token each, valid for one upload within an "
    "hour. No other token works."
)
_HISTORY = (
    "The newest first, 50 unless `page[size]` says otherwise; `links.next` leads to older ones. Sensitive values are "
    "not shown. A filter looks at 20,000 entries for one page: `meta.lookedBackTo` then says how far it looked."
)
DESCRIPTIONS: Mapping[str, str] = {
    "operations": "Each operation does what POST, PATCH or DELETE does at the address in `href` or on the record in "
    "`ref`. A `lid` names a record that an earlier operation creates. If one operation is refused, none is done.",
    "list_personal_tokens": "The caller's own tokens, expired ones too; revoked ones are gone.",
    "create_personal_token": "The token has the caller's current groups. With 0 `days` it never expires.",
    "revoke_personal_token": "It is refused from the next call on.",
    "list_team_tokens": "The tokens of the caller's groups; an administrator sees all.",
    "create_team_token": "The token has one of the caller's groups, named in `group`; the response has an empty "
    "token for a group that the caller is not in. Days, hours and minutes are added up; without them it never expires.",
    "revoke_team_token": "It is refused from the next call on.",
    "list_current_teams": "The groups that decide what the caller may do in each organization.",
    "read_organization_rights": _RIGHTS,
    "read_workspace_rights": f"{_RIGHTS} The workspace's own accesses are added.",
    "list_repository_groups": "Accounts, organizations, groups or projects, as the provider has them; `@me` is the "
    "owner of the token. Needs the right manageVcs or manageWorkspace.",
    "list_repositories": "Sorted by name; only repositories that the connection's token can read. The address is for "
    "`git clone`. Needs the right manageVcs or manageWorkspace.",
    "list_branches": "As git lists them, the default branch first. Works for public connections too. Needs the right "
    "manageVcs or manageWorkspace.",
    "list_folders": "Those with a file that ends with .tf, .tofu, .tf.json or .tofu.json, as a workspace's `folder`. "
    "Needs the right manageVcs or manageWorkspace.",
    "test_notification": "The message says that it is a test. The response is kept as a delivery. Needs the right "
    "manageWorkspace.",
    "test_unsaved_notification": "Nothing is kept. Needs the right manageWorkspace.",
    "list_notification_deliveries": "The newest first, 10 unless `limit` says otherwise. Needs the right "
    "manageWorkspace.",
    "retry_notification_delivery": "With all its tries; only for a delivery that failed for good. Needs the right "
    "manageWorkspace.",
    "list_history_of_organization": f"{_HISTORY} A caller without a team sees only workspaces with an access.",
    "list_history_of_workspace": _HISTORY,
    "read_log": "While the step runs, as far as its executor has sent it; sensitive values are masked. Empty where "
    "there is none.",
    "follow_log": "Send `Last-Event-ID` to continue after a lost connection; the event `over` is the last one.",
    "list_plan_files": "For approvers: the files that the plan and its scripts created or removed below the work "
    "folder. At most 1000 of each are listed; the numbers count all.",
    "read_incident": "What the watcher saw of the Job and its pod and what it decided, the timeline, and the settings "
    "that shape an attempt. It holds no secret, log, state or variable; `manage.py replay` decides it again.",
    "read_state": f"{_STATE} `terraform state push` and `manage.py import_state` take it.",
    "read_state_json": f"{_STATE} It is for people and programs; Terraform itself cannot read it.",
    "roll_back_state": "A new version with the content of the old one, the serial after the current one's and the same "
    "lineage. It is refused for the current version, while another user locked the workspace and while a job of it has "
    "not ended. Needs the right manageState; the workspace's history keeps the `reason`.",
    "read_recovered_state": f"{_STATE} A change of its record to `current` makes it the workspace's state.",
    "read_plan": f"{_STATE} It can be shown with `terraform show` of the same version, in the same source.",
    "create_configuration_version": "For a workspace whose branch is `remote-content`. Needs the right planJob. "
    "Terraform's command line does the same.",
    "read_configuration_version": "`status` is pending, then uploaded.",
    "archive_state": _ARCHIVE,
    "archive_state_json": _ARCHIVE,
    "upload_source": "The address is valid for one archive and for a short time. Needs no token.",
    "health": "For load balancers. Checks nothing else.",
    "liveness": "For a kubelet: only a process that hangs fails it.",
    "readiness": "For a kubelet: UP where requests can be served and jobs are processed.",
    "discovery": "Terraform asks for it before anything else. Needs no token.",
    "terraform_releases": _RELEASES,
    "tofu_releases": _RELEASES,
}
_TOKEN = {"token": "eyJhbGciOiJIUzI1NiJ9.e30.example"}
_AUDIT = {
    "deleted": False,
    "createdBy": "ann@example.org",
    "createdDate": "2026-11-24T19:01:07Z",
    "updatedBy": "ann@example.org",
    "updatedDate": "2026-11-24T19:01:07Z",
}
_OF_TOKEN = {"id": ID, "description": "CI", "days": 30, **_AUDIT}
_ALLOWED = {
    "manageState": False,
    "manageWorkspace": True,
    "manageModule": False,
    "manageProvider": False,
    "manageVcs": False,
    "manageTemplate": False,
    "manageCollection": False,
    "manageJob": False,
    "planJob": True,
    "approveJob": True,
    "managePermission": False,
}
_VERSION = {
    "id": ID,
    "type": "configuration-versions",
    "attributes": {
        "auto-queue-runs": False,
        "error": None,
        "error-message": None,
        "source": "tfe-api",
        "speculative": False,
        "status": "pending",
    },
}
_UPLOAD = f"https://terrakube.example/remote/tfe/v2/configuration-versions/{ID}?token=example"
_PAGE_OF_HISTORY: dict[str, object] = {
    "data": [
        {
            "type": "history_entry",
            "id": "4711",
            "attributes": {
                "time": "2026-11-24T19:01:00+00:00",
                "organization": ID,
                "workspace": "network",
                "workspaceId": ID,
                "kind": "variable",
                "record": "region",
                "recordId": ID,
                "what": "changed",
                "changes": [{"field": "Value", "before": "eu-1", "after": "eu-2"}],
                "who": "ann@example.org",
                "whoKind": "person",
                "door": "panel",
                "remark": None,
            },
        }
    ],
    "links": {"next": None},
}
ANSWERS: Mapping[str, object] = {
    "operations": {"atomic:results": [{"data": {"type": "tag", "id": ID, "attributes": {"name": "example"}}}]},
    "list_personal_tokens": [_OF_TOKEN],
    "create_personal_token": _TOKEN,
    "list_team_tokens": [{**_OF_TOKEN, "hours": 0, "minutes": 0, "group": "DEVELOPERS"}],
    "create_team_token": _TOKEN,
    "list_current_teams": {"groups": ["DEVELOPERS"]},
    "read_organization_rights": _ALLOWED,
    "read_workspace_rights": _ALLOWED,
    "list_repository_groups": [{"id": "acme", "name": "acme"}],
    "test_notification": {"message": "Sent", "answerStatus": 200},
    "test_unsaved_notification": {"message": "Sent", "answerStatus": 200},
    "list_notification_deliveries": [
        {
            "id": ID,
            "jobId": 812,
            "configurationName": "On call",
            "channelType": "SLACK",
            "status": "SENT",
            "attemptCount": 1,
            "lastAttemptAt": "2026-11-24T19:01:00.000+00:00",
            "lastError": None,
            "createdDate": "2026-11-24T19:01:00.000+00:00",
            "event": "waitingApproval",
            "answerStatus": 200,
        }
    ],
    "retry_notification_delivery": {"message": "Queued"},
    "list_history_of_organization": _PAGE_OF_HISTORY,
    "list_history_of_workspace": _PAGE_OF_HISTORY,
    "list_branches": {"items": [{"name": "main", "default": True}, {"name": "next", "default": False}]},
    "list_folders": {"items": [{"folder": "/"}, {"folder": "/envs/prod"}]},
    "list_repositories": {
        "items": [
            {
                "name": "network",
                "fullName": "acme/network",
                "group": "acme",
                "url": "https://github.com/acme/network.git",
                "privateRepo": True,
                "defaultBranch": "main",
            }
        ],
        "hasMore": False,
        "page": 1,
    },
    "read_log": "Plan: 1 to add, 0 to change, 0 to destroy.\n",
    "follow_log": "id: 43\ndata: Plan: 1 to add, 0 to change, 0 to destroy.\n\n",
    "list_plan_files": {
        "count": 1,
        "bytes": 1048576,
        "files": [{"path": "build/function.zip", "size": 1048576}],
        "removedCount": 0,
        "removed": [],
    },
    "read_incident": {
        "kind": "terrakube-site/incident",
        "format": 1,
        "attempt": {"number": 1, "state": "ended", "outcome": "lost"},
        "timeline": [{"at": "2026-03-02T10:15:00+00:00", "kind": "created"}],
        "looks": [],
    },
    "read_state": '{"version": 4, "serial": 7, "lineage": "3f0c"}',
    "roll_back_state": "Rollback successful",
    "read_recovered_state": '{"version": 4, "serial": 6, "lineage": "3f0c"}',
    "read_state_json": {"format_version": "1.0", "terraform_version": "1.11.4", "values": {"root_module": {}}},
    "read_plan": "(the bytes of the plan file)",
    "create_configuration_version": {
        "data": _VERSION | {"attributes": {**_VERSION["attributes"], "upload-url": _UPLOAD}}  # type: ignore[dict-item]
    },
    "read_configuration_version": {"data": _VERSION},
    **{name: {"status": "UP"} for name in ("health", "liveness", "readiness")},
    "discovery": {},
    "terraform_releases": {"name": "terraform", "versions": {}},
    "tofu_releases": [{"name": "v1.10.7", "assets": []}],
}
