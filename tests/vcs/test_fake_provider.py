"""The fake provider itself, in both dialects: real git, what people do, signed deliveries, calls that are checked."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback import LoopbackServer, QuietHandler
from tests.vcs.provider import Gitea, GitHub, Provider
from tests.vcs.provider.client import app_jwt, ask, fetch, git, installation_token
from tests.vcs.provider.deliveries import Delivery
from tests.vcs.provider.records import Repository

SECRET = "a-secret-of-this-hook-alone"
EVENTS = ["push", "pull_request", "issue_comment", "release"]


def repository_of(provider: GitHub | Gitea) -> Repository:
    return provider.act.repository("acme/infra", {"main.tf": "# one\n"}, writers=("mia",), readers=("rob",))


def hook(provider: GitHub | Gitea, url: str = "http://127.0.0.1:1/hook", **changed: Any) -> tuple[int, Any]:
    """Register a hook with the owner's token, as each dialect's documentation says."""
    config = {"url": url, "secret": SECRET, "content_type": "json"}
    body: dict[str, Any] = {"active": True, "events": EVENTS, "config": config}
    body |= {"name": "web"} if provider.dialect == "GITHUB" else {"type": "gitea", "branch_filter": "*"}
    token = provider.personal_token("acme")
    return ask(provider, "POST", "/repos/acme/infra/hooks", {**body, **changed}, token=token)


@pytest.fixture
def received(provider: GitHub | Gitea) -> list[Delivery]:
    """Give the deliveries to a hook of acme/infra as they are sent; nobody need listen."""
    provider.deliveries.send = lambda delivery: (200, b"ok")
    repository_of(provider)
    status, _ = hook(provider)
    assert status == 201
    provider.deliveries.settle()
    provider.deliveries.all.clear()
    return provider.deliveries.all


def infra(provider: Provider) -> Repository:
    found = provider.find("acme", "infra")
    assert found is not None
    return found


# ---- git ------------------------------------------------------------------------------------------------------------


def test_git_clones_with_a_token_and_pushes_what_is_delivered(
    provider: GitHub | Gitea, received: list[Delivery], tmp_path: Path
) -> None:
    address = provider.clone_url(infra(provider)).replace("://", f"://x:{provider.personal_token('mia')}@")
    assert git("clone", "--quiet", address, "work", folder=tmp_path).returncode == 0
    (tmp_path / "work" / "more.tf").write_text("# more\n")
    for command in (("add", "."), ("commit", "--quiet", "-m", "More"), ("push", "--quiet", "origin", "HEAD:more")):
        done = git(*command, folder=tmp_path / "work")
        assert done.returncode == 0, done.stderr
    provider.deliveries.settle()

    push = json.loads(next(one for one in received if one.event == "push").body)
    assert (push["ref"], push["sender"]["login"]) == ("refs/heads/more", "mia")
    assert [one["added"] for one in push["commits"]] == [["more.tf"]]
    assert push["after"] == infra(provider).git.tip("refs/heads/more")


def test_git_reads_one_commit_by_its_hash(provider: GitHub | Gitea, tmp_path: Path) -> None:
    repository = repository_of(provider)
    old = repository.git.tip("main")
    provider.act.push(repository, "main", {"main.tf": "# two\n"}, by="mia")
    address = provider.clone_url(repository).replace("://", f"://{provider.personal_token('rob')}:@")
    git("init", "--quiet", "work", folder=tmp_path)
    assert git("fetch", "--quiet", "--depth", "1", address, old, folder=tmp_path / "work").returncode == 0
    assert git("show", "FETCH_HEAD:main.tf", folder=tmp_path / "work").stdout == "# one\n"


@pytest.mark.parametrize("login", ["", "x:wrong@"], ids=["no login", "a wrong token"])
def test_git_reads_a_private_repository_with_a_valid_token_only(
    provider: GitHub | Gitea, tmp_path: Path, login: str
) -> None:
    address = provider.clone_url(repository_of(provider)).replace("://", f"://{login}")
    done = git("clone", "--quiet", address, "work", folder=tmp_path)
    assert done.returncode, done.stdout
    assert "could not read Username" in done.stderr or "Authentication failed" in done.stderr


def test_whoever_may_only_read_cannot_push(provider: GitHub | Gitea, tmp_path: Path) -> None:
    address = provider.clone_url(repository_of(provider)).replace("://", f"://x:{provider.personal_token('rob')}@")
    git("clone", "--quiet", address, "work", folder=tmp_path)
    done = git("push", "--quiet", "origin", "HEAD:more", folder=tmp_path / "work")
    assert "403" in done.stderr


def test_git_follows_a_renamed_repository(provider: GitHub | Gitea, tmp_path: Path) -> None:
    repository = repository_of(provider)
    address = provider.clone_url(repository).replace("://", f"://x:{provider.personal_token('mia')}@")
    provider.act.rename(repository, "platform")
    assert git("clone", "--quiet", address, "work", folder=tmp_path).returncode == 0


# ---- what people do -------------------------------------------------------------------------------------------------


def test_a_pull_request_lives_from_its_opening_to_its_merge(provider: GitHub | Gitea, received: list[Delivery]) -> None:
    repository = infra(provider)
    provider.act.push(repository, "more", {"more.tf": "# more\n"}, by="mia")
    pull = provider.act.open_pull_request(repository, "more", by="mia", title="More")
    second = provider.act.push(repository, "more", {"more.tf": "# better\n"}, by="mia")
    comment = provider.act.comment(pull, "terrakube plan", by="rob")
    assert pull.mergeable
    assert repository.git.tip(f"refs/pull/{pull.number}/head") == pull.head_sha == second
    provider.act.review(pull, by="rob")
    assert pull.approved_by == ["rob"]
    merged = provider.act.merge(pull, by="mia")
    assert repository.git.tip("main") == merged

    told = [(one.event.replace("pull_request_sync", "pull_request"), one.action) for one in received]
    told = [one for one in told if one[0] in {"push", "pull_request"}]
    assert told == [
        ("push", ""),
        ("pull_request", "opened"),
        ("push", ""),
        ("pull_request", provider.synchronized),
        ("pull_request", "closed"),
        ("push", ""),
    ]
    closed = json.loads(next(one for one in received if one.action == "closed").body)["pull_request"]
    assert (closed["merged"], closed["merge_commit_sha"], closed["head"]["sha"]) == (True, merged, second)
    (said,) = [json.loads(one.body) for one in received if one.event.endswith("comment")]
    assert (said["comment"]["id"], said["comment"]["body"]) == (comment.id, "terrakube plan")
    assert said["issue"]["pull_request"]


def test_a_fork_shows_in_the_pull_request_and_can_be_gone(provider: GitHub | Gitea, received: list[Delivery]) -> None:
    repository = infra(provider)
    fork = provider.act.fork(repository, by="eve")
    provider.act.push(fork, "gift", {"gift.tf": "# gift\n"}, by="eve")
    assert received == [], "a fork has hooks of its own"
    pull = provider.act.open_pull_request(repository, "gift", by="eve", source=fork)
    opened = json.loads(received[-1].body)["pull_request"]
    assert opened["head"]["repo"]["full_name"] == "eve/infra"
    assert opened["base"]["repo"]["full_name"] == "acme/infra"
    provider.act.delete_fork(fork)
    provider.act.comment(pull, "hello", by="eve")
    status, shown = ask(provider, "GET", "/repos/acme/infra/pulls/1", token=provider.personal_token("acme"))
    assert (status, shown["head"]["repo"], shown["head"]["sha"]) == (200, None, pull.head_sha)


def test_a_pull_request_that_conflicts_is_not_mergeable(provider: GitHub | Gitea) -> None:
    repository = repository_of(provider)
    provider.act.push(repository, "more", {"main.tf": "# theirs\n"}, by="mia")
    pull = provider.act.open_pull_request(repository, "more", by="mia")
    assert (pull.mergeable, pull.behind) == (True, False)
    provider.act.push(repository, "main", {"main.tf": "# ours\n"}, by="acme")
    assert (pull.mergeable, pull.behind) == (False, True)


def test_tags_releases_and_deleted_branches_are_told(provider: GitHub | Gitea, received: list[Delivery]) -> None:
    repository = infra(provider)
    provider.act.push(repository, "more", {"more.tf": "# more\n"}, by="mia")
    provider.act.tag(repository, "v1", by="mia")
    provider.act.release(repository, "v1", by="mia")
    provider.act.delete_branch(repository, "more", by="mia")
    pushes = [json.loads(one.body) for one in received if one.event == "push"]
    assert [one["ref"] for one in pushes][:2] == ["refs/heads/more", "refs/tags/v1"]
    release = json.loads(next(one for one in received if one.event == "release").body)
    assert release["release"]["tag_name"] == "v1"
    assert "refs/heads/more" not in repository.git.refs()


# ---- deliveries -----------------------------------------------------------------------------------------------------


def test_deliveries_are_signed_over_their_bytes_and_keep_what_they_were_answered(provider: GitHub | Gitea) -> None:
    repository_of(provider)
    seen: list[tuple[dict[str, str], bytes]] = []

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(202)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

    server = LoopbackServer(Handler)
    try:
        assert hook(provider, f"{server.url}/hook")[0] == 201
        provider.act.push(infra(provider), "main", {"main.tf": "# <&>\n"}, "Less & <more>", by="mia")
    finally:
        server.stop()
    headers, body = seen[-1]
    signed = hmac.new(SECRET.encode(), body, sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={signed}"
    assert headers["x-github-event"] == "push"
    assert headers["x-github-delivery"]
    if provider.dialect == "GITEA":
        assert (headers["x-gitea-signature"], headers["x-gitea-event"]) == (signed, "push")
        assert b"\\u003cmore\\u003e" in body
    assert json.loads(body)["head_commit"]["message"].strip() == "Less & <more>"
    delivery = provider.deliveries.all[-1]
    assert (delivery.status, delivery.answer) == (202, b"ok")


def test_a_delivery_that_nobody_takes_is_kept_as_such(provider: GitHub | Gitea) -> None:
    repository_of(provider)
    assert hook(provider, "http://127.0.0.1:1/hook")[0] == 201
    provider.act.push(infra(provider), "main", {"main.tf": "# two\n"}, by="mia")
    assert provider.deliveries.all[-1].status == -1


def test_a_hook_gets_what_it_asked_for_alone(provider: GitHub | Gitea) -> None:
    provider.deliveries.send = lambda delivery: (200, b"")
    repository = repository_of(provider)
    _status, made = hook(provider, events=["release"])
    provider.act.push(repository, "more", {"more.tf": ""}, by="mia")
    provider.act.open_pull_request(repository, "more", by="mia")
    assert [one for one in provider.deliveries.all if one.event != "ping"] == []

    path = f"/repos/acme/infra/hooks/{made['id']}"
    token = provider.personal_token("acme")
    assert ask(provider, "PATCH", path, {"active": True, "events": ["push"]}, token=token)[0] == 200
    provider.act.push(repository, "more", {"more.tf": "# more"}, by="mia")
    assert [one.event for one in provider.deliveries.all if one.event != "ping"] == ["push"]
    assert ask(provider, "DELETE", path, token=token) == (204, None)
    assert ask(provider, "GET", "/repos/acme/infra/hooks", token=token) == (200, [])


# ---- calls ----------------------------------------------------------------------------------------------------------

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
