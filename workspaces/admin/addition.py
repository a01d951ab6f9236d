"""What another application adds to the list and the page of a record; the pages of jobs and workspaces offer it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern


class Addition:
    """Adds nothing; a subclass that is assigned to ``addition`` of a page's class overrides what it adds."""

    columns: tuple[Callable[[Any], Any], ...] = ()
    """Further columns of the list."""

    def urls(self, page: Any) -> list[URLPattern]:
        """Return further addresses below the page."""
        return []

    def prepare_rows(self, rows: Sequence[Any]) -> None:
        """Look up for the rows of a list, at once, what the columns show."""

    def page_context(self, request: HttpRequest, record: Any, parts: Collection[str]) -> Mapping[str, Any]:
        """Return what the template of the page gets beside its fields; ``parts`` are the sections that it shows."""
        return {}

    def overview_context(self, request: HttpRequest, record: Any) -> Mapping[str, Any]:
        """Return what the template of the record's first page gets."""
        return {}

    def executor_defaults(self) -> Mapping[str, str]:
        """Return what the installation says of pod settings that no variable sets."""
        return {}

    def whole_page(self, page: Any, request: HttpRequest, record_id: str) -> HttpResponse | None:
        """Return the page that stands in place of the record's form; None leaves the form."""
        return None
