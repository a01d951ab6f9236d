"""The list of workspaces by repository and folder: as a tree, with the counts and first workspaces of each branch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from workspaces.admin.base import scope
from workspaces.admin.related_choices import may_be_key
from workspaces.admin.workspace_groups import COUNTS, GROUPS_OF_A_PAGE, SHOWN, Group, first_of
from workspaces.models import Organization, Workspace
from workspaces.models.workspace import first_folder_of
from workspaces.validation.repositories import NO_REPOSITORY

NAME = "workspaces_workspace_by_folder"
"""The name of the page's address."""
_COUNTED = tuple(COUNTS)
Folder = tuple[str, ...]
"""The parts of a path in a repository, none for its top."""


def folder_of(text: str | None) -> Folder:
    """Return the folder that a workspace's column names."""
    return tuple(part for part in first_folder_of(text).split("/") if part not in {"", "."})


def written(folder: Folder, *, own: bool = False) -> str:
    """Return a folder as addresses write it, ``own`` for the workspaces that its page shows in the folder itself.

    The "/" around it keeps blanks that belong to a name; no folder is called ".".
    """
    return f"/{'/'.join((*folder, '.' if own else ''))}"


class FolderFilter(admin.SimpleListFilter):
    """Those that a group of the page by folder counts; it is offered where it is in use.

    Those in a folder and below it, or with "." at the end those that the page of the folder shows in itself. Columns
    write one folder in many ways, so that no condition of the database alone finds them all.
    """

    title = _("path in the repository")
    parameter_name = "in_folder"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = request.GET.get(self.parameter_name, "")
        shown = written(folder_of(chosen)).rstrip("/") or "/"
        if _is_own(chosen):
            shown = f"{gettext('In this folder')}: {shown}"
        return [(chosen, shown)] if chosen else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        at, own = folder_of(chosen), _is_own(chosen)
        if not at and not own:
            return queryset
        rows = _by_folder(_listed(request), at, number=Count("pk", filter=Q(deleted=False)))
        found = [row for row in rows if row["parts"][: len(at)] == at]
        if own:
            _at, found, _below = _split([row for row in found if row["number"]], at)
        wanted = {row["folder"] for row in found}
        others = {row["folder"] for row in rows} - wanted
        # A database takes a limited number of values: the fewer of those in it and those that might be.
        if len(others) < len(wanted):
            return queryset.filter(_may_be_in(at) & ~_one_of(others))
        return queryset.filter(_one_of(wanted))


def _is_own(text: str) -> bool:
    return text.rpartition("/")[2] == "."


def _listed(request: HttpRequest) -> Any:
    """Return the workspaces of the organization and repository that a list is filtered by, alive or not."""
    seen = Workspace.objects.within(scope(request))
    if sources := request.GET.getlist("source"):
        seen = seen.filter(source__in=sources)
    keys = request.GET.getlist("organization__id__exact")
    if keys and all(may_be_key(Organization, key) for key in keys):
        seen = seen.filter(organization__in=keys)
    return seen


def _may_be_in(folder: Folder) -> Q:
    """Return a condition that holds for every column that names a folder or one below it, and for some others."""
    return Q(folder__contains=max(folder, key=len)) if folder else Q()


def _one_of(columns: Collection[str | None]) -> Q:
    """Return the condition of workspaces whose column is one of these, which may include None."""
    found = Q(folder__in=[text for text in columns if text is not None])
    return found | Q(folder=None) if None in columns else found


def _by_folder(inside: Any, at: Folder, **counts: Count) -> list[dict[str, Any]]:
    """Return what counts of the workspaces with each column that may name a folder or one below it, and its parts."""
    rows = list(inside.filter(_may_be_in(at)).order_by().values("folder").annotate(**counts))
    for row in rows:
        row["parts"] = folder_of(row["folder"])
    return rows


def urls(page: Any) -> list[URLPattern]:
    """Return the address of the page, below those of workspaces."""
    view = page.admin_site.admin_view(require_GET(partial(_folders_view, page)))
    return [path("by-folder/", view, name=NAME)]


def _folders_view(page: Any, request: HttpRequest) -> HttpResponse:
    """Show the repositories; with ``organization`` and ``source`` the folders of one, below ``path``."""
    seen = Workspace.objects.within(scope(request)).alive()
    organization, source = _repository(request)
    context = _repositories(seen, request) if organization is None else _folders(seen, request, organization, source)
    shown = context["shown"]
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": gettext("By folder"),
        "no_name": gettext("Uploaded"),
        "shows_path": True,
        "few": shown.paginator.count <= 5,
        **context,
    }
    return TemplateResponse(request, "terrakube/workspaces_by_folder.html", context)


def _repository(request: HttpRequest) -> tuple[Organization | None, str]:
    key, source = request.GET.get("organization", ""), request.GET.get("source", "")
    if not source or not may_be_key(Organization, key):
        return None, ""
    return Organization.objects.within(scope(request)).filter(pk=key).first(), source


def _page_of(organization: UUID, source: str, folder: Folder = ()) -> str:
    query = {"organization": str(organization), "source": source, **({"path": written(folder)} if folder else {})}
    return f"{reverse(f'admin:{NAME}')}?{urlencode(query)}"


def _list_of(organization: UUID, source: str, in_folder: str = "") -> str:
    query = {"organization__id__exact": str(organization), "source": source}
    if in_folder:
        query[FolderFilter.parameter_name] = in_folder
    return f"{reverse('admin:workspaces_workspace_changelist')}?{urlencode(query)}"


# ---- repositories ----------------------------------------------------------------------------------------------------


def _repositories(seen: Any, request: HttpRequest) -> dict[str, Any]:
    counted = (
        seen.order_by()
        .values("organization_id", "organization__name", "source")
        .annotate(**COUNTS)
        .order_by("organization__name", "organization_id", "source")
    )
    # Counting them takes as long as reading them: there are as many as repositories.
    shown = Paginator(list(counted), GROUPS_OF_A_PAGE).get_page(request.GET.get("page"))
    wanted = Q(pk=None)
    for row in shown:
        wanted |= Q(organization=row["organization_id"], source=row["source"])
    first: dict[tuple[UUID, str], list[Workspace]] = defaultdict(list)
    for one in first_of(seen.filter(wanted), "organization", "source"):
        first[one.organization_id, one.source].append(one)
    groups = []
    for row in shown:
        key = row["organization_id"], row["source"]
        uploaded = row["source"] == NO_REPOSITORY
        groups.append(
            _group(
                [row],
                organization=row["organization__name"],
                name="" if uploaded else row["source"],
                address=_list_of(*key),
                inside="" if uploaded else _page_of(*key),
                workspaces=first[key],
            )
        )
    return {"shown": shown, "groups": groups}


# ---- folders of one --------------------------------------------------------------------------------------------------


def _folders(seen: Any, request: HttpRequest, organization: Organization, source: str) -> dict[str, Any]:
    inside = seen.filter(organization=organization, source=source)
    at = folder_of(request.GET.get("path", ""))
    counted = _by_folder(inside, at, **COUNTS)
    at, here, folders = _split([row for row in counted if row["parts"][: len(at)] == at], at)
    parted = sorted(folders.items())
    if here:
        parted = [("", here), *parted]
    shown = Paginator(parted, GROUPS_OF_A_PAGE).get_page(request.GET.get("page"))
    first = _of_folders(inside, [rows for _name, rows in shown])
    groups = [
        _group(
            rows,
            organization="",
            name=name or gettext("In this folder"),
            address=_list_of(organization.pk, source, written((*at, name)) if name else written(at, own=True)),
            inside=_page_of(organization.pk, source, (*at, name)) if name else "",
            workspaces=found,
        )
        for (name, rows), found in zip(shown, first, strict=True)
    ]
    above = [(name, _page_of(organization.pk, source, at[:number])) for number, name in enumerate(at, 1)]
    return {
        "shown": shown,
        "groups": groups,
        "way": [
            (gettext("Repositories"), reverse(f"admin:{NAME}")),
            (source, _page_of(organization.pk, source)),
            *above,
        ],
        "organization": organization.pk,
        "source": source,
        "path": written(at),
    }


def _split(rows: Sequence[Any], at: Folder) -> tuple[Folder, list[Any], dict[str, list[Any]]]:
    """Return the folder to show, the rows of its own workspaces, and those of each folder in it by name.

    A folder with one workspace has no page of its own: the workspace counts among those of the folder above. Folders
    that hold nothing but one other folder are passed over.
    """
    while True:
        here, folders = [], defaultdict(list)
        for row in rows:
            if len(row["parts"]) <= len(at) + 1:
                here.append(row)
            else:
                folders[row["parts"][len(at)]].append(row)
        # What lies in a folder itself belongs to those below it.
        for name in [row["parts"][-1] for row in here if len(row["parts"]) == len(at) + 1]:
            if name in folders:
                moved = [row for row in here if row["parts"] == (*at, name)]
                folders[name] += moved
                here = [row for row in here if row not in moved]
        for name, members in list(folders.items()):
            if sum(row["number"] for row in members) == 1:
                here += folders.pop(name)
        if here or len(folders) != 1:
            return at, here, dict(folders)
        at = (*at, *folders)


def _of_folders(inside: Any, groups: Sequence[list[Any]]) -> list[list[Workspace]]:
    """Return the first workspaces of each group of rows by folder, with one query."""
    wanted: list[list[str | None]] = []
    for rows in groups:
        taken, number = [], 0
        for row in sorted(rows, key=lambda row: row["parts"]):
            if number >= SHOWN:
                break
            taken.append(row["folder"])
            number += row["number"]
        wanted.append(taken)
    names = [name for taken in wanted for name in taken if name is not None]
    by_folder: dict[str | None, list[Workspace]] = defaultdict(list)
    for one in first_of(inside.filter(Q(folder__in=names) | Q(folder=None)), "folder"):
        by_folder[one.folder].append(one)
    return [[one for name in taken for one in by_folder[name]][:SHOWN] for taken in wanted]


def _group(rows: Sequence[Any], *, organization: str, name: str, address: str, inside: str, workspaces: Any) -> Group:
    number, failed, waiting, locked = (sum(row[count] for row in rows) for count in _COUNTED)
    return Group(
        organization=organization,
        name=name,
        number=number,
        failed=failed,
        waiting=waiting,
        locked=locked,
        address=address,
        inside=inside,
        workspaces=workspaces,
    )
