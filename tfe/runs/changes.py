"""How many resources a plan changes, as the protocol counts them."""

from __future__ import annotations

from tfe.runs.find import Run
from tfe.runs.status import Phase, phases_of, status_of
from workspaces.jobs.plans import Action, Plan, read_plan
from workspaces.models import SavedPlan


def counts_of(run: Run, phase: Phase) -> dict[str, int] | None:
    """Return how many resources a run's plan or apply adds, changes, destroys and imports; None while not known."""
    if status_of(phase, run.job, run.steps) != "finished":
        # A terminal asks each second while it waits, and the plan's JSON may be large.
        return None
    keys = [step.pk for step in phases_of(run.steps).plan]
    saved = SavedPlan.objects.filter(step__in=keys, json__isnull=False).order_by("-step__step_number")
    content = saved.values_list("json", flat=True).first()
    plan = read_plan(bytes(content)) if content is not None else None
    return None if plan is None else _counts(plan)


def _counts(plan: Plan) -> dict[str, int]:
    return {
        "resource-additions": plan.to_add,
        "resource-changes": plan.to_change,
        "resource-destructions": plan.to_destroy,
        "resource-imports": sum(change.action is Action.IMPORT for change in plan.changes),
    }
