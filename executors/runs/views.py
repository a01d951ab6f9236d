"""What the page of a job asks for while it is open: how the job stands, its results and its plan."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from executors.logs import store
from executors.logs.plan_text import extract_plan
from executors.models import Attempt
from executors.runs import view_model
from executors.runs.access import find_job, refusal, signed_in_view
from executors.runs.apply_progress import apply_progress
from executors.runs.origin import comments_on
from executors.runs.results import pending_approval, read_results, results_version
from workspaces.admin.base import scope
from workspaces.admin.jobs import reason_of, span_of
from workspaces.admin.open_decisions import decisions
from workspaces.choices import PLAN_TYPES
from workspaces.display import badge
from workspaces.jobs import capacity
from workspaces.models import Job

PLAN_BYTES = 4 * 2**20
ROWS = 100
_TICKING = re.compile(r'<time[^>]*>[^<]*</time>|data-ticks[^>]*>[^<]*<|name="csrfmiddlewaretoken"[^>]*>')


@never_cache
@require_GET
def redirect_to_job(request: HttpRequest, job_id: int) -> HttpResponse:
    """Redirect the short address of a job's page; signed out, to the sign-in and back."""
    if refusal(request) is not None:
        # A link in a message, which a person opens; what the page of a job asks for is answered 401.
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    return HttpResponseRedirect(reverse("admin:workspaces_job_change", args=[find_job(request, job_id).pk]))


def live_parts(request: HttpRequest, job: Job) -> dict[str, Any]:
    """Return the changing parts of a job's page, with a version that stays the same while they do."""
    shown = view_model.load_run(job)
    context = {
        "run": shown,
        "job": job,
        "place": capacity.place_of(job),
        "to_approve": pending_approval(job),
        "comments": comments_on(job, (one.step for one in shown.steps)),
        **decisions(request, job),
    }
    head = render_to_string("terrakube/run_head.html", context, request)
    steps = render_to_string("terrakube/run_steps.html", context, request)
    progress = render_to_string("terrakube/run_progress.html", {"progress": apply_progress(job, shown.steps)}, request)
    comments = render_to_string("terrakube/run_comments.html", context, request)
    log = shown.log_step
    return {
        "title": _("%(status)s · job %(number)d") % {"status": shown.label, "number": job.pk},
        "tone": shown.tone,
        "final": job.is_final and not job.holds_workspace,
        "head": head,
        "steps": steps,
        "comments": comments,
        "progress": progress,
        "leads": shown.leads_with,
        "log": {"step": str(log.step.pk), "attempt": log.attempts[-1].attempt.number} if log else None,
        "results": results_version(job),
    }


@signed_in_view
def live(request: HttpRequest, job_id: int) -> HttpResponse:
    """Return the status of a job; 204 if it still has ``?version=``."""
    parts = live_parts(request, find_job(request, job_id))
    # Running durations and a new CSRF token are no change.
    still = _TICKING.sub("", "\n".join(map(str, parts.values())))
    version = hashlib.sha256(still.encode()).hexdigest()[:16]
    if request.GET.get("version") == version:
        return HttpResponse(status=204)
    return JsonResponse({**parts, "version": version})


@signed_in_view
def results(request: HttpRequest, job_id: int) -> HttpResponse:
    """Return the plan's changes and the state's outputs as a part of the page."""
    job = find_job(request, job_id)
    return HttpResponse(
        render_to_string("terrakube/run_results.html", {"results": read_results(job), "job": job}, request)
    )


@signed_in_view
def plan(request: HttpRequest, job_id: int) -> HttpResponse:
    """Return a job's plan as terraform prints it, as plain text. Raises Http404 without one in the log."""
    job = find_job(request, job_id)
    planned = Attempt.objects.filter(step__job=job, step__type__in=PLAN_TYPES).order_by("-step__step_number", "-number")
    attempt = planned.first()
    # A step prints its plan last, so the end of a long log has it.
    start = max(attempt.log_size - PLAN_BYTES, 0) if attempt is not None else 0
    text = extract_plan(store.read_log(attempt, start, limit=PLAN_BYTES).data) if attempt is not None else ""
    if not text:
        raise Http404(_("The log of this job has no plan."))
    if start:
        text = (
            _("[The log is long: only its last %(size)d MiB were read.]") % {"size": PLAN_BYTES >> 20} + f"\n\n{text}"
        )
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@signed_in_view
def rows(request: HttpRequest) -> HttpResponse:
    """Return the status of the jobs in ``?ids=``, for a list of them."""
    ids = [int(text) for text in request.GET.get("ids", "").split(",") if text.isdecimal() and len(text) < 19][:ROWS]
    found = list(Job.objects.within(scope(request)).filter(pk__in=ids).defer("tcl"))
    capacity.note_places(found)
    return JsonResponse(
        {
            "jobs": [
                {
                    "id": job.pk,
                    "status": badge(job.status),
                    "reason": reason_of(job),
                    "span": span_of(job),
                    "final": job.is_final,
                }
                for job in found
            ]
        }
    )
