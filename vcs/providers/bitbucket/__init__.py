"""Bitbucket Cloud and Bitbucket Data Center."""

from vcs.providers.base import Provider
from vcs.providers.bitbucket import (
    changes,
    comments,
    hooks,
    payloads,
    pull_requests,
    repositories,
    signature,
    statuses,
    tokens,
)

PROVIDER = Provider(
    title="Bitbucket",
    tokens=tokens,
    repositories=repositories,
    statuses=statuses,
    comments=comments,
    pull_requests=pull_requests,
    signature=signature,
    payloads=payloads,
    hooks=hooks,
    pushes=changes,
)
