"""Pages that make workspaces of a repository: connection, repository, branch, and its folders, one after the other.

Each step is an address with what was chosen before, so that each can be gone back to, and works without scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from executors.choosing.listing import Branches, branches_of, folders_of, repository_of_source, why_not_source
from executors.choosing.names import proposed_names
from terrakube_site.messages import message, translated
from vcs.connections.discovery import groups_of, may_discover, repositories_of
from vcs.connections.problems import NOT_CONNECTED, ConnectionProblem, kept_problem
from vcs.deliveries.folders import clean
from vcs.providers import provider_of
from vcs.providers.base import normalized
from workspaces.admin.base import actor_of, allows, organizations_with, scope
from workspaces.admin.first_plan import address_after_making
from workspaces.admin.related_choices import may_be_key
from workspaces.admin.workspace_tabs import address_of
from workspaces.admin.workspaces import DEFAULT_VERSION, WorkspaceAdmin
from workspaces.choices import IacType, VcsType
from workspaces.errors import ServiceError
from workspaces.forms.many_workspaces import FolderRow, ManyWorkspacesForm, posted_rows
from workspaces.models import Organization, Project, Template, Vcs, Workspace
from workspaces.services.bulk import MAX_WORKSPACES, plan_workspaces
from workspaces.services.many_workspaces import WrongRows, create_workspaces

NAME = "workspaces_workspace_from_repository"
"""The name of the pages' address."""
MOST_BRANCHES = 200
_MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What an address of these pages says; empty texts are not chosen yet."""

    vcs: str = ""
    group: str = ""
    repository: str = ""
    branch: str = ""
    search: str = ""
    page: int = 1
    all: bool = False

    @classmethod
    def of(cls, query: QueryDict) -> Chosen:
        """Read the parameters of an address; what cannot be used counts as not given."""
        texts = {
            name: query.get(name, "").strip()[:longest].replace("\0", "")
            for name, longest in (("vcs", 64), ("group", 256), ("repository", 512), ("branch", 512), ("search", 256))
        }
        page = query.get("page", "1")
        number = int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 1
        return cls(**texts, page=min(max(number, 1), _MOST_PAGES), all="all" in query)

    def address(self, **changes: Any) -> str:
        """Return the address of these pages with some changes; a search and a page belong to one list alone."""
        wanted = replace(self, **{"search": "", "page": 1, "all": False, **changes})
        said = {
            "vcs": wanted.vcs,
            "group": wanted.group,
            "repository": wanted.repository,
            "branch": wanted.branch,
            "search": wanted.search,
            "page": str(wanted.page) if wanted.page > 1 else "",
            "all": "1" if wanted.all else "",
        }
        query = urlencode({name: value for name, value in said.items() if value})
        return reverse(f"admin:{NAME}") + (f"?{query}" if query else "")

    def hidden(self, *names: str) -> list[tuple[str, str]]:
        """Return the fields that a form of a later step sends along."""
        return [(name, getattr(self, name)) for name in names if getattr(self, name)]


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of a list: what is chosen, where that leads, and what else is known of it."""

    title: str
    address: str
    detail: str = ""
    badge: str = ""


def from_repository_view(page: WorkspaceAdmin, request: HttpRequest) -> HttpResponse:
    """Show the step that the address leads to; a POST makes the workspaces."""
    return _Wizard(page, request).answer()


class _Wizard:
    def __init__(self, page: WorkspaceAdmin, request: HttpRequest) -> None:
        self._page, self._request = page, request
        self._chosen = Chosen.of(request.GET)

    def answer(self) -> HttpResponse:
        if not allows(self._request, "create_workspace"):
            raise PermissionDenied
        if not self._chosen.vcs:
            return self._connections()
        vcs = self._connection()
        if not self._chosen.repository:
            return self._repositories(vcs)
        problem = why_not_source(vcs, self._chosen.repository)
        if problem:
            return self._repositories(vcs, refused=problem)
        if not self._chosen.branch:
            return self._branches(vcs)
        return self._folders(vcs)

    # ---- which connection -------------------------------------------------------------------------------------------

    def _usable(self) -> QuerySet[Vcs]:
        """Return the connections that the user sees, of organizations in which they may create workspaces."""
        organizations = organizations_with(self._request, "create_workspace").filter(disabled=False)
        seen: QuerySet[Vcs] = Vcs.objects.within(scope(self._request))
        return seen.filter(organization__in=organizations).select_related("organization")

    def _connection(self) -> Vcs:
        key = self._chosen.vcs
        found = self._usable().filter(pk=key).first() if may_be_key(Vcs, key) else None
        if found is None:
            raise Http404(gettext("Connection not found."))
        return found

    def _connections(self) -> HttpResponse:
        rows = self._usable().order_by("organization__name", "name")
        if self._chosen.search:
            rows = rows.filter(name__icontains=self._chosen.search)
        choices = [
            Choice(
                vcs.name,
                self._chosen.address(vcs=str(vcs.pk)),
                detail=f"{vcs.organization.name}, {vcs.get_vcs_type_display()}",
                badge=gettext("has a problem") if kept_problem(vcs) is not None else "",
            )
            for vcs in rows
        ]
        may_add = allows(self._request, "manage_vcs")
        return self._show("connection", gettext("Choose a connection"), choices=choices, may_add=may_add)

    # ---- which repository -------------------------------------------------------------------------------------------

    def _repositories(self, vcs: Vcs, *, refused: str = "") -> HttpResponse:
        chosen, choices, groups, more, problem = self._chosen, [], [], False, ""
        try:
            if may_discover(vcs):
                groups = groups_of(vcs)
                group = chosen.group or (groups[0].id if groups else "")
                chosen = replace(chosen, group=group)
                found = repositories_of(vcs, group, search=chosen.search, page=chosen.page) if group else None
                choices = [
                    Choice(
                        one.full_name,
                        chosen.address(repository=one.url),
                        detail=one.default_branch,
                        badge=gettext("private") if one.private else "",
                    )
                    for one in (found.items if found is not None else ())
                ]
                more = found is not None and found.has_more
            elif vcs.vcs_type != VcsType.PUBLIC:
                problem = kept_problem(vcs) or message(NOT_CONNECTED, name=vcs.name)
        except ConnectionProblem as error:
            problem = error.sentence
        return self._show(
            "repository",
            gettext("Choose a repository"),
            vcs=vcs,
            chosen=chosen,
            choices=choices,
            groups=groups,
            problem=problem,
            refused=refused,
            lists=may_discover(vcs),
            previous=chosen.address(search=chosen.search, page=chosen.page - 1) if chosen.page > 1 else "",
            following=chosen.address(search=chosen.search, page=chosen.page + 1) if more else "",
        )

    # ---- which branch -----------------------------------------------------------------------------------------------

    def _branches(self, vcs: Vcs) -> HttpResponse:
        chosen, problem, found = self._chosen, "", Branches(())
        try:
            found = branches_of(vcs, chosen.repository)
        except ConnectionProblem as error:
            problem = error.sentence
        matching = [name for name in found.names if chosen.search.lower() in name.lower()]
        choices = [
            Choice(name, chosen.address(branch=name), badge=gettext("default") if name == found.default else "")
            for name in matching[:MOST_BRANCHES]
        ]
        return self._show(
            "branch",
            gettext("Choose a branch"),
            vcs=vcs,
            choices=choices,
            problem=problem,
            left_out=len(matching) - len(choices),
        )

    # ---- which folders ----------------------------------------------------------------------------------------------

    def _folders(self, vcs: Vcs) -> HttpResponse:
        request, chosen = self._request, self._chosen
        used = _workspaces_of(vcs.organization, chosen.repository, chosen.branch)
        problem, left_out = "", 0
        if request.method == "POST":
            rows = posted_rows(request.POST, used)
        else:
            rows = []
            try:
                rows, left_out = self._listed(vcs, used)
            except ConnectionProblem as error:
                problem = error.sentence
        form = self._form(vcs, rows)
        if form.is_bound and form.is_valid():
            made = self._create(vcs, form)
            if made is not None:
                return made
        return self._show(
            "folders",
            gettext("Choose the folders"),
            vcs=vcs,
            form=form,
            rows=rows,
            problem=problem,
            left_out=left_out,
            select_all=chosen.address(search=chosen.search, all=True),
        )

    def _listed(self, vcs: Vcs, used: Mapping[str, Workspace]) -> tuple[list[FolderRow], int]:
        """Return a row for each folder, and how many are left out. Raises ConnectionProblem."""
        chosen = self._chosen
        folders = folders_of(vcs, chosen.repository, chosen.branch)
        matching = [folder for folder in folders if chosen.search.lower() in folder.lower()]
        shown = matching[:MAX_WORKSPACES]
        taken = set(Workspace.objects.filter(organization=vcs.organization).values_list("name", flat=True))
        names = proposed_names(shown, repository_of_source(vcs, chosen.repository).name, taken)
        rows = [
            FolderRow(folder, names[folder], chosen.all and folder not in used, used_by=used.get(folder))
            for folder in shown
        ]
        return rows, len(matching) - len(shown)

    def _form(self, vcs: Vcs, rows: list[FolderRow]) -> ManyWorkspacesForm:
        organization, request = vcs.organization, self._request
        newest = Workspace.objects.alive().filter(organization=organization).order_by("-created_date").first()
        provider = provider_of(vcs)
        return ManyWorkspacesForm(
            request.POST if request.method == "POST" else None,
            rows=rows,
            templates=Template.objects.filter(organization=organization).within(scope(request)).order_by("name"),
            projects=Project.objects.filter(organization=organization).within(scope(request)).order_by("name"),
            has_webhooks=provider is not None and provider.hooks is not None,
            may_plan=allows(request, "plan_job", organization),
            initial={
                "iac_type": newest.iac_type if newest is not None else IacType.TERRAFORM,
                "terraform_version": newest.terraform_version if newest is not None else DEFAULT_VERSION,
            },
        )

    def _create(self, vcs: Vcs, form: ManyWorkspacesForm) -> HttpResponse | None:
        """Make the workspaces, and lead to the one or to the list of them; None if the form shows why not."""
        chosen, by = self._chosen, actor_of(self._request)
        try:
            made = create_workspaces(
                vcs.organization,
                form.wanted,
                by=by,
                listening=form.listening,
                source=chosen.repository,
                branch=chosen.branch,
                vcs=vcs,
                **form.shared,
            )
        except WrongRows as error:
            form.refuse_rows({folder: translated(sentence) for folder, sentence in error.fields.items()})
            return None
        except ServiceError as error:
            form.add_error(None, translated(error.message))
            return None
        said = ngettext("%(number)d workspace was created.", "%(number)d workspaces were created.", len(made))
        messages.success(self._request, said % {"number": len(made)})
        started = self._plan(made) if form.cleaned_data.get("plan") else 0
        if len(made) == 1:
            address = address_of(made[0].pk) if started else address_after_making(self._request, made[0])
            return HttpResponseRedirect(address)
        return HttpResponseRedirect(_list_of(made))

    def _plan(self, made: list[Workspace]) -> int:
        """Start the first plans, tell what was started or refused, and return the number of the started."""
        results = plan_workspaces(made, by=actor_of(self._request))
        refused = [one for one in results if one.refused]
        started = len(results) - len(refused)
        if started:
            said = ngettext("A first plan was started.", "%(number)d first plans were started.", started)
            messages.success(self._request, said % {"number": started})
        for why in dict.fromkeys(translated(one.refused) for one in refused):
            messages.warning(self._request, gettext("No first plan: %(why)s") % {"why": why})
        return started

    # ---- all steps --------------------------------------------------------------------------------------------------

    def _show(self, step: str, title: str, **context: Any) -> HttpResponse:
        chosen = self._chosen
        steps = [
            (gettext("Connection"), Chosen().address(), "connection"),
            (gettext("Repository"), Chosen(vcs=chosen.vcs, group=chosen.group).address(), "repository"),
            (gettext("Branch"), replace(chosen, branch="").address(), "branch"),
            (gettext("Folders"), "", "folders"),
        ]
        at = [name for _title, _address, name in steps].index(step)
        context = {
            **self._page.admin_site.each_context(self._request),
            "opts": self._page.opts,
            "title": gettext("Create workspaces from a repository"),
            "heading": title,
            "step": step,
            "steps": [
                (name, address if number < at else "", number == at)
                for number, (name, address, _key) in enumerate(steps)
            ],
            "chosen": chosen,
            "here": chosen.address(),
            **context,
        }
        return TemplateResponse(self._request, f"terrakube/choose_{step}.html", context)


def _list_of(made: list[Workspace]) -> str:
    """Return the address of the list with workspaces that were made at once, and no others."""
    times = [one.created_date for one in made]
    query = {
        "organization__id__exact": str(made[0].organization_id),
        "source": made[0].source,
        "created_date__gte": min(times).isoformat(),
        "created_date__lte": max(times).isoformat(),
    }
    return f"{reverse('admin:workspaces_workspace_changelist')}?{urlencode(query)}"


def _workspaces_of(organization: Organization, repository: str, branch: str) -> dict[str, Workspace]:
    """Return the workspaces that a branch of a repository has already, by their folders."""
    address = normalized(repository)
    rows = Workspace.objects.alive().filter(organization=organization).only("name", "source", "branch", "folder")
    return {
        clean(row.first_folder): row for row in rows if row.first_branch == branch and normalized(row.source) == address
    }
