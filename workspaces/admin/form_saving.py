"""Save the panel's forms through the same services as the API's requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import models

from workspaces.actors import Actor
from workspaces.models import (
    Access,
    Organization,
    PolicyRule,
    Project,
    ProjectAccess,
    Schedule,
    Webhook,
    WebhookEvent,
    Workspace,
)
from workspaces.services import accesses, organizations, policy, projects, records, schedules, webhooks, workspaces

_CREATE: Mapping[type[models.Model], Callable[..., Any]] = {
    Access: accesses.create_access,
    PolicyRule: policy.create_rule,
    ProjectAccess: accesses.create_access,
    Schedule: schedules.create_schedule,
    Webhook: webhooks.create_webhook,
    WebhookEvent: webhooks.create_event,
}
_UPDATE: Mapping[type[models.Model], Callable[..., Any]] = {
    Access: accesses.update_access,
    Organization: organizations.update_organization,
    PolicyRule: policy.update_rule,
    ProjectAccess: accesses.update_access,
    Schedule: schedules.update_schedule,
    Webhook: webhooks.update_webhook,
    WebhookEvent: webhooks.update_event,
    Workspace: workspaces.update_workspace,
}
_DELETE: Mapping[type[models.Model], Callable[..., Any]] = {
    Organization: organizations.delete_organization,
    PolicyRule: policy.delete_rule,
    Project: projects.delete_project,
    Webhook: webhooks.delete_webhook,
    WebhookEvent: webhooks.delete_event,
    Workspace: workspaces.delete_workspace,
}
_create_record: Callable[..., Any] = records.create_record
_update_record: Callable[..., Any] = records.update_record
HIDES = frozenset(_DELETE) - {PolicyRule, Project, Webhook, WebhookEvent}
"""Records of which nothing is lost when they are deleted: they are hidden and their name is free again."""


def create(record: models.Model, *, by: Actor) -> None:
    """Save a new record. Raises ServiceError."""
    if isinstance(record, Organization):
        made = organizations.create_organization(
            by=by,
            name=record.name,
            description=record.description,
            icon=record.icon,
            execution_mode=record.execution_mode,
            disabled=record.disabled,
            no_self_approval=record.no_self_approval,
        )
        record.pk = made.pk
        record._state.adding = False
    else:
        save = _CREATE.get(type(record), _create_record)
        save(record, by=by)


def update(record: models.Model, changed: Mapping[str, Any], *, by: Actor) -> None:
    """Save the changed fields of a record. Raises ServiceError."""
    if changed:
        _UPDATE.get(type(record), _update_record)(record, changed, by=by)


def delete(record: models.Model, *, by: Actor) -> None:
    """Delete a record. Raises ServiceError."""
    _DELETE.get(type(record), records.delete_record)(record, by=by)
