"""Gitea and Forgejo."""

from vcs.providers.base import Provider
from vcs.providers.gitea import comments, hooks, payloads, pull_requests, repositories, signature, tokens

# Its API took over that of GitHub for statuses as it is: repoCreateStatus.
from vcs.providers.github import statuses

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
