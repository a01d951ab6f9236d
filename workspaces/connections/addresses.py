"""Where a connection's provider is: its own addresses, or those of the provider's public service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from workspaces.choices import VcsType
from workspaces.connections.repositories import normalized
from workspaces.models import Vcs


@dataclass(frozen=True, slots=True)
class Addresses:
    """The public service of a provider; ``below`` is where a server of one's own has its API."""

    endpoint: str
    api_url: str
    below: str = ""


_AZURE = Addresses("https://dev.azure.com", "https://dev.azure.com")
PUBLIC: Mapping[str, Addresses] = {
    VcsType.GITHUB: Addresses("https://github.com", "https://api.github.com", "/api/v3"),
    VcsType.GITLAB: Addresses("https://gitlab.com", "https://gitlab.com/api/v4", "/api/v4"),
    VcsType.BITBUCKET: Addresses("https://bitbucket.org", "https://api.bitbucket.org/2.0", "/rest/api/1.0"),
    VcsType.AZURE_DEVOPS: _AZURE,
    VcsType.AZURE_SP_MI: _AZURE,
    VcsType.GITEA: Addresses("https://gitea.com", "https://gitea.com/api/v1", "/api/v1"),
}


def endpoint_of(vcs: Vcs) -> str:
    """Return the address of the provider's pages, without a slash at its end."""
    return (vcs.endpoint or PUBLIC[vcs.vcs_type].endpoint).rstrip("/")


def api_url_of(vcs: Vcs) -> str:
    """Return the address of the provider's API, without a slash at its end."""
    public = PUBLIC[vcs.vcs_type]
    if vcs.api_url:
        return vcs.api_url.rstrip("/")
    if endpoint_of(vcs) == public.endpoint or not public.below:
        return public.api_url
    return endpoint_of(vcs) + public.below


def host_of(vcs: Vcs) -> str:
    """Return the host of the provider's API, as sentences name it."""
    try:
        return urlsplit(api_url_of(vcs)).hostname or api_url_of(vcs)
    except ValueError:
        return api_url_of(vcs)


def is_there(vcs: Vcs, source: str) -> bool:
    """Return whether a repository is at the provider's own host, by its pages or its API."""
    own = {_host(endpoint_of(vcs)), _host(api_url_of(vcs)).removeprefix("api.")}
    return urlsplit(normalized(source)).netloc in own


def git_host_of(vcs: Vcs) -> str:
    """Return the host of the provider's repositories, as sentences name it."""
    # The endpoint of a managed identity is where it logs in.
    return _host(endpoint_of(vcs) if PUBLIC[vcs.vcs_type].below else api_url_of(vcs))


def _host(address: str) -> str:
    """Return the host of an address as ``normalized`` writes it."""
    return urlsplit(normalized(f"{address}/x/x")).netloc
