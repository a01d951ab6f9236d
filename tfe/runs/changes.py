"""How many resources a plan changes, as the protocol counts them."""

from __future__ import annotations

from tfe.runs.find import Run
from tfe.runs.status import Phase, phases_of, status_of
from workspaces.encryption import readable
from workspaces.jobs.plans import Action, Plan, read_plan
from workspaces.models import SavedPlan


def counts_of(run: Run, phase: Phase) -> dict[str, int] | None:
    """Return how many resources a run's plan or apply adds, changes, destroys and imports; None while not known."""
    if status_of(phase, run.job, run.steps) != "finished":
        # A terminal asks each second while it waits, and the plan's JSON may be large.
        return None
    content = json_of(run)
    plan = None if content is None else read_plan(content)
    return None if plan is None else _counts(plan)


def json_of(run: Run) -> bytes | None:
    """Return the ``show -json`` of a run's plan; None if none is kept."""
    keys = [step.pk for step in phases_of(run.steps).plan]
    saved = SavedPlan.objects.filter(step__in=keys, json__isnull=False).order_by("-step__step_number")
    found = saved.only("json").first()
    content = None if found is None else readable(found, "json")
    return None if content is None else bytes(content)


def _counts(plan: Plan) -> dict[str, int]:
    return {
        "resource-additions": plan.to_add,
        "resource-changes": plan.to_change,
        "resource-destructions": plan.to_destroy,
        "resource-imports": sum(change.action is Action.IMPORT for change in plan.changes),
    }
