"""The page of a job: its steps, their logs, what it found, and the buttons of who may decide."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_POST

from executors import pages, run_page
from executors.launching import launcher
from executors.results import results_of, results_version
from workspaces import capacity
from workspaces.admin.base import actor_of, telling
from workspaces.admin.decisions import decisions
from workspaces.admin.jobs import JobAdmin
from workspaces.errors import WrongState
from workspaces.models import Job
from workspaces.permissions import require

admin.site.unregister(Job)


@admin.register(Job)
class RunAdmin(JobAdmin):
    def get_urls(self) -> list[URLPattern]:
        stop = self.admin_site.admin_view(require_POST(self.stop_view))
        return [path("<int:pk>/stop/", stop, name="workspaces_job_stop"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        number = int(object_id) if object_id.isdecimal() and len(object_id) < 19 else 0
        job = pages.find_job(request, number)
        shown = run_page.load(job)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Job %(number)d") % {"number": job.pk},
            "subtitle": None,
            "original": job,
            "job": job,
            "run": shown,
            "place": capacity.place_of(job),
            "results": results_of(job),
            "results_version": results_version(job),
            "addresses": list(job.addresses.all()),
            **decisions(request, job),
        }
        return TemplateResponse(request, "terrakube/run.html", context)

    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Kill what a cancelled job left running, without waiting for it to end by itself."""
        job = self.visible(request, pk)
        with telling(request, _("The executor is killed now.")):
            actor = actor_of(request)
            require(actor, job.organization, "approve_job", to=gettext_noop("stop a job"), workspace=job.workspace)
            step_id = run_page.load(job).force_stoppable
            if step_id is None:
                raise WrongState(_("Nothing of job %(number)d is left to stop.") % {"number": job.pk})
            launcher.cancel_step(step_id, force=True)
        return self.back(job)
