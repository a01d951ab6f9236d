"""Workspaces: their list, and their page with all actions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Q, QuerySet
from django.forms import ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from terrakube_site.http.body_doors import Door, only_signed_in
from terrakube_site.http.body_limit import MIB
from terrakube_site.messages import translated
from terrakube_site.theme.markup import format_html
from workspaces.actors import is_admin
from workspaces.admin import who_may
from workspaces.admin.addition import Addition
from workspaces.admin.base import (
    AUDIT_FIELDS,
    RecordAdmin,
    actor_of,
    allows,
    organizations_with,
    own_projects,
    scope,
    telling,
)
from workspaces.admin.bulk import BulkActions
from workspaces.admin.drift_pages import urls as drift_urls
from workspaces.admin.exports import ListExport
from workspaces.admin.first_plan import FIRST, address_after_making, address_after_upload
from workspaces.admin.history_pages import WholeHistory
from workspaces.admin.list_views import ViewedList
from workspaces.admin.related_choices import RecordSelectMultiple
from workspaces.admin.state_pages import urls as state_urls
from workspaces.admin.tag_display import tag_badges, tags_of
from workspaces.admin.workspace_columns import EXPORT_COLUMNS, branch
from workspaces.admin.workspace_folders import FolderFilter
from workspaces.admin.workspace_folders import urls as folder_urls
from workspaces.admin.workspace_groups import urls as group_urls
from workspaces.admin.workspace_overview import allowed_to, newest_source
from workspaces.admin.workspace_overview import urls as overview_urls
from workspaces.admin.workspace_tabs import (
    FORM_TABS,
    SOURCE_FIELDSET,
    address_of,
    choose_tab,
    chosen_tab,
    head_context,
    pod_settings_of,
    read_source,
    tab_of,
)
from workspaces.choices import PanelList
from workspaces.display import age_column, badge, moment
from workspaces.errors import InvalidInput, ServiceError
from workspaces.forms.jobs import LockForm, StartJobForm, UploadForm
from workspaces.forms.workspaces import ConsumersField, ProjectField, WorkspaceForm
from workspaces.jobs.start_rules import starter_on
from workspaces.models import (
    Organization,
    Project,
    Reference,
    Ssh,
    Template,
    Vcs,
    Workspace,
)
from workspaces.pods.catalogue import ENABLE
from workspaces.services import jobs, sources
from workspaces.services.ephemeral import change_settings
from workspaces.services.locks import is_locked_by, lock_workspace, owner_of, unlock_workspace
from workspaces.services.remote_state import sharing_of
from workspaces.services.workspaces import restore_workspace
from workspaces.variables.pod_settings import settings_of

DEFAULT_VERSION = "1.11.4"
"""The version to propose where no workspace is there to follow."""
_OF_ONE_FORM = frozenset({"<path:object_id>/", "<path:object_id>/change/"})
_OF_THE_ORGANIZATION: dict[str, type[models.Model]] = {
    "default_template": Template,
    "vcs": Vcs,
    "ssh": Ssh,
    "module_ssh_key": Ssh,
}


@admin.register(Workspace)
class WorkspaceAdmin(BulkActions, WholeHistory, ViewedList, ListExport, RecordAdmin):
    form = WorkspaceForm
    addition = Addition()
    add_right = "create_workspace"
    actions = ("set_setting", "move", "plan")
    panel_list = PanelList.WORKSPACES
    list_before_template = "terrakube/list_views.html"
    change_form_template = "terrakube/workspace.html"
    list_display = ("name", "organization", "executor", "last_job", "lock", "tool", "origin")
    export_columns = EXPORT_COLUMNS
    other_views = (
        (_("By project"), "admin:workspaces_workspace_by_project"),
        (_("By folder"), "admin:workspaces_workspace_by_folder"),
    )
    more_columns = ("project", "description", branch, "folder", "made")
    made = age_column("created_date", _("created"))
    heads_of_columns: ClassVar = {
        "name": ("id", "name"),
        "organization": ("organization",),
        "executor": ("kubernetes",),
        "last_job": ("last job", "last job at"),
        "lock": ("locked",),
        "tool": ("tool", "version"),
        "origin": ("source", "tags"),
        "project": ("project",),
        "description": ("description",),
        "branch": ("branch",),
        "folder": ("path",),
    }
    empty_help = _("A workspace is one configuration with its variables and its state.")
    list_select_related = ("organization", "project")
    list_filter = (
        *("organization", "project", "last_job_status", "locked", "deleted", "iac_type", "workspace_tags__tag"),
        FolderFilter,
    )
    search_fields = ("name", "description", "source", "organization__name")
    search_help_text = _("Search by name, organization or source")
    autocomplete_fields = ("organization",)
    inlines = tuple(rows for tab in FORM_TABS.values() for rows in tab.inlines)
    readonly_fields = (*AUDIT_FIELDS, "locked", "lock_description")
    add_fieldsets = (
        (None, {"fields": ("organization", "project", "name", "description")}),
        (_("Source"), {"fields": ("origin", "source", "branch", "folder")}),
        (_("Tool"), {"fields": (("iac_type", "terraform_version"), "pods")}),
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) or (request.user.is_active and own_projects(request).exists())

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allows(request, "create_workspace", obj)

    # ---- list -------------------------------------------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        # Stored with each row, because one admin instance serves many requests at once.
        shown = list(changelist.result_list)
        for row in shown:
            # A deletion frees the name by an ending; people know it without.
            row.name = row.shown_name
        self.prepare_export(shown)
        if not set(self.addition.columns).isdisjoint(changelist.list_display):
            self.addition.prepare_rows(shown)
        return changelist

    def prepare_export(self, rows: Sequence[Any]) -> None:
        settings, tags = settings_of(rows), tags_of(rows)
        for row in rows:
            row.shown, row.shown_tags = settings[row.pk], tags.get(row.pk, [])

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"may_make_from_repository": allows(request, self.add_right), **(extra_context or {})}
        return super().changelist_view(request, context)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        found: type[Any] = super().get_changelist(request, **kwargs)
        return type("WorkspaceList", (found,), {"url_for_result": lambda _list, row: address_of(row.pk)})

    def standard_columns(self) -> tuple[Any, ...]:
        return (*self.list_display[:3], *self.addition.columns, *self.list_display[3:])

    @admin.display(description=_("runs in"))
    def executor(self, record: Any) -> SafeString:
        place = record.shown.placement
        shown = format_html(
            '<span class="tk-badge tk-{}" title="{}">{}</span>',
            "active" if place.ephemeral else "quiet",
            gettext("Set by: %(origin)s") % {"origin": place.origin},
            "Kubernetes" if place.ephemeral else gettext("This machine"),
        )
        if not record.shown.refusals:
            return shown
        why = " ".join(translated(refusal.message) for refusal in record.shown.refusals)
        refused = '{} <span class="tk-badge tk-bad" title="{}">{}</span>'
        return format_html(refused, shown, why, gettext("Refused by policy"))

    @admin.display(description=_("last job"), ordering="last_job_date")
    def last_job(self, record: Workspace) -> SafeString:
        return format_html("{} {}", badge(record.last_job_status), moment(record.last_job_date))

    @admin.display(description=_("lock"), ordering="locked")
    def lock(self, record: Workspace) -> SafeString | str:
        if not record.locked:
            return "–"
        return format_html(
            '<span class="tk-badge tk-attention" title="{}">{}</span>', record.lock_description or "", gettext("Locked")
        )

    @admin.display(description=_("source and tags"), ordering="source")
    def origin(self, record: Any) -> SafeString:
        source = gettext("Uploaded") if record.uploaded_source else record.source
        return format_html('<span class="tk-reason">{}</span> {}', source, tag_badges(record.shown_tags))

    @admin.display(description=_("tool"), ordering="terraform_version")
    def tool(self, record: Workspace) -> str:
        return f"{record.get_iac_type_display()} {record.terraform_version}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found = super().get_queryset(request)
        match = request.resolver_match
        in_lists = match is not None and match.url_name in {
            "workspaces_workspace_changelist",
            "workspaces_workspace_list_export",
            "autocomplete",
        }
        return found.filter(deleted=False) if in_lists and "deleted__exact" not in request.GET else found

    # ---- page -------------------------------------------------------------------------------------------------------

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        request._organization_id = obj.organization_id if obj is not None else None  # type: ignore[attr-defined]
        form: Any = super().get_form(request, obj, change, **kwargs)
        tab = tab_of(request)
        form.asks_origin = tab is None or SOURCE_FIELDSET in tab.fieldsets
        form.shows_executor = tab is not None and "executor" in tab.parts
        form.executor_defaults = self.addition.executor_defaults()
        form.pod_settings = staticmethod(partial(pod_settings_of, request))
        return form

    def save_model(self, request: HttpRequest, obj: Workspace, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.executor is not None and form.executor.changes:
            change_settings(obj, form.executor.changes, by=actor_of(request))
        if form.cleaned_data.get("pods"):
            change_settings(obj, {ENABLE: form.cleaned_data["pods"]}, by=actor_of(request))

    def formfield_for_dbfield(self, db_field: models.Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name != "shared_ids":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        return ConsumersField(
            Workspace.objects.alive()
            .within(scope(request))
            .filter(organization_id=getattr(request, "_organization_id", None)),
            label=capfirst(db_field.verbose_name),
            required=False,
            # The select asks the server as one of a collection's workspaces does.
            widget=RecordSelectMultiple(Reference._meta.get_field("workspace"), self.admin_site),
            help_text=_("Type part of a name. Steps of these workspaces may read the state of this one."),
        )

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "project":
            return self._project_field(request, getattr(request, "_organization_id", None))
        if db_field.name == "organization":
            field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
            more = Organization.objects.filter(projects__in=own_projects(request)).values("pk")
            field.queryset = Organization.objects.filter(
                Q(pk__in=organizations_with(request, self.add_right).values("pk")) | Q(pk__in=more)
            )
            return field  # type: ignore[no-any-return]
        model = _OF_THE_ORGANIZATION.get(db_field.name)
        if model is None:
            return super().formfield_for_foreignkey(db_field, request, **kwargs)
        organization_id = getattr(request, "_organization_id", None)
        kwargs["queryset"] = model._default_manager.filter(organization_id=organization_id)
        # Ask Django's own: RecordAdmin would widen it to all visible records.
        return super(RecordAdmin, self).formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[no-any-return]

    def _project_field(self, request: HttpRequest, organization_id: Any) -> ProjectField:
        """Return the select of a project: of the organization, or for a new workspace of each that the user sees."""
        found = Project.objects.within(scope(request)).select_related("organization")
        if organization_id is None:
            found = found.filter(organization__disabled=False).order_by("organization__name", "name")
        else:
            found = found.filter(organization_id=organization_id)
        return ProjectField(found, names_organization=organization_id is None)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = super().get_readonly_fields(request, obj)
        # A move takes the right in both projects; the service checks the other one.
        moves = obj is None or allows(request, "manage_access", obj.project or obj.organization)
        return fixed if moves else (*fixed, "project")

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        tab = tab_of(request)
        # A new workspace has its name first; then it has pages with all the rest.
        return tab.inlines if tab is not None else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        tab = tab_of(request)
        found = super().get_fieldsets(request, obj) if tab is None else tab.fieldsets
        if obj is None or self.has_change_permission(request, obj):
            return found
        # Who only reads sees where the configuration is, and no choice.
        return [read_source(obj) if one is SOURCE_FIELDSET else one for one in found]

    @admin.display(description=_("Configuration"))
    def uploaded(self, record: Workspace) -> str:
        """Return what stands in place of repository and branch where there is none."""
        return gettext("Uploaded archive (tar.gz)")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = dict(super().get_changeform_initial_data(request))
        if "organization" not in initial:
            only = list(self._organizations(request).values_list("pk", flat=True)[:2])
            if len(only) == 1:
                initial["organization"] = only[0]
        newest = Workspace.objects.within(scope(request)).alive().order_by("-created_date")
        tool = newest.values("iac_type", "terraform_version").first()
        return {**(tool or {"terraform_version": DEFAULT_VERSION}), **initial}

    def _organizations(self, request: HttpRequest) -> QuerySet[Organization]:
        return Organization.objects.visible_to(actor_of(request))

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        if "_addanother" not in request.POST and "_popup" not in request.POST:
            messages.success(
                request,
                gettext("%(name)s was created. Upload its configuration, then start a job.") % {"name": obj.name}
                if obj.uploaded_source
                else gettext("%(name)s was created.") % {"name": obj.name},
            )
            return HttpResponseRedirect(address_after_making(request, obj))
        return super().response_add(request, obj, post_url_continue)

    def page_context(self, request: HttpRequest, workspace: Workspace, tab: str) -> dict[str, Any]:
        """Return what a tab with a form shows beside its fields."""
        parts = FORM_TABS[tab].parts
        context = head_context(request, workspace, tab)
        if "shared_state" in parts:
            context["shared_state"] = sharing_of(workspace, within=scope(request))
        if "who" in parts:
            context["allowed"] = allowed_to(request, workspace)
        if "danger" in parts:
            context["unlocks_by_force"] = workspace.locked and not is_locked_by(workspace, actor_of(request))
            context["lock_owner"] = owner_of(workspace) if workspace.locked else None
            context["may_delete"] = self.has_delete_permission(request, workspace) and not workspace.deleted
        if "upload" in parts:
            context["may_upload"] = allows(request, "approve_job", workspace) and not workspace.deleted
            context["newest_source"] = newest_source(workspace)
        if "schedules" in parts:
            context["schedules"] = workspace.schedules.select_related("template").defer("tcl", "template__tcl")
        if "pod_variables" in parts:
            context["pod_variables"] = list(pod_settings_of(request, workspace).own)
        return {**context, "parts": parts, **self.addition.page_context(request, workspace, parts)}

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"may_make_from_repository": allows(request, self.add_right), **(extra_context or {})}
        return super().add_view(request, form_url, context)  # type: ignore[no-any-return]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        workspace = self.get_object(request, unquote(object_id))
        tab = chosen_tab(request)
        context = self.page_context(request, workspace, tab) if isinstance(workspace, Workspace) else {}
        hidden = ("show_save_and_continue", "show_save_and_add_another", "show_delete")
        context |= dict.fromkeys(hidden, False) | (extra_context or {})
        return super().change_view(request, object_id, form_url, context)  # type: ignore[no-any-return]

    def tab_view(self, request: HttpRequest, pk: Any, tab: str) -> HttpResponse:
        """Show one tab's part of the form; a POST saves it and nothing else."""
        workspace = self.visible(request, pk)
        choose_tab(request, tab)
        return self.change_view(request, str(workspace.pk))

    def lead_on(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Lead from the address that Django gives the page of a record, and notifications have, to the overview."""
        return self.back(self.visible(request, pk))

    def response_post_save_change(self, request: HttpRequest, obj: Workspace) -> HttpResponse:
        return HttpResponseRedirect(request.path)

    # ---- what is done with a workspace ------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        def own(route: str, view: Any, name: str) -> Any:
            return path(route, self.admin_site.admin_view(view), name=f"workspaces_workspace_{name}")

        upload: Any = require_POST(self.upload_view)
        upload.door = Door(limit=settings.MAX_SOURCE_BYTES + MIB, admit=only_signed_in)
        return [
            own("<uuid:pk>/start/", self.start_view, "start"),
            own("<uuid:pk>/lock/", require_POST(self.lock_view), "lock"),
            own("<uuid:pk>/unlock/", require_POST(self.unlock_view), "unlock"),
            own("<uuid:pk>/upload/", upload, "upload"),
            own("<uuid:pk>/restore/", require_POST(self.restore_view), "restore"),
            *overview_urls(self),
            *(own(f"<uuid:pk>/{tab}/", partial(self.tab_view, tab=tab), tab) for tab in FORM_TABS),
            *state_urls(self),
            *drift_urls(self),
            *self.history_urls(),
            *self.export_urls(),
            *self.list_view_urls(),
            *group_urls(self),
            *folder_urls(self),
            *who_may.urls(self),
            *self.addition.urls(self),
            own("<uuid:pk>/change/", require_safe(self.lead_on), "change"),
            # Django's own would lead to one form of all.
            *(one for one in super().get_urls() if str(one.pattern) not in _OF_ONE_FORM),
        ]

    def visible(self, request: HttpRequest, pk: Any) -> Workspace:
        """Return a workspace that the user may see. Raises Http404."""
        seen = Workspace.objects.within(scope(request)).select_related("organization", "project")
        found: Workspace | None = seen.filter(pk=pk).first()
        if found is None:
            raise Http404(gettext("Workspace not found."))
        if not request.user.is_staff and not is_admin(actor_of(request)):
            raise PermissionDenied
        request._workspace = found  # type: ignore[attr-defined]
        return found

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found: Workspace | None = getattr(request, "_workspace", None)
        # A form that is sent changes the record it has, which the rest of the page shows as it is stored.
        if found is not None and request.method == "GET" and object_id == str(found.pk):
            return found
        return super().get_object(request, object_id, from_field)

    def back(self, workspace: Workspace) -> HttpResponseRedirect:
        return HttpResponseRedirect(address_of(workspace.pk))

    def start_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Start a job: show the form, then start what it requests."""
        workspace = self.visible(request, pk)
        form = StartJobForm(request.POST or None, starter=starter_on(workspace, actor_of(request)))
        if request.method == "POST" and form.is_valid():
            data = form.cleaned_data
            try:
                job = jobs.create_job(
                    workspace,
                    by=actor_of(request),
                    template=data["template"],
                    targets=data["targets"],
                    replaces=data["replaces"],
                    comments=data["comments"] or None,
                    refresh=data["refresh"],
                    refresh_only=data["refresh_only"],
                    auto_apply=data.get("auto_apply", False),
                    override_branch=data.get("branch") or None,
                    priority=data.get("priority") or 0,
                )
            except ServiceError as error:
                form.add_error(None, translated(error.message))
            else:
                messages.success(request, gettext("Job %(number)d was started.") % {"number": job.pk})
                return HttpResponseRedirect(reverse("admin:workspaces_job_change", args=[job.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Start a job on %(name)s") % {"name": workspace.name},
            "workspace": workspace,
            "original": workspace,
            "form": form,
        }
        if request.method == "GET" and FIRST in request.GET and form.first_plan is not None:
            title = gettext("First plan of %(name)s") % {"name": workspace.name}
            context |= {"title": title, "template": form.first_plan}
            return TemplateResponse(request, "terrakube/first_plan.html", context)
        return TemplateResponse(request, "terrakube/start_job.html", context)

    def lock_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        workspace = self.visible(request, pk)
        form = LockForm(request.POST)
        reason = form.cleaned_data["reason"] if form.is_valid() else ""
        with telling(request, gettext("%(name)s is locked: its jobs wait.") % {"name": workspace.name}):
            lock_workspace(workspace, by=actor_of(request), reason=reason)
        return self.back(workspace)

    def unlock_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        workspace = self.visible(request, pk)
        with telling(request, gettext("%(name)s is unlocked: its jobs continue.") % {"name": workspace.name}):
            unlock_workspace(workspace, by=actor_of(request), force="force" in request.POST)
        return self.back(workspace)

    def restore_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Bring a deleted workspace back under the name that is typed."""
        workspace = self.visible(request, pk)
        name = request.POST.get("name", "").strip()
        with telling(request, gettext("%(name)s is restored.") % {"name": name or workspace.name_before_deletion}):
            restore_workspace(workspace, by=actor_of(request), name=name)
        return self.back(workspace)

    def upload_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        workspace = self.visible(request, pk)
        form = UploadForm(request.POST, request.FILES)
        with telling(request, gettext("The source was uploaded. The next job uses it.")):
            if not form.is_valid():
                raise InvalidInput(gettext("Choose a tar.gz file to upload."))
            sources.upload_source(workspace, form.cleaned_data["archive"].read(), by=actor_of(request))
        return HttpResponseRedirect(address_after_upload(request, workspace))
