"""GitHub's calls about comments and the reactions under them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.vcs.provider.calls import Call, Refused, Reply
from tests.vcs.provider.fields import Field, optional
from tests.vcs.provider.github.lists import listed
from tests.vcs.provider.lookup import comment_of, pull_request_of
from tests.vcs.provider.records import Comment, Reaction, Repository, now
from tests.vcs.provider.routes import PAGES, Routes
from tests.vcs.provider.tokens import Token

if TYPE_CHECKING:
    from tests.vcs.provider.github.dialect import GitHub

LONGEST = 65_536
routes = Routes()
_BODY = {"body": Field(str, longest=LONGEST)}
# With "pull_requests" alone an App may comment on pull requests too; whoever may read may comment.
_WRITES = "pull_requests:write/read"
_REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


@routes.add(
    "GET",
    "/repos/{owner}/{repo}/issues/{number}/comments",
    needs="pull_requests:read",
    query={**PAGES, "since": optional()},
)
def _list(github: GitHub, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    pull = pull_request_of(repository, number)
    return listed(github, call, [github.shapes.comment(repository, pull, one) for one in pull.comments])


@routes.add("POST", "/repos/{owner}/{repo}/issues/{number}/comments", needs=_WRITES, body=_BODY)
def _create(github: GitHub, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    pull = pull_request_of(repository, number)
    made = Comment(token.user, [call.json()["body"]])
    pull.comments.append(made)
    github.announce_comment(pull, made, "created", token.user)
    return Reply(201, github.shapes.comment(repository, pull, made))


@routes.add("GET", "/repos/{owner}/{repo}/issues/comments/{number}", needs="pull_requests:read")
def _one(github: GitHub, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    pull, found = comment_of(repository, number)
    return Reply(200, github.shapes.comment(repository, pull, found))


@routes.add("PATCH", "/repos/{owner}/{repo}/issues/comments/{number}", needs=_WRITES, body=_BODY)
def _update(github: GitHub, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    pull, found = comment_of(repository, number)
    if found.user is not token.user and repository.right_of(token.user.login) not in {"write", "admin"}:
        raise Refused(403, "Resource not accessible")
    found.bodies.append(call.json()["body"])
    found.updated_at = now()
    github.announce_comment(pull, found, "edited", token.user)
    return Reply(200, github.shapes.comment(repository, pull, found))


@routes.add("DELETE", "/repos/{owner}/{repo}/issues/comments/{number}", needs=_WRITES)
def _delete(github: GitHub, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    pull, found = comment_of(repository, number)
    pull.comments.remove(found)
    github.announce_comment(pull, found, "deleted", token.user)
    return Reply(204)


@routes.add(
    "POST",
    "/repos/{owner}/{repo}/issues/comments/{number}/reactions",
    needs=_WRITES,
    body={"content": Field(str, choices=_REACTIONS)},
)
def _react(github: GitHub, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    _, comment = comment_of(repository, number)
    content = call.json()["content"]
    for one in comment.reactions:
        if one.user is token.user and one.content == content:
            return Reply(200, github.shapes.reaction(one))
    made = Reaction(content, token.user)
    comment.reactions.append(made)
    return Reply(201, github.shapes.reaction(made))
