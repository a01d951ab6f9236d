"""How a step can stop before its end."""

from __future__ import annotations


class StepFailed(Exception):
    """The step failed; `reason` is a short code, the text one sentence for people.

    `exit_code` is that of the command that failed, None when none had run.
    """

    def __init__(self, reason: str, message: str, *, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.exit_code = exit_code


class Stopped(Exception):
    """Nothing more is to be started: the step was cancelled, or its attempt is over."""


class ClaimRefused(Exception):
    """The attempt is not ours to run; the text says why."""


class ApiUnavailable(Exception):
    """The API gave no usable answer (no connection, 429, 5xx); the same call may be tried again."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ApiRefused(Exception):
    """The API said no and would say it again."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class AttemptOver(Exception):
    """The attempt has ended (410) or the session is not valid for it (401): nothing more may run."""
