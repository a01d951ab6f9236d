"""Azure DevOps, by OAuth, a personal token or a service principal."""

from vcs.providers.azure_devops import (
    comments,
    hooks,
    payloads,
    pull_requests,
    pushes,
    repositories,
    signature,
    statuses,
    tokens,
)
from vcs.providers.base import Provider

PROVIDER = Provider(
    title="Azure DevOps",
    tokens=tokens,
    repositories=repositories,
    statuses=statuses,
    comments=comments,
    pull_requests=pull_requests,
    signature=signature,
    payloads=payloads,
    hooks=hooks,
    pushes=pushes,
)
