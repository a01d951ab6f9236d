"""The panel's first page: what runs, what waits and why, what failed today, and whether the processes work."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils import timezone

from executors import beats
from workspaces.access import is_admin
from workspaces.admin.base import actor_of, allows, scope
from workspaces.choices import JobStatus
from workspaces.models import Job, Organization, Step, Workspace
from workspaces.shown import duration

SHOWN = 12


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
    context |= {
        "running": visible.filter(status__in=(JobStatus.RUNNING, JobStatus.QUEUE)).order_by("pk")[:SHOWN],
        "waiting": visible.filter(status__in=(JobStatus.PENDING, JobStatus.APPROVED)).order_by("pk")[:SHOWN],
        "to_approve": visible.filter(status=JobStatus.WAITING_APPROVAL).order_by("pk")[:SHOWN],
        "failed": visible.filter(status=JobStatus.FAILED, ended_at__gte=today)[:SHOWN],
        "failed_reasons": list(failed_steps[:SHOWN]),
        "counts": visible.filter(updated_date__gte=today).aggregate(
            **{
                name: Count("pk", filter=_status(*statuses))
                for name, statuses in {
                    "done": (JobStatus.COMPLETED, JobStatus.NO_CHANGES),
                    "failed": (JobStatus.FAILED,),
                    "stopped": (JobStatus.CANCELLED, JobStatus.REJECTED),
                }.items()
            }
        ),
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


def _status(*statuses: str) -> Q:
    return Q(status__in=statuses)
