"""Gitea's calls about pull requests: what they are, what they change, who approved them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.vcs.provider.calls import Call, Reply
from tests.vcs.provider.fields import optional
from tests.vcs.provider.gitea.lists import listed
from tests.vcs.provider.lookup import pull_request_of
from tests.vcs.provider.records import Repository
from tests.vcs.provider.routes import PAGES, Routes
from tests.vcs.provider.tokens import Token

if TYPE_CHECKING:
    from tests.vcs.provider.gitea.dialect import Gitea

routes = Routes()
_READS = "repository:read"


@routes.add(
    "GET",
    "/repos/{owner}/{repo}/pulls",
    needs=_READS,
    query={
        **PAGES,
        "state": optional(str, choices=("open", "closed", "all")),
        "sort": optional(),
        "base_branch": optional(),
    },
)
def _list(gitea: Gitea, call: Call, token: Token, repository: Repository) -> Reply:
    state = call.query.get("state", "open")
    found = [one for one in repository.pull_requests if state in ("all", one.state)]
    return listed(gitea, call, [gitea.shapes.pull_request(one) for one in found])


@routes.add("GET", "/repos/{owner}/{repo}/pulls/{number}", needs=_READS)
def _one(gitea: Gitea, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    return Reply(200, gitea.shapes.pull_request(pull_request_of(repository, number)))


@routes.add("GET", "/repos/{owner}/{repo}/pulls/{number}/files", needs=_READS, query=PAGES)
def _files(gitea: Gitea, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    files = pull_request_of(repository, number).files
    return listed(gitea, call, [gitea.shapes.file(name, kind) for name, kind in files.items()])


@routes.add("GET", "/repos/{owner}/{repo}/pulls/{number}/commits", needs=_READS, query=PAGES)
def _commits(gitea: Gitea, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    pull = pull_request_of(repository, number)
    commits = repository.git.commits(pull.base_sha, pull.head_sha)
    return listed(gitea, call, [gitea.shapes.api_commit(repository, one) for one in commits])


@routes.add("GET", "/repos/{owner}/{repo}/pulls/{number}/reviews", needs=_READS, query=PAGES)
def _reviews(gitea: Gitea, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    pull = pull_request_of(repository, number)
    return listed(gitea, call, [gitea.shapes.review(pull, one) for one in pull.reviews])
