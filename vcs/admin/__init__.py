"""Pages of the panel for connections, repositories and deliveries."""

from vcs.admin import connections, hooks, pull_requests

__all__ = ("connections", "hooks", "pull_requests")
