"""Admin page of a job: its steps, logs and results, and the buttons of approvers."""

from __future__ import annotations

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from executors.admin.plan_comparison import compare_view
from executors.launching import launcher
from executors.runs import view_model
from executors.runs.access import find_job
from executors.runs.apply_progress import apply_progress
from executors.runs.log_views import end_of_log
from executors.runs.origin import comments_on, deletable_comments, origin_of
from executors.runs.results import pending_approval, read_results, results_version
from workspaces.admin.addition import Addition
from workspaces.admin.base import actor_of, telling
from workspaces.admin.jobs import JobAdmin
from workspaces.admin.open_decisions import decisions
from workspaces.errors import WrongState
from workspaces.jobs import capacity
from workspaces.jobs.start_rules import require_cancel
from workspaces.models.job_comment import LONGEST_COMMENT


class RunPage(Addition):
    """The run in place of the job's form, and the button that kills what a cancelled job left."""

    def urls(self, page: JobAdmin) -> list[URLPattern]:
        stop = page.admin_site.admin_view(require_POST(partial(stop_view, page)))
        compare = page.admin_site.admin_view(require_GET(partial(compare_view, page)))
        return [
            path("<int:pk>/stop/", stop, name="workspaces_job_stop"),
            path("<int:job_id>/compare/", compare, name="workspaces_job_compare"),
        ]

    def whole_page(self, page: JobAdmin, request: HttpRequest, record_id: str) -> HttpResponse:
        number = int(record_id) if record_id.isdecimal() and len(record_id) < 19 else 0
        job = find_job(request, number)
        shown = view_model.load_run(job)
        comments = comments_on(job, (one.step for one in shown.steps))
        context = {
            **page.admin_site.each_context(request),
            "opts": page.opts,
            "title": _("Job %(number)d") % {"number": job.pk},
            "subtitle": None,
            "original": job,
            "job": job,
            "run": shown,
            "place": capacity.place_of(job),
            "to_approve": pending_approval(job),
            "results": read_results(job),
            "results_version": results_version(job),
            "progress": apply_progress(job, shown.steps),
            "origin": origin_of(job),
            "comments": comments,
            "deletable": deletable_comments(comments, by=actor_of(request)),
            "longest_comment": LONGEST_COMMENT,
            "log_end": end_of_log(shown.log_step.attempts[-1].attempt if shown.log_step else None),
            "addresses": list(job.addresses.all()),
            **decisions(request, job),
        }
        return TemplateResponse(request, "terrakube/run.html", context)


def stop_view(page: JobAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Kill what a cancelled job left running, without waiting for it to end by itself."""
    job = page.visible(request, pk)
    with telling(request, _("The executor is killed now.")):
        require_cancel(job, by=actor_of(request))
        step_id = view_model.load_run(job).force_stoppable
        if step_id is None:
            raise WrongState(_("Job %(number)d has nothing left to stop.") % {"number": job.pk})
        launcher.cancel_step(step_id, force=True)
    return page.back(job)


JobAdmin.addition = RunPage()
