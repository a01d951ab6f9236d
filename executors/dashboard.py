"""The panel's first page: what runs, what waits and why, what failed today, and whether the processes work."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from executors import beats, charts
from workspaces.access import is_admin
from workspaces.admin.base import actor_of, allows, scope
from workspaces.choices import JobStatus
from workspaces.models import Job, Organization, Step, Workspace
from workspaces.shown import duration

SHOWN = 12
MOST_OPEN = 2000


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a background process shows signs of life."""

    name: str
    ok: bool
    text: str
    help: str


def _health(name: str, title: str, help: str) -> Health:
    age = beats.age(name)
    if age is None:
        return Health(title, False, "never seen", help)
    ok = age.total_seconds() <= beats.STALE_SECONDS
    return Health(title, ok, f"{'works' if ok else 'silent'}, last seen {duration(age)} ago", "" if ok else help)


def _first_run(request: HttpRequest) -> str:
    """What is missing before a first job can be started: "organization", "workspace", or nothing."""
    if not Organization.objects.within(scope(request)).exists():
        return "organization" if is_admin(actor_of(request)) else "team"
    if not Workspace.objects.within(scope(request)).exists():
        return "workspace"
    return ""


def _open_jobs(visible: QuerySet[Job]) -> list[Job]:
    """The jobs that have not ended: few, and found by their status before it is asked who may see them."""
    keys = list(Job.objects.unfinished().order_by("pk").values_list("pk", flat=True)[:MOST_OPEN])
    return list(visible.filter(pk__in=keys).order_by("pk"))


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the first page shows to its context."""
    seen = scope(request)
    visible = Job.objects.within(seen).select_related("workspace", "organization").defer("tcl")
    today = timezone.now() - dt.timedelta(hours=24)
    failed_steps = (
        Step.objects.within(seen)
        .filter(status=JobStatus.FAILED, ended_at__gte=today)
        .exclude(reason_code="")
        .values("reason_code")
        .annotate(number=Count("pk"))
        .order_by("-number")
    )
    unfinished = _open_jobs(visible)

    def having(*statuses: str) -> list[Job]:
        return [job for job in unfinished if job.status in statuses]

    ended = charts.ended_jobs(Job.objects.within(seen))
    context |= {
        "running": having(JobStatus.RUNNING, JobStatus.QUEUE)[:SHOWN],
        "waiting": having(JobStatus.PENDING, JobStatus.APPROVED)[:SHOWN],
        "to_approve": having(JobStatus.WAITING_APPROVAL)[:SHOWN],
        "numbers": {
            "running": len(having(JobStatus.RUNNING, JobStatus.QUEUE)),
            "waiting": len(having(JobStatus.PENDING, JobStatus.APPROVED)),
        },
        "failed": visible.filter(status=JobStatus.FAILED, ended_at__gte=today)[:SHOWN] if ended.totals["bad"] else [],
        "failed_reasons": list(failed_steps[:SHOWN]),
        "ended": ended,
        "start_up": charts.start_up(),
        "health": [
            _health(
                beats.WORKER, "Worker", "No job starts or goes on without it: manage.py qcluster, or manage.py up."
            ),
            _health(beats.WATCHER, "Watcher", "Lost pods go unnoticed without it: manage.py watch, or manage.py up."),
        ],
        "first_run": _first_run(request),
        "may_add_workspace": allows(request, "manage_workspace"),
    }
    return context
