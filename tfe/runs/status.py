"""What a job and its steps are in the protocol: a run, its plan and its apply. Pure: records in, words out.

A job has two phases: its plan, with every step before the first approval or change, and its apply with the rest. A
client reads the run once when a phase is over, so a phase is over no sooner than the job has left it, and no later than
the job has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from workspaces.choices import FINAL_JOB, PLAN_TYPES, JobStatus, StepType
from workspaces.models import Job, Step

S = JobStatus
_CHANGING = frozenset({StepType.APPLY, StepType.DESTROY})
ENDED = frozenset({"finished", "errored", "canceled", "unreachable"})
"""The statuses of a plan and of an apply that end its log."""


class Phase(StrEnum):
    PLAN = "plan"
    APPLY = "apply"


@dataclass(frozen=True, slots=True)
class Phases:
    """The steps of a job by phase; both are empty for a job that has not started."""

    plan: tuple[Step, ...]
    apply: tuple[Step, ...]

    def steps(self, phase: Phase) -> tuple[Step, ...]:
        return self.plan if phase is Phase.PLAN else self.apply


def phases_of(steps: Sequence[Step]) -> Phases:
    """Divide the steps of a job, which are in order."""
    planned = next((at for at, step in enumerate(steps) if step.type in PLAN_TYPES), None)
    first = 0 if planned is None else planned + 1
    ends = (
        at
        for at, step in enumerate(steps)
        if at >= first and (step.type in _CHANGING or step.type == StepType.APPROVAL)
    )
    cut = next(ends, len(steps))
    return Phases(tuple(steps[:cut]), tuple(steps[cut:]))


def run_status(job: Job, steps: Sequence[Step]) -> str:
    """Return the status of a run."""
    if job.status in FINAL_JOB or job.status == S.UNKNOWN:
        return _ended_status(job, steps)
    if job.status == S.WAITING_APPROVAL:
        return "planned_and_saved" if job.save_plan else "planned"
    if job.status == S.APPROVED:
        return "confirmed"
    if job.started_at is None:
        # Also while a limit holds it up: of a pending run, and of no other, a terminal says how many are before it.
        return "pending"
    if not _in_apply(job, phases_of(steps)):
        return "planning"
    return "applying" if job.status == S.RUNNING else "apply_queued"


def _ended_status(job: Job, steps: Sequence[Step]) -> str:
    if job.status in {S.COMPLETED, S.NO_CHANGES}:
        changed = any(step.type in _CHANGING and step.status == S.COMPLETED for step in steps)
        return "applied" if changed else "planned_and_finished"
    return {S.REJECTED: "discarded", S.CANCELLED: "canceled"}.get(JobStatus(job.status), "errored")


def _in_apply(job: Job, phases: Phases) -> bool:
    """Return whether a job has left its plan."""
    if job.status in {S.WAITING_APPROVAL, S.APPROVED}:
        return True
    return any(step.status != S.PENDING or step.decision for step in phases.apply)


def plan_status(job: Job, steps: Sequence[Step]) -> str:
    """Return the status of a run's plan."""
    phases = phases_of(steps)
    if job.status in FINAL_JOB or job.status == S.UNKNOWN:
        if not steps:
            return "canceled" if job.status == S.CANCELLED else "errored"
        return _ended(phases.plan)
    if _in_apply(job, phases):
        return "finished"
    if job.started_at is None:
        return "pending"
    return "running" if any(step.started_at for step in phases.plan) else "queued"


def apply_status(job: Job, steps: Sequence[Step]) -> str:
    """Return the status of a run's apply; unreachable once it can never begin."""
    phases = phases_of(steps)
    if job.status in FINAL_JOB or job.status == S.UNKNOWN:
        if not any(step.started_at or step.queued_at for step in phases.apply):
            return "unreachable"
        return _ended(phases.apply)
    if job.status == S.APPROVED:
        return "queued"
    if job.status == S.WAITING_APPROVAL or not _in_apply(job, phases):
        return "pending"
    return "running" if job.status == S.RUNNING else "queued"


def _ended(steps: Sequence[Step]) -> str:
    """Return how the steps of a phase ended; still running while an executor is being stopped and may write its log."""
    if any(is_live(step) for step in steps):
        return "running"
    found = {step.status for step in steps}
    if S.FAILED in found:
        return "errored"
    return "canceled" if S.CANCELLED in found else "finished"


def is_live(step: Step) -> bool:
    """Return whether an executor has a step: ``live`` is annotated where steps are read."""
    return bool(getattr(step, "live", False))


def status_of(phase: Phase, job: Job, steps: Sequence[Step]) -> str:
    """Return the status of one phase."""
    return plan_status(job, steps) if phase is Phase.PLAN else apply_status(job, steps)


def has_changes(job: Job, steps: Sequence[Step]) -> bool:
    """Return whether the plan of a run found changes."""
    return job.plan_changes and plan_status(job, steps) == "finished"


def destroys(steps: Sequence[Step]) -> bool | None:
    """Return whether a run destroys everything; None before it has steps."""
    return any(step.type in {StepType.PLAN_DESTROY, StepType.DESTROY} for step in steps) if steps else None
