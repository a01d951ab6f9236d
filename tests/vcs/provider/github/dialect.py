"""GitHub's dialect: how calls are authorized, OAuth, and how deliveries are signed and sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.vcs.provider.calls import Call, Refused, Reply, Wrong
from tests.vcs.provider.deliveries import Delivery
from tests.vcs.provider.github import app as apps
from tests.vcs.provider.github import comments, hooks, payloads, pull_requests, repositories, statuses
from tests.vcs.provider.github.shapes import Shapes
from tests.vcs.provider.oauth import OAuth
from tests.vcs.provider.people import People
from tests.vcs.provider.provider import Provider
from tests.vcs.provider.records import Comment, Hook, Person, PullRequest, Repository, Review
from tests.vcs.provider.routes import Routes
from tests.vcs.provider.signatures import sha1, sha256
from tests.vcs.provider.tokens import Token

API_VERSION = "2022-11-28"
_ACCEPT = "application/vnd.github+json"


class GitHub(Provider):
    """A GitHub with one App, one OAuth application, and personal tokens."""

    dialect = "GITHUB"
    api_path = "/api/v3"
    routes = Routes()
    synchronized = "synchronize"

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        super().__init__(folder, host)
        self.shapes = Shapes(self)
        self.token_seconds: float = apps.TOKEN_SECONDS
        self.app = apps.App(self.person("terrakube-site[bot]", "Bot"))
        self.oauth = OAuth("gho_", expires=None)
        self.act = People(self, self)

    # ---- what an administrator does ---------------------------------------------------------------------------------

    def install_app(self, owner: str, repositories: tuple[str, ...] | None = None) -> apps.Installation:
        """Install the App on an account, for some of its repositories or all of them."""
        made = apps.Installation(self.person(owner), repositories)
        self.app.installations.append(made)
        return made

    def uninstall_app(self, owner: str) -> None:
        """Take the App off an account; tokens for its repositories end at once."""
        gone = [one for one in self.app.installations if one.account is self.person(owner)]
        own = {one.id for one in self.repositories if one.owner is self.person(owner)}
        self.app.installations = [one for one in self.app.installations if one not in gone]
        for token in self.tokens.all("installation"):
            token.revoked = token.revoked or bool(own & (token.repositories or set()))

    def set_app_hook(self, url: str, secret: str, events: list[str]) -> None:
        """Let the App have a hook of its own, which hears of all its repositories."""
        self.app.hook = Hook(url, secret, events)

    def personal_token(self, login: str) -> str:
        """Return a new personal token of somebody, which allows all that its owner may."""
        return self.tokens.give("ghp_", self.person(login), "personal").text

    # ---- answering --------------------------------------------------------------------------------------------------

    def check_headers(self, call: Call) -> None:
        super().check_headers(call)
        if call.headers.get("accept") != _ACCEPT:
            raise Wrong(415, f"Accept is {call.headers.get('accept')!r}, not {_ACCEPT}")
        if call.headers.get("x-github-api-version") != API_VERSION:
            raise Wrong(400, f"X-GitHub-Api-Version is {call.headers.get('x-github-api-version')!r}")

    def authorize(self, call: Call, needs: str, repository: Repository | None) -> Token | None:
        if needs == "jwt":
            self.app.check(call.token())
            return None
        if call.token().count(".") == 2:
            raise Wrong(401, "a JWT is no token for this call")
        return super().authorize(call, needs, repository)

    def canonical(self, path: str) -> str:
        # By its number a repository is found whatever its name is, with all that lies below it.
        _, kind, number, *rest = [*path.split("/"), "", ""]
        named = [one.full_name for one in self.repositories if kind == "repositories" and str(one.id) == number]
        return "/".join(["", "repos", *named, *rest]).rstrip("/") if named else path

    def missing_repository(self, call: Call, path: str, name: str) -> Reply:
        owner = path.split("/")[2]
        old = self.renamed.get(f"{owner}/{name}".lower())
        if old is None:
            raise Refused(404, "Not Found")
        rest = path.split("/", 4)[4:]
        location = "/".join([f"{self.api_url}/repositories/{old.id}", *rest])
        # 307 for what changes something: its method must stay.
        status = 301 if call.method == "GET" else 307
        return Reply(status, {"message": "Moved Permanently", "url": location}, {"Location": location})

    def answer_page(self, call: Call) -> Reply:
        if call.path == "/login/oauth/access_token" and call.method == "POST":
            if call.headers.get("accept") != "application/json":
                raise Wrong(406, f"Accept is {call.headers.get('accept')!r}, not application/json")
            given = dict(call.query)
            if call.body:
                given |= call.form()
            return self.oauth.exchange(self.tokens, given, error_status=200)
        return super().answer_page(call)

    def token_of_login(self, user: str, password: str) -> str:
        # As a user name alone too, with nothing or x-oauth-basic for a password.
        return user if password in {"", "x-oauth-basic"} else password

    def set_head(self, pull: PullRequest, sha: str) -> None:
        super().set_head(pull, sha)
        git = pull.repository.git
        merged = git.merge(pull.base_sha, sha, f"Merge {sha} into {pull.base_sha}", ("GitHub", "noreply@example.org"))
        if merged:
            git.git("update-ref", f"refs/pull/{pull.number}/merge", merged)

    # ---- delivering -------------------------------------------------------------------------------------------------

    def announce_push(self, repository: Repository, ref: str, old: str, new: str, by: Person) -> None:
        self.deliver(repository, "push", "", payloads.push(self.shapes, repository, ref, old, new, by))

    def announce_pull_request(self, pull: PullRequest, action: str, by: Person, *, before: str = "") -> None:
        payload = payloads.pull_request(self.shapes, pull, action, by, before)
        self.deliver(pull.repository, "pull_request", action, payload)

    def announce_comment(self, pull: PullRequest, comment: Comment, action: str, by: Person) -> None:
        """Deliver what became of a comment."""
        payload = payloads.comment(self.shapes, pull, comment, action, by)
        self.deliver(pull.repository, "issue_comment", action, payload)

    def announce_review(self, pull: PullRequest, review: Review) -> None:
        """Deliver a review."""
        self.deliver(pull.repository, "pull_request_review", "submitted", payloads.review(self.shapes, pull, review))

    def announce_release(self, repository: Repository, tag: str, by: Person) -> None:
        """Deliver what GitHub tells of a new release: three deliveries."""
        for action in ("created", "published", "released"):
            self.deliver(repository, "release", action, payloads.release(self.shapes, repository, tag, action, by))

    def ping(self, repository: Repository, hook: Hook) -> None:
        """Deliver the first word of a new hook, whatever events it asked for."""
        payload = payloads.ping(self.shapes, repository, hook, repository.owner)
        self.deliveries.put(self.delivery(hook, "ping", "", payload))

    def deliver(self, repository: Repository, event: str, action: str, payload: dict[str, Any]) -> None:
        super().deliver(repository, event, action, payload)
        hook = self.app.hook
        if hook and any(one.has(repository) for one in self.app.installations) and self.wants(hook, event, action):
            self.deliveries.put(self.delivery(hook, event, action, payload))

    def delivery(self, hook: Hook, event: str, action: str, payload: dict[str, Any]) -> Delivery:
        body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
        headers = {
            "User-Agent": "GitHub-Hookshot/2b1a5c7",
            "Accept": "*/*",
            "Content-Type": "application/json",
            "X-GitHub-Delivery": str(uuid4()),
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": str(hook.id),
            "X-GitHub-Hook-Installation-Target-ID": "1",
            "X-GitHub-Hook-Installation-Target-Type": "repository",
        }
        if hook.secret:
            headers["X-Hub-Signature"] = f"sha1={sha1(hook.secret, body)}"
            headers["X-Hub-Signature-256"] = f"sha256={sha256(hook.secret, body)}"
        return Delivery(hook.url, event, action, headers, body)


for _part in (apps, repositories, pull_requests, comments, statuses, hooks):
    GitHub.routes.all += _part.routes.all
