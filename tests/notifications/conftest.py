"""A workspace, a receiver on the loopback, and notifications that go there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from terrakube_site.outgoing import allowed_from
from tests.factories import OrganizationFactory, WorkspaceFactory
from tests.notifications.receiver import Answer, Receiver
from workspaces.models import NotificationConfiguration, NotificationTrigger, Workspace

SECRET = "a secret of the signature"
type Notify = Callable[..., NotificationConfiguration]


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def receiver(server: Receiver, settings: Settings) -> Receiver:
    settings.OUTGOING_ALLOWED = allowed_from(["127.0.0.1/32"])
    settings.PUBLIC_URL = "https://terrakube.example"
    server.received.clear()
    server.answers[:] = [Answer()]
    return server


@pytest.fixture
def workspace(db: None) -> Workspace:
    found: Workspace = WorkspaceFactory.create(organization=OrganizationFactory.create(name="acme"), name="net")
    return found


@pytest.fixture
def notify(workspace: Workspace, receiver: Receiver) -> Notify:
    """Make a notification of the workspace's organization, for some events."""

    def make(*events: str, **fields: Any) -> NotificationConfiguration:
        given: dict[str, Any] = {
            "organization": workspace.organization,
            "name": "on call",
            "channel_type": "WEBHOOK",
            "destination_url": receiver.url,
            "signing_secret": SECRET,
        }
        made = NotificationConfiguration.objects.create(**given | fields)
        for event in events:
            NotificationTrigger.objects.create(configuration=made, job_status=event)
        return made

    return make
