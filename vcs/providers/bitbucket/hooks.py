"""A repository's webhook at Bitbucket Cloud or Data Center.

https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/
https://developer.atlassian.com/server/bitbucket/rest/ (project/repository webhooks)
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.utils.translation import gettext_noop as _

from vcs.providers.base import Api, HookSettings, Repository
from vcs.providers.base.hooks import change_hook, remove_hook
from vcs.providers.bitbucket.paths import is_data_center, repository_path
from workspaces.choices import WebhookEventType

PERMISSION = _("the permissions webhook and repository:admin of the consumer or token")
_NAME = "Terrakube"
_CLOUD = {
    WebhookEventType.PUSH: ("repo:push",),
    WebhookEventType.TAG: ("repo:push",),
    # There are no releases; a tag stands for one.
    WebhookEventType.RELEASE: ("repo:push",),
    WebhookEventType.PULL_REQUEST: (
        "pullrequest:created",
        "pullrequest:updated",
        "pullrequest:fulfilled",
        "pullrequest:rejected",
    ),
}
_DATA_CENTER = {
    WebhookEventType.PUSH: ("repo:refs_changed",),
    WebhookEventType.TAG: ("repo:refs_changed",),
    WebhookEventType.RELEASE: ("repo:refs_changed",),
    WebhookEventType.PULL_REQUEST: (
        "pr:opened",
        "pr:from_ref_updated",
        "pr:reopened",
        "pr:merged",
        "pr:declined",
        "pr:deleted",
    ),
}


def register(api: Api, repository: Repository, hook: HookSettings) -> str:
    found = api.post(_path(api, repository), _settings(api, hook)).data
    return str(found["id"] if is_data_center(api.url) else found["uuid"])


def update(api: Api, repository: Repository, hook_id: str, hook: HookSettings) -> str:
    again = partial(register, api, repository, hook)
    return change_hook(api, "PUT", _path(api, repository), hook_id, _settings(api, hook), register=again)


def remove(api: Api, repository: Repository, hook_id: str) -> None:
    remove_hook(api, _path(api, repository), hook_id)


def _path(api: Api, repository: Repository) -> str:
    return f"{repository_path(api, repository)}/{'webhooks' if is_data_center(api.url) else 'hooks'}"


def _settings(api: Api, hook: HookSettings) -> dict[str, Any]:
    cloud = not is_data_center(api.url)
    table = _CLOUD if cloud else _DATA_CENTER
    events = {event for name in hook.events for event in table[WebhookEventType(name)]}
    if hook.comments:
        events.add("pullrequest:comment_created" if cloud else "pr:comment:added")
    whole: dict[str, Any] = {"url": hook.url, "active": True, "events": sorted(events)}
    if cloud:
        return whole | {"description": _NAME, "secret": hook.secret}
    return whole | {"name": _NAME, "configuration": {"secret": hook.secret}, "sslVerificationRequired": True}
