"""Repositories at GitLab: projects, one's own and those of groups with their subgroups."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from vcs.providers.base import Api, Repository
from vcs.providers.base.listings import OWN, PAGE_SIZE, Group, Listed, Page, rows_of
from workspaces.models import Vcs


def account_name(api: Api, vcs: Vcs) -> str:
    return str(api.get("/user").data["username"])


def find_repository(api: Api, repository: Repository) -> str:
    return str(api.get(f"/projects/{quote(repository.path, safe='')}").data["path_with_namespace"])


def groups(api: Api, vcs: Vcs) -> list[Group]:
    rows = rows_of(api.get("/groups", {"membership": "true", "per_page": 100, "order_by": "path"}).data)
    own = Group(OWN, f"{account_name(api, vcs)} (personal)")
    return [own, *(Group(str(row["id"]), str(row.get("full_path") or row.get("name"))) for row in rows)]


def repositories(api: Api, vcs: Vcs, group: str, search: str, page: int) -> Page:
    query: dict[str, str | int] = {"order_by": "name", "sort": "asc", "per_page": PAGE_SIZE, "page": page}
    if search:
        query["search"] = search
    if group == OWN:
        answer = api.get("/projects", {"owned": "true", **query})
    else:
        answer = api.get(f"/groups/{quote(group, safe='')}/projects", {"include_subgroups": "true", **query})
    return Page(tuple(_listed(row) for row in rows_of(answer.data)), bool(answer.headers.get("X-Next-Page")))


def _listed(row: dict[str, Any]) -> Listed:
    return Listed(
        name=str(row.get("path") or ""),
        full_name=str(row.get("path_with_namespace") or ""),
        group=str((row.get("namespace") or {}).get("full_path") or ""),
        url=str(row.get("http_url_to_repo") or ""),
        private=row.get("visibility") != "public",
        default_branch=str(row.get("default_branch") or ""),
    )
