"""Apply the reports of Terrakube's executor to its attempt.

It writes job and step as if they were its own: ``running`` at its start, then the end of the step, then the status
of the job. It never says which attempt it is. So the first ``running`` is the claim; the end of a job counts only
for a step that has reported its own end; and a late or repeated report changes nothing.
Another executor, written in Go, reports ``running`` of its step before its job, and the commit in a report of its own.
"""

from __future__ import annotations

import enum
import logging
import re
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from executors.attempts import lifecycle
from executors.attempts.lifecycle import Claim
from executors.choices import ACTIVE, UNCLAIMED, AttemptOutcome, AttemptState, EventKind, ExecutorKind
from executors.installation.settings import installation, is_terrakube_name
from executors.models import Attempt
from executors.terrakube import storage, stream
from executors.terrakube.log_lines import fold_whole
from executors.terrakube.source_proof import has_source, lacks_source, note_source
from executors.terrakube.storage import StorageError
from executors.terrakube.stream import StreamError
from workspaces.choices import PLAN_TYPES, JobStatus, StepType
from workspaces.errors import WrongState
from workspaces.jobs import transitions
from workspaces.models import Job, RecoveredState, Step
from workspaces.reasons import NONE, reason

logger = logging.getLogger(__name__)
REPORTS = frozenset({JobStatus.RUNNING, JobStatus.PENDING, JobStatus.COMPLETED, JobStatus.FAILED})
"""Statuses that an executor writes; all others come from people."""
_BY_STEP = _("by the report of its step")
_UPLOADED = "000000000"  # stands for the commit of an uploaded source
_SHUTTING_DOWN = "Executor pod is shutting down"
_STEP_OF_OUTPUT = re.compile(r"Step ([0-9a-fA-F-]{36}) completed")


class _Phase(enum.StrEnum):
    """How far the reports of an attempt are, besides the phase of its step."""

    REPORTED = "report"
    STOPPING = "stopping"


_PHASES = {
    StepType.PLAN: "plan",
    StepType.PLAN_DESTROY: "plan",
    StepType.APPLY: "apply",
    StepType.DESTROY: "destroy",
    StepType.SCRIPTS: "script",
    StepType.APPROVAL: "script",
}


class NotYours(WrongState):
    """The executor may not begin: it gets an error, at which Terrakube's executor ends without running anything."""

    code = "attempt-over"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """What an executor writes into its job at the end of its step."""

    status: JobStatus
    plan_changes: bool = True
    plan: str | None = None
    commit_id: str = ""
    output: str = ""


def runs_terrakube(attempt: Attempt) -> bool:
    """Return True if an attempt's pod runs Terrakube's own executor."""
    if attempt.executor != ExecutorKind.KUBERNETES:
        return False
    conf = installation()
    # It may report before its launcher has recorded the image.
    if attempt.image in {"", conf.image}:
        return conf.is_terrakube_image
    return is_terrakube_name(attempt.image)


def open_attempt(job: Job) -> Attempt | None:
    """Return the attempt that a job's executor runs or will run; None if no pod has Terrakube's image."""
    query = Attempt.objects.select_related("step__job").filter(step__job=job)
    attempt = query.exclude(state=AttemptState.ENDED).first()
    return attempt if attempt is not None and runs_terrakube(attempt) else None


# ---- at its start ---------------------------------------------------------------------------------------------------


def begin(job: Job, commit_id: str) -> None:
    """Claim the attempt for the executor that reports ``running`` for its job.

    Raises NotYours, after failing the step if the executor would continue without its source.
    """
    attempt = open_attempt(job)
    if attempt is None or attempt.state not in {*UNCLAIMED, AttemptState.CLAIMED}:
        raise NotYours(f"Job {job.pk} has no step that an executor could begin: it is {job.get_status_display()}.")
    by_step = _is_claimed_by_step(attempt)
    if _is_further(attempt) if by_step else attempt.phase:
        raise _another_executor(attempt)
    if by_step:
        # It has no source yet; its proof follows.
        return
    _claim(attempt)
    if lacks_source(attempt, commit_id):
        _end_without_source(attempt, "ran-nothing")
        raise NotYours(f"The step of job {job.pk} has no source to run.")
    _pin(attempt, commit_id)


def begin_step(step: Step) -> None:
    """Let the executor continue that reports ``running`` for its step. Raises NotYours."""
    attempt = open_attempt(step.job)
    if attempt is None or attempt.step_id != step.pk:
        raise NotYours(f"{step} is not to be run (any more): it is {step.get_status_display()}.")
    if attempt.state in UNCLAIMED:
        _claim(attempt, detail=_BY_STEP)
    elif _is_claimed_by_step(attempt) and _is_further(attempt):
        raise _another_executor(attempt)
    if attempt.state != AttemptState.CLAIMED:
        raise NotYours(f"{step} was cancelled.")
    lifecycle.record_heartbeat(attempt, phase=_PHASES.get(StepType(step.type), "step"))


def commit_found(job: Job, commit_id: str) -> None:
    """Keep the commit that an executor reports while it runs its step; one that is over pins nothing."""
    attempt = open_attempt(job)
    if attempt is not None and attempt.state == AttemptState.CLAIMED:
        note_source(attempt, commit_id)
        _pin(attempt, commit_id)


def _is_claimed_by_step(attempt: Attempt) -> bool:
    """Return whether the first report of an attempt's executor was about its step."""
    return attempt.events.filter(kind=EventKind.CLAIMED, detail=_BY_STEP).exists()


def _is_further(attempt: Attempt) -> bool:
    """Whether the executor that claimed an attempt by its step has reported more since: its source, or its end."""
    return attempt.phase in set(_Phase) or has_source(attempt, since=attempt.claimed_at)


def _another_executor(attempt: Attempt) -> NotYours:
    logger.warning("Attempt %s was claimed a second time; the second executor was refused", attempt.pk)
    return NotYours(f"The step of job {attempt.step.job_id} is run by another executor.")


def _claim(attempt: Attempt, *, detail: str = "") -> None:
    others = Attempt.objects.filter(step=attempt.step_id, cleaned_at=None).exclude(pk=attempt.pk)
    if others.exists():
        # Both would report for the same step, and nothing in their reports tells them apart.
        raise NotYours("An earlier executor of this step may be there still.")
    claimed = lifecycle.claim_by_report(attempt, detail=detail)
    if claimed not in {Claim.WON, Claim.REPEATED} or attempt.state != AttemptState.CLAIMED:
        raise NotYours("This attempt is over, or another executor has claimed it.")


def _pin(attempt: Attempt, commit_id: str) -> None:
    if commit_id and commit_id != _UPLOADED:
        transitions.pin_commit(attempt.step_id, commit_id)


# ---- at its end -----------------------------------------------------------------------------------------------------


def end_step(step: Step, *, succeeded: bool, output: str = "") -> None:
    """Record the end of the step that an executor reports; its report about the job then ends the attempt.

    For a cancelled job it sends no other report, so this is the last one.
    """
    attempt = open_attempt(step.job)
    if attempt is None or attempt.step_id != step.pk:
        return
    if attempt.state in UNCLAIMED:
        # It failed before it could begin: this is its first report.
        try:
            _claim(attempt)
        except NotYours:
            return
    if attempt.state == AttemptState.INTERRUPTING:
        _end(attempt, succeeded=succeeded)
        return
    lifecycle.record_heartbeat(attempt, phase=_Phase.STOPPING if _SHUTTING_DOWN in output else _Phase.REPORTED)


def end_job(job: Job, report: JobReport) -> None:
    """End the attempt that an executor's last report belongs to; does nothing if it is over."""
    attempt = open_attempt(job)
    if attempt is None or attempt.state not in ACTIVE or not _is_about(attempt, report):
        return
    if report.status != JobStatus.FAILED and lacks_source(attempt, report.commit_id):
        # This version does not report when it begins.
        is_plan = attempt.step.type in PLAN_TYPES
        _end_without_source(attempt, "plan-unused" if is_plan else "ran-in-empty-folder")
        return
    _pin(attempt, report.commit_id)
    plan = report.plan if report.plan and len(report.plan) <= 1024 else None
    _end(
        attempt,
        succeeded=report.status != JobStatus.FAILED,
        changes=report.plan_changes,
        plan=plan,
        stopped=_SHUTTING_DOWN in report.output or attempt.phase == _Phase.STOPPING,
    )


def _is_about(attempt: Attempt, report: JobReport) -> bool:
    """Return True if the end of a job belongs to this attempt's step, not to a repeated report of an earlier one."""
    named = _STEP_OF_OUTPUT.findall(report.output)
    if named:
        return bool(named[-1].lower() == str(attempt.step_id))
    if attempt.phase in set(_Phase):
        return True
    earlier = Attempt.objects.filter(step__job=attempt.step.job_id, outcome=AttemptOutcome.FAILED)
    return report.status == JobStatus.FAILED and not earlier.exists()


def _end(
    attempt: Attempt,
    *,
    succeeded: bool,
    changes: bool | None = None,
    plan: str | None = None,
    stopped: bool = False,
) -> None:
    keep_log(attempt)
    interrupted = attempt.state == AttemptState.INTERRUPTING
    if succeeded and _left_a_state(attempt):
        # It continues after its announcement was refused, and knows of no step that failed for that.
        outcome, why = AttemptOutcome.FAILED, reason("state-refused", "announced-refused")
    elif succeeded:
        outcome, why = AttemptOutcome.SUCCEEDED, NONE
    elif interrupted:
        outcome, why = AttemptOutcome.CANCELLED, reason("cancelled", "executor-stopped")
    elif stopped:
        outcome, why = AttemptOutcome.FAILED, reason("stopped", "told-to-end")
    else:
        outcome, why = AttemptOutcome.FAILED, reason("step-failed", "reports-failure")
    result = lifecycle.Report(outcome=outcome, changes=changes, plan=plan, why=why)
    lifecycle.report_result(attempt, result)
    stream.delete(attempt.step.job_id)


def _end_without_source(attempt: Attempt, form: str) -> None:
    keep_log(attempt)
    why = reason("source-unproved", words=reason("", form))
    lifecycle.report_result(attempt, lifecycle.Report(outcome=AttemptOutcome.FAILED, why=why))
    stream.delete(attempt.step.job_id)


def _left_a_state(attempt: Attempt) -> bool:
    """Return True if a state announced by this attempt was refused and stored as a recovered one."""
    since = attempt.claimed_at or attempt.created_at
    return RecoveredState.objects.filter(job=attempt.step.job_id, created_date__gte=since).exists()


def keep_log(attempt: Attempt) -> None:
    """Store the rest of an attempt's log: from its stream, or from the storage if the stream was empty.

    An unreadable log delays no result.
    """
    job = attempt.step.job
    try:
        if stream.is_configured():
            stream.fold(attempt, job.pk)
    except StreamError as error:
        logger.warning("The log stream of job %s was not read: %s", job.pk, error)
    try:
        fold_whole(attempt, lambda: storage.load_log(job.organization_id, job.pk, attempt.step_id))
    except StorageError as error:
        logger.warning("The log of attempt %s was not read: %s", attempt, error)
