"""Bitbucket Cloud and Bitbucket Data Center."""

from vcs.providers.bitbucket import comments, pull_requests, statuses

__all__ = ("comments", "pull_requests", "statuses")
