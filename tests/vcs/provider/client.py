"""A client of the fake provider for its own tests: calls as its documentation has them, and real git."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import jwt

from tests.support.patience import patient
from tests.vcs.provider.github import GitHub
from tests.vcs.provider.github.dialect import API_VERSION
from tests.vcs.provider.provider import Provider

_SECONDS = 20


def ask(
    provider: Provider, method: str, path: str, body: object = None, *, token: str = "", **headers: str
) -> tuple[int, Any]:
    """Call the API of a provider; returns status and content, None where there is none."""
    sent = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION, "User-Agent": "test"}
    if provider.dialect == "GITEA":
        sent = {"Accept": "application/json", "User-Agent": "test"}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    content = None
    if body is not None:
        content = json.dumps(body).encode()
        sent["Content-Type"] = "application/json"
    status, text = fetch(provider.api_url + path, method, content, sent | headers)
    return status, json.loads(text) if text else None


def fetch(address: str, method: str, content: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
    """Send one request; returns status and body. A redirect is the answer."""
    request = urllib.request.Request(address, content, headers, method=method)  # noqa: S310
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=patient(_SECONDS)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object, **options: object) -> None:
        """Follow no redirect."""


def app_jwt(github: GitHub, **changed: object) -> str:
    """Return a JWT as the App makes it, with other claims where a test wants them."""
    now = int(time.time())
    claims = {"iss": github.app.client_id, "iat": now - 60, "exp": now + 540, **changed}
    return jwt.encode(claims, github.app.private_key(), algorithm="RS256")


def installation_token(github: GitHub, owner: str, **narrowed: object) -> str:
    """Return a token of the App's installation on an account."""
    (installation,) = [one for one in github.app.installations if one.account.login == owner]
    path = f"/app/installations/{installation.id}/access_tokens"
    status, answer = ask(github, "POST", path, narrowed or None, token=app_jwt(github))
    assert status == 201, answer
    return str(answer["token"])


def git(*arguments: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run git in a folder, without any configuration of the machine; it may fail. ``more`` is its environment."""
    folder.mkdir(parents=True, exist_ok=True)
    environ = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "http",
        "GIT_AUTHOR_NAME": "mia",
        "GIT_AUTHOR_EMAIL": "mia@example.org",
        "GIT_COMMITTER_NAME": "mia",
        "GIT_COMMITTER_EMAIL": "mia@example.org",
        **more,
    }
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=patient(30)
    )
