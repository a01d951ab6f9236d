"""Pull requests of Bitbucket: of Cloud by API 2.0, "Pullrequests" and "Commits"; of Data Center in ``data_center``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from vcs.providers.base import Api, PullRequest, Repository
from vcs.providers.bitbucket import data_center
from vcs.providers.bitbucket.changes import changes, diffstat
from vcs.providers.bitbucket.paths import is_data_center, pull_request_path, repository_path

_FULL = 40


def head_ref(number: int) -> str:
    """Return "": Bitbucket has no name in the target's repository for a pull request's commits."""
    return ""


def get_pull_request(api: Api, repository: Repository, number: int) -> PullRequest:
    if is_data_center(api.url):
        return data_center.get_pull_request(api, repository, number)
    found = api.get(pull_request_path(api, repository, number)).data
    source, target = found["source"], found["destination"]
    author = _identity(found.get("author"))
    short = str((source.get("commit") or {}).get("hash") or "")
    fork = not _same_repository(source.get("repository"), target.get("repository"))
    return PullRequest(
        number=number,
        title=str(found.get("title") or ""),
        author=author,
        branch=str((source.get("branch") or {}).get("name") or ""),
        target_branch=str((target.get("branch") or {}).get("name") or ""),
        commit=short if fork else _full_hash(api, repository, short),
        fork=fork,
        open=found.get("state") == "OPEN",
        merged=found.get("state") == "MERGED",
        approved=_is_approved(found.get("participants") or (), author),
        merge_commit=_full_hash(api, repository, str((found.get("merge_commit") or {}).get("hash") or "")) or None,
    )


def _identity(account: Mapping[str, Any] | None) -> str:
    found = account or {}
    return str(found.get("account_id") or found.get("uuid") or found.get("nickname") or "")


def _same_repository(source: Mapping[str, Any] | None, target: Mapping[str, Any] | None) -> bool:
    # A fork that was deleted is null.
    return bool(source and target and source.get("full_name") and source.get("full_name") == target.get("full_name"))


def _full_hash(api: Api, repository: Repository, short: str) -> str:
    """Return the whole hash of a commit: a pull request names the first twelve digits alone."""
    if not short or len(short) >= _FULL:
        return short
    return str(api.get(f"{repository_path(api, repository)}/commit/{quote(short, safe='')}").data["hash"])


def _is_approved(participants: Any, author: str) -> bool:
    others = [row for row in participants if _identity(row.get("user")) != author]
    if any(row.get("state") == "changes_requested" for row in others):
        return False
    return any(row.get("approved") for row in others)


def changed_files(api: Api, repository: Repository, number: int) -> frozenset[str] | None:
    """Return the paths that a pull request changes, the old names of renamed ones too; None for too many."""
    path = pull_request_path(api, repository, number)
    if is_data_center(api.url):
        return changes(api, f"{path}/changes", {})
    return diffstat(api, f"{path}/diffstat", {})
