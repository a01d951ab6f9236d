"""GitHub and GitHub Enterprise."""

from vcs.providers.github import comments, pull_requests, statuses

__all__ = ("comments", "pull_requests", "statuses")
