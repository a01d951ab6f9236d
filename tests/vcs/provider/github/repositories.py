"""GitHub's calls that choose and read repositories: accounts, lists, branches, folders, commits, rights."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from tests.vcs.provider.calls import Call, Refused, Reply, Wrong
from tests.vcs.provider.fields import optional
from tests.vcs.provider.git_store import GitFailed
from tests.vcs.provider.github.lists import listed
from tests.vcs.provider.records import Repository
from tests.vcs.provider.routes import PAGES, Routes
from tests.vcs.provider.tokens import Token

if TYPE_CHECKING:
    from tests.vcs.provider.github.dialect import GitHub

routes = Routes()
_SORTED = {"sort": optional(), "direction": optional(str, choices=("asc", "desc"))}


@routes.add("GET", "/user", needs="token")
def _user(github: GitHub, call: Call, token: Token) -> Reply:
    if token.kind == "installation":
        raise Wrong(403, "Resource not accessible by integration")
    return Reply(200, github.shapes.user(token.user))


@routes.add("GET", "/users/{login}", needs="token")
def _account(github: GitHub, call: Call, token: Token, login: str) -> Reply:
    person = github.people.get(login.lower())
    if person is None:
        raise Refused(404, "Not Found")
    return Reply(200, github.shapes.user(person))


@routes.add("GET", "/user/orgs", needs="token", query=PAGES)
def _organizations(github: GitHub, call: Call, token: Token) -> Reply:
    owners = {one.owner for one in github.repositories if one.right_of(token.user.login) in {"write", "admin"}}
    found = [owner for owner in owners if owner.kind == "Organization"]
    return listed(github, call, [github.shapes.user(one) for one in sorted(found, key=lambda one: one.login)])


@routes.add(
    "GET",
    "/user/repos",
    needs="token",
    query={**PAGES, **_SORTED, "affiliation": optional(), "visibility": optional(), "type": optional()},
)
def _own_repositories(github: GitHub, call: Call, token: Token) -> Reply:
    owner_only = call.query.get("affiliation") == "owner"
    found = [
        one
        for one in github.repositories
        if (one.owner is token.user if owner_only else one.right_of(token.user.login) != "none")
    ]
    return listed(github, call, [github.shapes.repository(one) for one in found])


@routes.add("GET", "/orgs/{login}/repos", needs="token", query={**PAGES, **_SORTED, "type": optional()})
@routes.add("GET", "/users/{login}/repos", needs="token", query={**PAGES, **_SORTED, "type": optional()})
def _repositories_of(github: GitHub, call: Call, token: Token, login: str) -> Reply:
    found = [one for one in github.repositories if one.owner.login.lower() == login.lower() and _seen(token, one)]
    return listed(github, call, [github.shapes.repository(one) for one in found])


@routes.add(
    "GET", "/search/repositories", needs="token", query={**PAGES, **_SORTED, "q": optional(), "order": optional()}
)
def _search(github: GitHub, call: Call, token: Token) -> Reply:
    words, owner = [], ""
    for part in call.query.get("q", "").split():
        kind, colon, value = part.partition(":")
        if not colon:
            words.append(part.lower())
        elif kind in {"user", "org"}:
            owner = value.lower()
        elif kind not in {"in", "fork", "archived"}:
            raise Wrong(422, f"there is no qualifier {kind}")
    found = [
        one
        for one in github.repositories
        if _seen(token, one)
        and (not owner or one.owner.login.lower() == owner)
        and all(word in one.name.lower() for word in words)
    ]
    page = listed(github, call, [github.shapes.repository(one) for one in found])
    return Reply(200, {"total_count": len(found), "incomplete_results": False, "items": page.content}, page.headers)


def _seen(token: Token, one: Repository) -> bool:
    if token.repositories is not None:
        return one.id in token.repositories
    return one.right_of(token.user.login) != "none"


@routes.add("GET", "/repos/{owner}/{repo}", needs="metadata:read")
def _repository(github: GitHub, call: Call, token: Token, repository: Repository) -> Reply:
    return Reply(200, github.shapes.repository(repository))


@routes.add("GET", "/repos/{owner}/{repo}/branches", needs="contents:read", query={**PAGES, "protected": optional()})
def _branches(github: GitHub, call: Call, token: Token, repository: Repository) -> Reply:
    heads = "refs/heads/"
    found = [
        {"name": ref.removeprefix(heads), "commit": {"sha": sha}, "protected": False}
        for ref, sha in repository.git.refs().items()
        if ref.startswith(heads)
    ]
    return listed(github, call, found)


@routes.add("GET", "/repos/{owner}/{repo}/branches/{branch...}", needs="contents:read")
def _branch(github: GitHub, call: Call, token: Token, repository: Repository, branch: str) -> Reply:
    sha = repository.git.tip(f"refs/heads/{branch}")
    if not sha:
        raise Refused(404, "Branch not found")
    commit = github.shapes.api_commit(repository, repository.git.commit_of(sha))
    return Reply(200, {"name": branch, "commit": commit, "protected": False})


@routes.add("GET", "/repos/{owner}/{repo}/git/matching-refs/{ref...}", needs="contents:read", query=PAGES)
def _matching_refs(github: GitHub, call: Call, token: Token, repository: Repository, ref: str) -> Reply:
    found = [
        {"ref": name, "object": {"type": "commit", "sha": sha}}
        for name, sha in repository.git.refs().items()
        if name.startswith(f"refs/{ref}")
    ]
    return listed(github, call, found)


@routes.add("GET", "/repos/{owner}/{repo}/git/trees/{ref...}", needs="contents:read", query={"recursive": optional()})
def _tree(github: GitHub, call: Call, token: Token, repository: Repository, ref: str) -> Reply:
    sha = _known(repository, ref)
    deep = "recursive" in call.query
    rows = [
        {"path": path, "type": kind, "sha": found, "mode": "040000" if kind == "tree" else "100644"}
        for path, kind, found in repository.git.tree(sha)
        if deep or "/" not in path
    ]
    return Reply(200, {"sha": sha, "tree": rows, "truncated": False})


@routes.add("GET", "/repos/{owner}/{repo}/contents/{path...}", needs="contents:read", query={"ref": optional()})
def _contents(github: GitHub, call: Call, token: Token, repository: Repository, path: str) -> Reply:
    return _contents_at(repository, _known(repository, call.query.get("ref", "main")), path.strip("/"))


@routes.add("GET", "/repos/{owner}/{repo}/contents", needs="contents:read", query={"ref": optional()})
@routes.add("GET", "/repos/{owner}/{repo}/contents/", needs="contents:read", query={"ref": optional()})
def _root(github: GitHub, call: Call, token: Token, repository: Repository) -> Reply:
    return _contents_at(repository, _known(repository, call.query.get("ref", "main")), "")


def _contents_at(repository: Repository, sha: str, path: str) -> Reply:
    rows = repository.git.tree(sha)
    for name, kind, found in rows:
        if name == path and kind == "blob":
            text = base64.encodebytes(repository.git.git("cat-file", "blob", found).encode()).decode()
            return Reply(200, {"type": "file", "path": name, "sha": found, "encoding": "base64", "content": text})
    prefix = f"{path}/" if path else ""
    listing: list[dict[str, Any]] = [
        {"type": "dir" if kind == "tree" else "file", "name": name[len(prefix) :], "path": name, "sha": found}
        for name, kind, found in rows
        if name.startswith(prefix) and "/" not in name[len(prefix) :]
    ]
    if not listing:
        raise Refused(404, "Not Found")
    return Reply(200, listing)


@routes.add("GET", "/repos/{owner}/{repo}/compare/{both...}", needs="contents:read", query=PAGES)
def _compare(github: GitHub, call: Call, token: Token, repository: Repository, both: str) -> Reply:
    base, dots, head = both.partition("...")
    if not dots:
        raise Wrong(404, "compare takes BASE...HEAD")
    old, new = _known(repository, base), _known(repository, head)
    start = repository.git.merge_base(old, new)
    ahead, behind = len(repository.git.commits(old, new)), len(repository.git.commits(new, old))
    status = "diverged" if ahead and behind else "ahead" if ahead else "behind" if behind else "identical"
    files = [github.shapes.file(name, kind) for name, kind in repository.git.changed(start, new).items()]
    return Reply(
        200,
        {
            "status": status,
            "ahead_by": ahead,
            "behind_by": behind,
            "total_commits": ahead,
            "merge_base_commit": {"sha": start},
            "commits": [github.shapes.api_commit(repository, one) for one in repository.git.commits(old, new)],
            "files": files,
        },
    )


@routes.add("GET", "/repos/{owner}/{repo}/collaborators/{login}/permission", needs="metadata:read/write")
def _permission(github: GitHub, call: Call, token: Token, repository: Repository, login: str) -> Reply:
    person = github.people.get(login.lower())
    if person is None:
        raise Refused(404, f"{login} is not a user")
    right = repository.right_of(person.login)
    return Reply(200, {"permission": right, "role_name": right, "user": github.shapes.user(person)})


def _known(repository: Repository, ref: str) -> str:
    """Return the commit of a branch, tag or hash. Raises Refused."""
    for name in (f"refs/heads/{ref}", f"refs/tags/{ref}", ref if re.fullmatch("[0-9a-f]{40}", ref) else ""):
        try:
            if name and (sha := repository.git.tip(name)):
                return sha
        except GitFailed:
            continue
    raise Refused(404, f"No commit found for the ref {ref}")


known_commit = _known
