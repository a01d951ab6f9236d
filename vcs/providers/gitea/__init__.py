"""Gitea and Forgejo."""

from vcs.providers.gitea import comments, pull_requests, statuses

__all__ = ("comments", "pull_requests", "statuses")
