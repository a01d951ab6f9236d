"""Where a repository lies in Azure DevOps' API."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from vcs.providers.base import Repository

VERSION: Mapping[str, str] = {"api-version": "7.0"}


def repository_path(repository: Repository) -> str:
    """Return the path of a repository, whose own is ORGANIZATION/PROJECT/NAME. Raises ValueError for another one."""
    parts = repository.path.split("/")
    if len(parts) != 3:
        raise ValueError("A repository of Azure DevOps is organization/project/name")
    organization, project, name = (quote(part, safe="") for part in parts)
    return f"/{organization}/{project}/_apis/git/repositories/{name}"
