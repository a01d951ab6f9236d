"""Tables for ``workspaces.jobs.transitions``: which status may follow which, and what an ending says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workspaces.choices import JobStatus
from workspaces.reasons import NONE, Reason

S = JobStatus

JOB_MOVES: Mapping[JobStatus, frozenset[JobStatus]] = {
    S.PENDING: frozenset({S.QUEUE, S.WAITING_APPROVAL, S.COMPLETED, S.FAILED, S.CANCELLED}),
    S.WAITING_APPROVAL: frozenset({S.APPROVED, S.REJECTED, S.QUEUE, S.FAILED, S.CANCELLED}),
    S.APPROVED: frozenset({S.QUEUE, S.WAITING_APPROVAL, S.COMPLETED, S.FAILED, S.CANCELLED}),
    # Only an unclaimed step may go back to pending, if its workspace was locked meanwhile.
    S.QUEUE: frozenset({S.RUNNING, S.PENDING, S.FAILED, S.CANCELLED, S.REJECTED}),
    # Only a plan whose executor was lost may go back to the queue.
    S.RUNNING: frozenset({S.PENDING, S.QUEUE, S.COMPLETED, S.FAILED, S.CANCELLED, S.REJECTED}),
}
STEP_MOVES: Mapping[JobStatus, frozenset[JobStatus]] = {
    S.PENDING: frozenset({S.QUEUE, S.COMPLETED, S.FAILED, S.CANCELLED, S.NOT_EXECUTED}),
    S.QUEUE: frozenset({S.RUNNING, S.PENDING, S.FAILED, S.CANCELLED}),
    S.RUNNING: frozenset({S.QUEUE, S.COMPLETED, S.FAILED, S.CANCELLED}),
}
# The status of the steps that remain when a job ends.
LEFT_UNDONE = {
    S.COMPLETED: S.NOT_EXECUTED,
    S.NO_CHANGES: S.NOT_EXECUTED,
    S.FAILED: S.FAILED,
    S.REJECTED: S.FAILED,
    S.CANCELLED: S.CANCELLED,
}
APPROVED = "approved"
REJECTED = "rejected"
AUTO_APPLY = "autoApply"
"""Who decides the approvals of a job that takes them as given."""


class IllegalTransition(Exception):
    """A move that the tables do not allow: a bug, never bad input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a step ended.

    ``changes`` is the result of a plan, None for other steps. ``why`` is the reason of a failure, or a remark on a
    success. ``lost``: its executor claimed it and went silent, and may still be running.
    """

    succeeded: bool
    lost: bool = False
    changes: bool | None = None
    plan: str | None = None
    why: Reason = NONE
