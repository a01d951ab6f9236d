"""Repositories at Gitea and Forgejo."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from vcs.providers.base import Api, Repository
from vcs.providers.base.listings import OWN, PAGE_SIZE, Group, Listed, Page, rows_of, searched
from workspaces.models import Vcs


def account_name(api: Api, vcs: Vcs) -> str:
    return str(api.get("/user").data["login"])


def find_repository(api: Api, repository: Repository) -> str:
    return str(api.get(f"/repos/{quote(repository.path)}").data["full_name"])


def groups(api: Api, vcs: Vcs) -> list[Group]:
    rows = rows_of(api.get("/user/orgs", {"limit": PAGE_SIZE}).data)
    names = [str(row.get("username") or row.get("name")) for row in rows]
    return [Group(OWN, f"{account_name(api, vcs)} (personal)"), *(Group(name, name) for name in names)]


def repositories(api: Api, vcs: Vcs, group: str, search: str, page: int) -> Page:
    path = "/user/repos" if group == OWN else f"/orgs/{quote(group, safe='')}/repos"
    rows = rows_of(api.get(path, {"limit": PAGE_SIZE, "page": page}).data)
    return Page(tuple(searched((_listed(row) for row in rows), search)), len(rows) == PAGE_SIZE)


def _listed(row: dict[str, Any]) -> Listed:
    return Listed(
        name=str(row.get("name") or ""),
        full_name=str(row.get("full_name") or ""),
        group=str((row.get("owner") or {}).get("login") or ""),
        url=str(row.get("clone_url") or ""),
        private=bool(row.get("private")),
        default_branch=str(row.get("default_branch") or ""),
    )
