"""Repositories at Bitbucket: of workspaces in the cloud, of projects at a Data Center."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from vcs.providers.base import Api, Repository, api_url_of
from vcs.providers.base.listings import PAGE_SIZE, Group, Listed, Page, rows_of, searched, without_login
from vcs.providers.bitbucket.paths import is_data_center, repository_path
from workspaces.models import Vcs


def account_name(api: Api, vcs: Vcs) -> str:
    if is_data_center(api.url):
        # The API tells nobody who they are; a list that one may read proves the login.
        api.get("/projects", {"limit": 1})
        return vcs.client_id or vcs.name
    data = api.get("/user").data
    return str(data.get("username") or data.get("display_name"))


def find_repository(api: Api, repository: Repository) -> str:
    data = api.get(repository_path(api, repository)).data
    if is_data_center(api.url):
        return f"{data['project']['key']}/{data['slug']}"
    return str(data["full_name"])


def groups(api: Api, vcs: Vcs) -> list[Group]:
    if is_data_center(api_url_of(vcs)):
        rows = rows_of(api.get("/projects", {"limit": 100}).data, "values")
        return [Group(str(row["key"]), str(row.get("name") or row["key"])) for row in rows]
    rows = rows_of(api.get("/workspaces", {"role": "member", "pagelen": 100}).data, "values")
    return [Group(str(row["slug"]), str(row.get("name") or row["slug"])) for row in rows]


def repositories(api: Api, vcs: Vcs, group: str, search: str, page: int) -> Page:
    key = quote(group, safe="")
    if is_data_center(api_url_of(vcs)):
        data = api.get(f"/projects/{key}/repos", {"limit": PAGE_SIZE, "start": (page - 1) * PAGE_SIZE}).data
        items = searched((_listed_at_data_center(row) for row in rows_of(data, "values")), search)
        return Page(tuple(items), not data.get("isLastPage", True))
    query: dict[str, str | int] = {"sort": "name", "pagelen": PAGE_SIZE, "page": page}
    if search:
        text = search.replace("\\", "\\\\").replace('"', '\\"')
        query["q"] = f'name~"{text}"'
    data = api.get(f"/repositories/{key}", query).data
    return Page(tuple(_listed(row, group) for row in rows_of(data, "values")), bool(data.get("next")))


def _clone_address(row: dict[str, Any]) -> str:
    clones = rows_of((row.get("links") or {}).get("clone"))
    return next((without_login(str(one.get("href"))) for one in clones if one.get("name") in {"https", "http"}), "")


def _listed(row: dict[str, Any], group: str) -> Listed:
    return Listed(
        name=str(row.get("name") or ""),
        full_name=str(row.get("full_name") or ""),
        group=group,
        url=_clone_address(row),
        private=bool(row.get("is_private")),
        default_branch=str((row.get("mainbranch") or {}).get("name") or ""),
    )


def _listed_at_data_center(row: dict[str, Any]) -> Listed:
    key = str((row.get("project") or {}).get("key") or "")
    return Listed(
        name=str(row.get("slug") or ""),
        full_name=f"{key}/{row.get('slug')}",
        group=key,
        url=_clone_address(row),
        private=not row.get("public"),
        default_branch="",
    )
