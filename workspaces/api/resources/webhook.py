"""``webhook`` and its ``events`` of type ``webhook_event``, whose ids the client may choose."""

from __future__ import annotations

from functools import partial
from typing import Any

from workspaces.actors import Actor
from workspaces.api.jsonapi.attributes import audit, of_column, of_columns, reference, told
from workspaces.api.jsonapi.resource import Change, make, to_many, to_one
from workspaces.api.resources.changes import columns, reference_field
from workspaces.models import Template, Webhook, WebhookEvent
from workspaces.services import webhooks
from workspaces.services.registration import register_after_commit


def _create(change: Change, actor: Actor) -> Webhook:
    made = webhooks.create_webhook(Webhook(**_key(change), **columns(change, Webhook)), by=actor)
    register_after_commit(made, undo=partial(webhooks.delete_webhook, made, by=actor))
    return made


def _key(change: Change) -> dict[str, Any]:
    return {} if change.key is None else {"pk": change.key}


def _update(record: Webhook, change: Change, actor: Actor) -> None:
    changes = columns(change, Webhook)
    before = {name: getattr(record, name) for name in changes}
    webhooks.update_webhook(record, changes, by=actor)
    register_after_commit(record, undo=partial(webhooks.update_webhook, record, before, by=actor))


def _delete(record: Webhook, actor: Actor) -> None:
    webhooks.delete_webhook(record, by=actor)


WEBHOOK = make(
    "webhook",
    Webhook,
    (
        told(Webhook, "remoteHookId", "ID of the webhook at the provider; null until it is registered, and if shared."),
        of_column(Webhook, "migratedV2"),
        *audit(Webhook),
    ),
    (to_one("workspace", required=True), to_many("events", "webhook", type="webhook_event")),
    root=True,
    joined=("workspace__organization",),
    client_ids=True,
    create=_create,
    update=_update,
    delete=_delete,
)


def _event_fields(change: Change, organization_id: Any) -> dict[str, Any]:
    plain = {name: value for name, value in change.attributes.items() if name != "templateId"}
    fields = columns(Change(attributes=plain, related=change.related), WebhookEvent)
    return fields | reference_field(change, "templateId", Template, organization_id, "template")


def _create_event(change: Change, actor: Actor) -> WebhookEvent:
    fields = _event_fields(change, change.related["webhook"].workspace.organization_id)
    return webhooks.create_event(WebhookEvent(**_key(change), **fields), by=actor)


def _update_event(record: WebhookEvent, change: Change, actor: Actor) -> None:
    webhooks.update_event(record, _event_fields(change, record.webhook.workspace.organization_id), by=actor)


def _delete_event(record: WebhookEvent, actor: Actor) -> None:
    webhooks.delete_event(record, by=actor)


WEBHOOK_EVENT = make(
    "webhook_event",
    WebhookEvent,
    (
        *of_columns(WebhookEvent, "event pathType branchType", lenient=True),
        *of_columns(WebhookEvent, "branch path priority prWorkflowEnabled prApplyEnabled"),
        reference("templateId", "template", required=True, nullable=False),
        *audit(WebhookEvent),
    ),
    (to_one("webhook", required=True),),
    root=True,
    joined=("webhook__workspace__organization",),
    client_ids=True,
    create=_create_event,
    update=_update_event,
    delete=_delete_event,
)
