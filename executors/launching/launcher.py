"""Launch steps: open the attempt, read what it needs, and start the executor that the workspace selects."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from executors.attempts import cleanup, lifecycle
from executors.choices import AttemptOutcome, AttemptState, ExecutorKind
from executors.cluster import ClusterError
from executors.installation import limits
from executors.installation.settings import installation
from executors.launching import kubernetes_job, local_process
from executors.launching.errors import LaunchError
from executors.launching.imported_commands import import_commands
from executors.launching.redaction import redact_message, secret_texts
from executors.models import Attempt
from terrakube_site.messages import joined
from workspaces import flows
from workspaces.choices import Category
from workspaces.encryption import DecryptionError
from workspaces.jobs import transitions
from workspaces.models import Step
from workspaces.pods import EphemeralSyntaxErrors, PodSettings, pod_settings
from workspaces.reasons import framed, told
from workspaces.services.steps import needs_commands
from workspaces.variables.in_force import Inputs, step_inputs

logger = logging.getLogger(__name__)
RELAUNCH_SECONDS = 5
"""Seconds until a launch that the cluster could not take is retried."""
LONGEST_WAIT = 30
"""The same at most, where the cluster answers nobody: the wait grows with the attempt's age."""


def load_step(step_id: UUID) -> Step | None:
    """Load a step with all that a launch reads of it."""
    return Step.objects.select_related("job__workspace__organization").filter(pk=step_id).first()


@dataclass(frozen=True, slots=True)
class Needs:
    """What a launch needs of a step; ``pod`` is None if its settings are invalid, and ``wrong`` says why."""

    step: Step
    inputs: Inputs
    pod: PodSettings | None
    wrong: str
    deadlines: Mapping[str, int]

    @property
    def cluster(self) -> str:
        """Return the name of the cluster that the workspace selects, "" for that of the installation's settings."""
        return self.pod.cluster if self.pod is not None and self.pod.enabled else ""

    @property
    def executor(self) -> ExecutorKind:
        """Return the executor that the workspace selects."""
        return ExecutorKind.KUBERNETES if self.pod is not None and self.pod.enabled else ExecutorKind.LOCAL


def read_needs(step: Step) -> Needs:
    """Read what the launch of a step needs."""
    inputs = step_inputs(step.job, flows.from_json(step.flow))
    deadlines = limits.job_deadlines(step.job)
    try:
        return Needs(step, inputs, pod_settings(inputs.texts(Category.ENV), inputs.hidden), "", deadlines)
    except EphemeralSyntaxErrors as error:
        # Saving refuses such a text, so something bypassed the services to write this one.
        return Needs(step, inputs, None, str(error), deadlines)


def open_first_attempt(step: Step) -> tuple[Attempt, Needs]:
    """Open the first attempt of a step, in the transaction that queues the step; call ``launch`` after the commit."""
    needs = read_needs(step)
    return lifecycle.open_first_attempt(step, executor=needs.executor, cluster=needs.cluster), needs


def launch_due_attempt(step_id: UUID) -> bool:
    """Launch the step's attempt that is due. Return False if there is none, or if it could not be launched now."""
    step = load_step(step_id)
    if step is None:
        return False
    needs = read_needs(step)
    attempt = lifecycle.open_attempt(step_id, executor=needs.executor, cluster=needs.cluster)
    if attempt is None:
        return False
    attempt.step = step
    return launch_attempt(attempt, needs)


def launch_attempt(attempt: Attempt, needs: Needs) -> bool:
    """Launch an attempt that is new and due. Return False if that is not possible now."""
    try:
        if needs.inputs.lost is not None:
            raise LaunchError(told("incomplete-variables", needs.inputs.lost))
        if needs.pod is None:
            raise LaunchError(told("bad-settings", needs.wrong))
        if needs.inputs.refusals:
            # Saving refuses it too, so the policy is newer than the variable, or a flow maps another variable to its
            # name.
            raise LaunchError(told("policy", joined(" ", (refusal.message for refusal in needs.inputs.refusals))))
        if needs_commands(needs.step):
            import_commands(needs.step)
        conf = limits.with_deadlines(installation(), needs.deadlines)
        if attempt.executor == ExecutorKind.KUBERNETES:
            kubernetes_job.launch_job(attempt, needs.step, needs.inputs, needs.pod, conf, needs.deadlines)
        else:
            local_process.launch_process(attempt, conf, needs.deadlines)
    except LaunchError as error:
        _not_launched(attempt, error, needs)
        return False
    except DecryptionError as error:
        # A key or a token that the pod's data would hold; every try would meet it again.
        _not_launched(attempt, LaunchError(told("incomplete-variables", error.sentence)), needs)
        return False
    if attempt.state == AttemptState.NEW:
        # Its state changed before the launch was recorded: claimed, or over.
        _stop_if_over(attempt)
    return True


def _stop_if_over(attempt: Attempt) -> None:
    """Stop the new launch if its step was cancelled in the meantime: nothing else knows of it."""
    attempt.refresh_from_db(fields=["state", "outcome", "cleaned_at"])
    if attempt.state == AttemptState.ENDED and attempt.outcome != AttemptOutcome.SUCCEEDED:
        stop_attempt(attempt)


def _not_launched(attempt: Attempt, error: LaunchError, needs: Needs) -> None:
    # The cluster quotes what it refuses.
    secrets = secret_texts(needs.inputs.environment)
    why = error.why.masked(lambda word: redact_message(word, secrets))
    limit = dt.timedelta(seconds=installation().start_timeout_seconds)
    if error.retryable and timezone.now() - attempt.created_at < limit:
        logger.warning("Attempt %s was not launched and will be tried again: %s", attempt, why)
        seconds = RELAUNCH_SECONDS
        if error.waits:
            seconds = round(min(max((timezone.now() - attempt.created_at).total_seconds() / 2, seconds), LONGEST_WAIT))
        lifecycle.postpone_launch(attempt, seconds=seconds)
        transitions.explain(attempt.step_id, framed("launching-again", why, seconds=seconds))
        return
    lifecycle.fail_attempt(attempt, why, sources=frozenset({AttemptState.NEW}))


def stop_attempt(attempt: Attempt) -> bool | None:
    """Stop the executor of an attempt, a Job or a process; return True if nothing of it is left.

    None: the cluster was not asked, refused or did not answer, so nothing is known of the deletion. That is no error
    here: the sweep asks again until the end is proved.
    """
    try:
        kubernetes = attempt.executor == ExecutorKind.KUBERNETES
        gone = kubernetes_job.stop_job(attempt) if kubernetes else local_process.stop_process(attempt)
    except ClusterError as error:
        logger.warning("Attempt %s could not be stopped yet: %s", attempt, error)
        return None
    if gone and attempt.state == AttemptState.ENDED:
        cleanup.mark_cleaned(attempt)
    return gone


def cancel_step(step_id: UUID, *, force: bool = False) -> None:
    """Stop the attempt of a cancelled step, in any state."""
    attempt = lifecycle.request_cancel(step_id, force=force)
    if attempt is not None and attempt.cleaned_at is None:
        stop_attempt(attempt)
