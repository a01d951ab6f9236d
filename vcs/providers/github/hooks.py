"""A repository's webhook at GitHub.

https://docs.github.com/en/rest/repos/webhooks
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext_noop as _

from vcs.providers.base import Api, ApiError, HookSettings, Repository
from workspaces.choices import WebhookEventType

PERMISSION = _('the permission "Webhooks: read and write" of the App, or the scope admin:repo_hook of the token')
_EVENTS = {
    WebhookEventType.PUSH: "push",
    WebhookEventType.TAG: "push",
    WebhookEventType.PULL_REQUEST: "pull_request",
    WebhookEventType.RELEASE: "release",
}


def register(api: Api, repository: Repository, hook: HookSettings) -> str:
    return str(api.post(_path(repository), {"name": "web", **_settings(hook)}).data["id"])


def update(api: Api, repository: Repository, hook_id: str, hook: HookSettings) -> str:
    try:
        api.patch(f"{_path(repository)}/{quote(hook_id, safe='')}", _settings(hook))
    except ApiError as error:
        if error.status != 404:
            raise
        return register(api, repository, hook)
    return hook_id


def remove(api: Api, repository: Repository, hook_id: str) -> None:
    try:
        api.delete(f"{_path(repository)}/{quote(hook_id, safe='')}")
    except ApiError as error:
        if error.status != 404:
            raise


def _path(repository: Repository) -> str:
    return f"/repos/{quote(repository.path)}/hooks"


def _settings(hook: HookSettings) -> dict[str, Any]:
    events = {_EVENTS[WebhookEventType(name)] for name in hook.events} | ({"issue_comment"} if hook.comments else set())
    return {
        "active": True,
        "events": sorted(events),
        "config": {"url": hook.url, "secret": hook.secret, "content_type": "json", "insecure_ssl": "0"},
    }
