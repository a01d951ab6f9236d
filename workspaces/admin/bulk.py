"""Actions on many workspaces of the list; each first shows a preview."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from terrakube_site.messages import translated
from workspaces.admin.base import actor_of, allows, scope
from workspaces.forms.bulk import MoveForm, PlanForm, SettingForm
from workspaces.models import Project, Workspace
from workspaces.pods.catalogue import ENABLE
from workspaces.services import bulk
from workspaces.services.bulk import Result


def _tell(request: HttpRequest, results: list[Result], done: str) -> None:
    well = [result for result in results if not result.refused]
    if well:
        messages.success(
            request,
            ngettext("%(number)d workspace: %(done)s.", "%(number)d workspaces: %(done)s.", len(well))
            % {"number": len(well), "done": done},
        )
    for result in [result for result in results if result.refused][:10]:
        messages.error(request, f"{result.workspace}: {translated(result.refused)}")
    if len(results) - len(well) > 10:
        messages.error(
            request, gettext("%(number)d workspaces were refused in total.") % {"number": len(results) - len(well)}
        )


class BulkActions:
    """The actions of the workspace list."""

    admin_site: Any
    opts: Any

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return allows(request, "manage_workspace")

    def has_move_permission(self, request: HttpRequest) -> bool:
        return allows(request, "manage_access")

    def has_plan_permission(self, request: HttpRequest) -> bool:
        return allows(request, "plan_job")

    def _page(
        self, request: HttpRequest, marked: QuerySet[Workspace], chosen: list[Workspace], **more: Any
    ) -> TemplateResponse:
        full = len(chosen) == bulk.MAX_WORKSPACES
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "checkbox": ACTION_CHECKBOX_NAME,
            "chosen": chosen,
            # Say so, so that users do not assume that all were changed.
            "left_out": marked.count() - len(chosen) if full else 0,
            **more,
        }
        return TemplateResponse(request, "terrakube/bulk.html", context)

    @admin.action(description=_("Change a setting of the ephemeral executor…"), permissions=["manage"])
    def set_setting(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> HttpResponse | None:
        chosen = list(queryset.select_related("organization")[: bulk.MAX_WORKSPACES])
        sent = request.POST if "_preview" in request.POST or "_apply" in request.POST else None
        form = SettingForm(sent, chosen=chosen, initial={"name": request.POST.get("name", ENABLE)})
        effects: list[bulk.Effect] = []
        if form.is_bound and form.is_valid():
            name, text = form.cleaned_data["name"], form.wanted
            if "_apply" in request.POST:
                results = bulk.set_on_workspaces(chosen, name, text, by=actor_of(request))
                done = gettext("%(name)s removed") if text is None else gettext("%(name)s set")
                _tell(request, results, done % {"name": name})
                return None
            effects = bulk.preview_setting(chosen, name, text, by=actor_of(request))
        title = gettext("Change a setting of the ephemeral executor")
        counts = Counter("refused" if one.refused else "changes" if one.changes else "stays" for one in effects)
        return self._page(
            request,
            queryset,
            chosen,
            title=title,
            action="set_setting",
            form=form,
            effects=effects,
            counts=dict(counts),
        )

    @admin.action(description=_("Move to a project…"), permissions=["move"])
    def move(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> HttpResponse | None:
        chosen = list(queryset.select_related("organization", "project")[: bulk.MAX_WORKSPACES])
        sent = request.POST if "_preview" in request.POST or "_apply" in request.POST else None
        projects = Project.objects.within(scope(request)).filter(
            organization__in={workspace.organization_id for workspace in chosen}
        )
        form = MoveForm(sent, projects=projects.select_related("organization").order_by("organization__name", "name"))
        effects: list[bulk.Effect] = []
        if form.is_bound and form.is_valid():
            target = form.cleaned_data["project"]
            if "_apply" in request.POST:
                results = bulk.move_workspaces(chosen, target, by=actor_of(request))
                done = gettext("moved to %(name)s") % {"name": target} if target else gettext("taken out of a project")
                _tell(request, results, done)
                return None
            effects = bulk.preview_moves(chosen, target, by=actor_of(request))
        counts = Counter("refused" if one.refused else "changes" if one.changes else "stays" for one in effects)
        title = gettext("Move workspaces to a project")
        return self._page(
            request, queryset, chosen, title=title, action="move", form=form, effects=effects, counts=dict(counts)
        )

    @admin.action(description=_("Plan…"), permissions=["plan"])
    def plan(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> HttpResponse | None:
        chosen = list(queryset.select_related("organization")[: bulk.MAX_WORKSPACES])
        form = PlanForm(request.POST if "_apply" in request.POST else None)
        if form.is_bound and form.is_valid():
            results = bulk.plan_workspaces(chosen, by=actor_of(request), comment=form.cleaned_data["comment"])
            _tell(request, results, gettext("a plan was started"))
            return None
        effects = bulk.preview_plans(chosen, by=actor_of(request))
        ready = sum(not one.refused for one in effects)
        title = gettext("Plan many workspaces")
        return self._page(
            request, queryset, chosen, title=title, action="plan", form=form, effects=effects, ready=ready
        )
