"""Pages of a workspace's states: their list with the upload of one, and the difference of two."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Window
from django.db.models.functions import Lag
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET, require_POST

from terrakube_site.http.body_doors import Door, only_signed_in
from terrakube_site.http.body_limit import MIB
from workspaces.admin.base import actor_of, allows, telling
from workspaces.admin.workspace_tabs import head_context
from workspaces.encryption import is_lost
from workspaces.errors import InvalidInput
from workspaces.forms.states import StateComparisonForm, StateUploadForm
from workspaces.models import StateVersion, Workspace
from workspaces.services.state import RIGHT, current_state, import_state
from workspaces.services.state_content import MAX_STATE_BYTES
from workspaces.states.content import StateContent, read_content
from workspaces.states.difference import difference

MAX_SHOWN_BYTES = 16 * MIB
"""A larger state is not read for a page."""
_COLUMNS = (
    gettext_noop("Version"),
    gettext_noop("Serial"),
    gettext_noop("Written"),
    gettext_noop("Origin"),
    gettext_noop("By"),
    gettext_noop("Resources"),
    gettext_noop("Size"),
    gettext_noop("Difference"),
)
_OF_A_PAGE = 50
_CHOICES = 200


class WorkspacePages(Protocol):
    """What these pages need of the pages of workspaces."""

    admin_site: AdminSite
    opts: Any

    def visible(self, request: HttpRequest, pk: Any) -> Workspace: ...


def urls(page: WorkspacePages) -> list[URLPattern]:
    """Return the addresses of these pages, below those of a workspace."""

    def own(route: str, view: Any, name: str) -> Any:
        return path(route, page.admin_site.admin_view(view), name=f"workspaces_workspace_{name}")

    upload: Any = require_POST(partial(_upload_view, page))
    upload.door = Door(limit=MAX_STATE_BYTES + MIB, admit=only_signed_in)
    return [
        own("<uuid:pk>/states/", require_GET(partial(_list_view, page)), "states"),
        own("<uuid:pk>/states/difference/", require_GET(partial(_difference_view, page)), "states_difference"),
        own("<uuid:pk>/states/upload/", upload, "upload_state"),
    ]


def shown_content(version: StateVersion) -> tuple[StateContent | None, str]:
    """Return what a version says for display, else None and why it cannot be shown."""
    if version.size is not None and version.size > MAX_SHOWN_BYTES:
        return None, _("State %(number)d is too large to be shown here. Download it.") % {"number": version.number}
    stored = StateVersion.objects.filter(pk=version.pk).values_list("content", "json").first()
    content, described = stored if stored is not None else (None, None)
    if content is None:
        return None, _("State %(number)d cannot be read from storage.") % {"number": version.number}
    if is_lost(content):
        return None, _("State %(number)d cannot be read, because its encryption key was lost.") % {
            "number": version.number
        }
    if is_lost(described):
        described = None
    if described is not None and len(described) > 2 * MAX_SHOWN_BYTES:
        described = None
    found = read_content(content, described)
    if found is None:
        return None, _("State %(number)d cannot be shown here. Download it.") % {"number": version.number}
    if found.encrypted:
        return None, _("State %(number)d is encrypted by the tool and cannot be shown.") % {"number": version.number}
    return found, ""


def _versions(workspace: Workspace) -> Any:
    return StateVersion.objects.filter(workspace=workspace).defer("content", "json").order_by("-number")


def _choices(workspace: Workspace) -> list[tuple[int, str]]:
    rows = _versions(workspace).values_list("number", "serial")[:_CHOICES]
    return [
        (number, _("%(number)d (serial %(serial)d)") % {"number": number, "serial": serial}) for number, serial in rows
    ]


def _choice(number: int, serial: int) -> tuple[int, str]:
    return number, _("%(number)d (serial %(serial)d)") % {"number": number, "serial": serial}


def _list_view(page: WorkspacePages, request: HttpRequest, pk: Any) -> HttpResponse:
    workspace = page.visible(request, pk)
    # Versions may be missing between two, so each asks for the one before it.
    versions = _versions(workspace).annotate(before=Window(Lag("number"), order_by="number"))
    shown = Paginator(versions, _OF_A_PAGE).get_page(request.GET.get("page"))
    may_manage = allows(request, RIGHT, workspace)
    choices = _choices(workspace) if may_manage else []
    may_compare = len(choices) > 1
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        **head_context(request, workspace, "states"),
        "columns": tuple(_(name) for name in (_COLUMNS if may_compare else _COLUMNS[:-1])),
        "versions": shown,
        "comparison": StateComparisonForm(choices=choices, initial={"before": choices[1][0], "after": choices[0][0]})
        if may_compare
        else None,
        "were_removed": bool(shown) and not shown.has_next() and shown[-1].number > 1,
        "may_compare": may_compare,
        "may_upload": may_manage and not workspace.deleted,
        "most": MAX_STATE_BYTES // MIB,
    }
    return TemplateResponse(request, "terrakube/states.html", context)


def _upload_view(page: WorkspacePages, request: HttpRequest, pk: Any) -> HttpResponse:
    workspace = page.visible(request, pk)
    form = StateUploadForm(request.POST, request.FILES)
    before = current_state(workspace)
    with telling(request):
        if not form.is_valid():
            raise InvalidInput(_("Choose a state file to upload. A reason has at most 512 characters."))
        version = import_state(
            workspace,
            form.cleaned_data["state"].read(),
            by=actor_of(request),
            reason=form.cleaned_data["reason"],
            force=form.cleaned_data["force"],
        )
        if before is not None and before.pk == version.pk:
            messages.info(request, _("This is already the current state. Nothing was changed."))
        else:
            done = _("The state was uploaded: version %(number)d, serial %(serial)d.")
            messages.success(request, done % {"number": version.number, "serial": version.serial})
    return HttpResponseRedirect(reverse("admin:workspaces_workspace_states", args=[workspace.pk]))


def _difference_view(page: WorkspacePages, request: HttpRequest, pk: Any) -> HttpResponse:
    workspace = page.visible(request, pk)
    if not allows(request, RIGHT, workspace):
        raise PermissionDenied
    asked = {name: request.GET.get(name, "") for name in ("before", "after")}
    numbers = [int(text) for text in asked.values() if text.isascii() and text.isdecimal() and len(text) < 10]
    rows = {row.number: row for row in _versions(workspace).filter(number__in=numbers)}
    choices = _choices(workspace)
    # An old version that the select leaves out stays chosen.
    known = {number for number, _name in choices}
    choices += [_choice(row.number, row.serial) for row in rows.values() if row.number not in known]
    form = StateComparisonForm(request.GET or None, choices=choices)
    found, problems = None, []
    if form.is_bound and form.is_valid():
        before, after = (rows[form.cleaned_data[name]] for name in ("before", "after"))
        contents = [shown_content(row) for row in (before, after)]
        problems = list(dict.fromkeys(problem for _content, problem in contents if problem))
        if contents[0][0] is not None and contents[1][0] is not None:
            found = difference(contents[0][0], contents[1][0])
        context = {"before": before, "after": after}
    else:
        context = {}
    return TemplateResponse(
        request,
        "terrakube/states_difference.html",
        {
            **page.admin_site.each_context(request),
            "opts": page.opts,
            "title": _("Difference of two states of %(workspace)s") % {"workspace": workspace.shown_name},
            "workspace": workspace,
            "original": workspace,
            "form": form,
            "are_several": len(choices) > 1,
            "found": found,
            "problems": problems,
            **context,
        },
    )
