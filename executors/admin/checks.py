"""Admin page of the doctor: the newest run as a table, and a button to start another."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from executors.doctor import runs
from executors.doctor.report import State, restore_finding
from executors.models import CheckRun
from workspaces.actors import name_of
from workspaces.admin.base import ReadOnly, actor_of
from workspaces.admin.users import AdministratorsOnly

_TONES = {State.PASS: "good", State.FAIL: "bad", State.OPTIONAL: "attention", State.UNKNOWN: "wait"}
_REFRESH_SECONDS = 5


@admin.register(CheckRun)
class CheckRunAdmin(ReadOnly, AdministratorsOnly, ModelAdmin):  # type: ignore[misc]
    why_no_history = _("A check has no history: it is written once, when it runs.")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the newest run; a POST asks for another, which goes on in the background."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            runs.request_run(by=name_of(actor_of(request)))
            return HttpResponseRedirect(request.path)
        return self._page(request, CheckRun.objects.first(), extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a run as the list shows the newest; its button is that of the list."""
        run = self.get_object(request, unquote(object_id))
        if run is None or request.method == "POST" or not self.has_view_permission(request, run):
            return super().change_view(request, object_id, form_url, extra_context)  # type: ignore[no-any-return]
        return self._page(request, run, {"original": run, **(extra_context or {})})

    def _page(self, request: HttpRequest, run: CheckRun | None, extra_context: Any) -> HttpResponse:
        findings = [restore_finding(row) for row in run.found] if run is not None else []
        # What needs doing comes first.
        order = [State.FAIL, State.UNKNOWN, State.OPTIONAL, State.PASS, State.UNUSED]
        going = run is not None and run.finished_at is None
        counts = Counter(finding.state for finding in findings)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Installation check"),
            "run": run,
            "going": going,
            "seconds": _REFRESH_SECONDS,
            "counts": [(state.value, _TONES.get(state, "quiet"), counts[state]) for state in order if counts[state]],
            "rows": [
                (finding, _TONES.get(finding.state, "quiet"))
                for finding in sorted(findings, key=lambda one: order.index(one.state))
            ],
            **(extra_context or {}),
        }
        return TemplateResponse(request, "terrakube/checks.html", context)
