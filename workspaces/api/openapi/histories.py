"""Describe the histories of workspaces and organizations."""

from __future__ import annotations

from workspaces.api.openapi.operations import operation
from workspaces.api.openapi.parts import JSON_API, TEXT, Part, answer, in_path, in_query, members, refusals


def paths() -> Part:
    """Return the paths of histories."""
    change = members(field=TEXT, before=TEXT, after=TEXT)
    nothing: Part = {"type": ["string", "null"]}
    attributes = members(
        time=TEXT,
        organization=nothing,
        workspace=nothing,
        workspaceId=nothing,
        kind=TEXT,
        record=TEXT,
        recordId=TEXT,
        what=TEXT,
        changes={"type": "array", "items": change},
        who=nothing,
        whoKind=TEXT,
        door=TEXT,
        remark=nothing,
    )
    entry = members(type=TEXT, id=TEXT, attributes=attributes)
    page = members(data={"type": "array", "items": entry}, links=members(next=nothing))
    asked = (
        in_query("filter[who]", "A part of the name of who made the change", example="ann"),
        in_query("filter[kind]", "The kind of record", example="variable"),
        in_query("filter[verb]", "What was done", example="changed"),
        in_query("filter[door]", "How the change came in", example="panel"),
        in_query("filter[text]", "A part of the name of the record, of a field or of a workspace", example="region"),
        in_query("filter[since]", "The first day, in UTC", example="2026-11-01"),
        in_query("filter[until]", "The last day, in UTC", example="2026-11-30"),
        in_query("page[size]", "How many entries, at most 500"),
        in_query("page[after]", "Where the page before ended; `links.next` has it"),
    )
    return {
        f"/history/v1/{kind}/{{{kind}Id}}": {
            "get": operation(
                f"list_history_of_{kind}",
                "histories",
                f"Who changed what in {article} {kind}",
                {"200": answer("A page of entries", page, JSON_API), **refusals(400, 401, 403, 404, 406, 429)},
                place,
                *asked,
            )
        }
        for kind, article, place in (
            ("organization", "an", in_path("organizationId", "The id of the organization")),
            ("workspace", "a", in_path("workspaceId", "The id of the workspace")),
        )
    }
