"""What a job found and left: its plan's changes and the outputs of its state."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from workspaces.models import Job, SavedPlan, StateVersion
from workspaces.plans import Output, Plan, read_outputs, read_plan


@dataclass(frozen=True, slots=True)
class Results:
    """``plan`` and ``outputs`` are None where there is none, or none that can be read."""

    plan: Plan | None = None
    outputs: tuple[Output, ...] | None = None
    state_number: int | None = None


def results_version(job: Job) -> str:
    """Changes whenever there is something new to show; empty while there is nothing."""
    plans = SavedPlan.objects.filter(step__job=job, json__isnull=False).values_list("step_id", flat=True)
    states = StateVersion.objects.filter(job=job).annotate(described=Q(json__isnull=False)).order_by("-number")
    newest = states.values_list("number", "described")[:1]
    return ",".join([*map(str, plans), *(f"{number}{'+' if described else ''}" for number, described in newest)])


def results_of(job: Job) -> Results:
    """Read what a job's last plan and its newest state say of themselves."""
    saved = SavedPlan.objects.filter(step__job=job, json__isnull=False).order_by("-step__step_number").only("json")
    plan = saved.first()
    state = StateVersion.objects.filter(job=job).order_by("-number").only("number", "json").first()
    return Results(
        plan=read_plan(plan.json) if plan is not None and plan.json else None,
        outputs=read_outputs(state.json) if state is not None and state.json else None,
        state_number=state.number if state is not None else None,
    )
