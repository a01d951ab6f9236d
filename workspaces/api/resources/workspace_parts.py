"""The parts of one workspace besides its variables: ``access``, ``schedule`` and ``workspacetag``."""

from __future__ import annotations

from typing import Any

from workspaces.actors import Actor
from workspaces.api.jsonapi.attributes import (
    Attribute,
    audit,
    decode_flow,
    encode_flow,
    of_column,
    of_columns,
    reference,
    told,
)
from workspaces.api.jsonapi.resource import Change, make, to_one
from workspaces.api.resources.changes import columns, creating, deleting, reference_field, updating
from workspaces.models import Access, Schedule, Tag, Template, WorkspaceTag
from workspaces.services.accesses import create_access, update_access
from workspaces.services.records import create_record, update_record
from workspaces.services.schedules import create_schedule, update_schedule

ACCESS = make(
    "access",
    Access,
    of_columns(Access, "name manageState manageWorkspace manageJob planJob approveJob role"),
    (to_one("workspace", required=True),),
    joined=("workspace__organization",),
    create=creating(Access, create_access),
    update=updating(Access, update_access),
    delete=deleting(),
)


def _tag_fields(change: Change, organization_id: Any) -> dict[str, Any]:
    plain = {name: value for name, value in change.attributes.items() if name != "tagId"}
    fields = columns(Change(attributes=plain, related=change.related), WorkspaceTag)
    return fields | reference_field(change, "tagId", Tag, organization_id, "tag")


def _create_tag(change: Change, actor: Actor) -> WorkspaceTag:
    organization_id = change.related["workspace"].organization_id
    return create_record(WorkspaceTag(**_tag_fields(change, organization_id)), by=actor)


def _update_tag(record: WorkspaceTag, change: Change, actor: Actor) -> None:
    update_record(record, _tag_fields(change, record.workspace.organization_id), by=actor)


WORKSPACE_TAG = make(
    "workspacetag",
    WorkspaceTag,
    (
        reference("tagId", "tag", required=True, nullable=False),
        of_column(WorkspaceTag, "value", read=lambda tag: tag.value or None, description="Null for a tag alone."),
    ),
    (to_one("workspace", required=True),),
    joined=("workspace__organization",),
    create=_create_tag,
    update=_update_tag,
    delete=deleting(),
)


def _schedule_fields(change: Change, organization_id: Any) -> dict[str, Any]:
    plain = {name: value for name, value in change.attributes.items() if name != "templateReference"}
    if "tcl" in plain:
        plain["tcl"] = decode_flow("tcl", plain["tcl"])
    fields = columns(Change(attributes=plain, related=change.related), Schedule)
    return fields | reference_field(change, "templateReference", Template, organization_id, "template")


def _create_schedule(change: Change, actor: Actor) -> Schedule:
    organization_id = change.related["workspace"].organization_id
    return create_schedule(Schedule(**_schedule_fields(change, organization_id)), by=actor)


def _update_schedule(record: Schedule, change: Change, actor: Actor) -> None:
    update_schedule(record, _schedule_fields(change, record.workspace.organization_id), by=actor)


SCHEDULE = make(
    "schedule",
    Schedule,
    (
        *of_columns(Schedule, "name cron timeZone description enabled"),
        reference("templateReference", "template"),
        Attribute(
            name="tcl", read=lambda schedule: encode_flow(schedule.tcl), description="The flow's YAML in base64."
        ),
        told(Schedule, "refusal", "Why it started no job when it was last due; null when it did."),
        *audit(Schedule),
    ),
    (to_one("workspace", required=True),),
    joined=("workspace__organization",),
    create=_create_schedule,
    update=_update_schedule,
    delete=deleting(),
)
