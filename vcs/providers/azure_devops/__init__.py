"""Azure DevOps, by OAuth, a personal token or a service principal."""

from vcs.providers.azure_devops import comments, pull_requests, statuses

__all__ = ("comments", "pull_requests", "statuses")
