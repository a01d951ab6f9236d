"""Replace the reason of an ended step with a better one; no status changes."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from workspaces.jobs.transitions import LockedStep, lock_step
from workspaces.models.reasoned import REASON
from workspaces.reasons import Reason, of_step


def reword(target: UUID | LockedStep, why: Reason, *, instead_of: str) -> bool:
    """Say better why a step ended, and its job with it; ``instead_of`` is the code that stood there.

    False, changing nothing, when another one stands there.
    """
    with transaction.atomic():
        locked = lock_step(target)
        if locked is None or locked.step.reason_code != instead_of:
            return False
        job, step = locked
        step.keep(why)
        step.save(update_fields=[*REASON])
        if job.reason_code == instead_of:
            job.keep(of_step(step.name, why))
            job.save(update_fields=[*REASON, "updated_date"])
        return True
