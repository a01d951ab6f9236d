"""Variables of workspaces and organizations, as lists across all of them and as rows of their workspace."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import RecordAdmin
from workspaces.admin.record_rows import RecordInline
from workspaces.admin.secret_display import HidesSecrets
from workspaces.choices import Category
from workspaces.forms.variables import VariableForm
from workspaces.models import GlobalVariable, Variable
from workspaces.models.variable import AbstractVariable


def shown(record: AbstractVariable) -> str:
    """Return the first line of a value for a list, masked if it is sensitive."""
    first, _, rest = record.shown_value.partition("\n")
    return first[:77] + "…" if rest or len(first) > 78 else first


class ShowsValue(HidesSecrets):
    """Shows read-only users the value of a variable unless it is sensitive."""

    hidden = {"value": "shown_value"}

    @admin.display(description=_("value"))
    def shown_value(self, record: AbstractVariable) -> str:
        return shown(record)


class VariableInline(ShowsValue, RecordInline):
    model = Variable
    form = VariableForm
    fields = ("key", "value", "category", "sensitive", "hcl", "description")
    verbose_name = _("variable")
    verbose_name_plural = _("variables")
    show_change_link = False


class _VariableAdmin(ShowsValue, RecordAdmin):
    form = VariableForm
    search_fields: tuple[str, ...] = ("key", "description")
    list_filter: tuple[str, ...] = ("category", "sensitive", "hcl")

    @admin.display(description=_("category"), ordering="category")
    def kind(self, record: AbstractVariable) -> str:
        if record.category == Category.ENV:
            return gettext("Environment")
        return "Terraform, HCL" if record.hcl else "Terraform"


@admin.register(Variable)
class VariableAdmin(_VariableAdmin):
    list_display = ("key", "shown_value", "workspace", "organization", "kind", "description")
    search_help_text = _("Search by key, description or workspace")
    empty_help = _("Add a workspace's variables here or on its page.")
    list_select_related = ("workspace__organization",)
    search_fields = ("key", "description", "workspace__name")
    list_filter = ("category", "sensitive", "hcl", "workspace__organization")
    autocomplete_fields = ("workspace",)
    fields = ("workspace", "key", "value", "category", ("sensitive", "hcl"), "description")

    @admin.display(description=_("organization"), ordering="workspace__organization__name")
    def organization(self, record: Variable) -> str:
        return str(record.workspace.organization)


@admin.register(GlobalVariable)
class GlobalVariableAdmin(_VariableAdmin):
    list_display = ("key", "shown_value", "organization", "kind", "description")
    search_help_text = _("Search by key, description or organization")
    empty_help = _(
        "An organization variable applies to all workspaces of the organization that do not set it themselves."
    )
    list_select_related = ("organization",)
    search_fields = ("key", "description", "organization__name")
    list_filter = ("category", "sensitive", "hcl", "organization")
    autocomplete_fields = ("organization",)
    fields = ("organization", "key", "value", "category", ("sensitive", "hcl"), "description")
