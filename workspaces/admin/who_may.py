"""Pages that say who may do what and why: of one workspace, and of one person everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from workspaces.actors import is_admin
from workspaces.admin.base import actor_of, allows, organizations_with, scope
from workspaces.choices import JobStatus, TeamRole
from workspaces.forms.roles import RIGHT_TITLES
from workspaces.models import AccessToken, Job, Team, Workspace
from workspaces.permissions import rights
from workspaces.roles import parse_role
from workspaces.services.tokens import tokens_made_by
from workspaces.services.who_may import (
    ON_WORKSPACE,
    Grant,
    Person,
    as_people,
    grants_of,
    grants_on,
    users_with,
)

PEOPLE_OF_A_PAGE = 50
TOKENS_SHOWN = 100
TITLES = {name: RIGHT_TITLES[name] for name in ON_WORKSPACE} | {"create_workspace": _("Delete the workspace")}
"""What a user calls each right that counts on a workspace."""


class WorkspacePages(Protocol):
    """What the page of a workspace needs of the pages of workspaces."""

    admin_site: AdminSite
    opts: Any

    def visible(self, request: HttpRequest, pk: Any) -> Workspace: ...


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A team or access in a table: the address of its page, where it counts, its role in words, and its rights."""

    grant: Grant
    address: str
    through: str
    role: str
    marks: Sequence[bool]


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A user in a table, with why they have their rights."""

    person: Person
    why: str
    marks: Sequence[bool]


def role_words(grant: Grant) -> str:
    """Return the role of a grant as its form shows it."""
    role = parse_role(grant.source.role)
    if role is None:
        return gettext("%(word)s: unknown role, read only") % {"word": grant.source.role}
    return str(TeamRole(role).label)


def _through(grant: Grant) -> str:
    name = {"name": grant.place.name}
    if grant.is_team:
        return gettext("Team of %(name)s") % name
    if isinstance(grant.place, Workspace):
        return gettext("Access to the workspace %(name)s") % name
    return gettext("Access to the project %(name)s") % name


_ANY = UUID(int=0)
"""Stands for the key in an address, of which those of a table's rows are made: the router takes long for hundreds."""


def _rows(grants: Iterable[Grant]) -> list[GrantRow]:
    """Return the rows of grants; what many of them share is worked out once."""
    addresses: dict[str, str] = {}
    words: dict[str | None, str] = {}
    places: dict[tuple[bool, UUID], str] = {}
    found = []
    for grant in grants:
        kind, key = _page_of(grant)
        if kind not in addresses:
            addresses[kind] = reverse(kind, args=[_ANY])
        role, place = grant.source.role, (grant.is_team, grant.place.pk)
        if role not in words:
            words[role] = role_words(grant)
        if place not in places:
            places[place] = _through(grant)
        address = addresses[kind].replace(str(_ANY), str(key))
        marks = [name in grant.rights for name in ON_WORKSPACE]
        found.append(GrantRow(grant, address, places[place], words[role], marks))
    return found


def _page_of(grant: Grant) -> tuple[str, UUID]:
    """Return the name of the address where a grant is changed, and the key in it."""
    if isinstance(grant.source, Team):
        return "admin:workspaces_team_change", grant.source.pk
    if isinstance(grant.place, Workspace):
        return "admin:workspaces_workspace_access", grant.place.pk
    return "admin:workspaces_project_change", grant.place.pk


def _person_row(person: Person) -> PersonRow:
    if person.is_administrator:
        why = gettext("Administrator: has all rights")
    else:
        why = ", ".join(f"{grant.group} ({role_words(grant)})" for grant in person.grants)
    return PersonRow(person, why, [name in person.rights for name in ON_WORKSPACE])


# ---- a workspace ----------------------------------------------------------------------------------------------------


def urls(page: WorkspacePages) -> list[URLPattern]:
    """Return the address of the page of a workspace."""
    shown = page.admin_site.admin_view(require_GET(partial(_workspace_view, page)))
    return [path("<uuid:pk>/who-may/", shown, name="workspaces_workspace_who_may")]


def _workspace_view(page: WorkspacePages, request: HttpRequest, pk: Any) -> HttpResponse:
    """Show who may do what on a workspace.

    Everyone who sees the workspace sees the groups whose teams or accesses they may read; users are listed to those
    who may change accesses.
    """
    workspace = page.visible(request, pk)
    asked, search = request.GET.get("right", ""), request.GET.get("q", "").replace("\0", "").strip()[:128]
    right = asked if asked in ON_WORKSPACE else ""
    grants = grants_on(workspace, scope(request))
    waiting = _waiting(workspace) if right == "approve_job" else None
    team = waiting.approval_team if waiting is not None else ""
    if team:
        # A named team decides in place of those who have the right.
        shown, with_right = [grant for grant in grants if grant.group == team], ""
    else:
        shown, with_right = [grant for grant in grants if not right or right in grant.rights], right
    people = _people(request, workspace, shown, with_right, grants, search)
    own = rights(actor_of(request), workspace.organization, workspace)
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": gettext("Who may do what on %(name)s") % {"name": workspace.shown_name},
        "workspace": workspace,
        "original": workspace,
        "titles": list(TITLES.values()),
        "choices": [(name, title, name == right) for name, title in TITLES.items()],
        "right": right,
        "right_title": TITLES.get(right, ""),
        "search": search,
        "grants": _rows(shown),
        "own": [title for name, title in TITLES.items() if getattr(own, name)],
        "waiting": waiting,
        "team": team,
        "forbids_self_approval": workspace.organization.no_self_approval and right in {"", "approve_job"},
        "opens_people": allows(request, "manage_access", workspace.organization),
        **people,
    }
    return TemplateResponse(request, "terrakube/who_may.html", context)


def _waiting(workspace: Workspace) -> Job | None:
    """Return the oldest job of a workspace that waits for an approval."""
    waiting = Job.objects.unfinished_on(workspace.pk).filter(status=JobStatus.WAITING_APPROVAL)
    found: Job | None = waiting.defer("tcl").first()
    return found


def _people(
    request: HttpRequest,
    workspace: Workspace,
    shown: Sequence[Grant],
    right: str,
    grants: Sequence[Grant],
    search: str,
) -> dict[str, Any]:
    if not allows(request, "manage_access", workspace):
        return {"people": None}
    users = users_with(shown, right)
    if search:
        words = Q()
        for name in ("username", "email", "first_name", "last_name"):
            words |= Q(**{f"{name}__icontains": search})
        users = users.filter(words)
    on_page = Paginator(users, PEOPLE_OF_A_PAGE).get_page(request.GET.get("page"))
    return {"people": on_page, "rows": [_person_row(person) for person in as_people(on_page, grants)]}


# ---- a person -------------------------------------------------------------------------------------------------------


class UserPages(Protocol):
    """What the page of a person needs of the pages of users."""

    admin_site: AdminSite
    opts: Any


def person_urls(page: UserPages) -> list[URLPattern]:
    """Return the addresses of the page of a person, and of a signed-in user's own."""
    shown = page.admin_site.admin_view(require_GET(partial(_person_view, page)))
    own = page.admin_site.admin_view(require_GET(partial(_own_view, page)))
    return [
        path("rights/", own, name="auth_user_own_rights"),
        path("<id>/rights/", shown, name="auth_user_rights"),
    ]


def _person_view(page: UserPages, request: HttpRequest, id: str) -> HttpResponse:
    """Show what a user may do, where and why.

    Administrators see all of it, with the user's tokens. Who may change the accesses of organizations sees what the
    user has in these and nothing else: others than its users are not found.
    """
    managed = None if is_admin(actor_of(request)) else _managed(request)
    if managed is not None and not managed:
        raise PermissionDenied
    user = User.objects.filter(pk=id).prefetch_related("groups").first() if id.isdecimal() else None
    found = _rights_of(user, managed) if user is not None else None
    if found is None or (managed is not None and not found["sections"]):
        raise Http404(gettext("User not found."))
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts if managed is None else None,
        "title": gettext("What %(name)s may do") % {"name": found["person"].get_username()},
        "original": user,
        **found,
    }
    return TemplateResponse(request, "terrakube/person.html", context)


def _managed(request: HttpRequest) -> list[UUID]:
    found = organizations_with(request, "manage_access").filter(disabled=False)
    return list(found.values_list("pk", flat=True))


def _own_view(page: UserPages, request: HttpRequest) -> HttpResponse:
    """Show a user what they themselves may do, where and why."""
    user = actor_of(request)
    if not isinstance(user, User):
        raise PermissionDenied
    context = {
        **page.admin_site.each_context(request),
        "title": gettext("My rights"),
        "is_own": True,
        **_rights_of(user),
    }
    return TemplateResponse(request, "terrakube/person.html", context)


def _rights_of(user: User, managed: Sequence[UUID] | None = None) -> dict[str, Any]:
    """Return what ``terrakube/person.html`` shows of a user; of an inactive one, too: what they could do again.

    With ``managed`` it is what the user has in these organizations: no tokens, and no group that counts elsewhere.
    """
    groups = sorted(group.name for group in user.groups.all())
    found = grants_of(groups, managed)
    shown: dict[str, Any] = {
        "person": user,
        "groups": groups,
        "is_administrator": user.is_superuser or is_admin(user),
        "titles": list(TITLES.values()),
        "sections": _rows([*found.teams, *found.projects, *found.workspaces]),
        "cut": found.cut,
    }
    if managed is not None:
        here = {row.grant.group for row in shown["sections"]}
        return {**shown, "groups": [name for name in groups if name in here], "is_limited": True}
    own_tokens = AccessToken.objects.filter(Q(team="") & tokens_made_by(user), deleted=False)
    of_teams = AccessToken.objects.filter(team__in=groups, deleted=False).exclude(team="")
    return {**shown, "tokens": list(own_tokens[:TOKENS_SHOWN]), "team_tokens": list(of_teams[:TOKENS_SHOWN])}
