"""A repository of the fake provider with a hook, for the tests of the provider itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vcs.provider import Gitea, GitHub, Provider
from tests.vcs.provider.client import ask
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
