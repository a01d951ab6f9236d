"""Which decisions about a job are open to a user now."""

from __future__ import annotations

from django.http import HttpRequest

from workspaces.admin.base import actor_of, allows
from workspaces.choices import FINAL_JOB, JobStatus
from workspaces.models import Job
from workspaces.permissions import may_approve


def decisions(request: HttpRequest, job: Job) -> dict[str, bool]:
    """Which buttons a job's page has: approve and reject, cancel, run again."""
    final = job.status in FINAL_JOB
    return {
        "may_decide": job.status == JobStatus.WAITING_APPROVAL and may_approve(actor_of(request), job),
        "may_cancel": not final and allows(request, "approve_job", job),
        "may_stop": final and job.holds_workspace and allows(request, "approve_job", job),
        "may_run_again": final and allows(request, "plan_job", job) and not job.workspace.deleted,
    }
