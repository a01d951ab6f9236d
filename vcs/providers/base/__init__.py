"""What providers share: repositories, events, their API over guarded requests, a protocol for each subject."""

from vcs.providers.base.api import Api, ApiAnswer, ApiError, Token
from vcs.providers.base.events import Event, Ignored, Sender
from vcs.providers.base.grants import Grant, SetupError, ask_token, grant_of
from vcs.providers.base.protocols import (
    Comments,
    Hooks,
    HookSettings,
    Payloads,
    Provider,
    PullRequest,
    PullRequests,
    Repositories,
    Signatures,
    State,
    Status,
    Statuses,
    Tokens,
)
from workspaces.connections.addresses import PUBLIC, api_url_of, endpoint_of, host_of
from workspaces.connections.repositories import Repository, normalized

__all__ = (
    "PUBLIC",
    "Api",
    "ApiAnswer",
    "ApiError",
    "Comments",
    "Event",
    "Grant",
    "HookSettings",
    "Hooks",
    "Ignored",
    "Payloads",
    "Provider",
    "PullRequest",
    "PullRequests",
    "Repositories",
    "Repository",
    "Sender",
    "SetupError",
    "Signatures",
    "State",
    "Status",
    "Statuses",
    "Token",
    "Tokens",
    "api_url_of",
    "ask_token",
    "endpoint_of",
    "grant_of",
    "host_of",
    "normalized",
)
