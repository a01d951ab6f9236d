"""Records of connections, repositories and deliveries."""

from vcs.models.installation_token import InstallationToken

__all__ = ("InstallationToken",)
