"""What the caller may do with a run, told by the functions that check it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from tfe.runs.find import Run
from tfe.runs.status import is_live
from workspaces.actors import Actor, name_of
from workspaces.choices import JobStatus, StepType
from workspaces.jobs.start_rules import why_not_cancel
from workspaces.jobs.transitions.table import APPROVED
from workspaces.models import Job, Step
from workspaces.permissions import may_approve, may_decide, rights
from workspaces.roles import Rights


@dataclass(frozen=True, slots=True, kw_only=True)
class May:
    """What the caller may do with a run, whatever its status is.

    ``confirmed``: the last decision on the run is the caller's approval.
    """

    apply: bool
    confirmed: bool
    discard: bool
    cancel: bool
    comment: bool


@dataclass(slots=True)
class Caller:
    """A caller, with the rights on each workspace looked up once."""

    actor: Actor
    _rights: dict[UUID, Rights] = field(default_factory=dict)

    def own(self, job: Job) -> Rights:
        if job.workspace_id not in self._rights:
            self._rights[job.workspace_id] = rights(self.actor, job.organization, job.workspace)
        return self._rights[job.workspace_id]

    def may(self, run: Run) -> May:
        """Return what the caller may do with a run."""
        job, own = run.job, self.own(run.job)
        return May(
            apply=may_approve(self.actor, job, own=own),
            confirmed=last_decision(run.steps) == (APPROVED, name_of(self.actor)),
            discard=may_decide(self.actor, job, own=own),
            cancel=not why_not_cancel(job, by=self.actor, own=own, steps=run.steps),
            comment=own.read,
        )


def last_decision(steps: Iterable[Step]) -> tuple[str, str] | None:
    """Return how the last decided approval of a run was decided, and by whom; None before any was."""
    decided = [step for step in steps if step.type == StepType.APPROVAL and step.decision]
    return (decided[-1].decision, decided[-1].decided_by) if decided else None


def actions(run: Run, may: May) -> dict[str, bool]:
    """Return what can be done with a run now, by this caller."""
    waits = run.job.status == JobStatus.WAITING_APPROVAL
    return {
        "is-confirmable": waits and may.apply and not may.confirmed,
        "is-discardable": waits and may.discard,
        "is-cancelable": not run.job.is_final and may.cancel,
        "is-force-cancelable": run.job.is_final and may.cancel and any(map(is_live, run.steps)),
    }
