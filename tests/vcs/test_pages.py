"""The panel's pages of webhooks: who sees and presses what, and what they say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories import PLAN, TeamFactory, TemplateFactory
from tests.vcs import payloads as sent
from tests.vcs.scene import Scene
from vcs.choices import DeliveryStatus
from vcs.models import Delivery, RepositoryHook
from workspaces.models import Access, Webhook, WebhookEvent

ROLES = {
    "team write": ({"role": "write"}, True, True),
    "team read": ({"role": "read"}, True, False),
    "access to one workspace": (None, False, False),
}


def signed_in(scene: Scene, role: dict[str, Any] | None) -> Client:
    user = User.objects.create(username="ann", email="ann@example.com", is_staff=True)
    user.groups.add(Group.objects.get_or_create(name="CALLERS")[0])
    if role is not None:
        TeamFactory.create(organization=scene.organization, name="CALLERS", **role)
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(("role", "sees", "presses"), ROLES.values(), ids=ROLES)
def test_deliveries_are_seen_and_handled_again_by_who_may(
    scene: Scene, role: dict[str, Any] | None, sees: bool, presses: bool
) -> None:
    workspace = scene.workspace("core")
    Access.objects.create(workspace=workspace, name="CALLERS", role="write" if role is None else "read")
    event = scene.event(workspace, branch="dev")
    delivery = scene.delivered(sent.hub_push("a.tf"))
    WebhookEvent.objects.filter(pk=event.pk).update(branch="main")
    client = signed_in(scene, role)
    page = client.get(reverse("admin:vcs_delivery_change", args=[delivery.pk]))
    assert (page.status_code == 200) is sees
    if sees:
        shown = page.content.decode()
        assert "The branch main does not match dev." in shown
        assert ("Process again" in shown) is presses
        assert "Raise the limit" in shown
    listed = client.get(reverse("admin:vcs_delivery_changelist")).content.decode()
    assert ("github.com/acme/infra" in listed) is sees
    answer = client.post(reverse("admin:vcs_delivery_again", args=[delivery.pk]))
    assert (answer.status_code == 404) is not sees
    delivery.refresh_from_db()
    assert (delivery.status == DeliveryStatus.PENDING) is presses
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize(("role", "sees", "presses"), ROLES.values(), ids=ROLES)
def test_a_webhook_at_the_provider_is_registered_again_by_who_may(
    scene: Scene, role: dict[str, Any] | None, sees: bool, presses: bool
) -> None:
    Access.objects.create(workspace=scene.workspace("core"), name="CALLERS", role="write" if role is None else "read")
    scene.hook.events, scene.hook.problem = ["PUSH"], "GitHub refuses the webhook (403: no)."
    scene.hook.save()
    client = signed_in(scene, role)
    page = client.get(reverse("admin:vcs_repositoryhook_change", args=[scene.hook.pk]))
    assert (page.status_code == 200) is sees
    if sees:
        assert "GitHub refuses the webhook (403: no)." in page.content.decode()
        assert scene.hook.secret not in page.content.decode()
    RepositoryHook.objects.update(limited_until=timezone.now() + timedelta(minutes=1))
    shown = client.get(reverse("admin:vcs_repositoryhook_changelist"))
    assert (shown.status_code, "Exceeds its limits" in shown.content.decode()) == (200, sees)
    client.post(reverse("admin:vcs_repositoryhook_again", args=[scene.hook.pk]))
    assert (RepositoryHook.objects.get().events == []) is presses


def test_a_webhook_is_made_and_given_an_event_in_the_panel(scene: Scene) -> None:
    workspace = scene.workspace("core")
    Webhook.objects.all().delete()
    template = TemplateFactory.create(organization=scene.organization, name="Plan", tcl=PLAN)
    client = signed_in(scene, {"role": "write"})
    page = client.get(reverse("admin:workspaces_workspace_source", args=[workspace.pk])).content.decode()
    address = f"{reverse('admin:workspaces_webhook_add')}?workspace={workspace.pk}"
    assert address in page
    assert client.get(address).status_code == 200
    saved = client.post(address, {"workspace": str(workspace.pk), "migrated_v2": "on"})
    webhook = Webhook.objects.get()
    # Its events are chosen there.
    assert saved.headers["Location"].startswith(reverse("admin:workspaces_webhook_change", args=[webhook.pk]))
    assert webhook.migrated_v2
    rows = {
        "events-TOTAL_FORMS": "1", "events-INITIAL_FORMS": "0", "events-0-webhook": str(webhook.pk),
        "events-0-event": "PUSH", "events-0-branch": "rel(", "events-0-branch_type": "REGEX", "events-0-path": "",
        "events-0-path_type": "REGEX", "events-0-template": str(template.pk), "events-0-priority": "0",
    }  # fmt: skip
    address = reverse("admin:workspaces_webhook_change", args=[webhook.pk])
    refused = client.post(address, {"migrated_v2": "on", **rows})
    assert "never closed" in refused.content.decode()
    assert not WebhookEvent.objects.exists()
    client.post(address, {"migrated_v2": "on", **rows, "events-0-branch": "main"})
    event = WebhookEvent.objects.get()
    assert (event.branch, event.acts_for_name, event.created_by) == ("main", "ann@example.com", "ann@example.com")
    shown = client.get(reverse("admin:workspaces_workspace_source", args=[workspace.pk])).content.decode()
    assert "Push main: Plan" in shown
