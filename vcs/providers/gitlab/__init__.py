"""GitLab, gitlab.com and self-managed."""

from vcs.providers.gitlab import comments, pull_requests, statuses

__all__ = ("comments", "pull_requests", "statuses")
