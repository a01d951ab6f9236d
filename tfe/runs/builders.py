"""Runs and plans as other documents include them, by the keys of their jobs."""

from __future__ import annotations

from collections.abc import Sequence

from tfe.documents import Json
from tfe.included import builds
from tfe.runs.documents import phase_object, run_object
from tfe.runs.find import visible_jobs, with_steps
from tfe.runs.permissions import Caller
from tfe.runs.status import Phase
from workspaces.actors import Actor
from workspaces.permissions import rights_on_each


@builds("runs")
def run_objects(actor: Actor, keys: Sequence[int]) -> list[Json]:
    """Return visible runs."""
    jobs = list(visible_jobs(actor).filter(pk__in=keys).prefetch_related("addresses", "variables"))
    caller = Caller(actor, rights_on_each(actor, [job.workspace for job in jobs]))
    return [run_object(run, caller) for run in with_steps(jobs)]


@builds("plans")
def plan_objects(actor: Actor, keys: Sequence[int]) -> list[Json]:
    """Return the plans of visible runs."""
    return [phase_object(run, Phase.PLAN) for run in with_steps(visible_jobs(actor).filter(pk__in=keys))]
