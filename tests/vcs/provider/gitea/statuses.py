"""Gitea's calls about commit statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.vcs.provider.calls import Call, Reply
from tests.vcs.provider.fields import Field, optional
from tests.vcs.provider.gitea.lists import listed
from tests.vcs.provider.github.repositories import known_commit
from tests.vcs.provider.github.statuses import check_status
from tests.vcs.provider.records import Repository, Status
from tests.vcs.provider.routes import PAGES, Routes
from tests.vcs.provider.tokens import Token

if TYPE_CHECKING:
    from tests.vcs.provider.gitea.dialect import Gitea

routes = Routes()
_READS = "repository:read"


@routes.add(
    "POST",
    "/repos/{owner}/{repo}/statuses/{sha}",
    needs="repository:write",
    body={
        "state": Field(str, choices=("pending", "success", "error", "failure", "warning")),
        "context": optional(str, longest=255),
        "description": optional(str, longest=255),
        "target_url": optional(str, longest=2048),
    },
)
def _create(gitea: Gitea, call: Call, token: Token, repository: Repository, sha: str) -> Reply:
    body = call.json()
    check_status(repository, sha, body.get("target_url", ""))
    context = body.get("context", "default")
    made = Status(body["state"], context, body.get("description", ""), body.get("target_url", ""), token.user)
    repository.statuses.setdefault(sha, []).append(made)
    return Reply(201, gitea.shapes.status(repository, sha, made))


@routes.add("GET", "/repos/{owner}/{repo}/commits/{sha}/statuses", needs=_READS, query={**PAGES, "sort": optional()})
@routes.add("GET", "/repos/{owner}/{repo}/statuses/{sha}", needs=_READS, query={**PAGES, "sort": optional()})
def _list(gitea: Gitea, call: Call, token: Token, repository: Repository, sha: str) -> Reply:
    sha = known_commit(repository, sha)
    newest_first = reversed(repository.statuses.get(sha, []))
    return listed(gitea, call, [gitea.shapes.status(repository, sha, one) for one in newest_first])


@routes.add("GET", "/repos/{owner}/{repo}/commits/{sha}/status", needs=_READS, query=PAGES)
def _combined(gitea: Gitea, call: Call, token: Token, repository: Repository, sha: str) -> Reply:
    sha = known_commit(repository, sha)
    latest = list(repository.latest_statuses(sha).values())
    worst = ["error", "failure", "warning", "pending", "success"]
    state = min((one.state for one in latest), key=worst.index, default="")
    shown = [gitea.shapes.status(repository, sha, one) for one in latest]
    return Reply(200, {"state": state, "sha": sha, "total_count": len(latest), "statuses": shown})


@routes.add(
    "GET",
    "/repos/{owner}/{repo}/git/commits/{ref...}",
    needs=_READS,
    query={"stat": optional(), "verification": optional(), "files": optional()},
)
def _commit(gitea: Gitea, call: Call, token: Token, repository: Repository, ref: str) -> Reply:
    sha = known_commit(repository, ref)
    return Reply(200, gitea.shapes.api_commit(repository, repository.git.commit_of(sha)))
