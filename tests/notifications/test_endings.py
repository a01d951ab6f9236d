"""Tokens and connections that are about to end are told to the organizations that ask, once for each end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from tests.factories import OrganizationFactory, TeamFactory
from tests.notifications.conftest import Notify
from tests.notifications.receiver import Receiver
from workspaces.models import AccessToken, NotificationDelivery, Vcs, Workspace
from workspaces.notifications import upkeep
from workspaces.notifications.sending import send_delivery

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(minute=10)


def told() -> list[str]:
    """The subjects of what was told, after two looks."""
    upkeep.turn(NOW)
    upkeep.turn(NOW + dt.timedelta(hours=1))
    return sorted(delivery.facts["subject"] for delivery in NotificationDelivery.objects.all())


@pytest.fixture
def token(workspace: Workspace) -> Callable[..., AccessToken]:
    TeamFactory.create(organization=workspace.organization, name="CI")

    def make(description: str, days: float | None = 3, **fields: Any) -> AccessToken:
        expires = None if days is None else NOW + dt.timedelta(days=days)
        given = {"name": "CI", "team": "CI", "description": description, "expires_at": expires}
        return AccessToken.objects.create(**given | fields)

    return make


def test_a_token_of_a_team_is_told_once_before_it_ends(
    token: Callable[..., AccessToken], notify: Notify, receiver: Receiver
) -> None:
    notify("tokenEnding")
    token("soon")
    for description, days in (("later", 30), ("over", -1), ("for ever", None)):
        token(description, days)
    token("gone", deleted=True)
    token("own", team="", name="ann")
    TeamFactory.create(organization=OrganizationFactory.create(), name="ELSEWHERE")
    token("elsewhere", team="ELSEWHERE")
    assert told() == ["The token “soon” of the team CI"]
    delivery = NotificationDelivery.objects.get()
    send_delivery(str(delivery.pk))
    [asked] = receiver.received
    assert asked.content["message"] == "The token “soon” of the team CI is about to end"
    assert asked.content["runUrl"] == "https://terrakube.example/admin/workspaces/accesstoken/"
    assert (asked.content["workspace"], asked.content["jobId"]) == (None, None)


def test_a_connection_that_ends_or_has_a_problem_is_told(workspace: Workspace, notify: Notify) -> None:
    notify("connectionEnding")
    soon = NOW + dt.timedelta(days=2)
    for name, fields in (
        ("ends", {"token_expiration": soon}),
        ("is renewed", {"token_expiration": soon, "refresh_token": "r"}),
        ("renews itself", {"token_expiration": soon, "vcs_type": "AZURE_SP_MI"}),
        ("lasts", {"token_expiration": NOW + dt.timedelta(days=90)}),
        ("is broken", {"problem": {}, "problem_at": NOW}),
    ):
        Vcs.objects.create(organization=workspace.organization, name=name, **{"vcs_type": "GITHUB", **fields})
    Vcs.objects.create(organization=OrganizationFactory.create(), name="ends", vcs_type="GITHUB", token_expiration=soon)
    assert told() == ["The connection “ends”", "The connection “is broken”"]


def test_a_notification_of_one_workspace_is_not_told_of_the_organizations_tokens(
    token: Callable[..., AccessToken], workspace: Workspace, notify: Notify
) -> None:
    notify("tokenEnding", workspace=workspace)
    notify("failed")
    token("soon")
    assert told() == []
