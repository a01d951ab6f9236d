"""Describe the endpoints besides the resources: operations, tokens, logs, states, uploads, health, discovery."""

from __future__ import annotations

from workspaces.api.openapi import histories
from workspaces.api.openapi.operations import body as _body
from workspaces.api.openapi.operations import operation as _operation
from workspaces.api.openapi.operations import without_token as _open
from workspaces.api.openapi.parts import (
    BYTES,
    FLAG,
    JSON,
    JSON_API,
    NUMBER,
    TEXT,
    UUID,
    Part,
    answer,
    in_path,
    in_query,
    members,
    ref,
    refusals,
)

_ORGANIZATION = in_path("organizationId", "The id of the organization")
_WORKSPACE = in_path("workspaceId", "The id of the workspace")
_JOB = in_path("jobId", "The number of the job", kind="number")
_STEP = in_path("stepId", "The id of the step")
_ATTEMPT = in_query("attempt", "The number of the attempt; the newest one without it", example="1")
_VERSION = in_path("versionId", "The id of the configuration version")
_TOKEN_ID = {"name": "tokenId", "in": "path", "required": True, "schema": TEXT, "description": "The token's jti"}
_AUDIT = {"deleted": FLAG, "createdBy": TEXT, "createdDate": TEXT, "updatedBy": TEXT, "updatedDate": TEXT}
_TOKEN = members(token=TEXT)
_PLAN_FILES = members(
    count=NUMBER,
    bytes=NUMBER,
    files={"type": "array", "items": members(path=TEXT, size=NUMBER)},
    removedCount=NUMBER,
    removed={"type": "array", "items": TEXT},
)
_RIGHTS = members(
    **dict.fromkeys(
        (
            *("manageState", "manageWorkspace", "manageModule", "manageProvider", "manageVcs", "manageTemplate"),
            *("manageCollection", "manageJob", "planJob", "approveJob", "managePermission"),
        ),
        FLAG,
    )
)


def _plain(*codes: int) -> Part:
    return refusals(*codes, media_type=JSON)


def paths() -> Part:
    """Return the paths by what they are for."""
    return (
        _operations()
        | _tokens()
        | _connections()
        | _notifications()
        | histories.paths()
        | _results()
        | _uploads()
        | _open_paths()
    )


def _operations() -> Part:
    operation = {
        "type": "object",
        "properties": {"op": {"enum": ["add", "update", "remove"]}, "href": TEXT, "ref": ref("Identifier"), "data": {}},
        "required": ["op"],
    }
    example = {
        "atomic:operations": [
            {
                "op": "add",
                "href": "/organization/O/tag",
                "data": {"type": "tag", "attributes": {"name": "example"}},
            }
        ]
    }
    sent = members(**{"atomic:operations": {"type": "array", "items": operation, "maxItems": 100}})
    given = members(**{"atomic:results": {"type": "array", "items": {"type": "object"}}})
    return {
        "/api/v1/operations": {
            "post": _operation(
                "operations",
                "operations",
                "Several changes, all or none",
                {"200": answer("All were done", given), **refusals(400, 401, 403, 404, 406, 409, 413, 415, 424, 429)},
                requestBody=_body(sent, JSON_API, example),
            )
        }
    }


def _tokens() -> Part:
    personal = members(id=UUID, description=TEXT, days=NUMBER, **_AUDIT)
    of_team = members(id=UUID, description=TEXT, days=NUMBER, hours=NUMBER, minutes=NUMBER, group=TEXT, **_AUDIT)
    new_personal = {"type": "object", "properties": {"description": TEXT, "days": NUMBER}}
    lifetime = {"days": NUMBER, "hours": NUMBER, "minutes": NUMBER}
    new_of_team = {
        "type": "object",
        "properties": {"description": TEXT, "group": TEXT, **lifetime},
        "required": ["group"],
    }
    rights = {"202": answer("What the caller may do", _RIGHTS, JSON), **_plain(401, 403, 429)}
    found: Part = {}
    for path, name, shown, sent, example in (
        ("/pat/v1", "personal", personal, new_personal, {"description": "CI", "days": 30}),
        (
            "/access-token/v1/teams",
            "team",
            of_team,
            new_of_team,
            {"description": "CI", "days": 30, "group": "DEVELOPERS"},
        ),
    ):
        rows: Part = {"type": "array", "items": shown}
        found[path] = {
            "get": _operation(
                f"list_{name}_tokens",
                "tokens",
                f"The caller's {name} tokens",
                {"202": answer("The tokens, without their text", rows, JSON), **_plain(401, 429)},
            ),
            "post": _operation(
                f"create_{name}_token",
                "tokens",
                f"Make a {name} token; its text is given this once",
                {"201": answer("The token", _TOKEN, JSON), **_plain(400, 401, 413, 429)},
                requestBody=_body(sent, JSON, example),
            ),
        }
        found[f"{path}/{{tokenId}}"] = {
            "delete": _operation(
                f"revoke_{name}_token",
                "tokens",
                f"Revoke a {name} token",
                {"202": answer("It is good for nothing any more"), **_plain(400, 401, 429)},
                _TOKEN_ID,
            )
        }
    found["/access-token/v1/teams/current-teams"] = {
        "get": _operation(
            "list_current_teams",
            "tokens",
            "The caller's groups",
            {"202": answer("The groups", members(groups={"type": "array", "items": TEXT}), JSON), **_plain(401, 429)},
        )
    }
    base = "/access-token/v1/teams/permissions/organization/{organizationId}"
    found[base] = {"get": _operation("read_organization_rights", "tokens", "Rights there", rights, _ORGANIZATION)}
    found[f"{base}/workspace/{{workspaceId}}"] = {
        "get": _operation("read_workspace_rights", "tokens", "Rights there", rights, _ORGANIZATION, _WORKSPACE)
    }
    return found


def _connections() -> Part:
    group = members(id=TEXT, name=TEXT)
    repository = members(name=TEXT, fullName=TEXT, group=TEXT, url=TEXT, privateRepo=FLAG, defaultBranch=TEXT)
    page = members(items={"type": "array", "items": repository}, hasMore=FLAG, page=NUMBER)
    connection = in_path("vcsId", "The id of the VCS connection")
    repository_url = {
        **in_query("repository", "Its address for git", example="https://github.com/acme/network.git"),
        "required": True,
    }

    def items(**names: Part) -> Part:
        return members(items={"type": "array", "items": members(**names)})

    refused = {
        **_plain(401, 403, 404, 429),
        "422": answer(
            "This connection lists nothing: it is public, not connected yet, or has no credentials of its own"
        ),
        "502": answer("The provider refuses or does not answer; the detail says why", ref("Errors"), JSON),
    }
    return {
        "/vcs/v1/{vcsId}/groups": {
            "get": _operation(
                "list_repository_groups",
                "vcs",
                "What a connection's repositories are grouped by",
                {"200": answer("The groups", {"type": "array", "items": group}, JSON), **refused},
                connection,
            )
        },
        "/vcs/v1/{vcsId}/repositories": {
            "get": _operation(
                "list_repositories",
                "vcs",
                "A page of a group's repositories",
                {"200": answer("Up to 50 of them", page, JSON), **_plain(400), **refused},
                connection,
                {**in_query("group", "The id of the group", example="acme"), "required": True},
                in_query("search", "A part of the name", example="network"),
                in_query("page", "Counted from 1", example="1"),
            )
        },
        "/vcs/v1/{vcsId}/branches": {
            "get": _operation(
                "list_branches",
                "vcs",
                "The branches of a repository",
                {"200": answer("All of them", items(name=TEXT, default=FLAG), JSON), **_plain(400), **refused},
                connection,
                repository_url,
            )
        },
        "/vcs/v1/{vcsId}/folders": {
            "get": _operation(
                "list_folders",
                "vcs",
                "The folders of a branch that hold a configuration",
                {"200": answer("All of them, in order", items(folder=TEXT), JSON), **_plain(400), **refused},
                connection,
                repository_url,
                {**in_query("branch", "The name of the branch", example="main"), "required": True},
            )
        },
    }


def _notifications() -> Part:
    told = members(message=TEXT, answerStatus={"type": ["integer", "null"]})
    refused = {**_plain(401, 403, 404, 429), "502": answer("The receiver refuses it; the message says why", told, JSON)}
    row = members(
        id=UUID,
        jobId={"type": ["integer", "null"]},
        configurationName=TEXT,
        channelType=TEXT,
        status=TEXT,
        attemptCount=NUMBER,
        lastAttemptAt={"type": ["string", "null"]},
        lastError={"type": ["string", "null"]},
        createdDate=TEXT,
        event=TEXT,
        answerStatus={"type": ["integer", "null"]},
    )
    target = {"type": "object", "properties": {"channelType": TEXT, "destinationUrl": TEXT, "signingSecret": TEXT}}
    deliveries = "/notification/v1/workspace/{workspaceId}/deliveries"
    return {
        "/notification/v1/configuration/{configurationId}/test": {
            "post": _operation(
                "test_notification",
                "notifications",
                "Send a sample to a notification's destination",
                {"200": answer("It was taken", told, JSON), **refused},
                in_path("configurationId", "The id of the notification_configuration"),
            )
        },
        "/notification/v1/organization/{organizationId}/configuration/test": {
            "post": _operation(
                "test_unsaved_notification",
                "notifications",
                "Send a sample to a destination that is not saved",
                {"200": answer("It was taken", told, JSON), **_plain(400, 413), **refused},
                _ORGANIZATION,
                requestBody=_body(
                    target | {"required": ["channelType", "destinationUrl"]},
                    JSON,
                    {"channelType": "WEBHOOK", "destinationUrl": "https://hooks.example/terrakube"},
                ),
            )
        },
        deliveries: {
            "get": _operation(
                "list_notification_deliveries",
                "notifications",
                "What was sent about a workspace, with the result",
                {"200": answer("The deliveries", {"type": "array", "items": row}, JSON), **_plain(400, 401, 403, 404)},
                _WORKSPACE,
                in_query("limit", "How many, at most 200", example="10"),
            )
        },
        f"{deliveries}/{{deliveryId}}/retry": {
            "post": _operation(
                "retry_notification_delivery",
                "notifications",
                "Send a delivery again",
                {"200": answer("It is queued", members(message=TEXT), JSON), **_plain(401, 403, 404, 409, 429)},
                *(_WORKSPACE, in_path("deliveryId", "The id of the delivery")),
            )
        },
    }


def _results() -> Part:
    raw: Part = {"type": "string", "contentMediaType": BYTES}
    workspace = "/tfstate/v1/organization/{organizationId}/workspace/{workspaceId}"
    refused = _plain(401, 403, 404, 429)
    return {
        "/tfoutput/v1/organization/{organizationId}/job/{jobId}/step/{stepId}": {
            "get": _operation(
                "read_log",
                "results",
                "The log of a step as it is now",
                {"200": answer("The log", raw, BYTES), **_plain(401, 404, 429)},
                *(_ORGANIZATION, _JOB, _STEP),
            )
        },
        "/tfoutput/v1/organization/{organizationId}/job/{jobId}/step/{stepId}/stream": {
            "get": _operation(
                "follow_log",
                "results",
                "The log of a step as it grows: server-sent events of whole lines, each with the offset of its end",
                {"200": answer("The events", TEXT, "text/event-stream"), **_plain(401, 404, 429)},
                *(_ORGANIZATION, _JOB, _STEP),
            )
        },
        "/tfoutput/v1/organization/{organizationId}/job/{jobId}/step/{stepId}/files": {
            "get": _operation(
                "list_plan_files",
                "results",
                "What the plan of a step made below its work folder, which its apply gets",
                {"200": answer("The list", _PLAN_FILES, JSON), **_plain(401, 404, 429)},
                *(_ORGANIZATION, _JOB, _STEP),
            )
        },
        "/tfoutput/v1/organization/{organizationId}/job/{jobId}/step/{stepId}/incident": {
            "get": _operation(
                "read_incident",
                "results",
                "What was seen and decided of an attempt of a step, without secrets, for a report",
                {"200": answer("The bundle", {"type": "object"}, JSON), **_plain(400, 401, 404, 429)},
                *(_ORGANIZATION, _JOB, _STEP, _ATTEMPT),
            )
        },
        f"{workspace}/state/terraform.tfstate": {
            "get": _operation(
                "read_state",
                "results",
                "The newest state; needs manageState",
                {"200": answer("The state as Terraform wrote it", raw, BYTES), **refused},
                *(_ORGANIZATION, _WORKSPACE),
            )
        },
        f"{workspace}/state/{{stateId}}.json": {
            "get": _operation(
                "read_state_json",
                "results",
                "What `show -json` says of a state; needs manageState",
                {"200": answer("The description", {"type": "object"}, JSON), **refused},
                *(_ORGANIZATION, _WORKSPACE, in_path("stateId", "The id of the history record")),
            )
        },
        f"{workspace}/rollback/{{stateId}}.json": {
            "put": _operation(
                "roll_back_state",
                "results",
                "Make an earlier state the current one again; needs manageState",
                {"201": answer("Done", TEXT, "text/plain"), **_plain(400, 401, 403, 404, 409, 413, 429)},
                *(_ORGANIZATION, _WORKSPACE, in_path("stateId", "The id of the history record")),
                requestBody={
                    **_body(
                        {"type": "object", "properties": {"reason": {"type": "string", "maxLength": 512}}},
                        JSON,
                        {"reason": "The apply of job 812 took the wrong variables"},
                    ),
                    "required": False,
                },
            )
        },
        f"{workspace}/recovered/{{recoveredId}}.tfstate": {
            "get": _operation(
                "read_recovered_state",
                "results",
                "A state that did not become the current one; needs manageState",
                {"200": answer("The state as Terraform wrote it", raw, BYTES), **refused},
                *(_ORGANIZATION, _WORKSPACE, in_path("recoveredId", "The id of the recovered_state record")),
            )
        },
        f"{workspace}/jobId/{{jobId}}/step/{{stepId}}/terraform.tfstate": {
            "get": _operation(
                "read_plan",
                "results",
                "The saved plan of a step; needs manageState",
                {"200": answer("The plan file", raw, BYTES), **refused},
                *(_ORGANIZATION, _WORKSPACE, _JOB, _STEP),
            )
        },
    }


def _uploads() -> Part:
    version = members(data={"type": "object"})
    one = "/remote/tfe/v2/configuration-versions/{versionId}"
    token = {"name": "token", "in": "query", "required": True, "schema": TEXT, "description": "From upload-url"}
    archive = {
        "name": "archiveId",
        "in": "path",
        "required": True,
        "schema": TEXT,
        "description": "Id and token of the upload, with a stop between",
    }
    attributes = {"auto-queue-runs": FLAG, "provisional": FLAG, "speculative": FLAG}
    sent = members(data={"type": "object", "properties": {"attributes": {"type": "object", "properties": attributes}}})
    return {
        "/remote/tfe/v2/workspaces/{workspaceId}/configuration-versions": {
            "post": _operation(
                "create_configuration_version",
                "uploads",
                "Make room for a source; the answer's upload-url takes the archive",
                {"201": answer("Where to put it", version), **refusals(400, 401, 403, 404, 406, 413, 415, 422, 429)},
                _WORKSPACE,
                requestBody=_body(sent, JSON_API, {"data": {"attributes": {"auto-queue-runs": False}}}),
            )
        },
        one: {
            "get": _operation(
                "read_configuration_version",
                "uploads",
                "Whether an archive has arrived",
                {"200": answer("The version", version), **refusals(401, 404, 406, 429)},
                _VERSION,
            ),
            "put": _open(
                _operation(
                    "upload_source",
                    "uploads",
                    "Put the tar.gz of a source; the address itself is the permission",
                    {"200": answer("It is kept"), **_plain(400, 403, 404, 409, 413)},
                    *(_VERSION, token),
                    requestBody=_body({"type": "string", "contentMediaType": "application/gzip"}, BYTES, "(a tar.gz)"),
                )
            ),
        },
        **{
            f"/tfstate/v1/archive/{{archiveId}}/{name}": {
                "put": _open(
                    _operation(
                        operation,
                        "uploads",
                        summary,
                        {"201": answer("It is kept"), **_plain(403, 413)},
                        archive,
                        requestBody=_body({"type": "string", "contentMediaType": BYTES}, BYTES, "{}"),
                    )
                )
            }
            for name, operation, summary in (
                ("terraform.tfstate", "archive_state", "Put an announced state"),
                ("terraform.json.tfstate", "archive_state_json", "Put what terraform show -json prints of it"),
            )
        },
    }


def _open_paths() -> Part:
    up = answer("It works", members(status=TEXT), JSON)
    index = {"200": answer("The index", {"type": ["object", "array"]}, JSON), **_plain(503)}
    services = answer("The services", {"type": "object"}, JSON)
    found = {
        "/actuator/health": ("health", "health", "That the process answers", {"200": up}),
        "/actuator/health/liveness": ("liveness", "health", "That the process answers", {"200": up}),
        "/actuator/health/readiness": (
            "readiness",
            "health",
            "Database, queue and watcher",
            {"200": up, "503": answer("Which of them fails", members(status=TEXT), JSON)},
        ),
        "/.well-known/terraform.json": ("discovery", "discovery", "Terraform's services here", {"200": services}),
        "/terraform/index.json": ("terraform_releases", "discovery", "Terraform's releases", index),
        "/tofu/index.json": ("tofu_releases", "discovery", "OpenTofu's releases", index),
    }
    return {path: {"get": _open(_operation(*parts))} for path, parts in found.items()}
