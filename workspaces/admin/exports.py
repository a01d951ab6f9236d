"""Files of what a list or a history shows: made a piece at a time, with cells that start no formula."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import get_language, override
from django.views.decorators.http import require_GET

MOST_ROWS = 100_000
"""Rows of a list that one file has at most."""
_OF_A_PIECE = 500
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_cell(text: str) -> str:
    """Return a cell that a spreadsheet takes as text: an apostrophe stands before what would start a formula."""
    # Spreadsheets also skip blanks before a formula.
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA) else text


def csv_of(lines: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue()


def streamed(pieces: Iterator[str], *, content_type: str, name: str) -> StreamingHttpResponse:
    """Return a file whose next piece is read when the one before it is sent, in the language of the request."""
    language = get_language()

    def following() -> str | None:
        # The middleware that chose the reader's language is done when the first piece is sent.
        with override(language):
            return next(pieces, None)

    async def sent() -> AsyncIterator[bytes]:
        while (piece := await sync_to_async(following)()) is not None:
            yield piece.encode()

    response = StreamingHttpResponse(sent(), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


class ListExport:
    """A list that is exported as CSV with the filter, search, order and chosen columns of its page."""

    admin_site: Any
    opts: Any
    export_columns: tuple[tuple[str, Callable[[Any], object]], ...] = ()
    """Heads of the columns, which are the same in every language, and what a row says there; None is empty."""

    def exported_heads(self, request: HttpRequest) -> set[str] | None:
        """Return the heads of the columns that a file has; None for all."""
        return None

    def prepare_export(self, rows: Sequence[Any]) -> None:
        """Look up for some rows at once what the columns say."""

    def export_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_list_export"
        return [path("export/", self.admin_site.admin_view(require_GET(self.export_list_view)), name=name)]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        there = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_list_export")
        context = {"export_address": f"{there}?{request.GET.urlencode()}", **(extra_context or {})}
        return super().changelist_view(request, context)  # type: ignore[misc,no-any-return]

    def export_list_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        if not self.has_view_or_change_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        try:
            shown: Any = self.get_changelist_instance(request)  # type: ignore[attr-defined]
        except IncorrectLookupParameters:
            # The list says what is wrong.
            there = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
            return HttpResponseRedirect(f"{there}?e=1")
        keys = list(shown.get_queryset(request).values_list("pk", flat=True)[:MOST_ROWS])
        rows: Any = self.get_queryset(request).select_related(*self.list_select_related)  # type: ignore[attr-defined]
        wanted = self.exported_heads(request)
        columns = [one for one in self.export_columns if wanted is None or one[0] in wanted]
        pieces = self._pieces(rows, keys, columns)
        return streamed(pieces, content_type="text/csv; charset=utf-8", name=f"{self.opts.model_name}s.csv")

    def _pieces(
        self, rows: Any, keys: list[Any], columns: Sequence[tuple[str, Callable[[Any], object]]]
    ) -> Iterator[str]:
        yield csv_of([[head for head, _say in columns]])
        for start in range(0, len(keys), _OF_A_PIECE):
            wanted = keys[start : start + _OF_A_PIECE]
            found = {row.pk: row for row in rows.filter(pk__in=wanted)}
            # Some may have been deleted meanwhile.
            kept = [found[key] for key in wanted if key in found]
            self.prepare_export(kept)
            yield csv_of([[_cell(say(row)) for _head, say in columns] for row in kept])


def _cell(value: object) -> str:
    return "" if value is None else safe_cell(str(value))
