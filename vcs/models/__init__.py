"""Records of connections, repositories and deliveries."""

from vcs.models.delivery import Delivery, DeliveryOutcome
from vcs.models.installation_token import InstallationToken
from vcs.models.pull_request import AccountLink, ConcernedWorkspace, PullRequest, PullRequestRules
from vcs.models.report import Report, ReportKind
from vcs.models.repository_hook import RepositoryHook
from vcs.models.trigger import Trigger
from vcs.models.used_folders import UsedFolders

__all__ = (
    "AccountLink",
    "ConcernedWorkspace",
    "Delivery",
    "DeliveryOutcome",
    "InstallationToken",
    "PullRequest",
    "PullRequestRules",
    "Report",
    "ReportKind",
    "RepositoryHook",
    "Trigger",
    "UsedFolders",
)
