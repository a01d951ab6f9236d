"""Projects: their list, and their page with the workspaces in them and the groups that work on them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import AUDIT_FIELDS, AUDIT_FIELDSET, RecordAdmin
from workspaces.admin.workspace_rows import GroupRows
from workspaces.display import age_column
from workspaces.forms.roles import ProjectAccessForm
from workspaces.models import Project, ProjectAccess, Workspace
from workspaces.querysets import related_count

_SHOWN = 20


class ProjectAccessInline(GroupRows):
    model = ProjectAccess
    form = ProjectAccessForm
    fields = ("name", "role", "plan_job", "approve_job", "manage_job", "manage_workspace", "manage_state")
    verbose_name_plural = _("access for groups to all workspaces of the project, in addition to teams")


@admin.register(Project)
class ProjectAdmin(RecordAdmin):
    add_right = "create_workspace"
    change_form_before_template = "terrakube/access_help.html"
    list_display = ("name", "organization", "workspace_count", "description", "changed")
    changed = age_column("updated_date", _("changed"))
    list_select_related = ("organization",)
    list_filter = ("organization",)
    search_fields = ("name", "description", "organization__name")
    empty_help = _(
        "A project groups workspaces and lets groups work on all of them. Add one, then choose it on the pages of its "
        "workspaces."
    )
    autocomplete_fields = ("organization",)
    readonly_fields = (*AUDIT_FIELDS, "workspaces_in_it")
    inlines = (ProjectAccessInline,)
    add_fieldsets = ((None, {"fields": ("organization", "name", "description")}),)
    fieldsets = (
        (None, {"fields": ("organization", "name", "description", "workspaces_in_it")}),
        AUDIT_FIELDSET,
    )

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        # A new project has its name first.
        return self.inlines if obj is not None else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = found.annotate(workspaces_alive=related_count(Workspace, "project", deleted=False))
        return counted

    @admin.display(description=_("workspaces"), ordering="workspaces_alive")
    def workspace_count(self, record: Any) -> SafeString:
        return format_html('<a class="tk-link" href="{}">{}</a>', _list_of(record), record.workspaces_alive)

    @admin.display(description=_("workspaces"))
    def workspaces_in_it(self, record: Any) -> SafeString | str:
        """Link the first workspaces, and the list of all where there are more."""
        inside = record.workspaces.filter(deleted=False).only("name")[: _SHOWN + 1]
        links = [(reverse("admin:workspaces_workspace_overview", args=[one.pk]), one.name) for one in inside]
        if not links:
            return gettext("None yet: choose this project on the page of a workspace.")
        shown = format_html_join(", ", '<a class="tk-link" href="{}">{}</a>', links[:_SHOWN])
        if len(links) <= _SHOWN:
            return shown
        number = record.workspaces_alive
        words = ngettext("all %(number)d workspace", "all %(number)d workspaces", number) % {"number": number}
        return format_html('{}, <a class="tk-link" href="{}">{}</a>', shown, _list_of(record), words)


def _list_of(project: Project) -> str:
    return f"{reverse('admin:workspaces_workspace_changelist')}?project__id__exact={project.pk}"
