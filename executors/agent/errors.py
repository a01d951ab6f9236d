"""Exceptions that end a step early."""

from __future__ import annotations

from terrakube_site.sentences import Sentence
from terrakube_site.sentences import marked as _


class StepFailed(Exception):
    """The step failed; `reason` is a short code, the text one sentence for people: a marked format with its values.

    `exit_code` is the one of the failed command, None if no command ran.
    """

    def __init__(self, reason: str, text: str, /, *, exit_code: int | None = None, **values: object) -> None:
        self.message = text if isinstance(text, Sentence) else Sentence(text, **values)
        super().__init__(self.message)
        self.reason = reason
        self.exit_code = exit_code


def unreadable(name: str, error: OSError) -> StepFailed:
    """Return the failure of a step that cannot read a file."""
    return StepFailed(
        "file-failed", _("The file {file} cannot be read: {error}."), file=name, error=error.strerror or error
    )


def unwritable(name: str, error: OSError) -> StepFailed:
    """Return the failure of a step that cannot write a file."""
    return StepFailed(
        "file-failed", _("The file {file} cannot be written: {error}."), file=name, error=error.strerror or error
    )


class Stopped(Exception):
    """No new command may start: the step was cancelled, or its attempt is over."""


class ClaimRefused(Exception):
    """This process may not run the attempt; the text says why."""


class ApiUnavailable(Exception):
    """The API gave no usable answer (no connection, 429, 5xx); the call may be retried."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ApiRefused(Exception):
    """The API refused the call; a retry would be refused too."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class AttemptOver(Exception):
    """The attempt has ended (410) or its session is not valid (401): nothing more may run."""
