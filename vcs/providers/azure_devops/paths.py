"""Where a repository lies in Azure DevOps' API, and which paths its lists of changes name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from vcs.providers.base import Api, ApiError, Repository

VERSION: Mapping[str, str] = {"api-version": "7.0"}


def parts_of(repository: Repository) -> tuple[str, str, str]:
    """Return organization, project and name of a repository, quoted. Raises ApiError for one that has another path."""
    parts = repository.path.split("/")
    if len(parts) != 3:
        raise ApiError(400, f"{repository.path} is not organization/project/repository")
    organization, project, name = (quote(part, safe="") for part in parts)
    return organization, project, name


def organization_path(api: Api, organization: str) -> str:
    """Return the path of an organization; "" if the API's address names it already, as in https://dev.azure.com/acme.

    ``organization`` is quoted.
    """
    last = urlsplit(api.url).path.rstrip("/").rpartition("/")[2]
    return "" if unquote(last).lower() == unquote(organization).lower() else f"/{organization}"


def repository_path(api: Api, repository: Repository) -> str:
    """Return the path of a repository. Raises ApiError for one whose own is not organization/project/repository."""
    organization, project, name = parts_of(repository)
    return f"{organization_path(api, organization)}/{project}/_apis/git/repositories/{name}"


def changed_paths(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the paths of changed files, the old names of renamed ones too, without the slash in front.

    Folders are listed as well, and are left out: a changed file has changed each folder above it.
    """
    found: set[str] = set()
    for row in rows:
        item = row.get("item") or {}
        if item.get("isFolder") or item.get("gitObjectType") == "tree":
            continue
        texts = (item.get("path"), row.get("sourceServerItem"), row.get("originalPath"))
        found |= {str(text).lstrip("/") for text in texts if text}
    return found
