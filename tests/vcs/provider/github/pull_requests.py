"""GitHub's calls about pull requests: what they are, what they change, who approved them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.vcs.provider.calls import Call, Reply
from tests.vcs.provider.fields import optional
from tests.vcs.provider.github.lists import listed
from tests.vcs.provider.lookup import pull_request_of
from tests.vcs.provider.records import Repository
from tests.vcs.provider.routes import PAGES, Routes
from tests.vcs.provider.tokens import Token

if TYPE_CHECKING:
    from tests.vcs.provider.github.dialect import GitHub

routes = Routes()
_STATES = ("open", "closed", "all")


@routes.add(
    "GET",
    "/repos/{owner}/{repo}/pulls",
    needs="pull_requests:read",
    query={
        **PAGES,
        "state": optional(str, choices=_STATES),
        "head": optional(),
        "base": optional(),
        "sort": optional(),
        "direction": optional(),
    },
)
def _list(github: GitHub, call: Call, token: Token, repository: Repository) -> Reply:
    state, head = call.query.get("state", "open"), call.query.get("head", "")
    base = call.query.get("base", "")
    found = [
        one
        for one in repository.pull_requests
        if state in ("all", one.state)
        and (not head or head == f"{one.source_owner.login}:{one.branch}")
        and (not base or base == one.base)
    ]
    return listed(github, call, [github.shapes.pull_request(one) for one in found])


@routes.add("GET", "/repos/{owner}/{repo}/pulls/{number}", needs="pull_requests:read")
def _one(github: GitHub, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    return Reply(200, github.shapes.pull_request(pull_request_of(repository, number)))


@routes.add("GET", "/repos/{owner}/{repo}/pulls/{number}/files", needs="pull_requests:read", query=PAGES)
def _files(github: GitHub, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    files = pull_request_of(repository, number).files
    return listed(github, call, [github.shapes.file(name, kind) for name, kind in files.items()])


@routes.add("GET", "/repos/{owner}/{repo}/pulls/{number}/commits", needs="pull_requests:read", query=PAGES)
def _commits(github: GitHub, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    pull = pull_request_of(repository, number)
    commits = repository.git.commits(pull.base_sha, pull.head_sha)
    return listed(github, call, [github.shapes.api_commit(repository, one) for one in commits])


@routes.add("GET", "/repos/{owner}/{repo}/pulls/{number}/reviews", needs="pull_requests:read", query=PAGES)
def _reviews(github: GitHub, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    reviews = pull_request_of(repository, number).reviews
    return listed(github, call, [github.shapes.review(repository, one) for one in reviews])
