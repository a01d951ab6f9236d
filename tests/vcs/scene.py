"""A repository at a provider with workspaces that listen to it, and deliveries as the provider sends them."""

from __future__ import annotations

import hmac
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.factories import PLAN_AND_APPLY, OrganizationFactory, TemplateFactory, WorkspaceFactory
from tests.vcs.payloads import Delivery as Sent
from vcs.deliveries.handling import handle_delivery
from vcs.models import Delivery, RepositoryHook
from workspaces.jobs.acting import keep_actor
from workspaces.models import Organization, Template, Vcs, Webhook, WebhookEvent, Workspace

SOURCE = "https://github.com/Acme/infra.git"
URL = "https://github.com/acme/infra"


@dataclass
class Scene:
    """One repository, by its hook and connection; ``client`` sends what the provider would."""

    organization: Organization
    vcs: Vcs
    hook: RepositoryHook
    template: Template
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def workspace(self, name: str, folder: str = "/", **more: Any) -> Workspace:
        """A workspace of the repository with a shared webhook, and no event yet."""
        made = WorkspaceFactory.create(
            organization=self.organization, name=name, source=SOURCE, branch="main", folder=folder, vcs=self.vcs, **more
        )
        Webhook.objects.create(workspace=made, migrated_v2=True)
        return made

    def event(self, workspace: Workspace, **fields: Any) -> WebhookEvent:
        """An event of the workspace's webhook, which acts for the site."""
        event = WebhookEvent(webhook=workspace.webhook, **{"template": self.template, **fields})
        keep_actor(event, None)
        event.save()
        return event

    def send(self, sent: Sent, *, path: str = "", secret: str = "", delivery_id: str = "") -> HttpResponse:
        """Send a delivery as GitHub does, signed with the hook's secret."""
        headers, body = sent
        return self.send_bytes(
            json.dumps(body).encode(), headers=dict(headers), path=path, secret=secret, delivery_id=delivery_id
        )

    def send_bytes(
        self, body: bytes, *, headers: dict[str, str], path: str = "", secret: str = "", delivery_id: str = ""
    ) -> HttpResponse:
        digest = hmac.new((secret or self.hook.secret).encode(), body, "sha256").hexdigest()
        signed = {
            "X-Hub-Signature-256": f"sha256={digest}",
            "X-GitHub-Delivery": delivery_id or str(uuid.uuid4()),
            **headers,
        }
        response: Any = self.client.generic(
            "POST", path or self.hook.path, body, content_type="application/json", headers=signed
        )
        return response  # type: ignore[no-any-return]

    def delivered(self, sent: Sent) -> Delivery:
        """Send a delivery and handle it."""
        response = self.send(sent)
        assert response.status_code == 202, response.content
        delivery = Delivery.objects.latest("pk")
        handle_delivery(delivery.pk)
        delivery.refresh_from_db()
        return delivery


@pytest.fixture
def scene(db: None) -> Scene:
    organization = OrganizationFactory.create(name="net")
    vcs = Vcs.objects.create(organization=organization, name="hub", vcs_type="GITHUB")
    hook = RepositoryHook.objects.create(vcs=vcs, repository_url=URL, source=SOURCE)
    template = TemplateFactory.create(organization=organization, name="Plan and apply", tcl=PLAN_AND_APPLY)
    return Scene(organization, vcs, hook, template)
