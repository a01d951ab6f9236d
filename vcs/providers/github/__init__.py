"""GitHub and GitHub Enterprise."""

from vcs.providers.base import Provider
from vcs.providers.github import comments, hooks, payloads, pull_requests, repositories, signature, statuses, tokens

PROVIDER = Provider(
    title="GitHub",
    tokens=tokens,
    repositories=repositories,
    statuses=statuses,
    comments=comments,
    pull_requests=pull_requests,
    signature=signature,
    payloads=payloads,
    hooks=hooks,
)
