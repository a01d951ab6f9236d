"""A workspace's own webhook, as of Terrakube's first kind: it is registered while its client waits, or refused."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.api.client import Api, token_of
from tests.factories import TeamFactory
from tests.vcs.fake_api import FakeApi, Told
from tests.vcs.scene import Scene
from tests.vcs.test_synchronization import HUB, hub  # noqa: F401 - a fixture
from tests.vcs.test_webhook_resources import ATOMIC
from vcs.models import RepositoryHook
from workspaces.models import Webhook, Workspace

pytestmark = pytest.mark.django_db(transaction=True)
REFUSED = Told(403, {"message": "Resource not accessible by integration"})
SENTENCE = "GitHub refuses the webhook (403: Resource not accessible by integration). The connection needs "


@pytest.fixture
def owner(hub: Scene) -> Api:  # noqa: F811 - the fixture
    TeamFactory.create(organization=hub.organization, name="OWNERS", role="write")
    return Api(token_of("OWNERS"))


def own(scene: Scene) -> tuple[Workspace, str]:
    """A workspace whose own webhook has an event, and the webhook's path."""
    workspace = scene.workspace("core")
    Webhook.objects.update(migrated_v2=False)
    scene.event(workspace)
    return workspace, f"organization/{scene.organization.pk}/workspace/{workspace.pk}/webhook/{workspace.webhook.pk}"


def detail(answer: Any) -> str:
    return str(json.loads(answer.content)["errors"][0]["detail"])


def test_a_change_registers_it_before_it_is_answered(hub: Scene, api: FakeApi, owner: Api) -> None:  # noqa: F811
    _, path = own(hub)
    assert owner.patch(path, "webhook", {"migratedV2": False}).status_code == 204
    assert owner.read(path)["data"]["attributes"]["remoteHookId"] == "41"
    assert [asked.line for asked in api.asked] == [f"POST {HUB}"]
    # One that is as it must be is left alone.
    assert owner.patch(path, "webhook", {"migratedV2": False}).status_code == 204
    assert len(api.asked) == 1


def test_what_the_provider_refuses_is_not_changed(hub: Scene, api: FakeApi, owner: Api) -> None:  # noqa: F811
    workspace, path = own(hub)
    Webhook.objects.update(migrated_v2=True)
    api.answers[f"POST {HUB}"] = REFUSED
    answer = owner.patch(path, "webhook", {"migratedV2": False})
    assert answer.status_code == 424
    assert detail(answer).startswith(SENTENCE)
    assert "connection-token" not in answer.content.decode()
    assert Webhook.objects.get().migrated_v2 is True
    # A shared one is left to the task.
    assert owner.patch(path, "webhook", {"migratedV2": True}).status_code == 204
    assert workspace.webhook.events.count() == 1


def test_a_new_one_that_is_refused_is_not_there(hub: Scene, api: FakeApi, owner: Api) -> None:  # noqa: F811
    workspace, _ = own(hub)
    Webhook.objects.all().delete()
    api.answers[f"POST {HUB}"] = REFUSED
    key = str(uuid4())
    base = f"/organization/{hub.organization.pk}/workspace/{workspace.pk}/webhook"
    event = {"event": "PUSH", "templateId": str(hub.template.pk)}
    operations = [
        {"op": "add", "href": base, "data": {"type": "webhook", "id": key, "attributes": {"migratedV2": False}}},
        {"op": "add", "href": f"/webhook/{key}/events", "data": {"type": "webhook_event", "attributes": event}},
    ]
    answer = owner.client.post(
        "/api/v1/operations",
        {"atomic:operations": operations},
        content_type=ATOMIC,
        headers={"Authorization": f"Bearer {owner.token}", "Accept": ATOMIC},
    )
    assert answer.status_code == 424, answer.content
    assert detail(answer).startswith(SENTENCE)
    assert not Webhook.objects.exists()
    # Terrakube's provider makes one without events first; there is nothing to register yet.
    made = owner.post(base[1:], "webhook", {"migratedV2": False})
    assert made.status_code == 201
    assert not RepositoryHook.objects.filter(webhook_id=json.loads(made.content)["data"]["id"]).exists()
