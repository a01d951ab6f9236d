"""A repository's webhook at Gitea or Forgejo.

https://docs.gitea.com/api/ (repoCreateHook, repoEditHook, repoDeleteHook)
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext_noop as _

from vcs.providers.base import Api, ApiError, HookSettings, Repository
from workspaces.choices import WebhookEventType

PERMISSION = _("the scope write:repository of the token, and its user administers the repository")
_EVENTS = {
    WebhookEventType.PUSH: ("push",),
    WebhookEventType.TAG: ("push", "create"),
    WebhookEventType.PULL_REQUEST: ("pull_request", "pull_request_sync"),
    WebhookEventType.RELEASE: ("release",),
}


def register(api: Api, repository: Repository, hook: HookSettings) -> str:
    return str(api.post(_path(repository), {"type": "gitea", **_settings(hook)}).data["id"])


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
    events = {event for name in hook.events for event in _EVENTS[WebhookEventType(name)]}
    if hook.comments:
        events |= {"issue_comment", "pull_request_comment"}
    return {
        "active": True,
        "events": sorted(events),
        "branch_filter": "*",
        "config": {"url": hook.url, "secret": hook.secret, "content_type": "json"},
    }
