"""The pages of whole histories: a workspace's or an organization's with all of its records, and their exports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from workspaces.actors import Actor
from workspaces.admin.exports import csv_of, streamed
from workspaces.admin.history_rows import COLUMNS, Row, cells_of, document_of, kinds, rows_of
from workspaces.forms.history import HistoryFilterForm
from workspaces.models import Organization, Workspace
from workspaces.services.history import Filter, Page, SeenHistory, seen_history

_CSV, _LINES = "csv", "jsonl"


class WholeHistory:
    """The history of a workspace or organization with all that belongs to it, and its export."""

    admin_site: Any
    opts: Any

    def history_urls(self) -> list[URLPattern]:
        export: Any = self.admin_site.admin_view(require_GET(self.export_view))
        name = f"workspaces_{self.opts.model_name}_history_export"
        return [path("<uuid:pk>/history/export/", export, name=name)]

    def _seen(self, request: HttpRequest, record: Any) -> SeenHistory:
        if record is not None and not self.has_view_permission(request, record):  # type: ignore[attr-defined]
            raise PermissionDenied
        actor: Actor = request.user
        if isinstance(record, Workspace):
            return seen_history(actor, record.organization, record)
        return seen_history(actor, record)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        record: Any = self.get_object(request, unquote(object_id))  # type: ignore[attr-defined]
        if record is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        history = self._seen(request, record)
        form = HistoryFilterForm(request.GET, kinds=kinds())
        page = history.page(form.wanted, form.cleaned_data["before"]) if form.is_valid() else Page([], None)
        asked = request.GET.copy()
        asked.pop("before", None)
        older = asked.copy()
        older["before"] = str(page.older or "")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("History of %(record)s") % {"record": record},
            "object": record,
            "original": record,
            "form": form,
            "rows": rows_of(page.entries),
            "page": page,
            "older": older.urlencode() if page.older is not None else "",
            "newest": asked.urlencode() if request.GET.get("before") else "",
            "filtered": any(asked.values()),
            "names_workspaces": isinstance(record, Organization),
            "back": reverse(f"admin:workspaces_{self.opts.model_name}_change", args=[record.pk]),
            "here": request.path,
            "exports": [
                (
                    name,
                    f"{reverse(f'admin:workspaces_{self.opts.model_name}_history_export', args=[record.pk])}?{query}",
                )
                for name, query in (
                    ("CSV", _with_format(asked, _CSV)),
                    ("JSON Lines", _with_format(asked, _LINES)),
                )
            ],
            **(extra_context or {}),
        }
        return TemplateResponse(request, "terrakube/history.html", context)

    def export_view(self, request: HttpRequest, pk: Any) -> HttpResponse | StreamingHttpResponse:
        """Send what the filter shows as a file, a piece at a time."""
        record: Model | None = self.get_object(request, str(pk))  # type: ignore[attr-defined]
        if record is None:
            raise Http404
        history = self._seen(request, record)
        form = HistoryFilterForm(request.GET, kinds=kinds())
        if not form.is_valid():
            # That page says what is wrong with the filter.
            there = reverse(f"admin:workspaces_{self.opts.model_name}_history", args=[record.pk])
            return HttpResponseRedirect(f"{there}?{request.GET.urlencode()}")
        as_lines = request.GET.get("format") == _LINES
        ending = _LINES if as_lines else _CSV
        return streamed(
            _pieces(history, form.wanted, as_lines=as_lines),
            content_type="application/x-ndjson" if as_lines else "text/csv; charset=utf-8",
            name=f"history-{record.pk}.{ending}",
        )


def _with_format(asked: Any, ending: str) -> str:
    wanted = asked.copy()
    wanted["format"] = ending
    return str(wanted.urlencode())


def _pieces(history: SeenHistory, wanted: Filter, *, as_lines: bool) -> Iterator[str]:
    if not as_lines:
        yield csv_of([COLUMNS])
    for entries in history.all_pages(wanted):
        rows = rows_of(entries)
        yield _json_lines(rows) if as_lines else csv_of([line for row in rows for line in cells_of(row)])


def _json_lines(rows: list[Row]) -> str:
    return "".join(json.dumps(document_of(row), ensure_ascii=False) + "\n" for row in rows)
