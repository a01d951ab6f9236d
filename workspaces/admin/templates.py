"""Templates: the flows that jobs run."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.forms import Field
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from workspaces.admin.base import AUDIT_FIELDS, AUDIT_FIELDSET, RecordAdmin
from workspaces.display import age_column
from workspaces.models import Template

# What a new template begins with.
EXAMPLE = """\
flow:
  - type: terraformPlan
    name: Plan
    step: 100
  - type: approval
    name: Approval
    step: 150
    team: ""
  - type: terraformApply
    name: Apply
    step: 200
"""


@admin.register(Template)
class TemplateAdmin(RecordAdmin):
    list_display = ("name", "organization", "description", "version", "updated_by", "changed")
    changed = age_column("updated_date", _("changed"))
    list_select_related = ("organization",)
    list_filter = ("organization",)
    search_fields = ("name", "description", "organization__name")
    autocomplete_fields = ("organization",)
    readonly_fields = AUDIT_FIELDS
    fieldsets = (
        (None, {"fields": ("organization", "name", "description", "version", "tcl")}),
        AUDIT_FIELDSET,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found = super().get_queryset(request)
        match = request.resolver_match
        return found.defer("tcl") if match is not None and match.url_name == "workspaces_template_changelist" else found

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"tcl": EXAMPLE, **super().get_changeform_initial_data(request)}

    def formfield_for_dbfield(
        self, db_field: models.Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Field | None:
        if db_field.name == "tcl":
            kwargs["widget"] = UnfoldAdminTextareaWidget(
                attrs={"rows": 12, "class": "tk-code", "spellcheck": "false", "wrap": "off"}
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[no-any-return]
