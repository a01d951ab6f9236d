"""The list of workspaces by project: how many each has and which need attention, and the first of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from workspaces.admin.base import scope
from workspaces.choices import LastJobStatus
from workspaces.models import Workspace

GROUPS_OF_A_PAGE = 25
"""Each with its first workspaces: 250 of them, more than any other list shows."""
SHOWN = 10
"""Workspaces of a group; its link leads to all of them."""
COUNTS = {
    "number": Count("pk"),
    "failed": Count("pk", filter=Q(last_job_status=LastJobStatus.FAILED)),
    "waiting": Count("pk", filter=Q(last_job_status=LastJobStatus.WAITING_APPROVAL)),
    "locked_count": Count("pk", filter=Q(locked=True)),
}
"""What a group says of its workspaces."""
_READ = ("name", "organization", "folder", "last_job_status", "last_job_date", "locked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Workspaces that belong together: of a project, a repository or a folder of one.

    ``name`` is empty for those of an organization that are in no project, ``inside`` where no page shows what the
    group consists of.
    """

    organization: str
    name: str
    number: int
    failed: int
    waiting: int
    locked: int
    address: str
    workspaces: Sequence[Workspace]
    inside: str = ""

    @property
    def more(self) -> int:
        return self.number - len(self.workspaces)


def first_of(rows: Any, *together: str) -> Iterable[Workspace]:
    """Return the first workspaces by name of those that have the same columns, with one query."""
    place = Window(RowNumber(), partition_by=[F(name) for name in together], order_by=["name", "pk"])
    found = rows.annotate(place=place).filter(place__lte=SHOWN).order_by("name", "pk").only(*_READ, *together)
    return found  # type: ignore[no-any-return]


def urls(page: Any) -> list[URLPattern]:
    """Return the address of the page, below those of workspaces."""
    view = page.admin_site.admin_view(require_GET(partial(_groups_view, page)))
    return [path("by-project/", view, name="workspaces_workspace_by_project")]


def _groups_view(page: Any, request: HttpRequest) -> HttpResponse:
    seen = Workspace.objects.within(scope(request)).alive()
    counted = (
        seen.order_by()
        .values("organization_id", "organization__name", "project_id", "project__name")
        .annotate(**COUNTS)
        .order_by("organization__name", "organization_id", F("project__name").asc(nulls_last=True), "project_id")
    )
    # Counting them takes as long as reading them: there are as many as projects.
    shown = Paginator(list(counted), GROUPS_OF_A_PAGE).get_page(request.GET.get("page"))
    first = _first_of(seen, list(shown))
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": gettext("By project"),
        "no_name": gettext("No project"),
        "few": shown.paginator.count <= 5,
        "shown": shown,
        "groups": [_group(row, first.get((row["organization_id"], row["project_id"]), ())) for row in shown],
    }
    return TemplateResponse(request, "terrakube/workspaces_by_project.html", context)


def _first_of(seen: Any, groups: Sequence[dict[str, Any]]) -> dict[tuple[UUID, UUID | None], list[Workspace]]:
    """Return the first workspaces of some groups by name, with one query."""
    projects = [row["project_id"] for row in groups if row["project_id"] is not None]
    without = [row["organization_id"] for row in groups if row["project_id"] is None]
    inside = seen.filter(Q(project__in=projects) | Q(project=None, organization__in=without))
    found: dict[tuple[UUID, UUID | None], list[Workspace]] = defaultdict(list)
    for one in first_of(inside, "organization", "project"):
        found[one.organization_id, one.project_id].append(one)
    return found


def _group(row: dict[str, Any], workspaces: Sequence[Workspace]) -> Group:
    project = row["project_id"]
    query = (
        {"project__id__exact": project}
        if project is not None
        else {
            "organization__id__exact": row["organization_id"],
            "project__isnull": "True",
        }
    )
    return Group(
        organization=row["organization__name"],
        name=row["project__name"] or "",
        number=row["number"],
        failed=row["failed"],
        waiting=row["waiting"],
        locked=row["locked_count"],
        address=f"{reverse('admin:workspaces_workspace_changelist')}?{urlencode(query)}",
        workspaces=workspaces,
    )
