"""Pages of the panel for connections, repositories and deliveries."""

from vcs.admin import connections

__all__ = ("connections",)
