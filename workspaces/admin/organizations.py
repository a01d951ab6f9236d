"""Organizations and their teams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.filters import AllValuesFieldListFilter
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workspaces.admin.base import ADMINISTRATOR, RecordAdmin
from workspaces.admin.history_pages import WholeHistory
from workspaces.admin.limits import OrganizationLimitsInline
from workspaces.forms.roles import TeamForm
from workspaces.models import Organization, Team, Workspace
from workspaces.permissions import rights_given_by
from workspaces.querysets import related_count
from workspaces.roles import parse_role, role_in_words


@admin.register(Organization)
class OrganizationAdmin(WholeHistory, RecordAdmin):
    add_right = ADMINISTRATOR
    list_display = ("name", "description", "workspace_count", "team_count", "execution_mode", "disabled")
    list_filter = ("disabled", "execution_mode")
    search_fields = ("name", "description")
    empty_help = _("An organization holds workspaces, templates and teams; it comes with seven templates.")
    fieldsets = (
        (None, {"fields": ("name", "description", "email", "execution_mode", "disabled")}),
        (_("Jobs"), {"fields": ("no_self_approval",)}),
        (_("More"), {"classes": ("collapse",), "fields": ("icon",)}),
    )
    inlines = (OrganizationLimitsInline,)

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        # A new organization has its name first.
        return self.inlines if obj is not None else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = found.annotate(
            workspaces_alive=related_count(Workspace, "organization", deleted=False),
            teams_all=related_count(Team, "organization"),
        )
        return counted

    def get_urls(self) -> list[URLPattern]:
        return [*self.history_urls(), *super().get_urls()]

    @admin.display(description=_("workspaces"), ordering="workspaces_alive")
    def workspace_count(self, record: Any) -> SafeString:
        return _listed("workspace", record, record.workspaces_alive)

    @admin.display(description=_("teams"), ordering="teams_all")
    def team_count(self, record: Any) -> SafeString:
        return _listed("team", record, record.teams_all)


def _listed(kind: str, organization: Organization, number: int) -> SafeString:
    """Link a count to the list of what it counts."""
    address = reverse(f"admin:workspaces_{kind}_changelist")
    link = '<a class="tk-link" href="{}?organization__id__exact={}">{}</a>'
    return format_html(link, address, organization.pk, number)


class RoleFilter(AllValuesFieldListFilter):
    """Roles that teams have, in the words of their list."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": role_in_words(str(choice["display"]))}


@admin.register(Team)
class TeamAdmin(RecordAdmin):
    form = TeamForm
    change_form_before_template = "terrakube/team_help.html"
    right = ADMINISTRATOR
    list_display = ("name", "organization", "role_in_words", "rights")
    search_help_text = _("Search by name or organization")
    empty_help = _("A team lets the members of a group see and do things in one organization.")
    list_select_related = ("organization",)
    list_filter = ("organization", ("role", RoleFilter))
    search_fields = ("name", "organization__name")
    autocomplete_fields = ("organization",)

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not Group.objects.filter(name=obj.name).exists():
            near = Group.objects.filter(name__iexact=obj.name).values_list("name", flat=True).first()
            if near is not None:
                text = gettext("No group is called %(name)s. Did you mean %(near)s?")
                messages.warning(request, text % {"name": obj.name, "near": near})
            else:
                text = gettext("No group is called %(name)s yet: the team has no members until sign-in provides it.")
                messages.warning(request, text % {"name": obj.name})

    @admin.display(description=_("role"), ordering="role")
    def role_in_words(self, team: Team) -> str:
        return role_in_words(team.role) or "–"

    @admin.display(description=_("rights"))
    def rights(self, team: Team) -> str:
        """Return the rights that a team's role or flags give; all members may read."""
        given = rights_given_by(team)
        names = {field.name: str(field.verbose_name) for field in Team._meta.fields}
        if parse_role(team.role) is None:
            return gettext("Read: unknown role %(word)s") % {"word": team.role}
        # What a team may do with jobs follows from the two rights beside it.
        found = [names[name] for name, has in given.items() if has and name in names and name != "manage_job"]
        return capfirst(", ".join(found)) or gettext("Read")

    fieldsets = (
        (None, {"fields": ("organization", "name", "role")}),
        (
            _("Jobs"),
            {
                "description": _(
                    "These rights and those below apply when the role is custom or empty. Manage jobs is stored "
                    "for Terrakube's clients and has no effect: the rights to plan and approve jobs decide."
                ),
                "fields": (("plan_job", "approve_job", "manage_job"),),
            },
        ),
        (
            _("What its members may manage"),
            {
                "fields": (
                    ("manage_workspace", "manage_state"),
                    ("manage_collection", "manage_template"),
                    ("manage_vcs", "manage_module", "manage_provider"),
                )
            },
        ),
    )
