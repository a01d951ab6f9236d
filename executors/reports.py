"""The result that an executor reports, and what is made of it; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from executors.choices import AttemptOutcome, AttemptState
from executors.models import Attempt
from workspaces.choices import StepType

_KILLED = 128 + 9
_SAVED: dict[str, str] = dict.fromkeys((StepType.APPLY, StepType.DESTROY), ", and its last state is saved")
"""An executor that could not deliver a state says so and is not believed to have ended well."""


STOPPED = "stopped"
"""The code of an end of which nobody knew the cause when it was reported."""
UNEXPLAINED = "The pod was told to stop from outside, not by a cancelled job"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result that an executor reports."""

    outcome: AttemptOutcome
    exit_code: int | None = None
    changes: bool | None = None
    plan: str | None = None
    reason_code: str = ""
    reason: str = ""
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None


def understood(attempt: Attempt, result: Report) -> Report:
    """An executor's word together with what else is known: it can't tell why it was told to stop."""
    if result.outcome != AttemptOutcome.CANCELLED:
        return result
    if attempt.state == AttemptState.INTERRUPTING:
        if not attempt.force_stop and result.exit_code != _KILLED:
            return result
        reason = "Cancelled, and killed before it had ended in good order: what it did last may be in no state"
        return replace(result, outcome=AttemptOutcome.KILLED, reason_code="killed-by-cancel", reason=reason)
    if result.reason_code != "cancelled":
        # Another end than ours, of which it tells itself.
        return replace(result, outcome=AttemptOutcome.FAILED)
    why = attempt.leaving_reason or UNEXPLAINED
    end = "it was killed before it had ended" if result.exit_code == _KILLED else "it ended in good order"
    return replace(
        result,
        outcome=AttemptOutcome.FAILED,
        reason_code=attempt.leaving_code or STOPPED,
        reason=f"{why}; {end}{_SAVED.get(attempt.step.type, '')}",
    )
