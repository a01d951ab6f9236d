"""Decide what a job does next: start, queue its next step, or end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from terrakube_site.database.built_writes import BuiltInserts
from workspaces import flows
from workspaces.choices import IN_EXECUTOR, JobStatus, StepType
from workspaces.jobs import capacity
from workspaces.jobs.approval_teams import deciding_team
from workspaces.jobs.blockers import incomplete, why_give_back, why_wait
from workspaces.jobs.obstacles import Obstacle, going_on, obstacle
from workspaces.jobs.schedules import CannotSchedule, schedule_templates
from workspaces.jobs.start_rules import still_auto_approves
from workspaces.jobs.transitions.room import must_wait
from workspaces.jobs.transitions.table import APPROVED, AUTO_APPLY, REJECTED
from workspaces.jobs.transitions.writes import end_job, lock_job, move_job, move_step
from workspaces.models import Job, Step, Workspace
from workspaces.models.reasoned import REASON
from workspaces.reasons import Reason, reason
from workspaces.task_queue.client import enqueue

S = JobStatus
_STEPS = BuiltInserts(Step)
_BEFORE_AN_EXECUTOR = frozenset({StepType.APPROVAL, StepType.SCHEDULE_TEMPLATES, StepType.DISABLE_WORKSPACE})
"""Steps that a job does, or waits for, without an executor."""


def _start(job: Job) -> list[Step] | None:
    """Make a waiting job the active one of its workspace; return its new steps in order.

    Returns None when the job must keep waiting or has ended. If its first step needs an executor, there is capacity for
    it. The next ``move_job`` stores the start, and raises IntegrityError when the workspace has another active job
    meanwhile.
    """
    _call_checks_back(job)
    wait = why_wait(job)
    if wait is not None:
        if job.waits_for_room or not job.says(wait):
            move_job(job, S.PENDING, wait)
        return None
    names = incomplete(job)
    if names:
        why = reason("incomplete-variables", "without-value", names=", ".join(names))
        end_job(job, S.FAILED, why, output=str(why))
        return None
    flow = flows.parse(job.tcl)
    # Before anything is written: a job waiting for capacity has not started, and holds no workspace.
    room = capacity.first_class(flow, auto_apply=job.auto_apply)
    if room is not None and must_wait(job, room):
        return None
    job.holds_workspace, job.started_at = not job.plan_only, timezone.now()
    steps = [
        Step(
            job=job,
            step_number=each.step,
            name=each.name[:128],
            type=each.type,
            flow=flows.to_json(each),
        )
        for each in flow
    ]
    if room is not None and flow[0].type not in _BEFORE_AN_EXECUTOR:
        # It is what ``_next`` queues, so it is stored as queued.
        move_step(steps[0], S.QUEUE, queued_at=timezone.now())
    _STEPS.store(steps)
    return steps


def _call_checks_back(job: Job) -> None:
    """Let the drift checks of a job's workspace be given back to it; not here, since each has a row lock of its own."""
    around = job.surroundings
    if job.is_drift_check or around is None or not around.others_open:
        return
    if Job.objects.unfinished().drift_checks().filter(workspace=job.workspace_id).exists():
        enqueue("executors.tasks.give_back_checks", job.pk)


def advance(job_id: int) -> UUID | None:
    """Do the next thing for a job that is pending or approved.

    Returns the id of the step to launch now; None when the job waits, has ended, or its step is already in an executor.
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
        # Another job became the workspace's active one between our read and our write. Now the read will find it.
        return _advance(job_id, to)


def _advance[T](job_id: int, to: Callable[[Step], T]) -> T | None:
    with transaction.atomic():
        job = lock_job(job_id)
        if job is None or job.is_final:
            return None
        found = obstacle(job)
        if found is not None and found.ends:
            stop_short(job, found)
            return None
        # One that was rejected, and waited, still has its flow's commands for that to run.
        if job.status not in {S.PENDING, S.APPROVED} and not _open_rejection(job):
            return None
        if job.is_drift_check and job.status == S.PENDING and (why := why_give_back(job)) is not None:
            end_job(job, S.CANCELLED, why)
            return None
        if _must_wait_again(job):
            return None
        is_new = job.started_at is None
        steps = _start(job) if is_new else list(job.steps.filter(status=S.PENDING))
        step = None if steps is None else _next(job, steps, has_room=is_new, found=found)
        return None if step is None else to(step)


def _must_wait_again(job: Job) -> bool:
    """Return whether a saved plan that was approved must wait for its workspace; False if it holds the workspace now.

    The next ``move_job`` stores that, and raises IntegrityError when the workspace has another active job meanwhile.
    """
    if not job.save_plan or job.holds_workspace or job.status != S.APPROVED:
        return False
    wait = why_wait(job)
    if wait is None:
        job.holds_workspace = True
        return False
    if job.waits_for_room or not job.says(wait):
        move_job(job, S.APPROVED, wait)
    return True


def _open_rejection(job: Job) -> Step | None:
    """Return the rejected approval whose commands for a rejection have not run; None if there is none."""
    if job.status != S.WAITING_APPROVAL:
        return None
    found: Step | None = job.steps.filter(status=S.PENDING, type=StepType.APPROVAL, decision=REJECTED).first()
    return found


def stop_short(job: Job, found: Obstacle) -> None:
    """End a job that may not continue, unless one of its steps is in an executor; that step runs to its end."""
    if job.status in IN_EXECUTOR:
        Job.objects.filter(pk=job.pk, status=S.RUNNING, reason="").update(**going_on(found).columns)
        return
    rejection = _open_rejection(job)
    if job.started_at is not None and not job.steps.filter(status=S.PENDING).exists():
        # Its last step went on to its end: nothing of it is left undone.
        end_job(job, S.COMPLETED)
    elif rejection is not None:
        end_job(job, S.REJECTED, rejected_by(rejection))
    else:
        end_job(job, S.FAILED, found.why)


def _next(job: Job, pending: Iterable[Step], *, has_room: bool, found: Obstacle | None) -> Step | None:
    """Go on with a job's steps that are left; ``has_room``: for the first that needs an executor there is some.

    With an obstacle none of them is started, but those that only wait for a decision.
    """
    for step in pending:
        flow = flows.from_json(step.flow)
        if step.type == StepType.APPROVAL and step.decision != REJECTED:
            team = deciding_team(flow.team, job.organization)
            if not step.decision and job.auto_apply and still_auto_approves(job, team):
                note_decision(job, step, approved=True, by=AUTO_APPLY)
            if not step.decision:
                waits = ("waits-for-approval", "approval-by-team") if team else ("waits-for-approval",)
                holds = job.holds_workspace and not job.save_plan
                why = reason(*waits, team=team)
                move_job(job, S.WAITING_APPROVAL, why, approval_team=team or None, holds_workspace=holds)
                if job.save_plan:
                    # Its plan may wait for days, in which others change the workspace.
                    enqueue("executors.tasks.advance_workspace", str(job.workspace_id))
                return None
            if not flow.commands and flow.import_commands is None:
                now = timezone.now()
                move_step(step, S.COMPLETED, ended_at=now)
                continue
        if found is not None:
            if job.waits_for_room or not job.says(found.why):
                move_job(job, JobStatus(job.status), found.why)
            return None
        if step.type == StepType.DISABLE_WORKSPACE:
            move_step(step, S.COMPLETED, ended_at=timezone.now())
            Workspace.objects.filter(pk=job.workspace_id).update(deleted=True)
            end_job(job, S.COMPLETED, reason("", "deleted-by-template"))
            return None
        elif step.type == StepType.SCHEDULE_TEMPLATES:
            try:
                schedule_templates(job, flow.templates or ())
            except CannotSchedule as error:
                move_step(step, S.FAILED, ended_at=timezone.now(), **error.why.columns)
                end_job(job, S.FAILED, error.why)
                return None
            move_step(step, S.COMPLETED, ended_at=timezone.now())
            continue
        if not has_room and must_wait(job, capacity.class_of(step.type)):
            return None
        return _queued(job, step) if step.status == S.QUEUE else queue_step(job, step)
    end_job(job, S.COMPLETED)
    return None


def queue_step(job: Job, step: Step) -> Step:
    move_step(step, S.QUEUE, queued_at=timezone.now())
    return _queued(job, step)


def _queued(job: Job, step: Step) -> Step:
    move_job(job, S.QUEUE, reason("starting", step=step.name))
    return step


def rejected_by(step: Step) -> Reason:
    if step.reason:
        return reason("rejected", "rejected-because", person=step.decided_by, comment=step.reason)
    return reason("rejected", "rejected-by", person=step.decided_by)


def note_decision(job: Job, step: Step, *, approved: bool, by: str, comment: str = "") -> None:
    """Store who decided an approval, when and with which comment; the job shows the last one given."""
    step.decision, step.decided_by = (APPROVED if approved else REJECTED), by
    step.decided_date, step.comment = timezone.now(), comment
    step.save(update_fields=["decision", "decided_by", "decided_date", "comment", *REASON])
    if approved:
        job.approved_by, job.approved_date = step.decided_by, step.decided_date
        job.save(update_fields=["approved_by", "approved_date"])
