"""The life of attempts: the only writer of an Attempt's state.

Every move is one conditional UPDATE from the states it may come from, so of two callers one wins. Where a move touches
the step too, the Job's row lock is taken first, as in ``workspaces.transitions``; no call leaves this process while it
is held.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from executors.choices import ACTIVE, UNCLAIMED, AttemptOutcome, AttemptState, EventKind, ExecutorKind
from executors.models import Attempt, AttemptEvent
from executors.reports import Report as Report
from executors.reports import understood
from executors.tokens import session_hash
from workspaces import transitions
from workspaces.choices import PLAN_TYPES, Interruption, JobStatus
from workspaces.models import Job, Step
from workspaces.texts import fitting

OPEN = UNCLAIMED | ACTIVE
# Declared lost after its executor had begun, and not yet proved gone.
MAY_RUN_STILL = Q(state=AttemptState.ENDED, outcome=AttemptOutcome.LOST, claimed_at__isnull=False, cleaned_at=None)
_INTERRUPTED = {
    AttemptOutcome.CANCELLED: Interruption.STOPPED,
    AttemptOutcome.KILLED: Interruption.KILLED,
}
RETRY_SECONDS = (2, 10, 30)
"""How long the second, third and every later attempt waits."""


def lock_job(step_id: UUID) -> None:
    """Take the row lock under which everything about a step's attempts is written."""
    Job.objects.select_for_update(of=("self",)).values_list("pk").get(steps=step_id)


def record(attempt: Attempt, kind: EventKind, detail: str = "", at: dt.datetime | None = None) -> None:
    """Add to an attempt's timeline; what it holds already stays as it is."""
    AttemptEvent.objects.bulk_create(
        [AttemptEvent(attempt=attempt, kind=kind, detail=fitting(detail, 1024), at=at or timezone.now())],
        ignore_conflicts=True,
    )


def _move(attempt: Attempt, sources: frozenset[AttemptState], **changes: Any) -> bool:
    if not Attempt.objects.filter(pk=attempt.pk, state__in=sources).update(**changes):
        return False
    for name, value in changes.items():
        setattr(attempt, name, value)
    return True


# ---- launching ------------------------------------------------------------------------------------------------------


def open_first(step: Step, *, executor: ExecutorKind) -> Attempt:
    """The first attempt of a step that is being handed over, in the same transaction: nobody else knows of it yet."""
    return _create(step, number=1, executor=executor, not_before=timezone.now())


def open_attempt(step_id: UUID, *, executor: ExecutorKind) -> Attempt | None:
    """The attempt to launch now for a step: its unlaunched one, else a first one.

    None when the step doesn't wait for an executor, or its attempt was launched or is not due yet.
    """
    now = timezone.now()
    with transaction.atomic():
        lock_job(step_id)
        step = Step.objects.get(pk=step_id)
        if step.status != JobStatus.QUEUE:
            return None
        attempt = step.attempts.order_by("-number").first()
        if attempt is None:
            attempt = _create(step, number=1, executor=executor, not_before=now)
        # An ended one whose step was not told is for the sweep, which knows why.
        if attempt.state != AttemptState.NEW or attempt.not_before > now:
            return None
        attempt.step = step
        return attempt


def _create(step: Step, *, number: int, executor: ExecutorKind, not_before: dt.datetime) -> Attempt:
    attempt = Attempt.objects.create(
        step=step,
        number=number,
        executor=executor,
        created_at=timezone.now(),
        not_before=not_before,
        job_name=f"job-{step.job_id}-{step.step_number}-{number}",
    )
    record(attempt, EventKind.CREATED)
    return attempt


def postpone(attempt: Attempt, *, seconds: int) -> None:
    """Launch an attempt later, since it could not be launched now."""
    _move(attempt, frozenset({AttemptState.NEW}), not_before=timezone.now() + dt.timedelta(seconds=seconds))


def use_own_name(attempt: Attempt) -> None:
    """Give an attempt a name that no other site has, since its first one is taken by somebody else's Job."""
    base = f"job-{attempt.step.job_id}-{attempt.step.step_number}-{attempt.number}"
    _move(attempt, frozenset({AttemptState.NEW}), job_name=f"{base}-{attempt.pk.hex[:8]}")


def mark_launched(attempt: Attempt, **where: Any) -> bool:
    """Keep that the attempt's Job or process exists, and ``where`` (columns such as namespace or process_id)."""
    now = timezone.now()
    # It may have claimed before its launcher got to write this; then only what is known of its place is added.
    moved = _move(attempt, frozenset({AttemptState.NEW}), state=AttemptState.LAUNCHED, launched_at=now, **where)
    if not moved:
        Attempt.objects.filter(pk=attempt.pk, launched_at=None).update(launched_at=now, **where)
    record(attempt, EventKind.LAUNCHED, where.get("namespace") or where.get("host") or "", now)
    return moved


# ---- what the executor says -----------------------------------------------------------------------------------------


class Claim(enum.Enum):
    """How a claim was answered."""

    WON = "won"
    REPEATED = "repeated"
    TAKEN = "already-claimed"
    OVER = "attempt-over"


def claim(attempt: Attempt, session: str) -> Claim:
    """Give an attempt to the session that asks first; the same session may ask again. Nobody else ever gets it."""
    return _give(attempt, session_hash(session))


def claim_by_report(attempt: Attempt) -> Claim:
    """Give an attempt to Terrakube's own executor, which has no session: its first report is its claim.

    It may say so again, as such a client repeats what was not answered; whether that is still the same executor is for
    the caller to tell.
    """
    return _give(attempt, "")


def _give(attempt: Attempt, digest: str) -> Claim:
    now = timezone.now()
    with transaction.atomic():
        lock_job(attempt.step_id)
        won = _move(
            attempt,
            UNCLAIMED,
            state=AttemptState.CLAIMED,
            session_hash=digest,
            claimed_at=now,
            heartbeat_at=now,
            missing_since=None,
        )
        if won:
            if not transitions.start_step(attempt.step_id):
                # The step was cancelled between the executor's start and now; nothing may run for it.
                _end(attempt, AttemptOutcome.CANCELLED, "cancelled", "The step was cancelled before it started")
                return Claim.OVER
            record(attempt, EventKind.CLAIMED, at=now)
            return Claim.WON
    attempt.refresh_from_db()
    if attempt.state == AttemptState.ENDED:
        return Claim.OVER
    return Claim.REPEATED if attempt.session_hash == digest else Claim.TAKEN


@dataclass(frozen=True, slots=True)
class Orders:
    """What an executor is told in answer to its reports."""

    cancel: bool
    force: bool


def heartbeat(
    attempt: Attempt, *, phase: str = "", peak_memory_bytes: int | None = None, cpu_seconds: float | None = None
) -> Orders:
    """Keep that the executor is alive, what it does and what it has used so far."""
    used = {"peak_memory_bytes": peak_memory_bytes, "cpu_seconds": cpu_seconds}
    changes: dict[str, Any] = {"heartbeat_at": timezone.now()}
    changes |= {name: value for name, value in used.items() if value is not None}
    if phase and phase != attempt.phase:
        changes["phase"] = fitting(phase, 16)
        record(attempt, EventKind.PHASE, fitting(phase, 16))
    Attempt.objects.filter(pk=attempt.pk, state__in=ACTIVE).update(**changes)
    return orders(attempt)


def orders(attempt: Attempt) -> Orders:
    return Orders(cancel=attempt.state == AttemptState.INTERRUPTING, force=attempt.force_stop)


def report(attempt: Attempt, result: Report) -> bool:
    """End an attempt by its executor's own word, and its step with it. False when it was over already."""
    with transaction.atomic():
        lock_job(attempt.step_id)
        # The watcher and whoever cancels may have written since the request began.
        attempt.refresh_from_db(fields=["state", "force_stop", "leaving_code", "leaving_reason"])
        said = understood(attempt, result)
        ended = _end(
            attempt,
            said.outcome,
            said.reason_code,
            said.reason,
            exit_code=result.exit_code,
            peak_memory_bytes=result.peak_memory_bytes,
            cpu_seconds=result.cpu_seconds,
        )
        if not ended:
            return False
        record(attempt, EventKind.RESULT, result.outcome)
        _tell_step(
            attempt,
            transitions.Outcome(
                succeeded=said.outcome == AttemptOutcome.SUCCEEDED,
                changes=result.changes,
                plan=result.plan,
                reason_code=said.reason_code,
                reason=said.reason,
            ),
        )
        return True


def was_reported(attempt: Attempt, outcome: AttemptOutcome) -> bool:
    """Whether an ended attempt's executor has reported this very outcome."""
    return attempt.events.filter(kind=EventKind.RESULT, detail=outcome).exists()


# ---- what the launcher, the watch and the sweep find ----------------------------------------------------------------


def _end(
    attempt: Attempt,
    outcome: AttemptOutcome,
    code: str,
    reason: str,
    *,
    sources: frozenset[AttemptState] = OPEN,
    **changes: Any,
) -> bool:
    now = timezone.now()
    ended = _move(
        attempt,
        sources,
        state=AttemptState.ENDED,
        outcome=outcome,
        reason_code=fitting(code, 64),
        reason=fitting(reason, 1024),
        ended_at=now,
        **changes,
    )
    if ended:
        record(attempt, EventKind.ENDED, code, now)
        if outcome in _INTERRUPTED and attempt.claimed_at is not None:
            transitions.note_interruption(attempt.step_id, _INTERRUPTED[outcome])
    return ended


def _tell_step(attempt: Attempt, outcome: transitions.Outcome) -> None:
    if not transitions.finish_step(attempt.step_id, outcome) and not outcome.lost:
        # The step was cancelled before; its workspace waited for this attempt.
        _release_workspace(attempt)


def _release_workspace(attempt: Attempt) -> None:
    transitions.release_workspace(Step.objects.values_list("job_id", flat=True).get(pk=attempt.step_id))


def fail(
    attempt: Attempt,
    *,
    code: str,
    reason: str,
    outcome: AttemptOutcome = AttemptOutcome.FAILED,
    sources: frozenset[AttemptState] = OPEN,
) -> bool:
    """End an attempt that its executor can't or won't report on, and fail its step.

    With the outcome lost, the workspace of a claimed attempt's job stays taken until ``prove_gone``.
    False, changing nothing, when the attempt is not in one of the ``sources`` (any more).
    """
    with transaction.atomic():
        lock_job(attempt.step_id)
        if not _end(attempt, outcome, code, reason, sources=sources):
            return False
        lost = Attempt.objects.filter(pk=attempt.pk).filter(MAY_RUN_STILL).exists()
        _tell_step(attempt, transitions.Outcome(succeeded=False, lost=lost, reason_code=code, reason=reason))
        return True


def tell_again(attempt: Attempt) -> bool:
    """Tell the step how its last attempt ended, should it not know.

    False when it does, or when the attempt has not ended: it may have been made since whoever calls looked.
    """
    with transaction.atomic():
        lock_job(attempt.step_id)
        # Read only now: what is decided on must be what holds under the lock.
        last = Attempt.objects.filter(step=attempt.step_id).order_by("-number").first()
        if last is None or last.pk != attempt.pk or last.state != AttemptState.ENDED:
            return False
        attempt = last
        outcome = transitions.Outcome(
            succeeded=attempt.outcome == AttemptOutcome.SUCCEEDED,
            lost=Attempt.objects.filter(pk=attempt.pk).filter(MAY_RUN_STILL).exists(),
            reason_code=attempt.reason_code,
            reason=attempt.reason,
        )
        return transitions.finish_step(attempt.step_id, outcome)


def replace(attempt: Attempt, *, code: str, reason: str, limit: int) -> Attempt | None:
    """Fence an attempt that nobody has claimed and make the next one, later; fail the step at the ``limit``-th.

    Returns the new attempt; None when the attempt was claimed meanwhile, is over, or was the last one allowed.
    """
    with transaction.atomic():
        lock_job(attempt.step_id)
        if attempt.number >= limit:
            tried = (
                _("{reason} (tried {number} times)").format(reason=reason, number=attempt.number)
                if attempt.number > 1
                else reason
            )
            fail(attempt, code=code, reason=tried, outcome=AttemptOutcome.LOST, sources=UNCLAIMED)
            return None
        if not _end(attempt, AttemptOutcome.REPLACED, code, reason, sources=UNCLAIMED):
            return None
        step = Step.objects.get(pk=attempt.step_id)
        if step.status != JobStatus.QUEUE:
            return None
        following = _follow(step, attempt)
        transitions.explain(step.pk, _again(reason, following, limit), code=code)
        return following


def _follow(step: Step, attempt: Attempt) -> Attempt:
    """The attempt after one, which waits longer the more there were."""
    wait = RETRY_SECONDS[min(attempt.number, len(RETRY_SECONDS)) - 1]
    return _create(
        step,
        number=attempt.number + 1,
        executor=ExecutorKind(attempt.executor),
        not_before=timezone.now() + dt.timedelta(seconds=wait),
    )


def _again(reason: str, following: Attempt, limit: int) -> str:
    wait = (following.not_before - following.created_at).total_seconds()
    again = _("Trying again in {seconds} s (attempt {number} of {most})")
    return f"{reason}. " + again.format(seconds=f"{wait:.0f}", number=following.number, most=limit)


def retry_plan(attempt: Attempt, *, code: str, reason: str, limit: int) -> Attempt | None:
    """Begin a lost plan anew, whose executor is proved gone; None for another step, and for the last try allowed.

    Whether its workspace asks for that is for the caller to know.
    """
    with transaction.atomic():
        lock_job(attempt.step_id)
        step = Step.objects.get(pk=attempt.step_id)
        if attempt.number >= limit or step.type not in PLAN_TYPES or step.status != JobStatus.RUNNING:
            return None
        if not _end(attempt, AttemptOutcome.LOST, code, reason, sources=frozenset({AttemptState.CLAIMED})):
            return None
        following = _follow(step, attempt)
        transitions.start_again(step.pk, code=code, reason=_again(reason, following, limit))
        return following


def request_cancel(step_id: UUID, *, force: bool = False) -> Attempt | None:
    """Stop a cancelled step's attempt: fence it when nobody claimed it, else tell its executor.

    Returns the attempt whose Job or process must be ended, None when there is none.
    """
    with transaction.atomic():
        lock_job(step_id)
        attempt = Attempt.objects.select_related("step").filter(step=step_id).order_by("-number").first()
        if attempt is None or attempt.state == AttemptState.ENDED:
            if not Attempt.objects.filter(step=step_id).filter(MAY_RUN_STILL).exists():
                transitions.release_workspace(Step.objects.values_list("job_id", flat=True).get(pk=step_id))
            return attempt
        now = timezone.now()
        record(attempt, EventKind.CANCEL, "force" if force else "", now)
        if attempt.state in UNCLAIMED:
            _end(attempt, AttemptOutcome.CANCELLED, "cancelled", "Cancelled before it started", cancelled_at=now)
            transitions.release_workspace(attempt.step.job_id)
        else:
            _move(
                attempt,
                ACTIVE,
                state=AttemptState.INTERRUPTING,
                cancelled_at=attempt.cancelled_at or now,
                # Asked for once, it stays so: the sweep asks for the ordinary end again and again.
                force_stop=force or attempt.force_stop,
            )
            transitions.note_interruption(step_id, Interruption.INTERRUPTING)
        return attempt


def mark_missing(attempt: Attempt, missing: bool) -> None:
    """Keep since when an attempt's Job or process is known to be gone; False takes it back."""
    if missing and attempt.missing_since is None:
        _move(attempt, OPEN, missing_since=timezone.now())
    elif not missing and attempt.missing_since is not None:
        _move(attempt, OPEN, missing_since=None)


def note_place(attempt: Attempt, *, pod_name: str = "", node_name: str = "") -> None:
    """Keep the pod and node on which an attempt runs."""
    if (pod_name, node_name) != (attempt.pod_name, attempt.node_name):
        attempt.pod_name, attempt.node_name = pod_name, node_name
        attempt.save(update_fields=["pod_name", "node_name"])


def note_leaving(attempt: Attempt, *, code: str, reason: str) -> None:
    """Keep why the pod of a running attempt is being ended: its executor hears only that it is."""
    if attempt.leaving_code == code or not _move(
        attempt, frozenset({AttemptState.CLAIMED}), leaving_code=fitting(code, 64), leaving_reason=fitting(reason, 1024)
    ):
        return
    record(attempt, EventKind.LEAVING, reason)
