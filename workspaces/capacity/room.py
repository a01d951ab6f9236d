"""Whether a job's next step may be handed to an executor now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext_noop as _

from workspaces.capacity.limits import Limit, limits_over
from workspaces.capacity.line import Key, first_in_line, key_of, shares_of, somebody_waits
from workspaces.choices import EXCLUSIVE_TYPES, RoomClass, StepType
from workspaces.flows import FlowStep
from workspaces.models import Job
from workspaces.run_limits import INSTALLATION, ORGANIZATION


def class_of(kind: str) -> RoomClass:
    """The class of a step by its type."""
    return RoomClass.APPLY if kind in EXCLUSIVE_TYPES else RoomClass.STEP


def first_class(flow: Iterable[FlowStep], *, auto_apply: bool) -> RoomClass | None:
    """The class of the first step of a flow that needs an executor before anything else happens; None without one."""
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
    """Why there is no room for a step: a limit is reached, or (``limit_reached`` False) others come first."""

    limit: Limit
    limit_reached: bool

    @property
    def code(self) -> str:
        """The reason for programs."""
        return f"{self.limit.origin}-limit"

    def __str__(self) -> str:
        if self.limit_reached:
            return _("Waits for room: {limit}").format(limit=self.limit)
        return _("Waits for its turn: {limit}, and others come first").format(limit=self.limit)


def refusal(job: Job, room: str) -> Refusal | None:
    """Why a job's next step, of a class, must wait for room; None when it may go on.

    What it counted stays so until the end of the transaction. The Job's row must be locked before.
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
        if mine is None:
            mine = key_of(job, shares_of([job.organization_id]))
        if first.key < mine:
            return Refusal(limit, limit_reached=False)
    return None


def _lines(job: Job, limits: Sequence[Limit]) -> Iterable[tuple[Limit, Q]]:
    """The lines in which a job stands, the widest first; one that is part of another is left out."""
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
