"""Gitea's dialect: scopes of tokens, OAuth, and how deliveries are signed and sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.vcs.provider.calls import Call, Refused, Reply
from tests.vcs.provider.deliveries import Delivery
from tests.vcs.provider.git_store import ZEROS
from tests.vcs.provider.gitea import comments, hooks, payloads, pull_requests, repositories, statuses
from tests.vcs.provider.gitea.shapes import Shapes
from tests.vcs.provider.oauth import OAuth
from tests.vcs.provider.people import People
from tests.vcs.provider.provider import Provider
from tests.vcs.provider.records import Comment, Hook, Person, PullRequest, Repository, Review
from tests.vcs.provider.routes import Routes
from tests.vcs.provider.signatures import sha1, sha256

SCOPES = {"repository": "write", "issue": "write", "user": "read", "organization": "read"}
"""What docs/vcs.md tells to choose for a token."""
_TOKEN_SECONDS = 3600
# X-Gitea-Event says less than X-Gitea-Event-Type, by which a hook asks for it.
_GENERAL = {
    "pull_request_sync": "pull_request",
    "pull_request_comment": "issue_comment",
    "pull_request_review_approved": "pull_request_approved",
    "pull_request_review_rejected": "pull_request_rejected",
    "pull_request_review_comment": "pull_request_comment",
}
_REVIEWS = {
    "APPROVED": "pull_request_review_approved",
    "CHANGES_REQUESTED": "pull_request_review_rejected",
    "COMMENTED": "pull_request_review_comment",
}


class Gitea(Provider):
    """A Gitea with one OAuth application and access tokens."""

    dialect = "GITEA"
    api_path = "/api/v1"
    routes = Routes()
    synchronized = "synchronized"
    git_subject = "repository"

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        super().__init__(folder, host)
        self.shapes = Shapes(self)
        self.oauth = OAuth("", expires=_TOKEN_SECONDS)
        self.act = People(self, self)

    def personal_token(self, login: str, scopes: dict[str, str] | None = None) -> str:
        """Return a new access token of somebody, with the scopes that the guide names unless others are given."""
        return self.tokens.give("", self.person(login), "personal", permissions=scopes or SCOPES).text

    def missing_repository(self, call: Call, path: str, name: str) -> Reply:
        owner = path.split("/")[2]
        old = self.renamed.get(f"{owner}/{name}".lower())
        if old is None:
            raise Refused(404, "The target couldn't be found.")
        rest = path.split("/", 4)[4:]
        location = "/".join([f"{self.api_path}/repos/{old.full_name}", *rest])
        return Reply(307, None, {"Location": location})

    def answer_page(self, call: Call) -> Reply:
        if call.path == "/login/oauth/access_token" and call.method == "POST":
            json_body = call.headers.get("content-type", "").startswith("application/json")
            given = call.json() if json_body else call.form()
            return self.oauth.exchange(self.tokens, given, error_status=400)
        return super().answer_page(call)

    def token_of_login(self, user: str, password: str) -> str:
        # As a user name alone too, with nothing or x-oauth-basic for a password.
        return user if password in {"", "x-oauth-basic"} else password

    # ---- delivering -------------------------------------------------------------------------------------------------

    def announce_push(self, repository: Repository, ref: str, old: str, new: str, by: Person) -> None:
        if new == ZEROS:
            self.deliver(repository, "delete", "", payloads.deleted(self.shapes, repository, ref, by))
            return
        if old == ZEROS:
            self.deliver(repository, "create", "", payloads.created(self.shapes, repository, ref, new, by))
        self.deliver(repository, "push", "", payloads.push(self.shapes, repository, ref, old, new, by))

    def announce_pull_request(self, pull: PullRequest, action: str, by: Person, *, before: str = "") -> None:
        event = "pull_request_sync" if action == "synchronized" else "pull_request"
        self.deliver(pull.repository, event, action, payloads.pull_request(self.shapes, pull, action, by))

    def announce_comment(self, pull: PullRequest, comment: Comment, action: str, by: Person) -> None:
        """Deliver what became of a comment."""
        payload = payloads.comment(self.shapes, pull, comment, action, by)
        self.deliver(pull.repository, "pull_request_comment", action, payload)

    def announce_review(self, pull: PullRequest, review: Review) -> None:
        """Deliver a review."""
        kind = _REVIEWS[review.state]
        self.deliver(pull.repository, kind, "reviewed", payloads.review(self.shapes, pull, review, kind))

    def announce_release(self, repository: Repository, tag: str, by: Person) -> None:
        """Deliver a new release."""
        self.deliver(repository, "release", "published", payloads.release(self.shapes, repository, tag, by))

    def test_hook(self, repository: Repository, hook: Hook) -> None:
        """Deliver what the button "Test delivery" does: a push of the newest commit, which changed nothing."""
        tip = repository.git.tip(f"refs/heads/{repository.default_branch}")
        ref = f"refs/heads/{repository.default_branch}"
        payload = payloads.push(self.shapes, repository, ref, tip, tip, repository.owner)
        self.deliveries.put(self.delivery(hook, "push", "", payload))

    def wants(self, hook: Hook, event: str, action: str) -> bool:
        asked = "pull_request_review" if event.startswith("pull_request_review_") else event
        return super().wants(hook, asked, action)

    def delivery(self, hook: Hook, event: str, action: str, payload: dict[str, Any]) -> Delivery:
        # As Go writes JSON: indented, with <, > and & escaped.
        text = json.dumps(payload, indent=2, ensure_ascii=False)
        for char in "<>&":
            text = text.replace(char, f"\\u{ord(char):04x}")
        body, number = text.encode(), str(uuid4())
        general = _GENERAL.get(event, event)
        headers = {"Content-Type": "application/json", "User-Agent": "Go-http-client/1.1"}
        signature = sha256(hook.secret, body)
        for name in ("Gitea", "Gogs"):
            headers[f"X-{name}-Delivery"] = number
            headers[f"X-{name}-Event"] = general
            headers[f"X-{name}-Event-Type"] = event
            headers[f"X-{name}-Signature"] = signature
        headers["X-Hub-Signature"] = f"sha1={sha1(hook.secret, body)}"
        headers["X-Hub-Signature-256"] = f"sha256={signature}"
        headers["X-GitHub-Delivery"] = number
        headers["X-GitHub-Event"] = general
        headers["X-GitHub-Event-Type"] = event
        return Delivery(hook.url, event, action, headers, body)


for _part in (repositories, pull_requests, comments, statuses, hooks):
    Gitea.routes.all += _part.routes.all
