"""Decide whether a job's next step may be handed to an executor now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q

from workspaces.choices import EXCLUSIVE_TYPES, RoomClass, StepType
from workspaces.flows import FlowStep
from workspaces.jobs.capacity.limits import Limit, limits_over
from workspaces.jobs.capacity.line import Key, first_in_line, key_of, shares_of, somebody_waits
from workspaces.models import Job
from workspaces.reasons import Reason, reason
from workspaces.run_limits import INSTALLATION, ORGANIZATION


def class_of(kind: str) -> RoomClass:
    """Return the capacity class of a step type."""
    return RoomClass.APPLY if kind in EXCLUSIVE_TYPES else RoomClass.STEP


def first_class(flow: Iterable[FlowStep], *, auto_apply: bool) -> RoomClass | None:
    """Return the class of a flow's first step if it needs an executor before anything else happens, else None."""
    for step in flow:
        if step.type == StepType.APPROVAL:
            if not auto_apply:
                return None
            if not step.commands and step.import_commands is None:
                continue
        elif step.type == StepType.SCHEDULE_TEMPLATES:
            continue
        elif step.type == StepType.DISABLE_WORKSPACE:
            return None
        return class_of(step.type)
    return None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no capacity for a step: a limit is reached, or (``limit_reached`` False) other jobs come first."""

    limit: Limit
    limit_reached: bool

    @property
    def why(self) -> Reason:
        form = "no-room" if self.limit_reached else "not-its-turn"
        return reason(f"{self.limit.origin}-limit", form, limit=self.limit.why)


def refusal(job: Job, room: str) -> Refusal | None:
    """Return why a job's next step must wait for capacity; None if it may run.

    The counts stay valid until the end of the transaction. Lock the Job's row before.
    """
    limits = limits_over(job, room, lock=True)
    if not limits:
        return None
    for limit in limits:
        if limit.used() >= limit.value:
            return Refusal(limit, limit_reached=True)
    if not somebody_waits():
        return None
    mine: Key | None = None
    for limit, scope in _lines(job, limits):
        first = first_in_line(scope, but=job.pk)
        if first is None:
            continue
        if job.is_drift_check:
            # The lowest class: whoever waits is before it, whatever the shares.
            return Refusal(limit, limit_reached=False)
        if mine is None:
            mine = key_of(job, shares_of([job.organization_id]))
        if first.key < mine:
            return Refusal(limit, limit_reached=False)
    return None


def _lines(job: Job, limits: Sequence[Limit]) -> Iterable[tuple[Limit, Q]]:
    """Return the queues of a job, the widest first; one that is part of another is left out."""
    wider: set[bool] = set()
    for limit in reversed(limits):
        if False in wider or limit.applies in wider:
            continue
        wider.add(limit.applies)
        scope = Q(waits_for_room=RoomClass.APPLY) if limit.applies else Q()
        if limit.origin != INSTALLATION:
            owner = limit.origin == ORGANIZATION
            scope &= Q(organization=job.organization_id) if owner else Q(workspace=job.workspace_id)
        yield limit, scope
