"""Gitea's calls that choose and read repositories: accounts, lists, branches, folders, commits, rights."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from tests.vcs.provider.calls import Call, Refused, Reply, Wrong
from tests.vcs.provider.fields import optional
from tests.vcs.provider.gitea.lists import listed
from tests.vcs.provider.github.repositories import known_commit
from tests.vcs.provider.records import Repository
from tests.vcs.provider.routes import PAGES, Routes
from tests.vcs.provider.tokens import Token

if TYPE_CHECKING:
    from tests.vcs.provider.gitea.dialect import Gitea

routes = Routes()
_READS = "repository:read"


@routes.add("GET", "/version", needs="token")
def _version(gitea: Gitea, call: Call, token: Token) -> Reply:
    return Reply(200, {"version": "1.24.6"})


@routes.add("GET", "/user", needs="user:read")
def _user(gitea: Gitea, call: Call, token: Token) -> Reply:
    return Reply(200, gitea.shapes.user(token.user))


@routes.add("GET", "/users/{login}", needs="user:read")
def _account(gitea: Gitea, call: Call, token: Token, login: str) -> Reply:
    person = gitea.people.get(login.lower())
    if person is None:
        raise Refused(404, f"user redirect does not exist [name: {login}]")
    return Reply(200, gitea.shapes.user(person))


@routes.add("GET", "/user/orgs", needs="organization:read", query=PAGES)
def _organizations(gitea: Gitea, call: Call, token: Token) -> Reply:
    owners = {one.owner for one in gitea.repositories if one.right_of(token.user.login) in {"write", "admin"}}
    found = [owner for owner in owners if owner.kind == "Organization"]
    return listed(gitea, call, [gitea.shapes.organization(one) for one in sorted(found, key=lambda one: one.login)])


@routes.add("GET", "/user/repos", needs=_READS, query=PAGES)
def _own_repositories(gitea: Gitea, call: Call, token: Token) -> Reply:
    found = [one for one in gitea.repositories if one.owner is token.user or token.user.login in one.rights]
    return listed(gitea, call, [gitea.shapes.repository(one) for one in found])


@routes.add("GET", "/orgs/{login}/repos", needs=_READS, query=PAGES)
@routes.add("GET", "/users/{login}/repos", needs=_READS, query=PAGES)
def _repositories_of(gitea: Gitea, call: Call, token: Token, login: str) -> Reply:
    found = [one for one in gitea.repositories if one.owner.login.lower() == login.lower() and _seen(token, one)]
    return listed(gitea, call, [gitea.shapes.repository(one) for one in found])


@routes.add(
    "GET",
    "/repos/search",
    needs=_READS,
    query={
        **PAGES,
        "q": optional(),
        "uid": optional(),
        "sort": optional(),
        "order": optional(),
        "mode": optional(),
        "archived": optional(),
        "exclusive": optional(),
        "private": optional(),
    },
)
def _search(gitea: Gitea, call: Call, token: Token) -> Reply:
    word, owner = call.query.get("q", "").lower(), call.query.get("uid", "")
    found = [
        one
        for one in gitea.repositories
        if _seen(token, one) and word in one.name.lower() and (not owner or str(one.owner.id) == owner)
    ]
    page = listed(gitea, call, [gitea.shapes.repository(one) for one in found])
    return Reply(200, {"ok": True, "data": page.content}, page.headers)


def _seen(token: Token, one: Repository) -> bool:
    return one.right_of(token.user.login) != "none"


@routes.add("GET", "/repos/{owner}/{repo}", needs=_READS)
def _repository(gitea: Gitea, call: Call, token: Token, repository: Repository) -> Reply:
    right = repository.right_of(token.user.login)
    permissions = {"admin": right == "admin", "push": right in {"admin", "write"}, "pull": True}
    return Reply(200, {**gitea.shapes.repository(repository), "permissions": permissions})


@routes.add("GET", "/repos/{owner}/{repo}/branches", needs=_READS, query=PAGES)
def _branches(gitea: Gitea, call: Call, token: Token, repository: Repository) -> Reply:
    heads = "refs/heads/"
    found = [
        {"name": ref.removeprefix(heads), "commit": {"id": sha}, "protected": False}
        for ref, sha in repository.git.refs().items()
        if ref.startswith(heads)
    ]
    return listed(gitea, call, found)


@routes.add("GET", "/repos/{owner}/{repo}/branches/{branch...}", needs=_READS)
def _branch(gitea: Gitea, call: Call, token: Token, repository: Repository, branch: str) -> Reply:
    sha = repository.git.tip(f"refs/heads/{branch}")
    if not sha:
        raise Refused(404, "The target couldn't be found.")
    commit = gitea.shapes.commit(repository, repository.git.commit_of(sha))
    return Reply(200, {"name": branch, "commit": commit, "protected": False})


@routes.add(
    "GET",
    "/repos/{owner}/{repo}/git/trees/{ref...}",
    needs=_READS,
    query={"recursive": optional(), "page": optional(), "per_page": optional()},
)
def _tree(gitea: Gitea, call: Call, token: Token, repository: Repository, ref: str) -> Reply:
    sha = known_commit(repository, ref)
    deep = call.query.get("recursive") in {"true", "1"}
    rows = [
        {"path": path, "type": kind, "sha": found, "mode": "040000" if kind == "tree" else "100644"}
        for path, kind, found in repository.git.tree(sha)
        if deep or "/" not in path
    ]
    size, page = int(call.query.get("per_page", "1000")), int(call.query.get("page", "1"))
    shown = rows[(page - 1) * size : page * size]
    more = page * size < len(rows)
    return Reply(200, {"sha": sha, "tree": shown, "truncated": more, "page": page, "total_count": len(rows)})


@routes.add("GET", "/repos/{owner}/{repo}/contents/{path...}", needs=_READS, query={"ref": optional()})
def _contents(gitea: Gitea, call: Call, token: Token, repository: Repository, path: str) -> Reply:
    sha = known_commit(repository, call.query.get("ref", repository.default_branch))
    return _contents_at(repository, sha, path.strip("/"))


@routes.add("GET", "/repos/{owner}/{repo}/contents", needs=_READS, query={"ref": optional()})
def _root(gitea: Gitea, call: Call, token: Token, repository: Repository) -> Reply:
    return _contents_at(repository, known_commit(repository, call.query.get("ref", repository.default_branch)), "")


def _contents_at(repository: Repository, sha: str, path: str) -> Reply:
    rows = repository.git.tree(sha)
    for name, kind, found in rows:
        if name == path and kind == "blob":
            text = base64.b64encode(repository.git.git("cat-file", "blob", found).encode()).decode()
            return Reply(200, {"type": "file", "path": name, "sha": found, "encoding": "base64", "content": text})
    prefix = f"{path}/" if path else ""
    listing: list[dict[str, Any]] = [
        {"type": "dir" if kind == "tree" else "file", "name": name[len(prefix) :], "path": name, "sha": found}
        for name, kind, found in rows
        if name.startswith(prefix) and "/" not in name[len(prefix) :]
    ]
    if not listing:
        raise Refused(404, "The target couldn't be found.")
    return Reply(200, listing)


@routes.add("GET", "/repos/{owner}/{repo}/compare/{both...}", needs=_READS)
def _compare(gitea: Gitea, call: Call, token: Token, repository: Repository, both: str) -> Reply:
    base, dots, head = both.partition("...")
    if not dots:
        raise Wrong(404, "compare takes BASE...HEAD")
    commits = repository.git.commits(known_commit(repository, base), known_commit(repository, head))
    shown = [gitea.shapes.api_commit(repository, one) for one in reversed(commits)]
    return Reply(200, {"total_commits": len(commits), "commits": shown})


@routes.add("GET", "/repos/{owner}/{repo}/collaborators/{login}/permission", needs="repository:read/admin")
def _permission(gitea: Gitea, call: Call, token: Token, repository: Repository, login: str) -> Reply:
    person = gitea.people.get(login.lower())
    if person is None:
        raise Refused(404, f"user does not exist [uid: 0, name: {login}]")
    right = "owner" if person is repository.owner else repository.right_of(person.login)
    return Reply(200, {"permission": right, "role_name": right, "user": gitea.shapes.user(person)})
