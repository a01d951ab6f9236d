"""A better reason for an end that is told already; no status changes by it."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from workspaces.models import Job, Step
from workspaces.texts import fitting


def reword(step_id: UUID, *, instead_of: str, code: str, reason: str) -> bool:
    """Say better why a step ended, and its job with it; ``instead_of`` is the code that stood there.

    False, changing nothing, when another one stands there.
    """
    with transaction.atomic():
        # The lock under which whoever ends or begins a step writes.
        job = Job.objects.select_for_update(of=("self",)).filter(steps=step_id).first()
        step = Step.objects.filter(pk=step_id, reason_code=instead_of).first()
        if job is None or step is None:
            return False
        step.reason_code, step.reason = fitting(code, 64), fitting(reason, 1024)
        step.save(update_fields=["reason_code", "reason"])
        if job.reason_code == instead_of:
            job.reason_code, job.reason = step.reason_code, fitting(f"{step.name}: {reason}", 512)
            job.save(update_fields=["reason_code", "reason", "updated_date"])
        return True
