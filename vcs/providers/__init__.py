"""The providers: ``provider_of`` finds a connection's."""

from __future__ import annotations

from collections.abc import Mapping

from vcs.providers import azure_devops, bitbucket, gitea, github, gitlab
from vcs.providers.base import Provider
from workspaces.choices import VcsType
from workspaces.models import Vcs

_AZURE = Provider(
    title="Azure DevOps",
    endpoint="https://dev.azure.com",
    api_url="https://dev.azure.com",
    statuses=azure_devops.statuses,
    comments=azure_devops.comments,
    pull_requests=azure_devops.pull_requests,
)
PROVIDERS: Mapping[str, Provider] = {
    VcsType.GITHUB: Provider(
        title="GitHub",
        endpoint="https://github.com",
        api_url="https://api.github.com",
        statuses=github.statuses,
        comments=github.comments,
        pull_requests=github.pull_requests,
    ),
    VcsType.GITLAB: Provider(
        title="GitLab",
        endpoint="https://gitlab.com",
        api_url="https://gitlab.com/api/v4",
        statuses=gitlab.statuses,
        comments=gitlab.comments,
        pull_requests=gitlab.pull_requests,
    ),
    VcsType.BITBUCKET: Provider(
        title="Bitbucket",
        endpoint="https://bitbucket.org",
        api_url="https://api.bitbucket.org/2.0",
        statuses=bitbucket.statuses,
        comments=bitbucket.comments,
        pull_requests=bitbucket.pull_requests,
    ),
    VcsType.AZURE_DEVOPS: _AZURE,
    VcsType.AZURE_SP_MI: _AZURE,
    VcsType.GITEA: Provider(
        title="Gitea",
        endpoint="https://gitea.com",
        api_url="https://gitea.com/api/v1",
        statuses=gitea.statuses,
        comments=gitea.comments,
        pull_requests=gitea.pull_requests,
    ),
}


def provider_of(vcs: Vcs) -> Provider | None:
    """Return the provider of a connection; None for a public one, which has no API."""
    return PROVIDERS.get(vcs.vcs_type)
