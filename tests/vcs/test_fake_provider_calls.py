"""Calls of the fake provider, in both dialects: what it keeps, what it refuses and tells, its faults, GitHub's App."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.vcs.hooked import EVENTS, SECRET, hook, infra, repository_of
from tests.vcs.provider import Gitea, GitHub, Provider
from tests.vcs.provider.client import app_jwt, ask, fetch, git, installation_token
from tests.vcs.provider.deliveries import Delivery

_STATUS = {"state": "pending", "context": "Terrakube", "description": "Queued", "target_url": "http://site.test/run"}


def test_statuses_comments_and_reactions_are_kept(provider: GitHub | Gitea, received: list[Delivery]) -> None:
    repository = infra(provider)
    sha = repository.git.tip("main")
    provider.act.push(repository, "more", {"more.tf": ""}, by="mia")
    pull = provider.act.open_pull_request(repository, "more", by="mia")
    token = provider.personal_token("mia")
    for state in ("pending", "success"):
        body = _STATUS | {"state": state}
        assert ask(provider, "POST", f"/repos/acme/infra/statuses/{sha}", body, token=token)[0] == 201
    assert [one.state for one in repository.statuses[sha]] == ["pending", "success"]
    assert repository.latest_statuses(sha)["Terrakube"].state == "success"

    issues = "/repos/acme/infra/issues"
    _, made = ask(provider, "POST", f"{issues}/{pull.number}/comments", {"body": "one"}, token=token)
    path = f"{issues}/comments/{made['id']}"
    assert ask(provider, "PATCH", path, {"body": "two"}, token=token)[1]["body"] == "two"
    assert ask(provider, "POST", f"{path}/reactions", {"content": "eyes"}, token=token)[0] == 201
    assert ask(provider, "POST", f"{path}/reactions", {"content": "eyes"}, token=token)[0] == 200
    (comment,) = pull.comments
    assert (comment.bodies, [one.content for one in comment.reactions]) == (["one", "two"], ["eyes"])
    provider.deliveries.settle()
    assert [one.action for one in received if one.event.endswith("comment")] == ["created", "edited"]


def test_repositories_branches_and_folders_are_listed(provider: GitHub | Gitea) -> None:
    provider.person("acme", "Organization")
    files = {"envs/prod/main.tf": "", "envs/test/main.tf": "", "README.md": ""}
    provider.act.repository("acme/mono", files, writers=("mia",))
    repository_of(provider)
    token = provider.personal_token("mia")
    assert [
        one["username" if provider.dialect == "GITEA" else "login"] for one in _get(provider, "/user/orgs", token)
    ] == ["acme"]
    size = "limit" if provider.dialect == "GITEA" else "per_page"
    pages = [_get(provider, f"/orgs/acme/repos?{size}=1&page={page}", token) for page in (1, 2, 3)]
    assert [[one["name"] for one in page] for page in pages] == [["mono"], ["infra"], []]
    assert [one["name"] for one in _get(provider, "/repos/acme/mono/branches", token)] == ["main"]
    tree = _get(provider, "/repos/acme/mono/git/trees/main?recursive=1", token)["tree"]
    assert [one["path"] for one in tree if one["type"] == "tree"] == ["envs", "envs/prod", "envs/test"]


def _get(provider: Provider, path: str, token: str) -> Any:
    status, answer = ask(provider, "GET", path, token=token)
    assert status == 200, answer
    return answer


WRONG: dict[str, tuple[str, str, object, str]] = {
    "an unknown call": ("GET", "/repos/acme/infra/secrets", None, "there is no such call"),
    "another method": ("PUT", "/repos/acme/infra", None, "takes GET"),
    "an unknown parameter": ("GET", "/repos/acme/infra/pulls?status=open", None, "status is no field"),
    "a page that is none": ("GET", "/repos/acme/infra/pulls?page=0", None, "page is '0'"),
    "a body where none belongs": ("GET", "/repos/acme/infra", {}, "it takes no body"),
    "an unknown field": ("POST", "/repos/acme/infra/statuses/SHA", _STATUS | {"name": "x"}, "name is no field"),
    "an unknown state": (
        "POST",
        "/repos/acme/infra/statuses/SHA",
        _STATUS | {"state": "running"},
        "state is 'running'",
    ),
    "a long description": (
        "POST",
        "/repos/acme/infra/statuses/SHA",
        _STATUS | {"description": "x" * 256},
        "description has 256 characters",
    ),
    "a status that leads nowhere": (
        "POST",
        "/repos/acme/infra/statuses/SHA",
        _STATUS | {"target_url": "javascript:alert(1)"},
        "must use http",
    ),
    "a short hash": ("POST", "/repos/acme/infra/statuses/abc", _STATUS, "no full hash"),
    "a commit that is not there": ("POST", f"/repos/acme/infra/statuses/{'0' * 40}", _STATUS, "No commit found"),
    "a long comment": ("POST", "/repos/acme/infra/issues/1/comments", {"body": "x" * 65_537}, "body has 65537"),
    "a comment that is no text": ("POST", "/repos/acme/infra/issues/1/comments", {"body": None}, "body is a NoneType"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_call_is_refused_and_told(provider: GitHub | Gitea, case: str) -> None:
    method, path, body, told = WRONG[case]
    repository = repository_of(provider)
    provider.act.push(repository, "more", {"more.tf": ""}, by="mia")
    provider.act.open_pull_request(repository, "more", by="mia")
    path = path.replace("SHA", repository.git.tip("main"))
    status, _ = ask(provider, method, path, body, token=provider.personal_token("mia"))
    assert 400 <= status < 500
    (complaint,) = provider.take_complaints()
    assert told in complaint


WRONG_HOOKS: dict[str, tuple[dict[str, Any], str]] = {
    "no secret": ({"config": {"url": "http://site.test/hook", "content_type": "json"}}, "config.secret is missing"),
    "a short secret": (
        {"config": {"url": "http://site.test/hook", "content_type": "json", "secret": "short"}},
        "config.secret has 5",
    ),
    "a form": (
        {"config": {"url": "http://site.test/hook", "content_type": "form", "secret": SECRET}},
        "content_type is 'form'",
    ),
    "no event": ({"events": []}, "events are []"),
    "an unknown event": ({"events": ["everything"]}, "events[0] is 'everything'"),
}


@pytest.mark.parametrize("case", WRONG_HOOKS)
def test_a_wrong_hook_is_refused_and_told(provider: GitHub | Gitea, case: str) -> None:
    changed, told = WRONG_HOOKS[case]
    repository_of(provider)
    assert hook(provider, **changed)[0] == 422
    (complaint,) = provider.take_complaints()
    assert told in complaint


def test_a_token_must_be_known_and_sufficient(provider: GitHub | Gitea) -> None:
    repository = repository_of(provider)
    path = f"/repos/acme/infra/statuses/{repository.git.tip('main')}"
    for token, status in (("", 401), ("made-up", 401), (provider.personal_token("rob"), 403)):
        assert ask(provider, "POST", path, _STATUS, token=token)[0] == status
    told = provider.take_complaints()
    assert [one.partition(": ")[2].split()[0] for one in told] == ["Authorization", "the", "the"]
    assert "made-up" not in "".join(told)


# ---- faults ---------------------------------------------------------------------------------------------------------


def test_refused_tokens_are_no_fault_of_the_caller(provider: GitHub | Gitea) -> None:
    repository_of(provider)
    token = provider.personal_token("mia")
    with provider.faults.tokens_refused():
        assert ask(provider, "GET", "/repos/acme/infra", token=token)[0] == 401
    assert ask(provider, "GET", "/repos/acme/infra", token=token)[0] == 200
    provider.tokens.revoke_all()
    assert ask(provider, "GET", "/repos/acme/infra", token=token)[0] == 401


def test_a_caller_that_does_not_wait_is_told(provider: GitHub | Gitea) -> None:
    repository_of(provider)
    token = provider.personal_token("mia")
    provider.faults.limit_rate("GET /", seconds=30)
    assert [ask(provider, "GET", "/repos/acme/infra", token=token)[0] for _ in range(3)] == [429, 429, 200]
    (complaint,) = provider.take_complaints()
    assert "before the end of Retry-After" in complaint


def test_a_provider_that_is_away_closes_the_connection(provider: GitHub | Gitea) -> None:
    repository_of(provider)
    token = provider.personal_token("mia")
    with provider.faults.away(), pytest.raises(OSError, match=r"closed|reset"):
        ask(provider, "GET", "/repos/acme/infra", token=token)
    provider.faults.fail("GET /", status=502)
    assert [ask(provider, "GET", "/repos/acme/infra", token=token)[0] for _ in range(2)] == [502, 200]


def test_a_renamed_repository_redirects(provider: GitHub | Gitea) -> None:
    repository = repository_of(provider)
    provider.act.rename(repository, "platform")
    token = provider.personal_token("mia")
    assert ask(provider, "GET", "/repos/acme/infra", token=token)[0] in {301, 307}
    assert ask(provider, "GET", "/repos/acme/platform", token=token)[1]["full_name"] == "acme/platform"


def test_a_repository_of_github_is_found_by_its_number(github: GitHub) -> None:
    repository = repository_of(github)
    github.install_app("acme")
    github.act.rename(repository, "platform")
    address = f"/repositories/{repository.id}"
    assert ask(github, "GET", address, token=github.personal_token("mia"))[1]["full_name"] == "acme/platform"
    assert ask(github, "GET", f"{address}/installation", token=app_jwt(github))[0] == 200
    assert ask(github, "GET", "/repositories/1", token=github.personal_token("mia"))[0] == 404
    assert len(github.take_complaints()) == 1


def test_an_oauth_code_works_once(provider: GitHub | Gitea) -> None:
    repository_of(provider)
    code = provider.oauth.allow(provider.person("mia"))
    known = f"client_id={provider.oauth.client_id}&client_secret={provider.oauth.client_secret}"

    def exchange(more: str) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        address = f"{provider.url}/login/oauth/access_token"
        _, text = fetch(address, "POST", f"{known}&{more}".encode(), headers)
        found: dict[str, Any] = json.loads(text)
        return found

    answer = exchange(f"grant_type=authorization_code&code={code}")
    assert ask(provider, "GET", "/repos/acme/infra", token=answer["access_token"])[0] == 200
    assert "access_token" not in exchange(f"grant_type=authorization_code&code={code}")
    if "refresh_token" in answer:
        renewed = exchange(f"grant_type=refresh_token&refresh_token={answer['refresh_token']}")
        assert ask(provider, "GET", "/repos/acme/infra", token=renewed["access_token"])[0] == 200
        assert ask(provider, "GET", "/repos/acme/infra", token=answer["access_token"])[0] == 401
        assert exchange(f"grant_type=refresh_token&refresh_token={answer['refresh_token']}")["error"] == "invalid_grant"


# ---- the App of GitHub ----------------------------------------------------------------------------------------------


def test_an_app_makes_tokens_that_allow_what_was_asked_for(github: GitHub, tmp_path: Path) -> None:
    repository = repository_of(github)
    github.act.repository("acme/other", {"main.tf": ""})
    github.install_app("acme")
    token = installation_token(github, "acme", repositories=["infra"], permissions={"contents": "read"})
    address = github.clone_url(repository).replace("://", f"://x-access-token:{token}@")
    assert git("clone", "--quiet", address, "work", folder=tmp_path).returncode == 0
    other = address.replace("acme/infra", "acme/other")
    assert "403" in git("clone", "--quiet", other, "other", folder=tmp_path).stderr
    assert (
        ask(github, "POST", f"/repos/acme/infra/statuses/{repository.git.tip('main')}", _STATUS, token=token)[0] == 403
    )
    (complaint,) = github.take_complaints()
    assert "does not allow statuses:write" in complaint


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"iss": "another"}, "iss is 'another'"),
        ({"iat": 4_000_000_000, "exp": 4_000_000_300}, "iat is in the future"),
        ({"exp": 4_000_000_000}, "exp is too far"),
        ({"exp": 1_000_000_000}, "expired"),
    ],
    ids=["of another app", "from the future", "for too long", "expired"],
)
def test_a_jwt_is_checked(github: GitHub, changed: dict[str, object], told: str) -> None:
    assert ask(github, "GET", "/app", token=app_jwt(github))[0] == 200
    assert ask(github, "GET", "/app", token=app_jwt(github, **changed))[0] == 401
    (complaint,) = github.take_complaints()
    assert told in complaint


def test_a_token_of_an_app_that_is_gone_is_refused(github: GitHub) -> None:
    repository_of(github)
    github.install_app("acme")
    token = installation_token(github, "acme")
    assert ask(github, "GET", "/installation/repositories", token=token)[1]["total_count"] == 1
    github.uninstall_app("acme")
    assert ask(github, "GET", "/installation/repositories", token=token)[0] == 401
    assert ask(github, "GET", "/repos/acme/infra/installation", token=app_jwt(github))[0] == 404


def test_an_expired_token_is_the_callers_fault(github: GitHub) -> None:
    repository_of(github)
    github.install_app("acme")
    github.token_seconds = -1
    token = installation_token(github, "acme")
    assert ask(github, "GET", "/repos/acme/infra", token=token)[0] == 401
    (complaint,) = github.take_complaints()
    assert "has expired" in complaint


def test_an_app_may_ask_for_no_more_than_it_has(github: GitHub) -> None:
    repository_of(github)
    made = github.install_app("acme", ("infra",))
    path = f"/app/installations/{made.id}/access_tokens"
    for body in ({"permissions": {"contents": "write"}}, {"repositories": ["other"]}):
        assert ask(github, "POST", path, body, token=app_jwt(github))[0] == 422


def test_github_asks_for_its_headers(github: GitHub) -> None:
    repository_of(github)
    token = github.personal_token("mia")
    for headers in ({"Accept": "*/*"}, {"X-GitHub-Api-Version": "2019-01-01"}):
        assert ask(github, "GET", "/repos/acme/infra", token=token, **headers)[0] >= 400
    assert len(github.take_complaints()) == 2


def test_the_apps_own_hook_gets_what_happens_in_its_repositories(github: GitHub) -> None:
    github.deliveries.send = lambda delivery: (200, b"")
    repository = repository_of(github)
    github.install_app("acme")
    github.set_app_hook("http://127.0.0.1:1/app", SECRET, EVENTS)
    github.act.push(repository, "main", {"main.tf": "# two\n"}, by="mia")
    other = github.act.repository("other/infra", {"main.tf": ""})
    github.act.push(other, "main", {"main.tf": "# two\n"}, by="other")
    assert [(one.url, json.loads(one.body)["repository"]["full_name"]) for one in github.deliveries.all] == [
        ("http://127.0.0.1:1/app", "acme/infra")
    ]
