"""The panel's search: workspaces, jobs, variables, settings and pages that the person may see, at one address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from workspaces import search
from workspaces.admin import navigation
from workspaces.admin.base import allows, scope
from workspaces.forms.ephemeral import title_of
from workspaces.models import GlobalVariable, Item, Job, Variable
from workspaces.pods import catalogue
from workspaces.querysets import Scope
from workspaces.reasons import in_language

_COMMIT_DIGITS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One line of the results; ``status`` is a job's, else empty."""

    title: str
    detail: str
    address: str
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Hits of one kind; ``more`` is the address of a list with all of them, empty if there is none."""

    title: str
    hits: Sequence[Hit]
    more: str = ""


def _list(name: str, **query: str) -> str:
    address = reverse(f"admin:workspaces_{name}_changelist")
    return f"{address}?{urlencode(query)}" if query else address


def _workspaces(seen: Scope, text: str) -> list[Hit]:
    return [
        Hit(
            title=one.shown_name,
            detail=one.organization.name,
            address=reverse("admin:workspaces_workspace_overview", args=[one.pk]),
        )
        for one in search.find_workspaces(seen, text)
    ]


def _job(job: Job) -> Hit:
    parts = (job.workspace.shown_name, job.organization.name, job.created_by, (job.commit_id or "")[:_COMMIT_DIGITS])
    return Hit(
        title=f"#{job.pk}",
        detail=" · ".join(filter(None, parts)),
        address=reverse("admin:workspaces_job_change", args=[job.pk]),
        status=job.status,
    )


def _variables(seen: Scope, text: str) -> list[Hit]:
    of_workspaces = [
        Hit(title=key, detail=_("Variables of workspaces"), address=_list("variable", q=key))
        for key in search.find_keys(seen, text)
    ]
    of_organizations = [
        Hit(title=key, detail=_("Variables of organizations"), address=_list("globalvariable", q=key))
        for key in search.find_organization_keys(seen, text)
    ]
    of_collections = [
        Hit(
            title=one.key,
            detail=_("Collection %(name)s") % {"name": one.collection.name},
            address=reverse("admin:workspaces_collection_change", args=[one.collection_id]),
        )
        for one in search.find_items(seen, text)
    ]
    return [*of_workspaces, *of_organizations, *of_collections][: search.SHOWN]


def _where_set(seen: Scope, text: str) -> list[Hit]:
    """Return where settings are set that the text names, without their values."""
    words = search.words_of(text)
    # Words in the help of a setting would find too much here.
    named = [name for name in catalogue.ALL_SETTINGS if search.matches(words, name, title_of(name))]
    return [_set_by(one) for one in search.find_set_settings(seen, named)]


def _set_by(variable: Variable | GlobalVariable | Item) -> Hit:
    if isinstance(variable, Variable):
        place = variable.workspace
        detail = " · ".join((place.name, place.organization.name))
        address = reverse("admin:workspaces_workspace_pods", args=[place.pk])
    elif isinstance(variable, Item):
        detail = _("Collection %(name)s") % {"name": variable.collection.name}
        detail = " · ".join((detail, variable.collection.organization.name))
        address = reverse("admin:workspaces_collection_change", args=[variable.collection_id])
    else:
        detail = _("All workspaces of %(name)s") % {"name": variable.organization.name}
        address = reverse("admin:workspaces_globalvariable_change", args=[variable.pk])
    return Hit(title=title_of(variable.key), detail=detail, address=address)


def _settings(text: str) -> list[Hit]:
    words = search.words_of(text)
    found = [
        Hit(
            title=title_of(name),
            detail=f"{name} · {in_language(one.help)}",
            address=_list("variable", q=name),
        )
        for name, one in catalogue.SETTINGS.items()
        if search.matches(words, name, title_of(name), in_language(one.help))
    ]
    # Those whose name has the words first; the others only speak of them.
    found.sort(key=lambda hit: not search.matches(words, hit.title))
    return found[: search.SHOWN]


def _pages(request: HttpRequest, text: str) -> list[Hit]:
    words = search.words_of(text)
    return [
        Hit(title=str(item["title"]), detail=str(group["title"]), address=str(item["link"]))
        for group in navigation.sidebar(request)
        for item in group["items"]
        if search.matches(words, str(item["title"]))
    ][: search.SHOWN]


def _groups(request: HttpRequest, text: str) -> Iterator[Group]:
    yield Group(title=_("Pages"), hits=_pages(request, text))
    # Who is in no team sees no list.
    if not allows(request, "read"):
        return
    seen = scope(request)
    found_jobs = search.find_jobs(seen, text)
    jobs = Group(title=_("Jobs"), hits=[_job(one) for one in found_jobs], more=_list("job", q=text))
    workspaces = Group(title=_("Workspaces"), hits=_workspaces(seen, text), more=_list("workspace", q=text))
    # Digits stand in many names, but the number is one job's.
    is_number = bool(found_jobs) and str(found_jobs[0].pk) == text.removeprefix("#")
    yield from (jobs, workspaces) if is_number else (workspaces, jobs)
    yield Group(title=_("Variables"), hits=_variables(seen, text), more=_list("variable", q=text))
    yield Group(title=_("Settings"), hits=_settings(text))
    yield Group(title=_("Where settings are set"), hits=_where_set(seen, text))


def found(request: HttpRequest, text: str) -> list[Group]:
    """Return what a person finds, in groups that have a hit; none for a text without a word."""
    if not search.words_of(text):
        return []
    return [group for group in _groups(request, text) if group.hits]


@never_cache
@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """Return the page with the results of ``?q=``; with ``?part=1`` only the results, for the search of each page."""
    text = request.GET.get("q", "")[: search.LONGEST].strip()
    context = {"text": text, "groups": found(request, text), "shown": search.SHOWN}
    if request.GET.get("part"):
        return render(request, "terrakube/search_results.html", context)
    title = _("Search") if not text else _("Search: %(text)s") % {"text": text}
    return render(request, "terrakube/search.html", admin.site.each_context(request) | context | {"title": title})
