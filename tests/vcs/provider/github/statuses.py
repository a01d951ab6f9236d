"""GitHub's calls about commit statuses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.vcs.provider.calls import Call, Refused, Reply, Wrong
from tests.vcs.provider.fields import Field, optional
from tests.vcs.provider.git_store import GitFailed
from tests.vcs.provider.github.lists import listed
from tests.vcs.provider.github.repositories import known_commit
from tests.vcs.provider.records import Repository, Status
from tests.vcs.provider.routes import PAGES, Routes
from tests.vcs.provider.tokens import Token

if TYPE_CHECKING:
    from tests.vcs.provider.github.dialect import GitHub

LONGEST_DESCRIPTION = 140
_MOST = 1000
routes = Routes()


@routes.add(
    "POST",
    "/repos/{owner}/{repo}/statuses/{sha}",
    needs="statuses:write",
    body={
        "state": Field(str, choices=("error", "failure", "pending", "success")),
        "context": optional(str, longest=255),
        "description": optional(str, longest=LONGEST_DESCRIPTION),
        "target_url": optional(str, longest=2048),
    },
)
def _create(github: GitHub, call: Call, token: Token, repository: Repository, sha: str) -> Reply:
    body = call.json()
    check_status(repository, sha, body.get("target_url", ""))
    kept = repository.statuses.setdefault(sha, [])
    made = Status(
        body["state"],
        body.get("context", "default"),
        body.get("description", ""),
        body.get("target_url", ""),
        token.user,
    )
    if sum(one.context == made.context for one in kept) >= _MOST:
        raise Refused(422, "This SHA and context has reached the maximum number of statuses.")
    kept.append(made)
    return Reply(201, github.shapes.status(repository, sha, made))


def check_status(repository: Repository, sha: str, target: str) -> None:
    """Raise Wrong for a status of no commit, or one that leads to no page."""
    if not re.fullmatch(r"[0-9a-f]{40}", sha):
        raise Wrong(422, f"{sha!r} is no full hash of a commit")
    try:
        repository.git.commit_of(sha)
    except GitFailed:
        raise Wrong(422, f"No commit found for SHA: {sha}") from None
    if target and not re.match(r"https?://[^/\s]+(/|$)", target):
        raise Wrong(422, f"target_url {target!r} must use http(s) scheme")


@routes.add("GET", "/repos/{owner}/{repo}/commits/{sha}/statuses", needs="statuses:read", query=PAGES)
def _list(github: GitHub, call: Call, token: Token, repository: Repository, sha: str) -> Reply:
    sha = known_commit(repository, sha)
    newest_first = reversed(repository.statuses.get(sha, []))
    return listed(github, call, [github.shapes.status(repository, sha, one) for one in newest_first])


@routes.add("GET", "/repos/{owner}/{repo}/commits/{sha}/status", needs="statuses:read", query=PAGES)
def _combined(github: GitHub, call: Call, token: Token, repository: Repository, sha: str) -> Reply:
    sha = known_commit(repository, sha)
    latest = list(repository.latest_statuses(sha).values())
    states = {one.state for one in latest}
    bad = states & {"error", "failure"}
    state = "failure" if bad else "success" if states == {"success"} else "pending"
    shown = [github.shapes.status(repository, sha, one) for one in latest]
    return Reply(200, {"state": state, "sha": sha, "total_count": len(latest), "statuses": shown})


@routes.add("GET", "/repos/{owner}/{repo}/commits/{ref...}", needs="contents:read", query=PAGES)
def _commit(github: GitHub, call: Call, token: Token, repository: Repository, ref: str) -> Reply:
    sha = known_commit(repository, ref)
    return Reply(200, github.shapes.api_commit(repository, repository.git.commit_of(sha)))
