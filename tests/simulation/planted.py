"""Faults that are planted in the product on purpose: the checker must find each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from executors import tasks
from executors.attempts import cleanup, lifecycle
from executors.attempts.lifecycle import reports, writes
from executors.choices import ACTIVE, UNCLAIMED, AttemptState
from executors.launching import launcher
from executors.models import Attempt, WarmPod
from executors.warm import records
from executors.watching import decisions, lost_tasks, reconciliation
from tests.simulation import site
from workspaces.choices import IN_EXECUTOR, JobStatus
from workspaces.jobs import transitions
from workspaces.jobs.transitions import decisions as job_decisions
from workspaces.jobs.transitions import reports as job_reports
from workspaces.jobs.transitions import table
from workspaces.jobs.transitions import writes as writes_of_jobs
from workspaces.models import Job

type Patch = tuple[object, str, object]
ALL = frozenset(AttemptState)


@dataclass(frozen=True, slots=True)
class Planted:
    """A fault, in a sentence that says what the product then does, and what is put in place of what."""

    sentence: str
    patches: Callable[[], list[Patch]]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        with ExitStack() as stack:
            for holder, name, instead in self.patches():
                stack.enter_context(mock.patch.object(holder, name, instead))
            yield


def _nothing(*args: Any, **kwargs: Any) -> None:
    return None


def _claimed_twice() -> list[Patch]:
    return [(reports, "UNCLAIMED", UNCLAIMED | ACTIVE), (transitions, "start_step", lambda locked: True)]


def _claim_after_the_end() -> list[Patch]:
    def start(locked: Any) -> bool:
        Job.objects.filter(pk=locked.job.pk).update(status=JobStatus.RUNNING)
        return True

    return [(reports, "UNCLAIMED", ALL), (transitions, "start_step", start)]


def _status_overwritten() -> list[Patch]:
    every = frozenset(JobStatus)
    moves = dict.fromkeys(JobStatus, every)
    return [
        (job_reports, "IN_EXECUTOR", every),
        (table, "STEP_MOVES", moves),
        (job_reports, "move_step", _move_any(writes_of_jobs.move_step)),
    ]


def _move_any(real: Callable[..., None]) -> Callable[..., None]:
    def move(step: Any, status: JobStatus, **changes: Any) -> None:
        if step.status in IN_EXECUTOR:
            real(step, status, **changes)
            return
        step.status = status
        step.save(update_fields=["status"])

    return move


def _report_after_the_end() -> list[Patch]:
    def end(attempt: Attempt, *args: Any, **kwargs: Any) -> bool:
        return writes.end_attempt(attempt, *args, **{**kwargs, "sources": ALL})

    return [(reports, "end_attempt", end), (lifecycle, "has_reported", lambda attempt, outcome: True)]


def _stale_claim() -> list[Patch]:
    """As with two transactions that both read before either writes, where the row is not locked."""
    real = lifecycle.claim_attempt

    def claim(attempt: Attempt, session: str) -> Any:
        answer = real(attempt, session)
        return reports.Claim.REPEATED if answer is reports.Claim.TAKEN else answer

    return [(lifecycle, "claim_attempt", claim)]


def _retried_after_the_claim() -> list[Patch]:
    real = decisions._decide_claimed

    def decide(attempt: Attempt, found: Any, **context: Any) -> Any:
        found_out = real(attempt, found, **context)
        if found_out.act == decisions.Act.LOSE:
            Attempt.objects.filter(pk=attempt.pk).update(state=AttemptState.LAUNCHED)
            attempt.step.job.steps.filter(pk=attempt.step_id).update(status=JobStatus.QUEUE)
            Job.objects.filter(pk=attempt.step.job_id).update(status=JobStatus.QUEUE)
            return replace(found_out, act=decisions.Act.REPLACE)
        return found_out

    return [(decisions, "_decide_claimed", decide)]


def _free_before_the_proof() -> list[Patch]:
    real = writes_of_jobs.end_job

    def end(job: Job, status: JobStatus, *args: Any, keep_workspace: bool = False, **changes: Any) -> None:
        real(job, status, *args, **changes)

    return [(job_reports, "end_job", end)]


def _cancel_frees_at_once() -> list[Patch]:
    real = writes_of_jobs.end_job

    def end(job: Job, status: JobStatus, *args: Any, keep_workspace: bool = False, **changes: Any) -> None:
        real(job, status, *args, **changes)

    return [(job_decisions, "end_job", end)]


def _gone_unproved() -> list[Patch]:
    return [(reconciliation, "has_terminated", lambda *args, **kwargs: True)]


def _waits_for_anybody(pod: WarmPod, **waiting: str) -> bool:
    _real_note_waiting(pod, **waiting)
    return True


_real_note_waiting = records.note_waiting


def _without_ended(requeue: object, opened: Iterable[Attempt]) -> Iterator[Attempt]:
    return (one for one in opened if not one.step.is_final)


PLANTED: Mapping[str, Planted] = {
    "claimed-twice": Planted("A claimed attempt can be claimed by another session.", _claimed_twice),
    "claim-not-exclusive": Planted("A claim that came second is told that it came first.", _stale_claim),
    "claim-after-the-end": Planted("An attempt that is over can be claimed.", _claim_after_the_end),
    "status-overwritten": Planted("A late result changes a final status.", _status_overwritten),
    "report-after-the-end": Planted("A result counts although the attempt is over.", _report_after_the_end),
    "retried-after-the-claim": Planted("A lost step starts again by itself.", _retried_after_the_claim),
    "free-before-the-proof": Planted("A lost step's workspace is free at once.", _free_before_the_proof),
    "cancel-frees-at-once": Planted("A cancelled step's workspace is free at once.", _cancel_frees_at_once),
    "gone-unproved": Planted("Every executor counts as gone at the first look.", _gone_unproved),
    "sweep-forgets-jobs": Planted(
        "The sweep forgets jobs that no task works on.", lambda: [(lost_tasks, "requeue_jobs", _nothing)]
    ),
    "sweep-forgets-launches": Planted(
        "The sweep forgets attempts that nobody launches.",
        lambda: [(lost_tasks, "requeue_launches", _nothing), (site, "requeue_launches", _nothing)],
    ),
    "sweep-forgets-cancels": Planted(
        "The sweep forgets executors of cancelled steps.",
        lambda: [(lost_tasks, "requeue_cancels", _without_ended)],
    ),
    "launch-not-stopped": Planted(
        "Nothing stops what was launched for a step that was cancelled, nor looks for it.",
        lambda: [
            (launcher, "_stop_if_over", _nothing),
            (cleanup, "mark_gone", cleanup.mark_cleaned),
            (reconciliation.Looker, "stop", lambda looker, attempt: True),
        ],
    ),
    "warm-pods-forgotten": Planted(
        "Warm pods that are over, or whose attempt has begun, stay in the pool.",
        lambda: [(records, "end_unused", lambda **seconds: 0)],
    ),
    "warm-pod-for-anybody": Planted(
        "Whoever has a warm pod's token is given its attempt.",
        lambda: [(records, "note_waiting", _waits_for_anybody)],
    ),
    "cancel-not-told": Planted(
        "A running executor is not told of the cancel.",
        lambda: [(tasks, "cancel_step", _nothing), (tasks, "kill_step", _nothing)],
    ),
}
