"""Where a repository lies in Azure DevOps' API, and which paths its lists of changes name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
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
