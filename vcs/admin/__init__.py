"""Pages of the panel for connections, repositories and deliveries."""

from vcs.admin import connections, hooks

__all__ = ("connections", "hooks")
