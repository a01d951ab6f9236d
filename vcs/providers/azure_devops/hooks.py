"""Subscriptions of a repository at Azure DevOps: one for each type of event, whose ids are kept with commas between.

https://learn.microsoft.com/en-us/rest/api/azure/devops/hooks/subscriptions
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from vcs.providers.azure_devops.paths import VERSION, organization_path, parts_of, repository_path
from vcs.providers.azure_devops.signature import SECRET_HEADER
from vcs.providers.base import Api, HookSettings, Repository
from vcs.providers.base.hooks import remove_hook
from workspaces.choices import WebhookEventType

PERMISSION = _('the permissions "View subscriptions" and "Edit subscriptions" of the project, and the scope for them')
_VERSION = {"api-version": "7.1"}
_EVENTS = {
    WebhookEventType.PUSH: ("git.push",),
    WebhookEventType.TAG: ("git.push",),
    # There are no releases of a repository; a tag stands for one.
    WebhookEventType.RELEASE: ("git.push",),
    WebhookEventType.PULL_REQUEST: ("git.pullrequest.created", "git.pullrequest.updated"),
}
_COMMENTS = "ms.vss-code.git-pullrequest-comment-event"


def register(api: Api, repository: Repository, hook: HookSettings) -> str:
    found = api.get(repository_path(api, repository), VERSION).data
    events = {event for name in hook.events for event in _EVENTS[WebhookEventType(name)]}
    if hook.comments:
        events.add(_COMMENTS)
    made: list[str] = []
    try:
        for event in sorted(events):
            subscription = {
                "publisherId": "tfs",
                "eventType": event,
                "resourceVersion": "1.0",
                "consumerId": "webHooks",
                "consumerActionId": "httpRequest",
                "publisherInputs": {"projectId": found["project"]["id"], "repository": found["id"]},
                "consumerInputs": {
                    "url": hook.url,
                    "httpHeaders": f"{SECRET_HEADER}:{hook.secret}",
                    "resourceDetailsToSend": "all",
                    "messagesToSend": "none",
                    "detailedMessagesToSend": "none",
                    "acceptUntrustedCerts": "false",
                },
            }
            answer = api.post(_subscriptions(api, repository), subscription, _VERSION)
            made.append(str(answer.data["id"]))
    except Exception:
        # All or none: what is left behind would deliver for ever, and its id would be lost.
        remove(api, repository, ",".join(made))
        raise
    return ",".join(made)


def update(api: Api, repository: Repository, hook_id: str, hook: HookSettings) -> str:
    remove(api, repository, hook_id)
    return register(api, repository, hook)


def remove(api: Api, repository: Repository, hook_id: str) -> None:
    for one in filter(None, hook_id.split(",")):
        remove_hook(api, _subscriptions(api, repository), one, _VERSION)


def _subscriptions(api: Api, repository: Repository) -> str:
    return f"{organization_path(api, parts_of(repository)[0])}/_apis/hooks/subscriptions"
