"""Repositories at Azure DevOps: of all projects of an organization."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from vcs.providers.azure_devops.paths import repository_path
from vcs.providers.azure_devops.tokens import sign_in_url
from vcs.providers.base import Api, Repository, api_url_of
from vcs.providers.base.listings import Group, Listed, Page, page_of, rows_of, searched, without_login
from workspaces.choices import VcsType
from workspaces.models import Vcs

_VERSION = {"api-version": "6.0"}


def account_name(api: Api, vcs: Vcs) -> str:
    if own := _own_organization(vcs):
        api.get("/_apis/projects", {**_VERSION, "$top": 1})
        return own
    return str(_profiles(api, vcs).get("/_apis/profile/profiles/me", _VERSION).data["displayName"])


def find_repository(api: Api, repository: Repository) -> str:
    data = api.get(repository_path(api, repository), _VERSION).data
    return f"{data['project']['name']}/{data['name']}"


def groups(api: Api, vcs: Vcs) -> list[Group]:
    if own := _own_organization(vcs):
        return [Group(own, own)]
    profiles = _profiles(api, vcs)
    member = profiles.get("/_apis/profile/profiles/me", _VERSION).data["id"]
    rows = rows_of(profiles.get("/_apis/accounts", {"memberId": str(member), **_VERSION}).data, "value")
    return [Group(str(row["accountName"]), str(row["accountName"])) for row in rows]


def repositories(api: Api, vcs: Vcs, group: str, search: str, page: int) -> Page:
    below = "" if _own_organization(vcs) else f"/{quote(group, safe='')}"
    rows = rows_of(api.get(f"{below}/_apis/git/repositories", _VERSION).data, "value")
    items = sorted((_listed(row, group) for row in rows), key=lambda one: one.full_name.lower())
    return page_of(searched(items, search), page)


def _own_organization(vcs: Vcs) -> str:
    """Return the organization that the API's address names, as in ``https://dev.azure.com/acme``; else empty."""
    return urlsplit(api_url_of(vcs)).path.strip("/").split("/")[-1]


def _profiles(api: Api, vcs: Vcs) -> Api:
    """Return the API of accounts, which is at the host where people sign in."""
    url = sign_in_url(vcs) if vcs.vcs_type == VcsType.AZURE_DEVOPS else api.url
    return Api(url=url, headers=api.headers, secrets=api.secrets)


def _listed(row: dict[str, Any], group: str) -> Listed:
    project = row.get("project") or {}
    return Listed(
        name=str(row.get("name") or ""),
        full_name=f"{project.get('name')}/{row.get('name')}",
        group=group,
        url=without_login(str(row.get("remoteUrl") or "")),
        private=project.get("visibility") != "public",
        default_branch=str(row.get("defaultBranch") or "").removeprefix("refs/heads/"),
    )
