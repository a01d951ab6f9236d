"""Columns of workspaces: what an export holds, and what the list shows of where a configuration is from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from workspaces.admin.tag_display import shown_tag
from workspaces.models import Workspace


@admin.display(description=_("branch"), ordering="branch")
def branch(record: Workspace) -> str:
    """Return the branches of a workspace from git; an uploaded source has none, whatever the API calls it."""
    return "–" if record.uploaded_source else record.branch


EXPORT_COLUMNS: tuple[tuple[str, Callable[[Any], object]], ...] = (
    ("id", lambda row: row.pk),
    ("organization", lambda row: row.organization.name),
    ("project", lambda row: row.project.name if row.project is not None else None),
    ("name", lambda row: row.name),
    ("description", lambda row: row.description),
    ("kubernetes", lambda row: "yes" if row.shown.placement.ephemeral else "no"),
    ("last job", lambda row: row.last_job_status),
    ("last job at", lambda row: row.last_job_date.isoformat() if row.last_job_date is not None else None),
    ("locked", lambda row: "yes" if row.locked else "no"),
    ("tool", lambda row: row.iac_type),
    ("version", lambda row: row.terraform_version),
    ("source", lambda row: None if row.uploaded_source else row.source),
    ("branch", lambda row: None if row.uploaded_source else row.branch),
    ("path", lambda row: row.folder),
    ("tags", lambda row: " ".join(shown_tag(one) for one in row.shown_tags)),
)
"""Heads and values of an export. Source and branch are empty for an uploaded source."""
