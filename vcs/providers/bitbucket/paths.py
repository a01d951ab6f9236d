"""Which Bitbucket an API is of, and where a repository lies in it."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from vcs.providers.base import Api, Repository


def is_data_center(api_url: str) -> bool:
    """Return whether an API is that of a server of one's own."""
    return "/rest/api/" in f"{urlsplit(api_url).path}/"


def repository_path(api: Api, repository: Repository) -> str:
    """Return the path of a repository, whose address for git may have ``scm`` before the project at Data Center."""
    if not is_data_center(api.url):
        return f"/repositories/{quote(repository.path)}"
    owner = repository.owner.removeprefix("scm/")
    return f"/projects/{quote(owner, safe='~')}/repos/{quote(repository.name)}"


def pull_request_path(api: Api, repository: Repository, number: int) -> str:
    name = "pull-requests" if is_data_center(api.url) else "pullrequests"
    return f"{repository_path(api, repository)}/{name}/{number:d}"
