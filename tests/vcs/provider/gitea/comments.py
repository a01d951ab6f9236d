"""Gitea's calls about comments and the reactions under them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.vcs.provider.calls import Call, Refused, Reply
from tests.vcs.provider.fields import Field, optional
from tests.vcs.provider.lookup import comment_of, pull_request_of
from tests.vcs.provider.records import Comment, Reaction, Repository, now
from tests.vcs.provider.routes import Routes
from tests.vcs.provider.tokens import Token

if TYPE_CHECKING:
    from tests.vcs.provider.gitea.dialect import Gitea

# Gitea names no limit; its database on MySQL holds 65,535 bytes of a comment in older versions.
LONGEST = 65_536
routes = Routes()
_BODY = {"body": Field(str, longest=LONGEST), "updated_at": optional()}
_WRITES = "issue:write/read"
_REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


@routes.add(
    "GET",
    "/repos/{owner}/{repo}/issues/{number}/comments",
    needs="issue:read",
    query={"since": optional(), "before": optional()},
)
def _list(gitea: Gitea, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    pull = pull_request_of(repository, number)
    return Reply(200, [gitea.shapes.comment(repository, pull, one) for one in pull.comments])


@routes.add("POST", "/repos/{owner}/{repo}/issues/{number}/comments", needs=_WRITES, body=_BODY)
def _create(gitea: Gitea, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    pull = pull_request_of(repository, number)
    made = Comment(token.user, [call.json()["body"]])
    pull.comments.append(made)
    gitea.announce_comment(pull, made, "created", token.user)
    return Reply(201, gitea.shapes.comment(repository, pull, made))


@routes.add("GET", "/repos/{owner}/{repo}/issues/comments/{number}", needs="issue:read")
def _one(gitea: Gitea, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    pull, found = comment_of(repository, number)
    return Reply(200, gitea.shapes.comment(repository, pull, found))


@routes.add("PATCH", "/repos/{owner}/{repo}/issues/comments/{number}", needs=_WRITES, body=_BODY)
def _update(gitea: Gitea, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    pull, found = comment_of(repository, number)
    if found.user is not token.user and repository.right_of(token.user.login) != "admin":
        raise Refused(403, "Forbidden")
    found.bodies.append(call.json()["body"])
    found.updated_at = now()
    gitea.announce_comment(pull, found, "edited", token.user)
    return Reply(200, gitea.shapes.comment(repository, pull, found))


@routes.add("DELETE", "/repos/{owner}/{repo}/issues/comments/{number}", needs=_WRITES)
def _delete(gitea: Gitea, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    pull, found = comment_of(repository, number)
    pull.comments.remove(found)
    gitea.announce_comment(pull, found, "deleted", token.user)
    return Reply(204)


@routes.add(
    "POST",
    "/repos/{owner}/{repo}/issues/comments/{number}/reactions",
    needs=_WRITES,
    body={"content": Field(str, choices=_REACTIONS)},
)
def _react(gitea: Gitea, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    _, comment = comment_of(repository, number)
    content = call.json()["content"]
    for one in comment.reactions:
        if one.user is token.user and one.content == content:
            return Reply(200, gitea.shapes.reaction(one))
    made = Reaction(content, token.user)
    comment.reactions.append(made)
    return Reply(201, gitea.shapes.reaction(made))
