"""What the modules of GitHub and Gitea register, change and remove at a provider that checks each call."""

from __future__ import annotations

import pytest

from tests.vcs.provider import Gitea, GitHub
from tests.vcs.provider.records import Hook
from tests.vcs.test_provider_apis import api_of
from vcs.providers import PROVIDERS
from vcs.providers.base import ApiError, Hooks, HookSettings, Repository
from workspaces.choices import WebhookEventType

SECRET = "a-secret-of-this-hook-alone"
URL = "http://127.0.0.1:1/webhook/v2/5f5c1b6e-30a1-4a4c-9f3e-6c9b0a7f0d11"


def settings_of(*events: WebhookEventType, comments: bool = False, url: str = URL) -> HookSettings:
    return HookSettings(url=url, secret=SECRET, events=frozenset(events), comments=comments)


@pytest.fixture
def repository(provider: GitHub | Gitea) -> Repository:
    provider.deliveries.send = lambda delivery: (200, b"")
    made = provider.act.repository("acme/infra", {"main.tf": ""}, writers=("mia",))
    return Repository(provider.clone_url(made), "acme/infra")


@pytest.fixture
def hooks(provider: GitHub | Gitea) -> Hooks:
    found = PROVIDERS[provider.dialect].hooks
    assert found is not None
    return found


def kept(provider: GitHub | Gitea) -> list[Hook]:
    return provider.repositories[0].hooks


def test_a_hook_is_registered_changed_and_removed(
    provider: GitHub | Gitea, repository: Repository, hooks: Hooks
) -> None:
    api = api_of(provider, "acme")
    number = hooks.register(api, repository, settings_of(WebhookEventType.PUSH))
    (hook,) = kept(provider)
    assert (number, hook.url, hook.secret, hook.active) == (str(hook.id), URL, SECRET, True)
    assert "pull_request" not in hook.events

    every = settings_of(*WebhookEventType, comments=True)
    assert hooks.update(api, repository, number, every) == number
    provider.act.push(provider.repositories[0], "more", {"more.tf": ""}, by="mia")
    pull = provider.act.open_pull_request(provider.repositories[0], "more", by="mia")
    provider.act.push(provider.repositories[0], "more", {"more.tf": "# two"}, by="mia")
    provider.act.comment(pull, "terrakube plan", by="mia")
    provider.act.tag(provider.repositories[0], "v1", by="mia")
    provider.act.release(provider.repositories[0], "v1", by="mia")
    heard = {one.headers["X-GitHub-Event"] for one in provider.deliveries.all}
    assert {"push", "pull_request", "issue_comment", "release"} <= heard

    for _ in range(2):
        # One that is gone is removed as well.
        hooks.remove(api, repository, number)
        assert kept(provider) == []


def test_a_hook_that_somebody_removed_is_registered_again(
    provider: GitHub | Gitea, repository: Repository, hooks: Hooks
) -> None:
    api = api_of(provider, "acme")
    old = hooks.register(api, repository, settings_of(WebhookEventType.PUSH))
    kept(provider).clear()
    new = hooks.update(api, repository, old, settings_of(WebhookEventType.PUSH))
    assert [str(one.id) for one in kept(provider)] == [new]
    assert new != old


def test_a_token_that_may_not_register_is_told(provider: GitHub | Gitea, repository: Repository, hooks: Hooks) -> None:
    with pytest.raises(ApiError) as refused:
        hooks.register(api_of(provider, "mia"), repository, settings_of(WebhookEventType.PUSH))
    assert refused.value.status == 403
    (complaint,) = provider.take_complaints()
    assert "does not allow" in complaint
    assert hooks.PERMISSION
