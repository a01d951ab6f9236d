"""Gitea and Forgejo."""

from vcs.providers.base import Provider
from vcs.providers.gitea import comments, hooks, payloads, pull_requests, repositories, signature, statuses, tokens

PROVIDER = Provider(
    title="Gitea",
    tokens=tokens,
    repositories=repositories,
    statuses=statuses,
    comments=comments,
    pull_requests=pull_requests,
    signature=signature,
    payloads=payloads,
    hooks=hooks,
)
