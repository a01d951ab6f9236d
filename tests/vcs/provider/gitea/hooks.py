"""Gitea's calls about a repository's hooks, and which of its events are which.

What a hook asks for and what a delivery calls itself differ: ``pull_request`` asks for all about pull requests, and a
comment on one is ``issue_comment`` in X-Gitea-Event but ``pull_request_comment`` among the events of a hook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.vcs.provider.calls import Call, Reply
from tests.vcs.provider.fields import Field, optional
from tests.vcs.provider.gitea.lists import listed
from tests.vcs.provider.github.hooks import check_hook
from tests.vcs.provider.lookup import hook_of
from tests.vcs.provider.records import Hook, Repository
from tests.vcs.provider.routes import PAGES, Routes
from tests.vcs.provider.tokens import Token

if TYPE_CHECKING:
    from tests.vcs.provider.gitea.dialect import Gitea

routes = Routes()
PULL_REQUESTS = (
    "pull_request_only",
    "pull_request_assign",
    "pull_request_label",
    "pull_request_milestone",
    "pull_request_comment",
    "pull_request_review",
    "pull_request_review_request",
    "pull_request_sync",
)
EVENTS = ("create", "delete", "fork", "push", "issues", "issue_comment", "release", "pull_request", *PULL_REQUESTS)
_EVENT = Field(str, choices=EVENTS)
_CONFIG = {
    "url": Field(str),
    "secret": Field(str),
    "content_type": Field(str, choices=("json",)),
    "http_method": optional(str, choices=("post",)),
}
# Hooks take an administrator of the repository.
_READS, _WRITES = "repository:read/admin", "repository:write/admin"


def expanded(events: list[str]) -> list[str]:
    """Return what a hook asks for by these names."""
    found = set(events)
    if "pull_request" in found:
        found |= set(PULL_REQUESTS)
    if "pull_request_only" in found:
        found.add("pull_request")
    return sorted(found - {"pull_request_only"})


@routes.add("GET", "/repos/{owner}/{repo}/hooks", needs=_READS, query=PAGES)
def _list(gitea: Gitea, call: Call, token: Token, repository: Repository) -> Reply:
    return listed(gitea, call, [gitea.shapes.hook(one) for one in repository.hooks])


@routes.add(
    "POST",
    "/repos/{owner}/{repo}/hooks",
    needs=_WRITES,
    body={
        "type": Field(str, choices=("gitea", "forgejo")),
        "active": Field(bool),
        "events": Field(list, each=_EVENT),
        "branch_filter": optional(str, choices=("*", "")),
        "authorization_header": optional(),
        "config": Field(dict, fields=_CONFIG),
    },
)
def _create(gitea: Gitea, call: Call, token: Token, repository: Repository) -> Reply:
    body = call.json()
    config = body["config"]
    check_hook(config["url"], config["secret"], body["events"])
    made = Hook(config["url"], config["secret"], expanded(body["events"]), body["active"])
    repository.hooks.append(made)
    return Reply(201, gitea.shapes.hook(made))


@routes.add("GET", "/repos/{owner}/{repo}/hooks/{number}", needs=_READS)
def _one(gitea: Gitea, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    return Reply(200, gitea.shapes.hook(hook_of(repository, number)))


@routes.add(
    "PATCH",
    "/repos/{owner}/{repo}/hooks/{number}",
    needs=_WRITES,
    body={
        "active": optional(bool),
        # Not optional: Gitea takes a missing list for one that is empty.
        "events": Field(list, each=_EVENT),
        "branch_filter": optional(str, choices=("*", "")),
        "authorization_header": optional(),
        "config": optional(dict, fields={**_CONFIG, "secret": optional()}),
    },
)
def _update(gitea: Gitea, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    hook, body = hook_of(repository, number), call.json()
    hook.active = body.get("active", hook.active)
    hook.events = expanded(body["events"])
    if config := body.get("config"):
        # As Gitea does, which takes no other secret for a hook that it has.
        hook.url = config["url"]
    check_hook(hook.url, hook.secret, hook.events)
    return Reply(200, gitea.shapes.hook(hook))


@routes.add("DELETE", "/repos/{owner}/{repo}/hooks/{number}", needs=_WRITES)
def _delete(gitea: Gitea, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    repository.hooks.remove(hook_of(repository, number))
    return Reply(204)


@routes.add("POST", "/repos/{owner}/{repo}/hooks/{number}/tests", needs=_WRITES, query={"ref": optional()})
def _test(gitea: Gitea, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    gitea.test_hook(repository, hook_of(repository, number))
    return Reply(204)
