"""``workspace`` and its ``history``."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from workspaces.actors import Actor
from workspaces.api.jsonapi.attributes import Attribute, Kind, Writing, audit, of_columns, reference
from workspaces.api.jsonapi.resource import Change, make, to_many, to_one, to_single
from workspaces.api.resources.changes import columns, deleting, reference_field
from workspaces.models import Ssh, StateVersion, Template, Workspace
from workspaces.services.workspaces import create_workspace, delete_workspace, update_workspace

_REFERENCES = {"defaultTemplate": ("default_template", Template), "moduleSshKey": ("module_ssh_key", Ssh)}


def _fields(change: Change, organization_id: Any) -> dict[str, Any]:
    plain = {name: value for name, value in change.attributes.items() if name not in _REFERENCES}
    fields = columns(Change(attributes=plain, related=change.related), Workspace)
    for name, (column, model) in _REFERENCES.items():
        fields |= reference_field(change, name, model, organization_id, column)
    return fields


def _create(change: Change, actor: Actor) -> Workspace:
    fields = _fields(change, change.related["organization"].pk)
    return create_workspace(fields.pop("organization"), by=actor, **fields)


def _update(record: Workspace, change: Change, actor: Actor) -> None:
    update_workspace(record, _fields(change, record.organization_id), by=actor)


def _alive(rows: Any) -> Any:
    return rows.alive()


WORKSPACE = make(
    "workspace",
    Workspace,
    (
        *of_columns(
            Workspace,
            "name source branch terraformVersion description folder locked lockDescription deleted allowRemoteApply "
            "autoApply globalRemoteState sharedIds",
        ),
        *of_columns(Workspace, "iacType executionMode", lenient=True),
        *of_columns(Workspace, "lastJobStatus lastJobDate", writing=Writing.NEVER),
        reference("defaultTemplate", "default_template"),
        # Terrakube's provider clears it with empty text, and expects the same text back.
        reference("moduleSshKey", "module_ssh_key", none=""),
        *audit(Workspace),
    ),
    (
        to_one("organization", required=True),
        to_one("vcs", writable=True),
        to_one("ssh", writable=True),
        to_one("agent", writable=True),
        to_one("project", writable=True),
        to_many("access", "workspace"),
        to_many("history", "workspace"),
        to_many("job", "workspace"),
        to_many("recoveredState", "workspace", type="recovered_state"),
        to_many("reference", "workspace"),
        to_many("schedule", "workspace"),
        to_many("variable", "workspace"),
        to_many("workspaceTag", "workspace", type="workspacetag"),
        to_many("notificationConfiguration", "workspace", type="notification_configuration"),
        to_single("webhook", "workspace"),
    ),
    root=True,
    joined=("organization",),
    narrow=_alive,
    hides="deleted",
    create=_create,
    update=_update,
    delete=deleting(delete_workspace),
)


def _state_address(version: StateVersion) -> str:
    workspace = version.workspace
    return (
        f"{settings.PUBLIC_URL}/tfstate/v1/organization/{workspace.organization_id}/workspace/{workspace.pk}"
        f"/state/{version.pk}.json"
    )


def _without_content(rows: Any) -> Any:
    # The states themselves are large, and no list shows them.
    return rows.select_related("workspace").defer("content", "json")


HISTORY = make(
    "history",
    StateVersion,
    (
        *of_columns(StateVersion, "serial md5 lineage", writing=Writing.NEVER),
        Attribute(name="output", read=_state_address, writing=Writing.NEVER, description="Where the state's JSON is."),
        Attribute(
            name="jobReference",
            kind=Kind.TEXT,
            read=lambda version: None if version.job_id is None else str(version.job_id),
            writing=Writing.NEVER,
        ),
        *audit(StateVersion),
    ),
    (to_one("workspace"),),
    narrow=_without_content,
)
