"""A project's webhook at GitLab.

https://docs.gitlab.com/api/project_webhooks/
"""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext_noop as _

from vcs.providers.base import Api, HookSettings, Repository
from vcs.providers.base.hooks import change_hook, remove_hook
from workspaces.choices import WebhookEventType

PERMISSION = _("the scope api of the token, and the role Maintainer in the project")


def register(api: Api, repository: Repository, hook: HookSettings) -> str:
    return str(api.post(_path(repository), _settings(hook)).data["id"])


def update(api: Api, repository: Repository, hook_id: str, hook: HookSettings) -> str:
    again = partial(register, api, repository, hook)
    return change_hook(api, "PUT", _path(repository), hook_id, _settings(hook), register=again)


def remove(api: Api, repository: Repository, hook_id: str) -> None:
    remove_hook(api, _path(repository), hook_id)


def _path(repository: Repository) -> str:
    return f"/projects/{quote(repository.path, safe='')}/hooks"


def _settings(hook: HookSettings) -> dict[str, Any]:
    return {
        "url": hook.url,
        "token": hook.secret,
        "push_events": WebhookEventType.PUSH in hook.events,
        "tag_push_events": WebhookEventType.TAG in hook.events,
        "merge_requests_events": WebhookEventType.PULL_REQUEST in hook.events,
        "releases_events": WebhookEventType.RELEASE in hook.events,
        "note_events": hook.comments,
        "enable_ssl_verification": True,
    }
