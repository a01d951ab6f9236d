"""Variables of workspaces and organizations, as lists over all of them and as rows of their workspace."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from workspaces.admin.base import RecordAdmin, RecordInline
from workspaces.choices import Category
from workspaces.forms.variables import VariableForm
from workspaces.models import GlobalVariable, Variable
from workspaces.models.variable import AbstractVariable


def shown(record: AbstractVariable) -> str:
    """A value for a list: one line of it, masked when it is sensitive."""
    first, _, rest = record.shown_value.partition("\n")
    return first[:77] + "…" if rest or len(first) > 78 else first


class VariableInline(RecordInline):
    model = Variable
    form = VariableForm
    right = "manage_workspace"
    fields = ("key", "value", "category", "sensitive", "hcl", "description")
    verbose_name = "variable"
    verbose_name_plural = "variables"
    show_change_link = False


class _VariableAdmin(RecordAdmin):
    form = VariableForm
    search_fields: tuple[str, ...] = ("key", "description")
    list_filter: tuple[str, ...] = ("category", "sensitive", "hcl")

    @admin.display(description="value")
    def shown_value(self, record: AbstractVariable) -> str:
        return shown(record)

    @admin.display(description="category", ordering="category")
    def short_category(self, record: AbstractVariable) -> str:
        return "Environment" if record.category == Category.ENV else "Terraform"


@admin.register(Variable)
class VariableAdmin(_VariableAdmin):
    right = "manage_workspace"
    organization_path = "workspace__organization"
    list_display = ("key", "shown_value", "workspace", "organization", "short_category", "sensitive", "hcl")
    list_select_related = ("workspace__organization",)
    search_fields = ("key", "description", "workspace__name")
    list_filter = ("category", "sensitive", "hcl", "workspace__organization")
    autocomplete_fields = ("workspace",)
    fields = ("workspace", "key", "value", "category", ("sensitive", "hcl"), "description")

    @admin.display(description="organization", ordering="workspace__organization__name")
    def organization(self, record: Variable) -> str:
        return str(record.workspace.organization)

    def get_readonly_fields(self, request: Any, obj: Any = None) -> tuple[str, ...]:
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "workspace") if obj is not None else fixed


@admin.register(GlobalVariable)
class GlobalVariableAdmin(_VariableAdmin):
    right = "manage_organization"
    list_display = ("key", "shown_value", "organization", "short_category", "sensitive", "hcl")
    list_select_related = ("organization",)
    search_fields = ("key", "description", "organization__name")
    list_filter = ("category", "sensitive", "hcl", "organization")
    autocomplete_fields = ("organization",)
    fields = ("organization", "key", "value", "category", ("sensitive", "hcl"), "description")
