"""Gitea and Forgejo."""

from vcs.providers.base import Provider
from vcs.providers.gitea import comments, pull_requests, statuses, tokens

PROVIDER = Provider(
    title="Gitea",
    tokens=tokens,
    statuses=statuses,
    comments=comments,
    pull_requests=pull_requests,
)
