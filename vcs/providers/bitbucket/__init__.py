"""Bitbucket Cloud and Bitbucket Data Center."""

from vcs.providers.base import Provider
from vcs.providers.bitbucket import comments, pull_requests, statuses, tokens

PROVIDER = Provider(
    title="Bitbucket",
    tokens=tokens,
    statuses=statuses,
    comments=comments,
    pull_requests=pull_requests,
)
