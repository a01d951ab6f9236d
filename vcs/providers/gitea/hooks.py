"""A repository's webhook at Gitea or Forgejo.

https://docs.gitea.com/api/ (repoCreateHook, repoEditHook, repoDeleteHook)
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.utils.translation import gettext_noop as _

from vcs.providers.base import Api, HookSettings, Repository
from vcs.providers.base.hooks import change_hook, remove_hook
from vcs.providers.github.hooks import hooks_path
from workspaces.choices import WebhookEventType

PERMISSION = _("the scope write:repository of the token, and its user administers the repository")
_EVENTS = {
    WebhookEventType.PUSH: ("push",),
    WebhookEventType.TAG: ("push", "create"),
    WebhookEventType.PULL_REQUEST: ("pull_request", "pull_request_sync"),
    WebhookEventType.RELEASE: ("release",),
}


def register(api: Api, repository: Repository, hook: HookSettings) -> str:
    return str(api.post(hooks_path(repository), {"type": "gitea", **_settings(hook)}).data["id"])


def update(api: Api, repository: Repository, hook_id: str, hook: HookSettings) -> str:
    again = partial(register, api, repository, hook)
    return change_hook(api, "PATCH", hooks_path(repository), hook_id, _settings(hook), register=again)


def remove(api: Api, repository: Repository, hook_id: str) -> None:
    remove_hook(api, hooks_path(repository), hook_id)


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
