"""GitHub and GitHub Enterprise."""

from vcs.providers.base import Provider
from vcs.providers.github import comments, pull_requests, statuses, tokens

PROVIDER = Provider(
    title="GitHub",
    tokens=tokens,
    statuses=statuses,
    comments=comments,
    pull_requests=pull_requests,
)
