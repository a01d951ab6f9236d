"""Whether a saved plan still is of the workspace's state: others may have changed it while the plan waited."""

from __future__ import annotations

from workspaces.choices import PLAN_TYPES
from workspaces.models import Job, StateVersion


def is_stale(job: Job) -> bool:
    """Return whether the workspace has another state than when the job planned: other serial or lineage."""
    planned = job.steps.filter(type__in=PLAN_TYPES, started_at__isnull=False).order_by("step_number").last()
    if planned is None:
        return False
    states = StateVersion.objects.filter(workspace=job.workspace_id).order_by("-number")
    rows = states.values_list("serial", "lineage")
    return rows.first() != rows.filter(created_date__lte=planned.started_at).first()
