"""Which status of a job or step may follow which, and what an ending says; tables for ``workspaces.transitions``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workspaces.choices import JobStatus

S = JobStatus

JOB_MOVES: Mapping[JobStatus, frozenset[JobStatus]] = {
    S.PENDING: frozenset({S.QUEUE, S.WAITING_APPROVAL, S.COMPLETED, S.FAILED, S.CANCELLED}),
    S.WAITING_APPROVAL: frozenset({S.APPROVED, S.REJECTED, S.QUEUE, S.FAILED, S.CANCELLED}),
    S.APPROVED: frozenset({S.QUEUE, S.WAITING_APPROVAL, S.COMPLETED, S.FAILED, S.CANCELLED}),
    S.QUEUE: frozenset({S.RUNNING, S.FAILED, S.CANCELLED, S.REJECTED}),
    # Back to queue goes a plan alone, whose executor was lost.
    S.RUNNING: frozenset({S.PENDING, S.QUEUE, S.COMPLETED, S.FAILED, S.CANCELLED, S.REJECTED}),
}
STEP_MOVES: Mapping[JobStatus, frozenset[JobStatus]] = {
    S.PENDING: frozenset({S.QUEUE, S.COMPLETED, S.FAILED, S.CANCELLED, S.NOT_EXECUTED}),
    S.QUEUE: frozenset({S.RUNNING, S.FAILED, S.CANCELLED}),
    S.RUNNING: frozenset({S.QUEUE, S.COMPLETED, S.FAILED, S.CANCELLED}),
}
# What becomes of the steps that a job leaves undone when it ends.
LEFT_UNDONE = {
    S.COMPLETED: S.NOT_EXECUTED,
    S.NO_CHANGES: S.NOT_EXECUTED,
    S.FAILED: S.FAILED,
    S.REJECTED: S.FAILED,
    S.CANCELLED: S.CANCELLED,
}
APPROVED = "approved"
REJECTED = "rejected"


class IllegalTransition(Exception):
    """A move that the tables don't hold: a mistake in the program, never in its input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a step ended.

    ``changes`` is what a plan found, None for other steps. ``reason_code`` and ``reason`` say why it failed, and may
    add a remark to a success. ``lost``: its executor had begun it and fell silent, and may be at it still.
    """

    succeeded: bool
    lost: bool = False
    changes: bool | None = None
    plan: str | None = None
    reason_code: str = ""
    reason: str = ""
