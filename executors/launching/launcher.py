"""Launch a step: the next attempt, what it needs, and the executor that its workspace asks for."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from executors import attempts, cleaning, limits
from executors.choices import AttemptOutcome, AttemptState, ExecutorKind
from executors.cluster import ClusterError
from executors.conf import installation
from executors.launching import on_cluster, on_machine
from executors.launching.errors import LaunchError
from executors.launching.imports import import_commands
from executors.models import Attempt
from workspaces import flows, transitions
from workspaces.choices import Category
from workspaces.ephemeral import EphemeralSyntaxErrors, PodSettings, pod_settings
from workspaces.models import Step
from workspaces.services.steps import needs_commands
from workspaces.variables import Inputs, step_inputs

logger = logging.getLogger(__name__)
RELAUNCH_SECONDS = 5
"""How long a launch that the cluster could not take now waits before it is tried again."""


def load_step(step_id: UUID) -> Step | None:
    """A step with what every launch reads of it."""
    return Step.objects.select_related("job__workspace__organization").filter(pk=step_id).first()


@dataclass(frozen=True, slots=True)
class Needs:
    """What a step is launched with; ``pod`` None where its settings are wrong, and ``wrong`` says how."""

    step: Step
    inputs: Inputs
    pod: PodSettings | None
    wrong: str
    deadlines: Mapping[str, int]

    @property
    def executor(self) -> ExecutorKind:
        """The executor that the workspace asks for."""
        return ExecutorKind.KUBERNETES if self.pod is not None and self.pod.enabled else ExecutorKind.LOCAL


def needs_of(step: Step) -> Needs:
    """Read what a step is launched with."""
    inputs = step_inputs(step.job, flows.from_json(step.flow))
    deadlines = limits.deadlines_of(step.job.workspace)
    try:
        return Needs(step, inputs, pod_settings(inputs.texts(Category.ENV), inputs.hidden), "", deadlines)
    except EphemeralSyntaxErrors as error:
        # Saving refuses such a text, so this is one that was written around the services.
        return Needs(step, inputs, None, str(error), deadlines)


def open_first(step: Step) -> tuple[Attempt, Needs]:
    """The first attempt of a step that is being handed over, in the same transaction; ``launch`` comes after it."""
    needs = needs_of(step)
    return attempts.open_first(step, executor=needs.executor), needs


def launch_step(step_id: UUID) -> bool:
    """Launch the step's attempt that is due. False when there is none, or when it could not be launched now."""
    step = load_step(step_id)
    if step is None:
        return False
    needs = needs_of(step)
    attempt = attempts.open_attempt(step_id, executor=needs.executor)
    if attempt is None:
        return False
    attempt.step = step
    return launch(attempt, needs)


def launch(attempt: Attempt, needs: Needs) -> bool:
    """Launch an attempt that is new and due. False when that could not be done now."""
    try:
        if needs.pod is None:
            raise LaunchError("bad-settings", needs.wrong)
        if needs.inputs.refusals:
            # Saving refuses it too, so the policy is newer than the variable, or a flow maps another one to its name.
            raise LaunchError("policy", " ".join(refusal.message for refusal in needs.inputs.refusals))
        if needs_commands(needs.step):
            import_commands(needs.step)
        conf = limits.lowered(installation(), needs.deadlines)
        if attempt.executor == ExecutorKind.KUBERNETES:
            on_cluster.launch(attempt, needs.step, needs.inputs, needs.pod, conf, needs.deadlines)
        else:
            on_machine.launch(attempt, conf, needs.deadlines)
    except LaunchError as error:
        _not_launched(attempt, error)
        return False
    if attempt.state == AttemptState.NEW:
        # Its state was another one when its launch was written down: claimed by now, or over.
        _stop_if_over(attempt)
    return True


def _stop_if_over(attempt: Attempt) -> None:
    """End what was just launched when its step was cancelled meanwhile, for then nobody else knows of it."""
    attempt.refresh_from_db(fields=["state", "outcome", "cleaned_at"])
    if attempt.state == AttemptState.ENDED and attempt.outcome != AttemptOutcome.SUCCEEDED:
        stop(attempt)


def _not_launched(attempt: Attempt, error: LaunchError) -> None:
    limit = dt.timedelta(seconds=installation().start_timeout_seconds)
    if error.retryable and timezone.now() - attempt.created_at < limit:
        logger.warning("Attempt %s was not launched and will be tried again: %s", attempt, error.message)
        attempts.postpone(attempt, seconds=RELAUNCH_SECONDS)
        words = f"{error.message}. Trying again every {RELAUNCH_SECONDS} s"
        transitions.explain(attempt.step_id, words, code=error.code)
        return
    attempts.fail(attempt, code=error.code, reason=error.message, sources=frozenset({AttemptState.NEW}))


def stop(attempt: Attempt) -> bool:
    """End what runs an attempt: its Job or its process is told to stop. True when nothing of it is left.

    A cluster that does not answer is not an error here: the sweep asks again until the end is proved.
    """
    try:
        kubernetes = attempt.executor == ExecutorKind.KUBERNETES
        gone = on_cluster.stop(attempt) if kubernetes else on_machine.stop(attempt)
    except ClusterError as error:
        logger.warning("Attempt %s could not be stopped yet: %s", attempt, error)
        return False
    if gone and attempt.state == AttemptState.ENDED:
        cleaning.mark_cleaned(attempt)
    return gone


def cancel_step(step_id: UUID, *, force: bool = False) -> None:
    """Stop a cancelled step's attempt, whatever it is doing."""
    attempt = attempts.request_cancel(step_id, force=force)
    if attempt is not None and attempt.cleaned_at is None:
        stop(attempt)
