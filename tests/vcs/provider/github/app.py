"""A GitHub App: its key, the accounts that installed it, and the calls that make tokens of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.vcs.provider.calls import Call, Refused, Reply, Wrong
from tests.vcs.provider.fields import Field, optional
from tests.vcs.provider.github.lists import listed
from tests.vcs.provider.records import Hook, Person, Repository, next_id
from tests.vcs.provider.routes import PAGES, Routes
from tests.vcs.provider.tokens import LEVELS

if TYPE_CHECKING:
    from tests.vcs.provider.github.dialect import GitHub

TOKEN_SECONDS = 3600
_DRIFT_SECONDS = 60
_LONGEST_SECONDS = 600
GRANTED = {
    "metadata": "read",
    "contents": "read",
    "statuses": "write",
    "pull_requests": "write",
    "repository_hooks": "write",
}
"""What docs/vcs.md tells an administrator to allow."""
_OTHERS = ("administration", "actions", "checks", "deployments", "issues", "members", "workflows")
routes = Routes()


@dataclass(eq=False)
class Installation:
    """An account that installed the App; ``repositories`` are names, None: all of the account."""

    account: Person
    repositories: tuple[str, ...] | None = None
    id: int = field(default_factory=next_id)

    def has(self, repository: Repository) -> bool:
        """Tell whether a repository is among those of the installation."""
        return repository.owner is self.account and (self.repositories is None or repository.name in self.repositories)


class App:
    """The App. ``private_key`` is PKCS#1, as GitHub hands it out; ``hook`` is the App's own, None without one."""

    def __init__(self, bot: Person) -> None:
        self.bot = bot
        self.id = next_id()
        self.client_id = f"Iv23li{self.id:014d}"
        self.slug = bot.login.removesuffix("[bot]")
        self.permissions: dict[str, str] = dict(GRANTED)
        self.installations: list[Installation] = []
        self.hook: Hook | None = None
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def private_key(self, form: serialization.PrivateFormat = serialization.PrivateFormat.TraditionalOpenSSL) -> str:
        """Return the key as PEM, in PKCS#1 unless another form is asked for."""
        plain = serialization.NoEncryption()
        return self._key.private_bytes(serialization.Encoding.PEM, form, plain).decode()

    def check(self, text: str) -> None:
        """Raise Wrong for a JWT that GitHub would refuse."""
        try:
            claims = jwt.decode(
                text,
                self._key.public_key(),
                algorithms=["RS256"],
                options={"require": ["iss", "iat", "exp"], "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise Wrong(401, f"the JWT is no good: {error}") from None
        if str(claims["iss"]) not in {self.client_id, str(self.id)}:
            raise Wrong(401, f"the JWT's iss is {claims['iss']!r}")
        if claims["iat"] > time.time():
            raise Wrong(401, "the JWT's iat is in the future")
        if claims["exp"] - time.time() > _LONGEST_SECONDS:
            raise Wrong(401, "the JWT's exp is too far in the future")
        if claims["exp"] - claims["iat"] > _LONGEST_SECONDS + _DRIFT_SECONDS:
            raise Wrong(401, "the JWT lives longer than ten minutes")

    def installation_of(self, repository: Repository) -> Installation:
        """Return the installation for a repository. Raises Refused where there is none."""
        for one in self.installations:
            if one.has(repository):
                return one
        raise Refused(404, "Not Found")

    def by_id(self, number: str) -> Installation:
        """Return an installation. Raises Refused for one that is gone."""
        for one in self.installations:
            if str(one.id) == number:
                return one
        raise Refused(404, "Integration not found")


def _installation(app: App, one: Installation) -> dict[str, Any]:
    return {
        "id": one.id,
        "account": {"login": one.account.login, "id": one.account.id, "type": one.account.kind},
        "repository_selection": "all" if one.repositories is None else "selected",
        "app_id": app.id,
        "app_slug": app.slug,
        "client_id": app.client_id,
        "target_type": one.account.kind,
        "permissions": app.permissions,
        "events": [],
        "suspended_at": None,
    }


@routes.add("GET", "/app", needs="jwt")
def _app(github: GitHub, call: Call, _: None) -> Reply:
    app = github.app
    return Reply(200, {"id": app.id, "slug": app.slug, "client_id": app.client_id, "permissions": app.permissions})


@routes.add("GET", "/app/installations", needs="jwt", query=PAGES)
def _installations(github: GitHub, call: Call, _: None) -> Reply:
    return listed(github, call, [_installation(github.app, one) for one in github.app.installations])


@routes.add("GET", "/app/installations/{number}", needs="jwt")
def _one_installation(github: GitHub, call: Call, _: None, number: str) -> Reply:
    return Reply(200, _installation(github.app, github.app.by_id(number)))


@routes.add("GET", "/repos/{owner}/{repo}/installation", needs="jwt")
def _installation_of(github: GitHub, call: Call, _: None, repository: Repository) -> Reply:
    return Reply(200, _installation(github.app, github.app.installation_of(repository)))


@routes.add("GET", "/orgs/{login}/installation", needs="jwt")
@routes.add("GET", "/users/{login}/installation", needs="jwt")
def _installation_of_account(github: GitHub, call: Call, _: None, login: str) -> Reply:
    for one in github.app.installations:
        if one.account.login.lower() == login.lower():
            return Reply(200, _installation(github.app, one))
    raise Refused(404, "Not Found")


@routes.add(
    "POST",
    "/app/installations/{number}/access_tokens",
    needs="jwt",
    body={
        "repositories": optional(list, each=Field(str)),
        "repository_ids": optional(list, each=Field(int)),
        "permissions": optional(dict),
    },
)
def _access_token(github: GitHub, call: Call, _: None, number: str) -> Reply:
    installation = github.app.by_id(number)
    body = call.json() if call.body else {}
    permissions = _narrowed(github.app.permissions, body.get("permissions"))
    own = [one for one in github.repositories if installation.has(one)]
    chosen = [
        one for one in own if one.name in body.get("repositories", ()) or one.id in body.get("repository_ids", ())
    ]
    asked = len(body.get("repositories", ())) + len(body.get("repository_ids", ()))
    if asked and len(chosen) != asked:
        raise Refused(422, "There is at least one repository that does not exist or is not accessible")
    ends = time.time() + github.token_seconds
    token = github.tokens.give(
        "ghs_",
        github.app.bot,
        "installation",
        permissions=permissions,
        repositories=frozenset(one.id for one in (chosen or own)),
        ends_at=ends,
    )
    return Reply(
        201,
        {
            "token": token.text,
            "expires_at": datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": permissions,
            "repository_selection": "selected" if chosen else "all",
            **({"repositories": [github.shapes.repository(one) for one in chosen]} if chosen else {}),
        },
    )


def _narrowed(granted: Mapping[str, str], asked: Mapping[str, str] | None) -> dict[str, str]:
    if asked is None:
        return dict(granted)
    for subject, level in asked.items():
        if level not in LEVELS or subject not in {*GRANTED, *_OTHERS}:
            raise Wrong(422, f"there is no permission {subject}: {level!r}")
        if subject not in granted or LEVELS.index(granted[subject]) < LEVELS.index(level):
            raise Refused(422, "The permissions requested are not granted to this installation.")
    # Every token may read what is public about its repositories.
    return {"metadata": "read", **asked}


@routes.add("GET", "/installation/repositories", needs="metadata:read", query=PAGES)
def _repositories(github: GitHub, call: Call, token: Any) -> Reply:
    if token.kind != "installation":
        raise Wrong(403, "You must authenticate with an installation access token")
    found = [one for one in github.repositories if token.repositories is None or one.id in token.repositories]
    page = listed(github, call, [github.shapes.repository(one) for one in found])
    return Reply(200, {"total_count": len(found), "repositories": page.content}, page.headers)


@routes.add("DELETE", "/installation/token", needs="metadata:read")
def _end_token(github: GitHub, call: Call, token: Any) -> Reply:
    token.revoked = True
    return Reply(204)
