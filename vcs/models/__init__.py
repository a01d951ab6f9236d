"""Records of connections, repositories and deliveries."""

from vcs.models.delivery import Delivery, DeliveryOutcome
from vcs.models.installation_token import InstallationToken
from vcs.models.repository_hook import RepositoryHook
from vcs.models.trigger import Trigger
from vcs.models.used_folders import UsedFolders

__all__ = ("Delivery", "DeliveryOutcome", "InstallationToken", "RepositoryHook", "Trigger", "UsedFolders")
