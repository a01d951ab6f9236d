"""What providers share: repositories, events, their API over guarded requests, a protocol for each subject."""

from vcs.providers.base.api import Api, ApiAnswer, ApiError, Token
from vcs.providers.base.events import Event, Ignored
from vcs.providers.base.protocols import (
    Comments,
    Hooks,
    HookSettings,
    Payloads,
    Provider,
    PullRequest,
    PullRequests,
    Signatures,
    State,
    Status,
    Statuses,
)
from vcs.providers.base.repositories import Repository, normalized

__all__ = (
    "Api",
    "ApiAnswer",
    "ApiError",
    "Comments",
    "Event",
    "HookSettings",
    "Hooks",
    "Ignored",
    "Payloads",
    "Provider",
    "PullRequest",
    "PullRequests",
    "Repository",
    "Signatures",
    "State",
    "Status",
    "Statuses",
    "Token",
    "normalized",
)
