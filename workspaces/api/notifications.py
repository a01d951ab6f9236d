"""Notifications beside their records, at /notification/v1: try one, and see and repeat deliveries."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from workspaces.api.errors import InvalidValue, NotThere, denying
from workspaces.api.json_views import PlainView, number, text
from workspaces.choices import NotificationChannel
from workspaces.models import NotificationConfiguration, NotificationDelivery, Organization, Workspace
from workspaces.notifications.channels.base import Outcome, Target
from workspaces.services.notifications import deliveries_of, send_again, send_test, try_target
from workspaces.validation.destinations import LONGEST_DESTINATION

_MOST, _USUAL = 200, 10


def _moment(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")


def _result(problem: str, status: int | None) -> Response:
    """Return what came of a test: 200, or 502 with what the receiver answered."""
    if problem:
        detail = {"message": problem, "answerStatus": status, "errors": [{"detail": problem}]}
        return Response(detail, status=HTTPStatus.BAD_GATEWAY)
    return Response({"message": "Sent", "answerStatus": status}, status=HTTPStatus.OK)


class ConfigurationTestView(PlainView):
    """Send a sample to the destination of a configuration."""

    def post(self, request: Request, configuration_id: UUID) -> Response:
        visible = NotificationConfiguration.objects.visible_to(self.actor)
        found = visible.select_related("organization", "workspace__organization").filter(pk=configuration_id).first()
        if found is None:
            raise NotThere(f"Unknown identifier {configuration_id} for notification_configuration")
        with denying("Update"):
            sent = send_test(found, by=self.actor)
        return _result(sent.problem, sent.answer_status)


class UnsavedTestView(PlainView):
    """Send a sample to a destination that is not saved."""

    def post(self, request: Request, organization_id: UUID) -> Response:
        organization = Organization.objects.visible_to(self.actor).filter(pk=organization_id).first()
        if organization is None:
            raise NotThere(f"Unknown identifier {organization_id} for organization")
        body = self.body()
        channel = text(body, "channelType", longest=16).upper()
        if channel not in NotificationChannel.values:
            raise InvalidValue(channel, f"channelType is one of {', '.join(NotificationChannel.values)}")
        target = Target(
            channel=channel,
            destination=_secret(body, "destinationUrl", LONGEST_DESTINATION),
            secret=_secret(body, "signingSecret", 255),
            name="Test",
        )
        with denying("Create"):
            outcome: Outcome = try_target(organization, target, by=self.actor)
        return _result(outcome.problem, outcome.status)


def _secret(body: Any, name: str, longest: int) -> str:
    """Return a text member that no refusal may quote. Raises InvalidValue."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        raise InvalidValue(value, f"{name} is text of at most {longest} characters", secret=True)
    return value


class DeliveriesView(PlainView):
    """The newest deliveries that tell of a workspace."""

    def get(self, request: Request, workspace_id: UUID) -> Response:
        workspace = _workspace(self.actor, workspace_id)
        limit = number(request.query_params, "limit", highest=_MOST) or _USUAL
        with denying("Read"):
            rows = deliveries_of(workspace, by=self.actor)[:limit]
        return Response([_document(row) for row in rows])


def _document(row: NotificationDelivery) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "jobId": row.job_number,
        "configurationName": row.configuration.name,
        "channelType": row.configuration.channel_type,
        "status": row.status,
        "attemptCount": row.tries,
        "lastAttemptAt": _moment(row.last_attempt_at),
        "lastError": row.problem or None,
        "createdDate": _moment(row.created_date),
        "event": row.event,
        "answerStatus": row.answer_status,
    }


class RetryView(PlainView):
    """Send a delivery that was given up once more."""

    def post(self, request: Request, workspace_id: UUID, delivery_id: UUID) -> Response:
        workspace = _workspace(self.actor, workspace_id)
        visible = NotificationDelivery.objects.visible_to(self.actor).select_related("organization", "workspace")
        found = visible.filter(pk=delivery_id, workspace=workspace).first()
        if found is None:
            raise NotThere(f"Unknown identifier {delivery_id} for a delivery")
        with denying("Update"):
            send_again(found, by=self.actor)
        return Response({"message": "Queued"}, status=HTTPStatus.OK)


def _workspace(actor: Any, workspace_id: UUID) -> Workspace:
    visible = Workspace.objects.visible_to(actor).select_related("organization")
    found: Workspace | None = visible.filter(pk=workspace_id).first()
    if found is None:
        raise NotThere(f"Unknown identifier {workspace_id} for workspace")
    return found


_deliveries = "notification/v1/workspace/<uuid:workspace_id>/deliveries"
urlpatterns = [
    path("notification/v1/configuration/<uuid:configuration_id>/test", ConfigurationTestView.as_view(), name="test"),
    path(
        "notification/v1/organization/<uuid:organization_id>/configuration/test",
        UnsavedTestView.as_view(),
        name="unsaved-test",
    ),
    path(_deliveries, DeliveriesView.as_view(), name="deliveries"),
    path(f"{_deliveries}/<uuid:delivery_id>/retry", RetryView.as_view(), name="retry"),
]
app_name = "notifications"
