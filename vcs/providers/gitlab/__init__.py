"""GitLab, gitlab.com and self-managed."""

from vcs.providers.base import Provider
from vcs.providers.gitlab import comments, hooks, payloads, pull_requests, repositories, signature, statuses, tokens

PROVIDER = Provider(
    title="GitLab",
    tokens=tokens,
    repositories=repositories,
    statuses=statuses,
    comments=comments,
    pull_requests=pull_requests,
    signature=signature,
    payloads=payloads,
    hooks=hooks,
)
