"""A repository's webhook at GitHub.

https://docs.github.com/en/rest/repos/webhooks
"""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext_noop as _

from vcs.providers.base import Api, HookSettings, Repository
from vcs.providers.base.hooks import change_hook, remove_hook
from workspaces.choices import WebhookEventType

PERMISSION = _('the permission "Webhooks: read and write" of the App, or the scope admin:repo_hook of the token')
_EVENTS = {
    WebhookEventType.PUSH: "push",
    WebhookEventType.TAG: "push",
    WebhookEventType.PULL_REQUEST: "pull_request",
    WebhookEventType.RELEASE: "release",
}


def register(api: Api, repository: Repository, hook: HookSettings) -> str:
    return str(api.post(hooks_path(repository), {"name": "web", **_settings(hook)}).data["id"])


def update(api: Api, repository: Repository, hook_id: str, hook: HookSettings) -> str:
    again = partial(register, api, repository, hook)
    return change_hook(api, "PATCH", hooks_path(repository), hook_id, _settings(hook), register=again)


def remove(api: Api, repository: Repository, hook_id: str) -> None:
    remove_hook(api, hooks_path(repository), hook_id)


def hooks_path(repository: Repository) -> str:
    return f"/repos/{quote(repository.path)}/hooks"


def _settings(hook: HookSettings) -> dict[str, Any]:
    events = {_EVENTS[WebhookEventType(name)] for name in hook.events} | ({"issue_comment"} if hook.comments else set())
    return {
        "active": True,
        "events": sorted(events),
        "config": {"url": hook.url, "secret": hook.secret, "content_type": "json", "insecure_ssl": "0"},
    }
