"""What the reports of Terrakube's executor mean for the attempt that it runs.

It changes job and step as if they were its own: ``running`` at its start, then how the step ended, then what becomes
of the job. It never says which attempt it is. So the first ``running`` is the claim; a job's end is only believed of a
step that has reported its own; and what comes late, or again, changes nothing.
"""

from __future__ import annotations

import enum
import logging
import re
from dataclasses import dataclass

from executors import attempts
from executors.attempts import Claim
from executors.choices import ACTIVE, UNCLAIMED, AttemptOutcome, AttemptState, ExecutorKind
from executors.conf import installation, is_terrakube_name
from executors.models import Attempt
from executors.terrakube import storage, stream
from executors.terrakube.folding import fold_whole
from executors.terrakube.storage import StorageError
from executors.terrakube.stream import StreamError
from workspaces import transitions
from workspaces.choices import JobStatus, StepType
from workspaces.errors import WrongState
from workspaces.models import Job, Step

logger = logging.getLogger(__name__)
REPORTS = frozenset({JobStatus.RUNNING, JobStatus.PENDING, JobStatus.COMPLETED, JobStatus.FAILED})
"""The statuses that an executor writes; all others come from people."""
_UPLOADED = "000000000"  # stands for the commit of an uploaded source
_SHUTTING_DOWN = "Executor pod is shutting down"
_STEP_OF_OUTPUT = re.compile(r"Step ([0-9a-fA-F-]{36}) completed")


class _Phase(enum.StrEnum):
    """Of an attempt, beside what its step does: how far its reports are."""

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
    """An executor may not begin: it is told so by an error, at which Terrakube's ends without running anything."""

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
    """Whether an attempt's pod runs Terrakube's own executor."""
    if attempt.executor != ExecutorKind.KUBERNETES:
        return False
    conf = installation()
    # It may report before its launcher has noted the image.
    if attempt.image in {"", conf.image}:
        return conf.is_terrakube_image
    return is_terrakube_name(attempt.image)


def open_attempt(job: Job) -> Attempt | None:
    """The attempt that a job's executor runs or is about to; None where no pod of Terrakube's image is."""
    query = Attempt.objects.select_related("step__job").filter(step__job=job)
    attempt = query.exclude(state=AttemptState.ENDED).first()
    return attempt if attempt is not None and runs_terrakube(attempt) else None


# ---- at its start ---------------------------------------------------------------------------------------------------


def begin(job: Job, commit_id: str) -> None:
    """Let the executor that says ``running`` of its job begin, which is its claim. Raises NotYours."""
    attempt = open_attempt(job)
    if attempt is None or attempt.state not in {*UNCLAIMED, AttemptState.CLAIMED}:
        raise NotYours(f"Job {job.pk} has no step that an executor could begin: it is {job.get_status_display()}.")
    if attempt.phase:
        # The one that claimed it has said more since, so this is another.
        logger.warning("Attempt %s was claimed a second time; the second executor was refused", attempt.pk)
        raise NotYours(f"The step of job {job.pk} is run by another executor.")
    _claim(attempt)
    _pin(attempt, commit_id)


def begin_step(step: Step) -> None:
    """Let the executor that says ``running`` of its step go on. Raises NotYours."""
    attempt = open_attempt(step.job)
    if attempt is None or attempt.step_id != step.pk:
        raise NotYours(f"{step} is not to be run (any more): it is {step.get_status_display()}.")
    if attempt.state in UNCLAIMED:
        _claim(attempt)
    if attempt.state != AttemptState.CLAIMED:
        raise NotYours(f"{step} was cancelled.")
    attempts.heartbeat(attempt, phase=_PHASES.get(StepType(step.type), "step"))


def _claim(attempt: Attempt) -> None:
    others = Attempt.objects.filter(step=attempt.step_id, cleaned_at=None).exclude(pk=attempt.pk)
    if others.exists():
        # Both would speak for the same step, and nothing in their words tells one from the other.
        raise NotYours("An earlier executor of this step may be there still.")
    if attempts.claim_by_report(attempt) not in {Claim.WON, Claim.REPEATED} or attempt.state != AttemptState.CLAIMED:
        raise NotYours("This attempt is over, or another executor has claimed it.")


def _pin(attempt: Attempt, commit_id: str) -> None:
    if commit_id and commit_id != _UPLOADED:
        transitions.pin_commit(attempt.step_id, commit_id)


# ---- at its end -----------------------------------------------------------------------------------------------------


def step_ended(step: Step, *, succeeded: bool, output: str = "") -> None:
    """Note that an executor says how its step ended; what it says of the job then ends the attempt.

    Of a cancelled job it says nothing more, so this is its last word.
    """
    attempt = open_attempt(step.job)
    if attempt is None or attempt.step_id != step.pk:
        return
    if attempt.state in UNCLAIMED:
        # It failed before it could begin: this is the first that is heard of it.
        try:
            _claim(attempt)
        except NotYours:
            return
    if attempt.state == AttemptState.INTERRUPTING:
        _end(attempt, succeeded=succeeded)
        return
    attempts.heartbeat(attempt, phase=_Phase.STOPPING if _SHUTTING_DOWN in output else _Phase.REPORTED)


def job_ended(job: Job, report: JobReport) -> None:
    """End the attempt that an executor's last word is about; nothing when that is over."""
    attempt = open_attempt(job)
    if attempt is None or attempt.state not in ACTIVE or not _is_about(attempt, report):
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
    """Whether a job's end is that of this attempt's step, and not that of an earlier one, said again."""
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
    if succeeded:
        outcome, code, reason = AttemptOutcome.SUCCEEDED, "", ""
    elif interrupted:
        outcome, code, reason = AttemptOutcome.CANCELLED, "cancelled", "Cancelled; its executor has stopped"
    elif stopped:
        outcome, code, reason = AttemptOutcome.FAILED, "stopped", "Its pod was told to end before the step was done"
    else:
        outcome, code, reason = AttemptOutcome.FAILED, "step-failed", "The executor reports a failure; see the log"
    result = attempts.Report(outcome=outcome, changes=changes, plan=plan, reason_code=code, reason=reason)
    attempts.report(attempt, result)
    stream.delete(attempt.step.job_id)


def keep_log(attempt: Attempt) -> None:
    """Take over the rest of an attempt's log: from its stream, or the stored one where the stream had nothing.

    A log that cannot be read holds up no result.
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
