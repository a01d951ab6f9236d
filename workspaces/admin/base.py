"""Shared by all pages of the panel: permissions by the same rules as the API, and saving through the services."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from urllib.parse import quote_plus

from django.apps import apps
from django.contrib import messages
from django.contrib.admin.filters import RelatedFieldListFilter
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.forms import ChoiceField, Media, ModelChoiceField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from terrakube_site.messages import translated
from workspaces.actors import is_admin
from workspaces.admin import form_saving
from workspaces.admin.changes import History
from workspaces.admin.late_pages import FromTheNearerEnd
from workspaces.admin.related_choices import (
    RecordSelect,
    RecordSelectMultiple,
    may_be_key,
    of_organization,
    offer_within,
)
from workspaces.errors import ServiceError, WrongSettings
from workspaces.models import Organization, Project
from workspaces.permissions import (
    OfProjects,
    OfTeams,
    rights,
    rights_of_accesses,
    rights_of_projects,
    rights_of_teams,
)
from workspaces.querysets import Scope, ScopedQuerySet, evaluated_scope_of
from workspaces.roles import Rights
from workspaces.services.records import RIGHTS, organization_of, project_of, workspace_of
from workspaces.variables.notices import notice_of
from workspaces.variables.pod_settings_check import checked_together

ADMINISTRATOR = "administrator"
"""The right that only administrators have."""
LIST_SCRIPTS = ("admin/js/actions.js",)
"""What marks the rows of a list."""


def actor_of(request: HttpRequest) -> AbstractBaseUser | AnonymousUser:
    """Return the actor of a request, for the services."""
    return request.user


class _Known:
    """Look-ups about a user who is not an administrator, cached for one request."""

    def __init__(self, request: HttpRequest) -> None:
        self._user = actor_of(request)
        self._records: dict[tuple[Any, Any], Rights] = {}

    @cached_property
    def scope(self) -> Scope:
        return evaluated_scope_of(self._user)

    @cached_property
    def teams(self) -> OfTeams:
        """Return the rights that the user's teams give together, by organization."""
        return rights_of_teams(self._user)

    @cached_property
    def projects(self) -> OfProjects:
        """Return the rights that the user's accesses to projects give, by project and organization."""
        return rights_of_projects(self._user)

    @cached_property
    def accesses(self) -> set[str]:
        """Return the rights that the user has on single workspaces or projects only."""
        return rights_of_accesses(self._user).union(*self.projects.values())

    @property
    def own_projects(self) -> set[Any]:
        """Return the projects in which the user creates workspaces by an access to them."""
        return {project for (project, _organization), given in self.projects.items() if "manage_workspace" in given}

    def of(self, record: models.Model) -> Rights:
        organization, workspace, project = organization_of(record), workspace_of(record), project_of(record)
        place = workspace or project
        key = (organization.pk, place.pk if place is not None else None)
        if key not in self._records:
            self._records[key] = rights(
                *(self._user, organization, workspace),
                project=project,
                of_teams=self.teams,
                of_projects=lambda: self.projects,
            )
        return self._records[key]


def _known(request: HttpRequest) -> _Known:
    found: _Known | None = getattr(request, "_known_rights", None)
    if found is None:
        found = request._known_rights = _Known(request)  # type: ignore[attr-defined]
    return found


def _standing(request: HttpRequest) -> tuple[bool, bool]:
    """Return whether the user is active, and is an administrator; looked up once per request."""
    kept: tuple[Any, tuple[bool, bool]] | None = request.__dict__.get("_standing")
    if kept is None or kept[0] is not request.user:
        standing = (bool(request.user.is_active), is_admin(actor_of(request)))
        kept = request.__dict__["_standing"] = (request.user, standing)
    return kept[1]


def allows(request: HttpRequest, right: str, record: models.Model | None = None) -> bool:
    """Return whether the user has a right on a record; without a record, on any."""
    is_active, is_administrator = _standing(request)
    if not is_active:
        return False
    if is_administrator:
        return True
    if right == ADMINISTRATOR:
        return False
    known = _known(request)
    if record is not None:
        return bool(getattr(known.of(record), right))
    return any(right in given for given in known.teams.values()) or right in known.accesses


def organizations_with(request: HttpRequest, right: str) -> models.QuerySet[Organization]:
    """Return the organizations in which the user has a right."""
    if is_admin(actor_of(request)):
        return Organization.objects.all()
    found = _known(request).teams if right != ADMINISTRATOR else {}
    return Organization.objects.filter(pk__in=[pk for pk, given in found.items() if right in given])


def own_projects(request: HttpRequest) -> models.QuerySet[Project]:
    """Return the projects in which the user creates workspaces by an access to them, whatever teams allow."""
    return Project.objects.filter(pk__in=_known(request).own_projects)


def scope(request: HttpRequest) -> Scope:
    """Return what the user may see, looked up once per request."""
    return Scope(everything=True) if _standing(request)[1] else _known(request).scope


def is_seen(request: HttpRequest, record: models.Model | None) -> bool:
    """Return whether the user may see a record."""
    if record is None or not request.user.is_active:
        return False
    rows: Any = type(record)._default_manager.all()
    return isinstance(rows, ScopedQuerySet) and rows.within(scope(request)).filter(pk=record.pk).exists()


def wrong_settings(request: HttpRequest) -> dict[str, str]:
    """Return the pod settings that saving this page refused: variable and sentence."""
    found: dict[str, str] = getattr(request, "_wrong_settings", {})
    return found


@contextmanager
def telling(request: HttpRequest, success: str = "") -> Iterator[None]:
    """Report the result of a service to the user: success, or why it refused."""
    try:
        yield
    except ServiceError as error:
        messages.error(request, translated(error.message))
    else:
        if success:
            messages.success(request, success)


class RightsMixin:
    """Permissions by the user's teams instead of Django's permissions of each model.

    ``right`` is what changing takes, None for what the services ask; ``add_right`` where making one differs.
    """

    model: type[models.Model]
    right: str | None = None
    add_right: str | None = None
    read_right = "read"
    scripts: tuple[str, ...] = ()

    @property
    def media(self) -> Media:
        # Django's own scripts would add jQuery and 80 kB more, for related pop-ups and prepopulated fields that no page
        # of ours has, and for rows that unfold's script adds.
        return Media(js=self.scripts)

    @property
    def needed(self) -> str:
        return self.right or RIGHTS.get(self.model, ADMINISTRATOR)

    def formfield_for_dbfield(self, db_field: models.Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.choices or not isinstance(db_field, models.ForeignKey | models.ManyToManyField):
            return super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        # Django would add a menu that creates, changes and deletes related records, and look up the right to each.
        shown: Any = self
        given = {**shown.formfield_overrides.get(type(db_field), {}), **kwargs}
        if isinstance(db_field, models.ForeignKey):
            return shown.formfield_for_foreignkey(db_field, request, **given)
        return shown.formfield_for_manytomany(db_field, request, **given)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return allows(request, self.read_right)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # An access to one workspace shows some of its organization's records, as in the API.
        return allows(request, self.read_right, obj) or (self.read_right == "read" and is_seen(request, obj))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allows(request, self.needed, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allows(request, self.add_right or self.needed, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allows(request, self.needed, obj)


class ReadOnly:
    """A page that shows records which no form makes, changes or deletes."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class _Addresses:
    """A list's page, which makes the addresses of one filter's choices from one that is made once."""

    _CHOICE = secrets.token_hex(16)
    """Stands for the choice; no query that somebody wrote contains it."""

    def __init__(self, changelist: Any, parameter: str) -> None:
        self._changelist, self._parameter, self._made = changelist, parameter, ""
        self.add_facets: bool = changelist.add_facets

    def get_query_string(self, new_params: dict[str, Any] | None = None, remove: list[str] | None = None) -> str:
        if not new_params or self._parameter not in new_params:
            return str(self._changelist.get_query_string(new_params, remove))
        if not self._made:
            self._made = self._changelist.get_query_string({self._parameter: self._CHOICE}, remove)
        return self._made.replace(self._CHOICE, quote_plus(str(new_params[self._parameter])))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._changelist, name)


class SeenFilter(RelatedFieldListFilter):
    """A filter by related records that lists only those the user may see."""

    def has_output(self) -> bool:
        # Django would leave out the filter of an address where there is one record to choose only.
        return super().has_output() or self.lookup_val is not None

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        related: Any = field.remote_field.model
        seen = related._default_manager.within(scope(request))
        seen = seen.order_by(*self.field_admin_ordering(field, request, model_admin) or related._meta.ordering)
        if any(one.name == "name" for one in related._meta.fields):
            # It is all that is shown, and there can be hundreds.
            return list(seen.values_list("pk", "name"))
        return [(record.pk, str(record)) for record in seen]

    def choices(self, changelist: Any) -> Iterator[Any]:
        # Django makes the address of each choice anew from the parameters of the page, which differ in one value only.
        here: Any = _Addresses(changelist, self.lookup_kwarg)
        yield from super().choices(here)


class RecordAdmin(History, RightsMixin, ModelAdmin):  # type: ignore[misc]
    """A record of an organization: visible and changeable by the user's teams, saved by the services."""

    list_per_page = 50
    paginator = FromTheNearerEnd
    scripts = LIST_SCRIPTS
    show_full_result_count = False
    compressed_fields = True
    search_help_text: Any = _("Search by name or description")
    empty_help: Any = ""
    """What to know where a list is empty; an empty text where its name says enough."""
    made_on_page_of: Any = None
    """``_meta`` of the model whose pages make such records; None where they are added here, or by the site."""
    warn_unsaved_form = True
    shows_more_once_saved = False
    """Whether a new record is finished on its own page, where saving it then leads."""

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        found: models.QuerySet[Any] = super().get_queryset(request)
        return found.within(scope(request)) if isinstance(found, ScopedQuerySet) else found

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [self._of_what_is_seen(found) for found in super().get_list_filter(request)]

    def _of_what_is_seen(self, found: Any) -> Any:
        if not isinstance(found, str):
            return found
        field: Any = get_fields_from_path(self.model, found)[-1]
        if not field.is_relation or not isinstance(field.remote_field.model._default_manager.all(), ScopedQuerySet):
            return found
        return (found, SeenFilter)

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "organization":
            kwargs["queryset"] = organizations_with(request, self.add_right or self.needed)
        else:
            related: Any = db_field.remote_field.model._default_manager.all()
            if isinstance(related, ScopedQuerySet):
                kwargs["queryset"] = related.within(scope(request))
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", RecordSelect(db_field, self.admin_site, using=kwargs.get("using")))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[no-any-return]

    def formfield_for_manytomany(
        self, db_field: models.ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", RecordSelectMultiple(db_field, self.admin_site, using=kwargs.get("using")))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: models.Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        return with_nothing_said(super().formfield_for_dbfield(db_field, request, **kwargs))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        # A new record has no creator yet.
        return fieldsets if obj is not None else [one for one in fieldsets if one is not AUDIT_FIELDSET]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = tuple(super().get_readonly_fields(request, obj))
        # A record does not move: references to it stay within its organization or workspace.
        names = {field.name for field in self.model._meta.fields} & {"organization", "workspace", "collection"}
        return tuple(dict.fromkeys((*fixed, *(sorted(names) if obj is not None else ()))))

    def response_action(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse | None:
        if not all(may_be_key(self.model, key) for key in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            messages.error(request, gettext("The selected records are not in this list. Nothing was changed."))
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset)  # type: ignore[no-any-return]

    # ---- saving -----------------------------------------------------------------------------------------------------

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        if self.shows_more_once_saved and "_addanother" not in request.POST:
            sent = request.POST.copy()
            sent["_continue"] = "1"
            request.POST = sent  # type: ignore[assignment]
        return super().response_add(request, obj, post_url_continue)  # type: ignore[no-any-return]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        def answer() -> HttpResponse:
            with checked_together() if request.method == "POST" else nullcontext():
                return super(RecordAdmin, self).changeform_view(request, object_id, form_url, extra_context)  # type: ignore[no-any-return]

        try:
            try:
                return answer()
            except WrongSettings as error:
                # Nothing was saved. The forms read this and show each sentence beside what was typed.
                request._wrong_settings = error.fields  # type: ignore[attr-defined]
                return answer()
        except ServiceError as error:
            # Errors that a form cannot detect, such as a right lost meanwhile.
            messages.error(request, translated(error.message))
            return HttpResponseRedirect(request.get_full_path())

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.wrong_settings = wrong_settings(request)
        offer_within(form.base_fields, obj)
        return form

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        if request.resolver_match is not None and request.resolver_match.url_name == "autocomplete":
            queryset = of_organization(queryset, request.GET.get("organization", ""))
        found: tuple[models.QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
        return found

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        _save(obj, form, change=change, request=request)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        for record in formset.deleted_objects:
            form_saving.delete(record, by=actor_of(request))
        changed = dict(formset.changed_objects)
        for row in formset.forms:
            if row in formset.deleted_forms:
                # A deleted record no longer has the key to look it up by.
                continue
            if row.instance in changed or row.instance in formset.new_objects:
                _save(row.instance, row, change=row.instance in changed, request=request)
        formset.save_m2m()

    # ---- deleting ---------------------------------------------------------------------------------------------------

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        form_saving.delete(obj, by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        # The user may have the right on some rows only; each other row reports why it stays.
        with telling(request), checked_together():
            for record in queryset:
                with telling(request):
                    form_saving.delete(record, by=actor_of(request))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        context = {"hidden_only": self.model in form_saving.HIDES, **(extra_context or {})}
        try:
            return super().delete_view(request, object_id, context)  # type: ignore[no-any-return]
        except ServiceError as error:
            messages.error(request, translated(error.message))
            return HttpResponseRedirect("../change/")

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        if self.model in form_saving.HIDES:
            # Nothing is deleted with it: the record is hidden together with what belongs to it.
            return [str(one) for one in objs], {str(self.opts.verbose_name_plural): len(objs)}, set(), []
        found: tuple[list[Any], dict[str, int], set[str], list[Any]] = super().get_deleted_objects(objs, request)
        shown, counts, _needed, protected = found
        # Users who may delete a record may delete its parts.
        return without_links(shown), counts, set(), protected


def without_links(shown: list[Any]) -> list[Any]:
    """Return the texts of what is deleted, nested as Django makes them, without rows that only link two records."""
    kinds = (model for model in apps.get_models(include_auto_created=True) if model._meta.auto_created)
    links = tuple(f"{capfirst(model._meta.verbose_name)}: " for model in kinds)
    kept = (without_links(one) if isinstance(one, list) else one for one in shown)
    return [one for one in kept if one != [] and not (isinstance(one, str) and one.startswith(links))]


def _save(record: models.Model, form: Any, *, change: bool, request: HttpRequest) -> None:
    if not change:
        form_saving.create(record, by=actor_of(request))
    else:
        fields = {field.name for field in record._meta.concrete_fields}
        changed = {name: form.cleaned_data[name] for name in _changed(form) if name in fields}
        form_saving.update(record, changed, by=actor_of(request))
    if notice := notice_of(record):
        messages.warning(request, translated(notice))


def _changed(form: Any) -> Iterable[str]:
    return [name for name in form.changed_data if name in form.cleaned_data]


def without_menu(field: Any) -> Any:
    """Remove the menu that creates, changes and deletes related records from a select."""
    if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
        field.widget = field.widget.widget
    return field


def with_nothing_said(field: Any) -> Any:
    """A choice whose empty entry says what it means: that none is chosen, or that one has to be."""
    empty = _("Choose one") if field is None or field.required else _("None")
    if isinstance(field, ModelChoiceField):
        if field.empty_label is not None:
            field.empty_label = empty
    elif isinstance(field, ChoiceField):
        choices: Any = field.choices
        field.choices = [(key, name if key else empty) for key, name in choices]
    return field


AUDIT_FIELDS = ("created_by", "created_date", "updated_by", "updated_date")
AUDIT_FIELDSET = (
    _("Who and when"),
    {"classes": ("collapse",), "fields": (("created_by", "created_date"), ("updated_by", "updated_date"))},
)
