"""The histories of workspaces and organizations, at /history/v1: who changed what, filtered and paged as in the panel.

Not below /api/v1: ``history`` of a workspace is Terrakube's name for its states there.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import QueryDict
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from workspaces.admin.history_rows import document_of, kinds, rows_of
from workspaces.api.errors import InvalidValue, NotThere
from workspaces.api.jsonapi.views import ApiView
from workspaces.forms.history import HistoryFilterForm
from workspaces.models import Organization, Workspace
from workspaces.services.history import OF_A_PAGE, Cursor, Filter, SeenHistory, seen_history

TYPE = "history_entry"
FILTERS = ("who", "kind", "verb", "door", "text", "since", "until")
MOST = 500
_AFTER, _SIZE = "page[after]", "page[size]"
_PARAMETERS = (*(f"filter[{name}]" for name in FILTERS), _AFTER, _SIZE)


class HistoryView(ApiView):
    """One page of a history, newest first; ``links.next`` leads to older entries."""

    def page(self, request: Request, history: SeenHistory) -> Response:
        asked: Any = request.query_params
        for name in asked:
            if name not in _PARAMETERS:
                raise InvalidValue(name, f"the parameters are {', '.join(_PARAMETERS)}")
        wanted, after = _filter(asked)
        page = history.page(wanted, after, size=_size(asked.get(_SIZE)))
        body: dict[str, Any] = {"data": [_resource(document_of(row), row.entry.pk) for row in rows_of(page.entries)]}
        older = None
        if page.older is not None:
            others = {name: value for name, value in asked.items() if name != _AFTER}
            older = f"{settings.PUBLIC_URL}{request.path}?{urlencode({**others, _AFTER: str(page.older)})}"
        body["links"] = {"next": older}
        if page.looked_back_to is not None:
            body["meta"] = {"lookedBackTo": page.looked_back_to.isoformat()}
        return Response(body)


class OrganizationHistoryView(HistoryView):
    """The history of an organization with all of its records that the caller may see."""

    def get(self, request: Request, organization_id: UUID) -> Response:
        found: Organization | None = Organization.objects.visible_to(self.actor).filter(pk=organization_id).first()
        if found is None:
            raise NotThere(f"Unknown identifier {organization_id} for organization")
        return self.page(request, seen_history(self.actor, found))


class WorkspaceHistoryView(HistoryView):
    """The history of a workspace with all of its records that the caller may see."""

    def get(self, request: Request, workspace_id: UUID) -> Response:
        visible = Workspace.objects.visible_to(self.actor).select_related("organization")
        found: Workspace | None = visible.filter(pk=workspace_id).first()
        if found is None:
            raise NotThere(f"Unknown identifier {workspace_id} for workspace")
        return self.page(request, seen_history(self.actor, found.organization, found))


def _filter(asked: QueryDict) -> tuple[Filter, Cursor | None]:
    """Return what of a history is asked for, as the panel's form reads it. Raises InvalidValue."""
    given = {name: asked.get(f"filter[{name}]", "") for name in FILTERS}
    form = HistoryFilterForm({**given, "before": asked.get(_AFTER, "")}, kinds=kinds())
    for name, errors in form.errors.items():
        value = asked.get(_AFTER, "") if name == "before" else given.get(name, "")
        raise InvalidValue(value, f"{_AFTER if name == 'before' else f'filter[{name}]'}: {' '.join(map(str, errors))}")
    return form.wanted, form.cleaned_data["before"]


def _size(text: str | None) -> int:
    if text is None:
        return OF_A_PAGE
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 0 < int(text) <= MOST):
        raise InvalidValue(text, f"{_SIZE} is a whole number from 1 to {MOST}")
    return int(text)


def _resource(document: dict[str, Any], key: int) -> dict[str, Any]:
    return {"type": TYPE, "id": str(key), "attributes": document}


app_name = "history"
urlpatterns = [
    path("history/v1/organization/<uuid:organization_id>", OrganizationHistoryView.as_view(), name="organization"),
    path("history/v1/workspace/<uuid:workspace_id>", WorkspaceHistoryView.as_view(), name="workspace"),
]
