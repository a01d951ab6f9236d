"""The result that an executor reports, and what is made of it; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from executors.choices import AttemptOutcome, AttemptState
from executors.models import Attempt
from workspaces.choices import StepType
from workspaces.reasons import NONE, Reason, framed, reason

_KILLED = 128 + 9
_SAVED = frozenset({StepType.APPLY, StepType.DESTROY})
"""An executor that could not deliver a state says so and is not believed to have ended well."""


STOPPED = "stopped"
"""The code of an end whose cause was unknown when it was reported."""
UNEXPLAINED = reason(STOPPED, "stopped-from-outside")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result that an executor reports."""

    outcome: AttemptOutcome
    exit_code: int | None = None
    changes: bool | None = None
    plan: str | None = None
    why: Reason = NONE
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None


def interpret_report(attempt: Attempt, result: Report) -> Report:
    """Return an executor's word together with what else is known: it can't tell why it was told to stop."""
    if result.outcome != AttemptOutcome.CANCELLED:
        return result
    if attempt.state == AttemptState.INTERRUPTING:
        if not attempt.force_stop and result.exit_code != _KILLED:
            return result
        return replace(result, outcome=AttemptOutcome.KILLED, why=reason("killed-by-cancel"))
    if result.why.code != "cancelled":
        # Another end than ours, of which it tells itself.
        return replace(result, outcome=AttemptOutcome.FAILED)
    end = "ended-killed" if result.exit_code == _KILLED else "ended-well"
    form = f"{end}-saved" if attempt.step.type in _SAVED else end
    return replace(result, outcome=AttemptOutcome.FAILED, why=framed(form, attempt.leaving or UNEXPLAINED))
