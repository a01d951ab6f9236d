"""Repositories at GitHub, by a token of a person or by an App."""

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
    login = account_name(api, vcs)
    rows = rows_of(api.get("/user/orgs", {"per_page": 100}).data)
    return [Group(OWN, f"{login} (personal)"), *(Group(row["login"], row["login"]) for row in rows)]


def repositories(api: Api, vcs: Vcs, group: str, search: str, page: int) -> Page:
    paging: dict[str, str | int] = {"per_page": PAGE_SIZE, "page": page}
    if search:
        owner = account_name(api, vcs) if group == OWN else group
        # Spaces would end the part that says whose repositories are searched.
        words = " ".join(search.replace(":", " ").split())
        data = api.get("/search/repositories", {"q": f"{words} in:name user:{owner} fork:true", **paging}).data
        rows = rows_of(data, "items")
    elif group == OWN:
        rows = rows_of(api.get("/user/repos", {"affiliation": "owner", "sort": "full_name", **paging}).data)
    else:
        rows = rows_of(api.get(f"/orgs/{quote(group, safe='')}/repos", {"sort": "full_name", **paging}).data)
    return Page(tuple(_listed(row) for row in rows), len(rows) == PAGE_SIZE)


def installations(api: Api) -> dict[str, int]:
    """Return the accounts on which an App is installed, with the installations' numbers."""
    rows = rows_of(api.get("/app/installations", {"per_page": 100}).data)
    return {row["account"]["login"]: row["id"] for row in rows if isinstance(row.get("account"), dict)}


def repositories_of_installation(api: Api, search: str, page: int) -> Page:
    """Return what the installation reaches whose token ``api`` has; GitHub cannot search here."""
    data = api.get("/installation/repositories", {"per_page": PAGE_SIZE, "page": page}).data
    rows = rows_of(data, "repositories")
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
