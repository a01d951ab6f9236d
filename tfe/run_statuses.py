"""The statuses of runs as conditions on their jobs, for the filters of lists."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Exists, OuterRef, Q

from workspaces.choices import JobStatus, StepType
from workspaces.models import Step

S = JobStatus


def with_step(**fields: object) -> Q:
    return Q(Exists(Step.objects.filter(job=OuterRef("pk"), **fields)))


_CHANGES = [StepType.APPLY, StepType.DESTROY]
_AT_WORK = [S.QUEUE, S.RUNNING]
_APPLIED = with_step(type__in=_CHANGES, status=S.COMPLETED)
_IN_APPLY = with_step(type__in=_CHANGES, status__in=_AT_WORK)
_IN_PLAN = Q(status__in=[S.PENDING, *_AT_WORK], started_at__isnull=False) & ~_IN_APPLY
RUN_STATUSES: Mapping[str, Q] = {
    "pending": Q(status=S.PENDING, started_at=None),
    # It shows as planning, as terminals then read its log, which says what its pod waits for.
    "plan_queued": _IN_PLAN & ~with_step(started_at__isnull=False),
    "planning": _IN_PLAN,
    "planned": Q(status=S.WAITING_APPROVAL, save_plan=False),
    "planned_and_saved": Q(status=S.WAITING_APPROVAL, save_plan=True),
    "confirmed": Q(status=S.APPROVED),
    "apply_queued": Q(status=S.QUEUE) & _IN_APPLY,
    "applying": Q(status=S.RUNNING) & _IN_APPLY,
    "applied": Q(status=S.COMPLETED) & _APPLIED,
    "planned_and_finished": Q(status__in=[S.COMPLETED, S.NO_CHANGES]) & ~_APPLIED,
    "discarded": Q(status=S.REJECTED),
    "canceled": Q(status=S.CANCELLED),
    "errored": Q(status__in=[S.FAILED, S.UNKNOWN, S.NOT_EXECUTED]),
}
"""What a job is whose run shows with a status, or did so in the words of other servers."""
