"""Create, change and delete notifications, try them, and send what failed again."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor
from workspaces.caller import told_to_history
from workspaces.choices import NotificationEvent, NotificationStatus
from workspaces.errors import InvalidInput, WrongState
from workspaces.models import (
    NotificationConfiguration,
    NotificationDelivery,
    NotificationTrigger,
    Organization,
    Template,
    Workspace,
)
from workspaces.notifications.channels.base import Message, Outcome, Target
from workspaces.notifications.facts import sample_facts
from workspaces.notifications.outbox import SEND
from workspaces.notifications.sending import LEASE, deliver, send_leased
from workspaces.permissions import require_permission
from workspaces.services.records import create_record, require_right, update_record
from workspaces.services.saving import invalid_input
from workspaces.task_queue.client import enqueue
from workspaces.validation.destinations import check_destination


@transaction.atomic
@told_to_history
def create_configuration(
    configuration: NotificationConfiguration,
    *,
    by: Actor,
    events: Collection[str] = (),
    templates: Collection[Template] = (),
) -> NotificationConfiguration:
    """Create a notification. Raises NotAllowed and InvalidInput."""
    _place(configuration)
    made = create_record(configuration, by=by)
    _set_parts(made, events=events, templates=templates, by=by)
    return made


@transaction.atomic
@told_to_history
def update_configuration(
    configuration: NotificationConfiguration,
    changes: Mapping[str, Any],
    *,
    by: Actor,
    events: Collection[str] | None = None,
    templates: Collection[Template] | None = None,
) -> NotificationConfiguration:
    """Change a notification; events and templates stay where they are None. Raises NotAllowed and InvalidInput."""
    changed = update_record(configuration, changes, by=by)
    _set_parts(changed, events=events, templates=templates, by=by)
    return changed


def _place(configuration: NotificationConfiguration) -> None:
    """Let the notification of a workspace belong to its organization. Raises InvalidInput without either."""
    workspace = configuration.workspace
    # A new record may have none yet.
    organization_id: UUID | None = configuration.organization_id
    if organization_id is None and workspace is not None:
        configuration.organization = workspace.organization
    elif organization_id is None:
        raise InvalidInput(
            _("A notification belongs to an organization or to a workspace: choose one of them."),
            fields={"organization": "required"},
        )


def _set_parts(
    configuration: NotificationConfiguration,
    *,
    events: Collection[str] | None,
    templates: Collection[Template] | None,
    by: Actor,
) -> None:
    if templates is not None:
        foreign = [one for one in templates if one.organization_id != configuration.organization_id]
        if foreign:
            raise InvalidInput(
                message(_("The {record} belongs to another organization."), record=Template._meta.verbose_name_raw),
                fields={"templates": "unknown"},
            )
        configuration.templates.set(templates)
    if events is None:
        return
    known = set(configuration.triggers.values_list("job_status", flat=True))
    for trigger in configuration.triggers.exclude(job_status__in=events):
        trigger.delete()
    for event in sorted(set(events) - known):
        create_record(NotificationTrigger(configuration=configuration, job_status=event), by=by)


def send_test(configuration: NotificationConfiguration, *, by: Actor) -> NotificationDelivery:
    """Send a sample once, and return its delivery with the answer. Raises NotAllowed.

    It asks another host, so it must not be called in a transaction.
    """
    require_right(configuration, by=by, verb="change")
    workspace = configuration.workspace
    facts = sample_facts(
        configuration.organization.name,
        "" if workspace is None else workspace.name,
        "" if workspace is None else str(workspace.pk),
    )
    delivery = NotificationDelivery.objects.create(
        configuration=configuration,
        organization=configuration.organization,
        workspace=workspace,
        event=NotificationEvent.TEST,
        facts=facts.as_json(),
        status=NotificationStatus.SENDING,
        leased_until=timezone.now() + LEASE,
    )
    send_leased(delivery)
    delivery.refresh_from_db(fields=["status", "answer", "answer_status", "problem", "problem_words"])
    return delivery


def try_target(organization: Organization, target: Target, *, by: Actor) -> Outcome:
    """Send a sample to a destination that is not saved. Raises NotAllowed and InvalidInput."""
    require_permission(by, organization, "manage_workspace", action=_("test a notification"))
    try:
        check_destination(target.channel, target.destination)
    except ValidationError as error:
        raise invalid_input(ValidationError({"destinationUrl": error})) from None
    return deliver(
        target, Message(facts=sample_facts(organization.name), delivery=str(uuid.uuid4()), at=timezone.now())
    )


def deliveries_of(workspace: Workspace, *, by: Actor) -> QuerySet[NotificationDelivery]:
    """Return the deliveries that tell of a workspace, the newest first. Raises NotAllowed."""
    require_permission(
        by, workspace.organization, "manage_workspace", action=_("read its notifications"), workspace=workspace
    )
    return NotificationDelivery.objects.filter(workspace=workspace).select_related("configuration")


def send_again(delivery: NotificationDelivery, *, by: Actor) -> None:
    """Send a delivery that was given up once more, with all its tries. Raises NotAllowed and WrongState."""
    require_permission(
        by,
        delivery.organization,
        "manage_workspace",
        action=_("send a notification again"),
        workspace=delivery.workspace,
    )
    with transaction.atomic():
        failed = NotificationDelivery.objects.filter(pk=delivery.pk, status=NotificationStatus.FAILED)
        if not failed.update(status=NotificationStatus.PENDING, due_at=timezone.now(), tries=0, leased_until=None):
            raise WrongState(_("Only a failed notification can be sent again."))
        enqueue(SEND, str(delivery.pk))
