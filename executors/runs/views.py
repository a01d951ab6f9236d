"""What the page of a job asks for while it is open: how the job stands, its results and its plan."""

from __future__ import annotations

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from executors.logs import store
from executors.logs.plan_text import extract_plan
from executors.models import Attempt
from executors.runs.access import find_job, refusal, signed_in_view
from executors.runs.live_page import parts_for
from executors.runs.results import read_results
from workspaces.admin.base import scope
from workspaces.admin.jobs import span_of
from workspaces.choices import PLAN_TYPES
from workspaces.display import badge, reason_of
from workspaces.jobs import capacity
from workspaces.models import Job

PLAN_BYTES = 4 * 2**20
ROWS = 100


@never_cache
@require_GET
def redirect_to_job(request: HttpRequest, job_id: int) -> HttpResponse:
    """Redirect the short address of a job's page; signed out, to the sign-in and back."""
    if refusal(request) is not None:
        # A link in a message, which a person opens; what the page of a job asks for is answered 401.
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    return HttpResponseRedirect(reverse("admin:workspaces_job_change", args=[find_job(request, job_id).pk]))


@signed_in_view
def live(request: HttpRequest, job_id: int) -> HttpResponse:
    """Return the status of a job; 204 if it still has ``?version=``."""
    parts = parts_for(request, job_id)
    if request.GET.get("version") == parts.version:
        return HttpResponse(status=204)
    return HttpResponse(parts.for_viewer(lambda: get_token(request)), content_type="application/json")


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
