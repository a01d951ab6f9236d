"""The decisions about a job that are open to a user now."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from workspaces.admin.base import actor_of
from workspaces.admin.recovered_states import recovered_states
from workspaces.choices import FINAL_JOB, JobStatus
from workspaces.jobs.start_rules import why_not_cancel
from workspaces.models import Job
from workspaces.permissions import may_approve, may_decide, rights
from workspaces.roles import Rights


def decisions(request: HttpRequest, job: Job, *, own: Rights | None = None) -> dict[str, Any]:
    """Return the buttons of a job's page (approve, reject, cancel, run again), and the states it asks about.

    ``own`` are the user's rights on the job's workspace, where they are looked up already.
    """
    final, actor = job.status in FINAL_JOB, actor_of(request)
    own = own or rights(actor, job.organization, job.workspace)
    waits = job.status == JobStatus.WAITING_APPROVAL and may_decide(actor, job, own=own)
    may_end = (not final or job.holds_workspace) and not why_not_cancel(job, by=actor, own=own)
    return {
        "may_decide": waits,
        "may_approve": waits and may_approve(actor, job, own=own),
        "may_cancel": not final and may_end,
        "may_stop": final and may_end,
        "may_run_again": final and own.plan_job and not job.workspace.deleted,
        "recovered_states": recovered_states(job),
    }
