"""Pages at a provider, for links: of a commit and of a pull request. Pure."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from workspaces.choices import VcsType
from workspaces.connections.repositories import web_address

_KNOWN_HOSTS = {
    "github.com": VcsType.GITHUB,
    "gitlab.com": VcsType.GITLAB,
    "bitbucket.org": VcsType.BITBUCKET,
    "dev.azure.com": VcsType.AZURE_DEVOPS,
}
"""Providers of repositories without a connection."""
_COMMITS = {
    VcsType.GITHUB: "commit/{}",
    VcsType.GITLAB: "-/commit/{}",
    VcsType.BITBUCKET: "commits/{}",
    VcsType.AZURE_DEVOPS: "commit/{}",
    VcsType.GITEA: "commit/{}",
}
_PULL_REQUESTS = {
    VcsType.GITHUB: "pull/{}",
    VcsType.GITLAB: "-/merge_requests/{}",
    VcsType.BITBUCKET: "pull-requests/{}",
    VcsType.AZURE_DEVOPS: "pullrequest/{}",
    VcsType.GITEA: "pulls/{}",
}


def commit_page(source: str, vcs_type: str | None, commit: str) -> str:
    """Return the address of a commit; ``vcs_type`` None is no connection. Empty if the provider is not known."""
    return _page(source, vcs_type, _COMMITS, quote(commit, safe=""))


def pull_request_page(source: str, vcs_type: str | None, number: int) -> str:
    """Return the address of a pull request; ``vcs_type`` None is no connection. Empty if the provider is not known."""
    return _page(source, vcs_type, _PULL_REQUESTS, str(number))


def _page(source: str, vcs_type: str | None, below: dict[VcsType, str], name: str) -> str:
    repository = web_address(source)
    kind = _kind(vcs_type, urlsplit(repository).netloc)
    if kind is None or not repository or not name:
        return ""
    if kind == VcsType.AZURE_DEVOPS:
        before, _, last = repository.rpartition("/")
        repository = f"{before}/_git/{last}"
    return f"{repository}/{below[kind].format(name)}"


def _kind(vcs_type: str | None, host: str) -> VcsType | None:
    kind = VcsType(vcs_type) if vcs_type in VcsType.values else None
    if kind == VcsType.AZURE_SP_MI:
        return VcsType.AZURE_DEVOPS
    return kind if kind in _COMMITS else _KNOWN_HOSTS.get(host)
