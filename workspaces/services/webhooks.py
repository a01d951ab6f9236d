"""Create, change and delete webhooks and their events; a task then registers them at the provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workspaces import flows
from workspaces.actors import Actor
from workspaces.choices import WebhookEventType
from workspaces.jobs.acting import COLUMNS, keep_actor
from workspaces.jobs.start_rules import Start, check_start, parsed
from workspaces.models import Webhook, WebhookEvent, Workspace
from workspaces.services.records import create_record, delete_record, require_right, update_record
from workspaces.task_queue.client import enqueue

SYNCHRONIZE = "vcs.tasks.synchronize_hooks"


def create_webhook(webhook: Webhook, *, by: Actor) -> Webhook:
    """Create the webhook of a workspace. Raises NotAllowed, InvalidInput, and Duplicate if it has one."""
    made = create_record(webhook, by=by)
    synchronize_hooks(webhook.workspace)
    return made


def update_webhook(webhook: Webhook, changes: Mapping[str, Any], *, by: Actor) -> Webhook:
    """Change a webhook, and register it again where that failed. Raises NotAllowed and InvalidInput."""
    changed = update_record(webhook, changes, by=by)
    synchronize_hooks(webhook.workspace)
    return changed


def delete_webhook(webhook: Webhook, *, by: Actor) -> None:
    """Delete a webhook with its events, and remove it at the provider. Raises NotAllowed."""
    workspace = webhook.workspace
    delete_record(webhook, by=by)
    synchronize_hooks(workspace)


def create_event(event: WebhookEvent, *, by: Actor) -> WebhookEvent:
    """Create an event; its jobs start with its creator's rights. Raises NotAllowed and InvalidInput."""
    require_right(event, by=by, verb="create")
    keep_actor(event, by)
    _check_start(event, by=by)
    made = create_record(event, by=by)
    synchronize_hooks(event.webhook.workspace)
    return made


def update_event(event: WebhookEvent, changes: Mapping[str, Any], *, by: Actor) -> WebhookEvent:
    """Change an event; its jobs then start with the rights of the user who changed it.

    Raises NotAllowed and InvalidInput.
    """
    require_right(event, by=by, verb="change")
    for name, value in changes.items():
        setattr(event, name, value)
    keep_actor(event, by)
    _check_start(event, by=by)
    changed = update_record(event, {**changes, **{name: getattr(event, name) for name in COLUMNS}}, by=by)
    synchronize_hooks(event.webhook.workspace)
    return changed


def delete_event(event: WebhookEvent, *, by: Actor) -> None:
    """Delete an event. Raises NotAllowed."""
    workspace = event.webhook.workspace
    delete_record(event, by=by)
    synchronize_hooks(workspace)


def synchronize_hooks(*workspaces: Workspace) -> None:
    """Queue the task that compares the webhooks at the provider with those of the records, for each connection."""
    for vcs_id in sorted({str(workspace.vcs_id) for workspace in workspaces if workspace.vcs_id is not None}):
        enqueue(SYNCHRONIZE, vcs_id)


def _check_start(event: WebhookEvent, *, by: Actor) -> None:
    """Refuse an event whose jobs the actor may not start. Raises NotAllowed.

    A pull request starts the plans of its template alone.
    """
    template_id: object = event.template_id
    if template_id is None:
        # The record's own validation reports a missing template.
        return
    try:
        flow = parsed(event.template.tcl)
    except flows.FlowError:
        return
    if event.event == WebhookEventType.PULL_REQUEST:
        flow = flows.plan_part(flow)
    workspace = event.webhook.workspace
    check_start(Start(flow=flow, template=event.template, elsewhere=is_elsewhere(event)), by=by, workspace=workspace)


def is_elsewhere(event: WebhookEvent) -> bool:
    """Return whether an event brings commits of other branches than the workspace's own."""
    own = event.event == WebhookEventType.PUSH and event.branch in {"", event.webhook.workspace.first_branch}
    return not own
