"""GitHub's calls about a repository's hooks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.vcs.provider.calls import Call, Refused, Reply, Wrong
from tests.vcs.provider.fields import Field, optional
from tests.vcs.provider.github.lists import listed
from tests.vcs.provider.lookup import hook_of
from tests.vcs.provider.records import Hook, Repository
from tests.vcs.provider.routes import PAGES, Routes
from tests.vcs.provider.tokens import Token

if TYPE_CHECKING:
    from tests.vcs.provider.github.dialect import GitHub

routes = Routes()
EVENTS = (
    "push",
    "pull_request",
    "release",
    "issue_comment",
    "pull_request_review",
    "create",
    "delete",
    "ping",
    "status",
)
SHORTEST_SECRET = 16
_MOST = 20
_EVENT = Field(str, choices=EVENTS)
_CONFIG = {
    "url": Field(str),
    "secret": Field(str),
    "content_type": Field(str, choices=("json",)),
    # Not "1": no caller of these tests may switch the check of certificates off.
    "insecure_ssl": optional(str, choices=("0",)),
}
_READS, _WRITES = "repository_hooks:read/admin", "repository_hooks:write/admin"


@routes.add("GET", "/repos/{owner}/{repo}/hooks", needs=_READS, query=PAGES)
def _list(github: GitHub, call: Call, token: Token, repository: Repository) -> Reply:
    return listed(github, call, [github.shapes.hook(repository, one) for one in repository.hooks])


@routes.add(
    "POST",
    "/repos/{owner}/{repo}/hooks",
    needs=_WRITES,
    body={
        "name": optional(str, choices=("web",)),
        "active": optional(bool),
        "events": Field(list, each=_EVENT),
        "config": Field(dict, fields=_CONFIG),
    },
)
def _create(github: GitHub, call: Call, token: Token, repository: Repository) -> Reply:
    body = call.json()
    config = body["config"]
    check_hook(config["url"], config["secret"], body["events"])
    if any(one.url == config["url"] for one in repository.hooks):
        raise Refused(422, "Validation Failed: Hook already exists on this repository")
    if len(repository.hooks) >= _MOST:
        raise Refused(422, 'Validation Failed: The "push" event cannot have more than 20 hooks')
    made = Hook(config["url"], config["secret"], list(body["events"]), body.get("active", True))
    repository.hooks.append(made)
    github.ping(repository, made)
    return Reply(201, github.shapes.hook(repository, made))


def check_hook(url: str, secret: str, events: list[str]) -> None:
    """Raise Wrong for a hook that leads to no page, whose secret is short, or that asks for nothing."""
    if not re.fullmatch(r"https?://[^/\s]+/\S+", url):
        raise Wrong(422, f"config.url is {url!r}")
    if len(secret) < SHORTEST_SECRET:
        raise Wrong(422, f"config.secret has {len(secret)} characters")
    if not events or len(set(events)) != len(events):
        raise Wrong(422, f"events are {events}")


@routes.add("GET", "/repos/{owner}/{repo}/hooks/{number}", needs=_READS)
def _one(github: GitHub, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    return Reply(200, github.shapes.hook(repository, hook_of(repository, number)))


@routes.add(
    "PATCH",
    "/repos/{owner}/{repo}/hooks/{number}",
    needs=_WRITES,
    body={
        "active": optional(bool),
        "events": optional(list, each=_EVENT),
        "add_events": optional(list, each=_EVENT),
        "remove_events": optional(list, each=_EVENT),
        "config": optional(dict, fields=_CONFIG),
    },
)
def _update(github: GitHub, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    hook, body = hook_of(repository, number), call.json()
    hook.active = body.get("active", hook.active)
    hook.events = body.get("events", hook.events)
    hook.events = [
        one for one in [*hook.events, *body.get("add_events", ())] if one not in body.get("remove_events", ())
    ]
    if config := body.get("config"):
        # GitHub forgets a secret that the new configuration does not name, so here it must.
        hook.url, hook.secret = config["url"], config["secret"]
    check_hook(hook.url, hook.secret, hook.events)
    return Reply(200, github.shapes.hook(repository, hook))


@routes.add("DELETE", "/repos/{owner}/{repo}/hooks/{number}", needs=_WRITES)
def _delete(github: GitHub, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    repository.hooks.remove(hook_of(repository, number))
    return Reply(204)


@routes.add("POST", "/repos/{owner}/{repo}/hooks/{number}/pings", needs=_READS)
def _ping(github: GitHub, call: Call, token: Token, repository: Repository, number: str) -> Reply:
    github.ping(repository, hook_of(repository, number))
    return Reply(204)
