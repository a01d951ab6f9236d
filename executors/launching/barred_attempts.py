"""Unclaimed attempts of steps that may not start, because their workspace or organization is deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q

from executors.attempts import lifecycle
from executors.choices import UNCLAIMED
from executors.launching import launcher
from executors.models import Attempt

AT_ONCE = 100


def end_barred_attempts(*, workspace_id: UUID | None = None) -> int:
    """End these attempts and their jobs, stop what was launched, and return their number. Costs one query if there are
    none.
    """
    gone = Q(step__job__workspace__deleted=True) | Q(step__job__organization__disabled=True)
    narrowed: dict[str, Any] = {"step__job__workspace": workspace_id} if workspace_id is not None else {}
    found = Attempt.objects.filter(gone, state__in=UNCLAIMED, **narrowed).select_related("step")
    count = 0
    for attempt in found.order_by("created_at")[:AT_ONCE]:
        # Fence first: an executor that starts now can claim nothing.
        if lifecycle.end_if_blocked(attempt):
            count += 1
            launcher.stop_attempt(attempt)
    return count
