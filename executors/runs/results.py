"""Results of a job: the changes of its plan and the outputs of its state."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.db.models import Q, QuerySet

from executors.attempts.plan_file_list import PlanFileList, stored_list
from executors.contract.addresses import read_address
from executors.contract.scope import Scope
from workspaces.choices import JobStatus
from workspaces.encryption import is_readable, readable
from workspaces.jobs.plans import Output, Part, Plan, read_outputs, read_plan
from workspaces.jobs.scope import addresses_of
from workspaces.models import Job, SavedPlan, StateVersion


@dataclass(frozen=True, slots=True)
class Results:
    """``plan``, ``files`` and ``outputs`` are None if missing or unreadable."""

    plan: Plan | None = None
    files: PlanFileList | None = None
    outputs: tuple[Output, ...] | None = None
    state_number: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Number of changes, counted in the plan itself and not in a log."""

    to_add: int
    to_change: int
    to_destroy: int
    to_forget: int
    outputs: int


@dataclass(frozen=True, slots=True)
class PendingApproval:
    """What an approver has to know; ``counts`` is None for a plan without its JSON form."""

    counts: Counts | None


def pending_approval(job: Job) -> PendingApproval | None:
    """Return what an approval of the job would let through, None if it waits for none."""
    if job.status != JobStatus.WAITING_APPROVAL:
        return None
    saved = SavedPlan.objects.filter(step__job=job, json__isnull=False).order_by("-step__step_number")
    step_id = saved.values_list("step_id", flat=True).first()
    return PendingApproval(None if step_id is None else _plan_counts(step_id))


@lru_cache(maxsize=64)
def _plan_counts(step_id: UUID) -> Counts | None:
    """Return the counts of a finished plan, which no longer changes; cached, since the page asks every second."""
    content = readable(SavedPlan.objects.only("json").get(pk=step_id), "json")
    plan = read_plan(content) if content else None
    if plan is None:
        return None
    return Counts(plan.to_add, plan.to_change, plan.to_destroy, plan.to_forget, len(plan.outputs))


def results_version(job: Job) -> str:
    """Return a version that changes with every new result, "" while there is none."""
    plans = _displayed_plans(job).values_list("step_id", "digest")
    states = StateVersion.objects.filter(job=job).annotate(described=Q(json__isnull=False)).order_by("-number")
    newest = states.values_list("number", "described")[:1]
    of_plans = [f"{step}{digest[:8]}" for step, digest in plans]
    return ",".join([*of_plans, *(f"{number}{'+' if described else ''}" for number, described in newest)])


def _displayed_plans(job: Job) -> QuerySet[SavedPlan]:
    return SavedPlan.objects.filter(Q(json__isnull=False) | Q(file_list__isnull=False), step__job=job)


def read_results(job: Job) -> Results:
    """Read the results of a job's last plan and its newest state."""
    plan = _displayed_plans(job).order_by("-step__step_number").only("json", "file_list").first()
    state = StateVersion.objects.filter(job=job).order_by("-number").only("number", "json").first()
    planned = readable(plan, "json") if plan is not None else None
    described = readable(state, "json") if state is not None else None
    return Results(
        plan=_mark_requested(job, read_plan(planned)) if planned else None,
        files=stored_list(plan) if plan is not None and is_readable(plan, "file_list") else None,
        outputs=read_outputs(described) if described else None,
        state_number=state.number if state is not None else None,
    )


def _mark_requested(job: Job, plan: Plan | None) -> Plan | None:
    """Return the plan, marking what the job asked for if it named addresses."""
    addresses = addresses_of(job)
    if plan is None or not addresses:
        return plan
    asked = Scope(targets=addresses.targets, replaces=addresses.replaces).asked

    def is_asked(text: str) -> bool:
        address = read_address(text)
        return address is not None and any(one.covers(address) for one in asked)

    # Without targets everything is planned, so nothing is in the plan only because the job asked.
    return plan.compared(is_asked, otherwise=Part.ADDED if addresses.targets else Part.BESIDE)
