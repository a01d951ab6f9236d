"""What people make of the lists of workspaces and jobs: saved filters, the one a list opens with, and its columns."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IS_POPUP_VAR, IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field
from django.contrib.admin.views.main import ERROR_FLAG, IGNORED_PARAMS, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from workspaces.actors import is_admin
from workspaces.admin.base import organizations_with, scope, telling
from workspaces.admin.related_choices import may_be_key
from workspaces.choices import PanelList
from workspaces.errors import InvalidInput
from workspaces.models import ListPreference, Organization, SavedFilter
from workspaces.services import saved_filters

MOST_SHOWN = 40
"""Saved filters above a list; the person's own come first."""
_MOST_ORGANIZATIONS = 200
# These say which part of a list is shown, and how, but not what it is about.
_OF_THE_PAGE = {*IGNORED_PARAMS, PAGE_VAR, ERROR_FLAG} - {ORDER_VAR, SEARCH_VAR}


_BY_KEY = {"id", "-id", "pk", "-pk"}


def _descends(order: Any) -> bool:
    return order.startswith("-") if isinstance(order, str) else bool(getattr(order, "descending", False))


def column_name(column: Any) -> str:
    """Return the name of a column of a list, under which a saved order and a choice of columns have it."""
    return column if isinstance(column, str) else str(column.__name__)


def order_by_number(text: str, columns: Sequence[str]) -> str:
    """Return the order of an address with numbers in place of the names of these columns."""
    return ".".join(
        f"{sign}{columns.index(name)}" if name in columns else f"{sign}{name}" for sign, name in _parts(text)
    )


def order_by_name(text: str, columns: Sequence[str]) -> str:
    """Return the order of an address with names in place of the numbers of columns; a wrong number is left out."""
    numbers = {str(number): name for number, name in enumerate(columns)}
    found = ((sign, numbers.get(part, part)) for sign, part in _parts(text))
    return ".".join(f"{sign}{name}" for sign, name in found if name in columns or not name.isdecimal())


def _parts(text: str) -> list[tuple[str, str]]:
    return [("-", one[1:]) if one.startswith("-") else ("", one) for one in text.split(".")]


class NamedOrder:
    """A list whose order is also given by names of columns, which then need not be shown."""

    list_display: Any
    model_admin: Any
    params: dict[str, Any]
    filter_params: dict[str, Any]

    def get_ordering(self, request: HttpRequest, queryset: Any) -> Any:
        shown, params = self.list_display, self.params
        if ORDER_VAR in params:
            every = [*shown, *(one for one in self.model_admin.all_columns() if one not in shown)]
            numbers = order_by_number(params[ORDER_VAR], [column_name(one) for one in every])
            self.list_display, self.params = every, {**params, ORDER_VAR: numbers}
        try:
            found = list(super().get_ordering(request, queryset))  # type: ignore[misc]
        finally:
            self.list_display, self.params = shown, params
        if ORDER_VAR in params and len(found) == 2 and found[1] in _BY_KEY:
            # One index serves both directions if the rows that are equal turn with the others.
            found[1] = "-pk" if _descends(found[0]) else "pk"
        return found

    def get_ordering_field_columns(self) -> Any:
        params = self.params
        if ORDER_VAR in params:
            numbers = order_by_number(params[ORDER_VAR], [column_name(one) for one in self.list_display])
            self.params = {**params, ORDER_VAR: numbers}
        try:
            return super().get_ordering_field_columns()  # type: ignore[misc]
        finally:
            self.params = params

    @property
    def kept_query(self) -> str:
        """The query of the address as a saved filter has it: without the page, and with names of columns."""
        kept = {name: values for name, values in self.filter_params.items() if name not in _OF_THE_PAGE}
        if kept.get(SEARCH_VAR) == [""]:
            del kept[SEARCH_VAR]
        if ORDER_VAR in kept:
            columns = [column_name(one) for one in self.list_display]
            kept[ORDER_VAR] = [order_by_name(kept[ORDER_VAR][-1], columns)]
        return urlencode(sorted(kept.items()), doseq=True)


class ViewedList:
    """A list with saved filters above it, one of which it may open with."""

    admin_site: Any
    opts: Any
    list_display: Any
    panel_list: PanelList
    other_views: tuple[tuple[Any, str], ...] = ()
    """Other pages about the same records: title, and name of the address."""
    more_columns: tuple[Any, ...] = ()
    """Columns that the list shows only to people who chose them."""
    heads_of_columns: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """By the name of a column of the list: the heads of an export that hold what it says."""

    def standard_columns(self) -> tuple[Any, ...]:
        """Return the columns of the list for people who chose none."""
        return tuple(self.list_display)

    def all_columns(self) -> tuple[Any, ...]:
        """Return every column that the list may show; the first one always is."""
        return (*self.standard_columns(), *self.more_columns)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        chosen = set(self._preference(request).columns)
        if not chosen:
            return self.standard_columns()
        first, *others = self.all_columns()
        return (first, *(one for one in others if column_name(one) in chosen))

    def exported_heads(self, request: HttpRequest) -> set[str] | None:
        """Return the heads of an export that the chosen columns take; None for all of them."""
        if not self._preference(request).columns:
            return None
        shown = map(column_name, self.get_list_display(request))
        return {head for name in shown for head in self.heads_of_columns.get(name, ())}

    # ---- the list ---------------------------------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        found: type[Any] = super().get_changelist(request, **kwargs)  # type: ignore[misc]
        return type("ViewedChangeList", (NamedOrder, found), {})

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if self._opens(request) and (query := self._default_query(request)):
            return HttpResponseRedirect(f"{request.path}?{query}")
        response: Any = super().changelist_view(request, extra_context)  # type: ignore[misc]
        shown = getattr(response, "context_data", None) or {}
        if "cl" in shown and IS_POPUP_VAR not in request.GET:
            query = shown["cl"].kept_query
            saved = list(self._saved(request)[:MOST_SHOWN])
            preference = self._preference(request)
            shown["list_views"] = {
                "query": query,
                "saved": [(one, one.query == query, one.pk == preference.default_filter_id) for one in saved],
                "is_new": bool(query) and all(one.query != query for one in saved),
                "address": self._address("list_view"),
                "others": self.other_views,
            }
        return response  # type: ignore[no-any-return]

    def _opens(self, request: HttpRequest) -> bool:
        """Return whether a person comes to the list, and has not just taken the filter away on it."""
        if request.method != "GET" or request.GET or not self.has_view_or_change_permission(request):  # type: ignore[attr-defined]
            return False
        return bool(urlsplit(request.META.get("HTTP_REFERER", "")).path != request.path)

    def _default_query(self, request: HttpRequest) -> str:
        key = self._preference(request).default_filter_id
        # A filter that is no longer shared with the person is not theirs to open.
        saved = self._saved(request).filter(pk=key).first() if key is not None else None
        return saved.query if saved is not None else ""

    def _saved(self, request: HttpRequest) -> Any:
        seen = SavedFilter.objects.seen_by(_user(request).pk, scope(request)).filter(panel_list=self.panel_list)
        return seen.select_related("organization").order_by(F("owner").asc(nulls_last=True), "name", "pk")

    def _preference(self, request: HttpRequest) -> ListPreference:
        found: ListPreference | None = getattr(request, "_list_preference", None)
        if found is None:
            found = saved_filters.preference_of(_user(request), self.panel_list)
            request._list_preference = found  # type: ignore[attr-defined]
        return found

    def _address(self, name: str, query: str = "") -> str:
        found = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}")
        return f"{found}?{query}" if query else found

    # ---- the page of saved filters ----------------------------------------------------------------------------------

    def list_view_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_list_view"
        return [path("list/", self.admin_site.admin_view(self.list_view_page), name=name)]

    def list_view_page(self, request: HttpRequest) -> HttpResponse:
        """Show the saved filters of the list; a POST saves, changes or deletes one, or makes it the default."""
        if not self.has_view_or_change_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        if request.method == "POST":
            return self._act(request)
        query = request.GET.urlencode()
        managed = organizations_with(request, "manage_workspace").filter(disabled=False).order_by("name")
        organizations = list(managed[:_MOST_ORGANIZATIONS])
        changes = {one.pk for one in organizations}
        default = self._preference(request).default_filter_id
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Saved filters and columns"),
            "query": query,
            "list_address": self._address("changelist"),
            # "?q=" shows everything, also where the list opens with a filter.
            "back": self._address("changelist", query or f"{SEARCH_VAR}="),
            "saved": [
                {
                    "filter": one,
                    "is_default": one.pk == default,
                    "may_change": one.organization_id is None
                    or is_admin(request.user)
                    or one.organization_id in changes,
                }
                for one in self._saved(request)[: 2 * saved_filters.MOST]
            ],
            "organizations": organizations,
            "columns": self._columns(request),
            "chose_columns": bool(self._preference(request).columns),
            "longest_name": SavedFilter._meta.get_field("name").max_length,
        }
        return TemplateResponse(request, "terrakube/saved_filters.html", context)

    def _columns(self, request: HttpRequest) -> list[tuple[str, Any, bool]]:
        """Return the columns that a person chooses from: name, label, and whether the list shows it."""
        shown = self.get_list_display(request)
        return [
            (column_name(one), label_for_field(one, self.opts.model, cast("Any", self)), one in shown)
            for one in self.all_columns()[1:]
        ]

    def _act(self, request: HttpRequest) -> HttpResponse:
        query, act = request.POST.get("query", ""), request.POST.get("do", "")
        name, by = request.POST.get("name", "").strip(), _user(request)
        back = self._address("list_view", query)
        if act == "save":
            with telling(request, gettext("The filter “%(name)s” was saved.") % {"name": name}):
                kept = self._checked_query(request, query)
                organization = self._organization(request)
                saved = saved_filters.save_filter(
                    self.panel_list, name=name, query=kept, by=by, organization=organization
                )
                if "default" in request.POST:
                    saved_filters.choose_default(by, self.panel_list, saved)
                back = self._address("changelist", kept)
            return HttpResponseRedirect(back)
        if act in {"columns", "standard-columns"}:
            known = [column_name(one) for one in self.all_columns()[1:]]
            wanted = set(request.POST.getlist("column")) if act == "columns" else set()
            if act == "columns" and not wanted & set(known):
                messages.error(request, gettext("Choose at least one column."))
                return HttpResponseRedirect(back)
            saved_filters.choose_columns(by, self.panel_list, [name for name in known if name in wanted])
            return HttpResponseRedirect(self._address("changelist", query or f"{SEARCH_VAR}="))
        saved = self._found(request)
        if act == "rename":
            with telling(request, gettext("The filter is now called “%(name)s”.") % {"name": name}):
                saved_filters.rename_filter(saved, name, by=by)
        elif act == "replace":
            with telling(request, gettext("“%(name)s” now shows what the list showed.") % {"name": saved.name}):
                saved_filters.replace_query(saved, self._checked_query(request, query), by=by)
        elif act == "delete":
            with telling(request, gettext("The filter “%(name)s” was deleted.") % {"name": saved.name}):
                saved_filters.delete_filter(saved, by=by)
        elif act == "open":
            saved_filters.choose_default(by, self.panel_list, saved)
        elif act == "open-all":
            saved_filters.choose_default(by, self.panel_list, None)
        return HttpResponseRedirect(back)

    def _found(self, request: HttpRequest) -> SavedFilter:
        key = request.POST.get("filter", "")
        saved = self._saved(request).filter(pk=key).first() if may_be_key(SavedFilter, key) else None
        if saved is None:
            raise Http404(gettext("There is no such filter."))
        return saved  # type: ignore[no-any-return]

    def _organization(self, request: HttpRequest) -> Organization | None:
        """Return the organization to share a filter with, None for none; the service checks the right."""
        key = request.POST.get("organization", "")
        if not key:
            return None
        seen = Organization.objects.within(scope(request))
        found = seen.filter(pk=key).first() if may_be_key(Organization, key) else None
        if found is None:
            raise InvalidInput(_("There is no such organization."))
        return found  # type: ignore[no-any-return]

    def _checked_query(self, request: HttpRequest, query: str) -> str:
        """Return the query of a list as a filter keeps it. Raises InvalidInput for one that the list refuses."""
        asked = copy.copy(request)
        asked.method = "GET"
        asked.GET = QueryDict(query[: 2 * SavedFilter.LONGEST_QUERY])
        try:
            shown: Any = self.get_changelist_instance(asked)  # type: ignore[attr-defined]
        except (IncorrectLookupParameters, DisallowedModelAdminLookup) as error:
            raise InvalidInput(_("The list has no such filter.")) from error
        return str(shown.kept_query)


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)
