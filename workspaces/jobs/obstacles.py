"""What keeps a step from starting now, checked at the handover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from terrakube_site.database.built_once import BuiltOnce
from workspaces import run_limits
from workspaces.models import Job, NotificationConfiguration, PolicyRule, Workspace
from workspaces.models.job import Surroundings
from workspaces.reasons import Reason, reason
from workspaces.run_limits import Limits

DELETED = "workspace-deleted"
DISABLED = "organization-disabled"
LOCKED = "workspace-locked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why no step of a job may start. ``ends``: the job ends; otherwise it waits."""

    why: Reason
    ends: bool


_FLAGS = (
    "deleted",
    "organization__disabled",
    "locked",
    "lock_description",
    "locked_by_pull_request",
    "others_open",
    "has_rules",
    "has_notifications",
)
_LIMITS = len(run_limits.NAMES)


def _around(workspace: UUID, job: int) -> QuerySet[Workspace, Any]:
    others = Job.objects.open_on_workspace().filter(workspace=OuterRef("pk")).exclude(pk=job)
    rules = PolicyRule.objects.filter(Q(organization=None) | Q(organization=OuterRef("organization")))
    told = NotificationConfiguration.objects.filter(organization=OuterRef("organization"), active=True)
    return (
        Workspace._base_manager.filter(pk=workspace)
        .annotate(others_open=Exists(others), has_rules=Exists(rules), has_notifications=Exists(told))
        .values_list(
            *_FLAGS,
            *(f"organization__run_limits__{name}" for name in run_limits.NAMES),
            *(f"run_limits__{name}" for name in run_limits.NAMES),
        )
    )


_AROUND = BuiltOnce(_around)


def obstacle(job: Job) -> Obstacle | None:
    """Return what keeps a step of a job from starting now; None if nothing does. Call it under the job's row lock.

    What else decides about the job is read by one query of its own and updated on the job: rows joined to a row that
    was waited for are stale.
    """
    workspace = job.workspace
    (row,) = _AROUND.rows(job.workspace_id, job.pk)
    (
        workspace.deleted,
        job.organization.disabled,
        workspace.locked,
        workspace.lock_description,
        workspace.locked_by_pull_request,
        others_open,
        has_rules,
        has_notifications,
    ) = row[: len(_FLAGS)]
    limits = row[len(_FLAGS) :]
    job.surroundings = Surroundings(
        others_open=others_open,
        has_rules=has_rules,
        has_notifications=has_notifications,
        organization=Limits(**dict(zip(run_limits.NAMES, limits[:_LIMITS], strict=True))),
        workspace=Limits(**dict(zip(run_limits.NAMES, limits[_LIMITS:], strict=True))),
    )
    if job.organization.disabled:
        return Obstacle(why=reason(DISABLED), ends=True)
    if workspace.deleted:
        return Obstacle(why=reason(DELETED), ends=True)
    if is_locked_for(job):
        return Obstacle(why=locked(workspace), ends=False)
    return None


def is_locked_for(job: Job) -> bool:
    """Return whether a job must wait for its workspace's lock; the pull request that holds the lock does not."""
    workspace = job.workspace
    return workspace.locked and (job.pr_number is None or workspace.locked_by_pull_request != job.pr_number)


def locked(workspace: Workspace) -> Reason:
    """Return the reason of a job whose workspace is locked."""
    return reason(LOCKED, why=workspace.lock_description or reason("", "no-reason-given"))


def going_on(found: Obstacle) -> Reason:
    """Return the reason for a job whose step is already in an executor: that step is not interrupted."""
    return reason(found.why.code, "disabled-running" if found.why.code == DISABLED else "deleted-running")
