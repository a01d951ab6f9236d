"""The page that compares a job's plan with that of another job of its workspace."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from executors.runs.access import find_job
from workspaces.admin.base import actor_of
from workspaces.admin.jobs import JobAdmin
from workspaces.encryption import is_lost
from workspaces.jobs.plan_comparison import compare_plans
from workspaces.jobs.plans import Plan, read_plan
from workspaces.models import Job, SavedPlan

CHOICES = 30
MOST_ROWS = 500


def compare_view(page: JobAdmin, request: HttpRequest, job_id: int) -> HttpResponse:
    """Compare a job's plan with that of the job ``?with=``, else of the last job before it that has one."""
    job = find_job(request, job_id)
    others = _others(request, job)
    text = request.GET.get("with", "").strip()
    other, problem = _chosen(others, job, text)
    plans = _plans([one for one in (job, other) if one is not None])
    now, before = plans.get(job.pk), plans.get(other.pk) if other is not None else None
    if now is None:
        problem = _("Job %(number)d has no plan in JSON to compare.") % {"number": job.pk}
    elif other is not None and before is None:
        problem = _("Job %(number)d has no plan in JSON to compare.") % {"number": other.pk}
    found = compare_plans(before, now) if before is not None and now is not None else None
    context: dict[str, Any] = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": _("Compare the plan of job %(number)d") % {"number": job.pk},
        "job": job,
        "other": other,
        "choices": list(others.order_by("-pk")[:CHOICES]),
        "problem": problem,
        "found": found,
        "differences": found.differences[:MOST_ROWS] if found else (),
        "more": max(len(found.differences) - MOST_ROWS, 0) if found else 0,
    }
    return TemplateResponse(request, "terrakube/compare_plans.html", context, status=400 if problem and text else 200)


def _others(request: HttpRequest, job: Job) -> QuerySet[Job]:
    with_plan = SavedPlan.objects.filter(step__job=OuterRef("pk"), json__isnull=False)
    seen: QuerySet[Job] = Job.objects.visible_to(actor_of(request))
    found = seen.filter(Exists(with_plan), workspace=job.workspace_id).exclude(pk=job.pk)
    return found.only("pk", "created_date", "status")


def _chosen(others: QuerySet[Job], job: Job, text: str) -> tuple[Job | None, str]:
    """Return the other job, None without one, and what is wrong with the choice."""
    if not text:
        last = others.filter(pk__lt=job.pk).order_by("-pk").first()
        return last, "" if last else _("No earlier job of this workspace has a plan.")
    found = others.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
    if found is not None:
        return found, ""
    words = {"text": text[:40], "workspace": job.workspace.shown_name}
    return None, _("Job “%(text)s” is not another job of workspace %(workspace)s with a plan.") % words


def _plans(jobs: list[Job]) -> dict[int, Plan]:
    """Return each job's last plan, without those that cannot be read."""
    newest: dict[int, bytes] = {}
    rows = SavedPlan.objects.filter(step__job__in=jobs, json__isnull=False).order_by("step__step_number")
    for job_id, content in rows.values_list("step__job_id", "json"):
        newest[job_id] = b"" if is_lost(content) else bytes(content or b"")
    read = {job_id: read_plan(content) for job_id, content in newest.items()}
    return {job_id: plan for job_id, plan in read.items() if plan is not None}
