"""The fake provider itself, in both dialects: real git, what people do, signed deliveries."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.loopback import LoopbackServer, QuietHandler
from tests.vcs.hooked import SECRET, hook, infra, repository_of
from tests.vcs.provider import Gitea, GitHub
from tests.vcs.provider.client import ask, git
from tests.vcs.provider.deliveries import Delivery

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
