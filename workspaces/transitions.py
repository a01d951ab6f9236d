"""The life of jobs and steps: the only writer of ``Job.status`` and ``Step.status``.

Every function takes the row lock of the Job, which stands for all of its steps, checks the move against the tables
below, and queues what comes next on commit. A final status is never left; a late or repeated call answers False or
None instead of raising.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from terrakube_site.metrics import catalogue, tally
from workspaces import capacity, flows
from workspaces.choices import (
    FINAL_JOB,
    FINAL_STEP,
    IN_EXECUTOR,
    PLAN_TYPES,
    Interruption,
    JobStatus,
    StepType,
    in_english,
)
from workspaces.models import Job, Step, Workspace
from workspaces.moves import APPROVED, JOB_MOVES, LEFT_UNDONE, REJECTED, STEP_MOVES, IllegalTransition
from workspaces.moves import Outcome as Outcome
from workspaces.queueing import enqueue
from workspaces.scheduling import CannotSchedule, schedule_templates
from workspaces.texts import fitting
from workspaces.waiting import incomplete, why_wait

S = JobStatus


# ---- moves ----------------------------------------------------------------------------------------------------------


def _locked(job_id: int) -> Job | None:
    return _locking().filter(pk=job_id).first()


def _locking() -> QuerySet[Job]:
    return Job.objects.select_for_update(of=("self",)).select_related("workspace__organization", "organization")


def _locked_by_step(step_id: UUID) -> tuple[Job, Step] | None:
    # The Job row is the lock for all of its steps, so two reports of one pod take turns. The step is read by a query of
    # its own: what is joined to a row that had to be waited for is as old as the wait.
    job = _locking().filter(steps=step_id).first()
    return None if job is None else (job, job.steps.get(pk=step_id))


def _move_job(job: Job, status: JobStatus, *, reason: str = "", code: str = "", **changes: Any) -> None:
    current = JobStatus(job.status)
    if status != current and status not in JOB_MOVES.get(current, frozenset()):
        raise IllegalTransition(f"Job {job.pk}: {current} → {status}")
    job.status = status
    job.reason, job.reason_code = fitting(reason, 512), fitting(code, 64)
    if job.waits_for_room:
        # Whatever it does now, it waits for room no more, unless this very move says so again.
        changes.setdefault("waits_for_room", "")
    for name, value in changes.items():
        setattr(job, name, value)
    # What starting decides is written with the move that it leads to.
    job.save(
        update_fields=["status", "reason", "reason_code", "updated_date", "holds_workspace", "started_at", *changes]
    )
    if status in FINAL_JOB and status != current:
        transaction.on_commit(partial(tally.count, catalogue.JOBS_ENDED, status=status))
    if status != current:
        Workspace.objects.filter(pk=job.workspace_id).update(last_job_status=status, last_job_date=timezone.now())


def _move_step(step: Step, status: JobStatus, **changes: Any) -> None:
    current = JobStatus(step.status)
    if status not in STEP_MOVES.get(current, frozenset()):
        raise IllegalTransition(f"{in_english(step)}: {current} → {status}")
    step.status = status
    for name, value in changes.items():
        setattr(step, name, value)
    step.save(update_fields=["status", *changes])
    if current in IN_EXECUTOR and status in FINAL_STEP:
        labels = {"type": step.type, "status": str(status), "reason": catalogue.bounded(step.reason_code)}
        transaction.on_commit(partial(tally.count, catalogue.STEPS_ENDED, **labels))
        # Once committed: a job that counted this step just now has then either put itself in line, or counts again.
        transaction.on_commit(_call_the_next, robust=True)


def _end_job(
    job: Job, status: JobStatus, *, reason: str = "", code: str = "", keep_workspace: bool = False, **changes: Any
) -> None:
    """Bring a job to a final status, with the steps it leaves undone, and let the next one of its workspace go on."""
    now = timezone.now()
    undone = [step for step in job.steps.all() if step.status not in FINAL_STEP]
    for step in undone:
        if step.status in IN_EXECUTOR and LEFT_UNDONE[status] == S.NOT_EXECUTED:
            raise IllegalTransition(f"Job {job.pk} cannot end while {in_english(step)} is with an executor")
        _move_step(step, LEFT_UNDONE[status], ended_at=now)
    holds = job.holds_workspace and keep_workspace
    _move_job(job, status, reason=reason, code=code, ended_at=now, holds_workspace=holds, **changes)
    if not holds:
        enqueue("executors.tasks.advance_workspace", str(job.workspace_id))


# ---- room under the limits ------------------------------------------------------------------------------------------


def _call_the_next() -> None:
    if capacity.somebody_waits():
        enqueue("executors.tasks.fill_room")


def _look_again(refusal: capacity.Refusal) -> None:
    """Find the room that came free between a job's count and its place in the line."""
    if not refusal.limit_reached or refusal.limit.used() < refusal.limit.value:
        enqueue("executors.tasks.fill_room")


def _must_wait(job: Job, room: str) -> bool:
    """Put a job in line when there is no room for its next step. False when there is some, which it then has."""
    refusal = capacity.refusal(job, room)
    if refusal is None:
        return False
    if job.waits_for_room != room or job.reason != str(refusal):
        _move_job(job, JobStatus(job.status), reason=str(refusal), code=refusal.code, waits_for_room=room)
        transaction.on_commit(partial(_look_again, refusal), robust=True)
    return True


def _stand_in_line(job: Job) -> None:
    """Let a job between two steps keep its turn, where a limit may make it wait: nobody new goes before it."""
    if not capacity.is_limited(job):
        return
    pending = [flows.from_json(step.flow) for step in job.steps.filter(status=S.PENDING)]
    room = capacity.first_class(pending, auto_apply=job.auto_apply)
    if room is not None:
        _move_job(job, S.PENDING, waits_for_room=room)


def leave_line(job_id: int) -> bool:
    """Take a job that cannot go on out of the line, so that it holds nobody up; the sweep comes back to it."""
    return bool(Job.objects.filter(pk=job_id).exclude(waits_for_room="").update(waits_for_room=""))


# ---- starting -------------------------------------------------------------------------------------------------------


def _start(job: Job) -> list[Step] | None:
    """Make a waiting job the active one of its workspace; returns its new steps in their order.

    None when it must go on waiting or has ended. Where its first step needs an executor, there is room for it. That it
    has started is written by the next ``_move_job``, which raises IntegrityError when the workspace has another active
    job since.
    """
    if job.workspace.deleted or job.organization.disabled:
        _end_job(job, S.FAILED, reason=_("The workspace was deleted before the job started"), code="workspace-deleted")
        return None
    wait = why_wait(job)
    if wait is not None:
        if wait.sentence != job.reason or job.waits_for_room:
            _move_job(job, S.PENDING, reason=wait.sentence, code=wait.code)
        return None
    names = incomplete(job.workspace)
    if names:
        sentence = _("Sensitive variables without a value: {names}").format(names=", ".join(names))
        output = fitting(sentence, 1024)
        _end_job(job, S.FAILED, reason=sentence, code="incomplete-variables", output=output)
        return None
    flow = flows.parse(job.tcl)
    # Before anything is written: a job that waits for room has not started, and takes its workspace from nobody.
    room = capacity.first_class(flow, auto_apply=job.auto_apply)
    if room is not None and _must_wait(job, room):
        return None
    job.holds_workspace, job.started_at = not job.plan_only, timezone.now()
    return Step.objects.bulk_create(
        Step(
            job=job,
            step_number=each.step,
            name=each.name[:128],
            type=each.type,
            flow=flows.to_json(each),
        )
        for each in flow
    )


def advance(job_id: int) -> UUID | None:
    """Do the next thing for a job that is pending or approved.

    Returns the id of the step to launch now, None when there is none: the job waits, has ended, or its step is already
    with an executor.
    """
    return hand_over(job_id, to=lambda step: step.pk)


def hand_over[T](job_id: int, *, to: Callable[[Step], T]) -> T | None:
    """Do the next thing for a job, as ``advance``, and give the step that is to be launched to a function.

    It is called in the same transaction, with the step, its job, workspace and organization as they were read and
    written under the job's lock. Returns what it returns, None when there is no step.
    """
    try:
        return _advance(job_id, to)
    except IntegrityError:
        # Another job of the workspace became its active one between our look and our write. Now it is there to be seen.
        return _advance(job_id, to)


def _advance[T](job_id: int, to: Callable[[Step], T]) -> T | None:
    with transaction.atomic():
        job = _locked(job_id)
        # One that was rejected and waits for room still has its flow's commands for that to run.
        rejected = job is not None and job.status == S.WAITING_APPROVAL and bool(job.waits_for_room)
        if job is None or not (job.status in {S.PENDING, S.APPROVED} or rejected):
            return None
        is_new = job.started_at is None
        steps = _start(job) if is_new else list(job.steps.filter(status=S.PENDING))
        step = None if steps is None else _next(job, steps, has_room=is_new)
        return None if step is None else to(step)


def _next(job: Job, pending: Iterable[Step], *, has_room: bool) -> Step | None:
    """Go on with a job's steps that are left; ``has_room``: for the first that needs an executor there is some."""
    for step in pending:
        flow = flows.from_json(step.flow)
        if step.type == StepType.APPROVAL and step.decision != REJECTED:
            if not step.decision and job.auto_apply:
                step.decision, step.decided_by = APPROVED, "autoApply"
            if not step.decision:
                team = flow.team or ""
                waits = _("Waits for approval by {team}").format(team=team) if team else _("Waits for approval")
                _move_job(job, S.WAITING_APPROVAL, reason=waits, code="waits-for-approval", approval_team=team or None)
                return None
            if not flow.commands and flow.import_commands is None:
                now = timezone.now()
                _move_step(step, S.COMPLETED, ended_at=now, decision=step.decision, decided_by=step.decided_by)
                continue
            step.save(update_fields=["decision", "decided_by"])
        elif step.type == StepType.DISABLE_WORKSPACE:
            _move_step(step, S.COMPLETED, ended_at=timezone.now())
            Workspace.objects.filter(pk=job.workspace_id).update(deleted=True)
            _end_job(job, S.COMPLETED, reason=_("The workspace was deleted, as its template says"))
            return None
        elif step.type == StepType.SCHEDULE_TEMPLATES:
            try:
                schedule_templates(job, flow.templates or ())
            except CannotSchedule as error:
                _move_step(
                    step,
                    S.FAILED,
                    ended_at=timezone.now(),
                    reason_code="no-schedules",
                    reason=fitting(str(error), 1024),
                )
                _end_job(job, S.FAILED, reason=str(error), code="no-schedules")
                return None
            _move_step(step, S.COMPLETED, ended_at=timezone.now())
            continue
        if not has_room and _must_wait(job, capacity.class_of(step.type)):
            return None
        return _hand_over(job, step)
    _end_job(job, S.COMPLETED)
    return None


def _hand_over(job: Job, step: Step) -> Step:
    _move_step(step, S.QUEUE, queued_at=timezone.now())
    _move_job(job, S.QUEUE, reason=_("{step}: starting").format(step=step.name), code="starting")
    return step


# ---- what an executor reports ---------------------------------------------------------------------------------------


def start_step(step_id: UUID) -> bool:
    """Mark a launched step as running, since its executor has claimed it. False when it is not waiting for that."""
    with transaction.atomic():
        found = _locked_by_step(step_id)
        if found is None or found[1].status != S.QUEUE:
            return False
        job, step = found
        _move_step(step, S.RUNNING, started_at=timezone.now())
        _move_job(job, S.RUNNING)
        return True


def start_again(step_id: UUID, *, code: str, reason: str) -> bool:
    """Hand a running plan over anew, since its executor is lost and proved gone. False when it does not run.

    Nothing but a plan is ever begun twice, and that only where its workspace asks for it.
    """
    with transaction.atomic():
        found = _locked_by_step(step_id)
        if found is None or found[1].status != S.RUNNING or found[1].type not in PLAN_TYPES:
            return False
        job, step = found
        _move_step(step, S.QUEUE, queued_at=timezone.now(), started_at=None)
        _move_job(job, S.QUEUE, reason=reason, code=code)
        return True


def note_interruption(step_id: UUID, interruption: Interruption) -> None:
    """Keep how far the stopping of a cancelled step is; its status is final before."""
    Step.objects.filter(pk=step_id).update(interruption=interruption)


def pin_commit(step_id: UUID, commit_id: str) -> bool:
    """Keep the commit that a job's first step found, so that its later steps run the same. False when one is kept."""
    return bool(Job.objects.filter(steps=step_id, commit_id=None).update(commit_id=fitting(commit_id, 64)))


def explain(step_id: UUID, reason: str, *, code: str) -> bool:
    """Say what a launched step waits for. False, changing nothing, when it waits for nothing any more."""
    query = Job.objects.filter(status=S.QUEUE, steps=step_id, steps__status=S.QUEUE).exclude(
        reason=fitting(reason, 512)
    )
    return bool(query.update(reason=fitting(reason, 512), reason_code=fitting(code, 64)))


def finish_step(step_id: UUID, outcome: Outcome) -> bool:
    """End a step that is with an executor, and queue the job's next step or end the job.

    Returns False, changing nothing, when the step had already ended. A plan without changes completes its job; a
    failure that the flow ignores (``ignoreError``) does not fail it, except a plan's, since there is nothing to apply.
    A lost executor always ends the job, which then keeps its workspace until ``release_workspace``: what may still
    write the state must meet no other step.
    """
    with transaction.atomic():
        found = _locked_by_step(step_id)
        if found is None or found[1].status not in IN_EXECUTOR:
            return False
        job, step = found
        flow = flows.from_json(step.flow)
        is_plan = step.type in PLAN_TYPES
        ignored = not outcome.succeeded and not outcome.lost and flow.ignore_error and step.status == S.RUNNING
        _move_step(
            step,
            S.COMPLETED if outcome.succeeded or ignored else S.FAILED,
            ended_at=timezone.now(),
            reason_code=fitting(outcome.reason_code, 64),
            reason=fitting(outcome.reason, 1024),
        )
        if step.decision == REJECTED:
            why = _("Rejected by {person}").format(person=step.decided_by)
            _end_job(job, S.REJECTED, reason=why, code="rejected", keep_workspace=outcome.lost)
        elif not outcome.succeeded and (is_plan or not ignored):
            reason = f"{step.name}: {outcome.reason}" if outcome.reason else _("{step} failed").format(step=step.name)
            _end_job(job, S.FAILED, reason=reason, code=outcome.reason_code, keep_workspace=outcome.lost)
        elif is_plan and outcome.changes is False:
            _end_job(job, S.COMPLETED, reason=_("The plan has no changes"), code="no-changes", **_plan(outcome))
        else:
            _move_job(job, S.PENDING, **(_plan(outcome) if is_plan else {}))
            _stand_in_line(job)
            enqueue("executors.tasks.advance_job", job.pk)
        return True


def _plan(outcome: Outcome) -> dict[str, Any]:
    """What a job keeps of its plan; one that does not say whether there are changes may have some."""
    return {"plan_changes": outcome.changes is not False, "terraform_plan": outcome.plan}


def release_workspace(job_id: int) -> bool:
    """Free the workspace of an ended job, once its last pod is gone. False when it was free already."""
    with transaction.atomic():
        job = _locked(job_id)
        if job is None or not job.holds_workspace or not job.is_final:
            return False
        job.holds_workspace = False
        job.save(update_fields=["holds_workspace"])
        enqueue("executors.tasks.advance_workspace", str(job.workspace_id))
        return True


# ---- what a person decides ------------------------------------------------------------------------------------------


def decide(job_id: int, *, approved: bool, by: str, comment: str = "") -> bool:
    """Approve or reject a job that waits for approval. False when it doesn't wait for that (any more)."""
    with transaction.atomic():
        job = _locked(job_id)
        if job is None or job.status != S.WAITING_APPROVAL:
            return False
        step = job.steps.filter(status=S.PENDING, type=StepType.APPROVAL).first()
        if step is None:
            raise IllegalTransition(f"Job {job.pk} waits for approval without a step for it")
        if step.decision:
            # Rejected, and its commands for that wait for room.
            return False
        step.decision, step.decided_by = (APPROVED if approved else REJECTED), fitting(by, 256)
        step.reason = fitting(comment, 1024)
        step.save(update_fields=["decision", "decided_by", "reason"])
        job.updated_by = fitting(by, 256)
        job.save(update_fields=["updated_by"])
        if approved:
            _move_job(job, S.APPROVED, reason=_("Approved by {person}").format(person=by))
            enqueue("executors.tasks.advance_job", job.pk)
        elif flows.from_json(step.flow).on_reject:
            if not _must_wait(job, capacity.class_of(step.type)):
                _hand_over(job, step)
                enqueue("executors.tasks.launch_step", str(step.pk))
        else:
            said = _("Rejected by {person}: {comment}") if comment else _("Rejected by {person}")
            why = said.format(person=by, comment=comment)
            _end_job(job, S.REJECTED, reason=why, code="rejected")
        return True


def cancel(job_id: int, *, by: str) -> bool:
    """Cancel a job that has not ended. False when it had.

    The job is cancelled at once. A step that is with an executor is told to stop; the workspace stays taken until that
    executor is proved gone, so that no other job meets its state lock or a half-written state.
    """
    with transaction.atomic():
        job = _locked(job_id)
        if job is None or job.status in FINAL_JOB:
            return False
        launched = job.steps.filter(status__in=IN_EXECUTOR).first()
        job.updated_by = fitting(by, 256)
        job.save(update_fields=["updated_by"])
        why = _("Cancelled by {person}").format(person=by)
        _end_job(job, S.CANCELLED, reason=why, code="cancelled", keep_workspace=launched is not None)
        if launched is not None:
            enqueue("executors.tasks.cancel_step", str(launched.pk))
        return True
