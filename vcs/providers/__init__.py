"""The providers: ``provider_of`` finds a connection's. Each package puts its modules together as ``PROVIDER``."""

from __future__ import annotations

from collections.abc import Mapping

from vcs.providers import azure_devops, bitbucket, gitea, github, gitlab
from vcs.providers.base import Provider
from workspaces.choices import VcsType
from workspaces.models import Vcs

PROVIDERS: Mapping[str, Provider] = {
    VcsType.GITHUB: github.PROVIDER,
    VcsType.GITLAB: gitlab.PROVIDER,
    VcsType.BITBUCKET: bitbucket.PROVIDER,
    VcsType.AZURE_DEVOPS: azure_devops.PROVIDER,
    VcsType.AZURE_SP_MI: azure_devops.PROVIDER,
    VcsType.GITEA: gitea.PROVIDER,
}


def provider_of(vcs: Vcs) -> Provider | None:
    """Return the provider of a connection; None for a public one, which has no API."""
    return PROVIDERS.get(vcs.vcs_type)
