"""Webhooks and their events in REST: the exact requests of Terrakube's Terraform provider, and what is refused."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.api.client import Api, detail, token_of
from tests.factories import (
    PLAN,
    PLAN_AND_APPLY,
    OrganizationFactory,
    TeamFactory,
    TemplateFactory,
    WorkspaceFactory,
)
from workspaces.models import Organization, Template, Vcs, Webhook, WebhookEvent, Workspace

ATOMIC = 'application/vnd.api+json;ext="https://jsonapi.org/ext/atomic"'


@pytest.fixture
def organization(db: None) -> Organization:
    found = OrganizationFactory.create(name="net")
    TeamFactory.create(organization=found, name="OWNERS", role="write")
    TeamFactory.create(organization=found, name="PLANNERS", manage_workspace=True, plan_job=True)
    TeamFactory.create(organization=found, name="READERS")
    return found


@pytest.fixture
def workspace(organization: Organization) -> Workspace:
    vcs = Vcs.objects.create(organization=organization, name="hub", vcs_type="GITHUB")
    return WorkspaceFactory.create(
        organization=organization, name="core", source="https://example.com/acme/infra.git", vcs=vcs
    )


@pytest.fixture
def template(organization: Organization) -> Template:
    return TemplateFactory.create(organization=organization, name="Plan and apply", tcl=PLAN_AND_APPLY)


@pytest.fixture
def owner(organization: Organization) -> Api:
    return Api(token_of("OWNERS", name="owner@example.com"))


def operation(api: Api, **members: Any) -> Any:
    """Send one atomic operation with the media type of the provider, and return the result's data."""
    answer = api.client.generic(
        "POST",
        "/api/v1/operations",
        json.dumps({"atomic:operations": [members]}).encode(),
        content_type=ATOMIC,
        headers={"Authorization": f"Bearer {api.token}", "Accept": ATOMIC},
    )
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content)["atomic:results"][0]["data"]


def added_webhook(api: Api, workspace: Workspace) -> str:
    key = str(uuid4())
    path = f"/organization/{workspace.organization_id}/workspace/{workspace.pk}/webhook"
    made = operation(
        api,
        op="add",
        href=path,
        data={"type": "webhook", "id": key, "attributes": {"migratedV2": False}},
        relationships={"workspace": {"data": {"type": "workspace", "id": str(workspace.pk)}}},
    )
    assert made["id"] == key
    return key


def added_event(api: Api, webhook: str, template: Template, **attributes: Any) -> str:
    key = str(uuid4())
    sent = {
        "priority": 1,
        "event": "PUSH",
        "branch": "main,release/.*",
        "path": "",
        "templateId": str(template.pk),
        "prWorkflowEnabled": False,
        "prApplyEnabled": False,
        **attributes,
    }
    made = operation(
        api,
        op="add",
        href=f"/webhook/{webhook}/events",
        data={"type": "webhook_event", "id": key, "attributes": sent},
    )
    assert made["id"] == key
    return key


def test_the_provider_s_webhook_lives(owner: Api, workspace: Workspace) -> None:
    """Create, read, change, import and delete, by the addresses that the provider uses."""
    key = added_webhook(owner, workspace)
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}/webhook/{key}"
    found = owner.read(path)["data"]
    assert (found["id"], found["type"]) == (key, "webhook")
    assert found["attributes"]["remoteHookId"] is None
    assert found["attributes"]["migratedV2"] is False
    assert found["relationships"]["workspace"]["data"] == {"type": "workspace", "id": str(workspace.pk)}
    assert owner.patch(path, "webhook", {"migratedV2": True}).status_code == 204
    assert owner.read(path)["data"]["attributes"]["migratedV2"] is True
    assert owner.delete(path).status_code == 204
    assert owner.get(path).status_code == 404
    assert not Webhook.objects.exists()


def test_the_provider_s_event_lives(owner: Api, workspace: Workspace, template: Template) -> None:
    webhook = added_webhook(owner, workspace)
    assert owner.read(f"webhook/{webhook}")["data"]["id"] == webhook
    key = added_event(owner, webhook, template)
    found = owner.read(f"webhook_event/{key}")["data"]
    attributes = found["attributes"]
    assert attributes["branch"] == "main,release/.*"
    assert attributes["path"] == ""
    assert attributes["pathType"] == "REGEX"
    assert attributes["templateId"] == str(template.pk)
    assert found["relationships"]["webhook"]["data"]["id"] == webhook
    # An update looks up the organization by way of the workspace.
    of_workspace = owner.read(f"webhook/{webhook}")["data"]["relationships"]["workspace"]["data"]["id"]
    organization = owner.read(f"workspace/{of_workspace}")["data"]["relationships"]["organization"]["data"]["id"]
    href = f"/organization/{organization}/workspace/{of_workspace}/webhook/{webhook}/events/{key}"
    changed = {"type": "webhook_event", "id": key, "attributes": {**attributes, "branch": "main", "event": "RELEASE"}}
    assert operation(owner, op="update", href=href, data=changed) is None
    [listed] = owner.read(f"organization/{organization}/workspace/{of_workspace}/webhook/{webhook}/events")["data"]
    assert (listed["attributes"]["branch"], listed["attributes"]["event"]) == ("main", "RELEASE")
    assert owner.read(f"webhook/{webhook}")["data"]["relationships"]["events"]["data"] == [
        {"type": "webhook_event", "id": key}
    ]
    assert operation(owner, op="remove", href=f"/webhook/{webhook}/events/{key}") is None
    assert not WebhookEvent.objects.exists()


def test_a_workspace_shows_its_one_webhook(owner: Api, workspace: Workspace) -> None:
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}"
    assert owner.read(path)["data"]["relationships"]["webhook"]["data"] is None
    assert owner.read(f"{path}/webhook")["data"] is None
    assert owner.read(f"{path}/relationships/webhook")["data"] is None
    key = added_webhook(owner, workspace)
    identifier = {"type": "webhook", "id": key}
    assert owner.read(path)["data"]["relationships"]["webhook"]["data"] == identifier
    assert owner.read(f"{path}/relationships/webhook")["data"] == identifier
    assert owner.read(f"{path}/webhook")["data"]["id"] == key
    assert owner.read(f"{path}/webhook/events")["data"] == []
    assert [row["id"] for row in owner.read(f"{path}?include=webhook")["included"]] == [key]
    second = owner.post(f"{path}/webhook", "webhook", {"migratedV2": True})
    assert (second.status_code, detail(second)) == (409, "Such a webhook already exists.")


def test_an_id_in_use_is_refused(owner: Api, workspace: Workspace, organization: Organization) -> None:
    key = added_webhook(owner, workspace)
    other = WorkspaceFactory.create(organization=organization, name="other")
    document = {"data": {"type": "webhook", "id": key, "attributes": {}}}
    answer = owner.call("POST", f"workspace/{other.pk}/webhook", document)
    assert (answer.status_code, detail(answer)) == (409, f"A webhook with the id {key} already exists.")


@pytest.mark.parametrize(
    ("attributes", "field", "said"),
    [
        ({"branch": "release/("}, "branch", 'this "(" is never closed (character 9)'),
        ({"branch": "a++"}, "branch", "possessive"),
        ({"path": "(.+)\\1"}, "path", "reference to a group"),
        ({"path": "(a{150}){150}"}, "path", "too large"),
        ({"path": "envs/[ab", "pathType": "PATTERN"}, "path", "never closed"),
    ],
    ids=["open-group", "possessive", "reference", "too-large", "open-class"],
)
def test_a_pattern_that_cannot_be_used_is_refused_when_saved(
    owner: Api, workspace: Workspace, template: Template, attributes: dict[str, str], field: str, said: str
) -> None:
    webhook = added_webhook(owner, workspace)
    sent = {"event": "PUSH", "branch": "main", "path": ".*", "templateId": str(template.pk), **attributes}
    answer = owner.post(f"webhook/{webhook}/events", "webhook_event", sent)
    assert answer.status_code == 400, answer.content
    assert detail(answer).startswith(f"{field}: ")
    assert said in detail(answer)
    assert not WebhookEvent.objects.exists()


def test_an_event_starts_nothing_that_its_author_may_not(
    owner: Api, workspace: Workspace, template: Template, organization: Organization
) -> None:
    webhook = added_webhook(owner, workspace)
    planner = Api(token_of("PLANNERS", name="planner@example.com"))
    sent = {"event": "PUSH", "branch": "main", "path": ".*", "templateId": str(template.pk)}
    refused = planner.post(f"webhook/{webhook}/events", "webhook_event", sent)
    assert refused.status_code == 403
    assert "changes resources without an approval" in detail(refused)
    # Of a pull request only the plan of the template runs.
    assert (
        planner.post(f"webhook/{webhook}/events", "webhook_event", sent | {"event": "PULL_REQUEST"}).status_code == 201
    )
    plan = TemplateFactory.create(organization=organization, name="Plan", tcl=PLAN)
    allowed = planner.post(f"webhook/{webhook}/events", "webhook_event", sent | {"templateId": str(plan.pk)})
    assert allowed.status_code == 201
    reader = Api(token_of("READERS"))
    assert reader.get(f"webhook/{webhook}").status_code == 200
    assert reader.post(f"webhook/{webhook}/events", "webhook_event", sent).status_code == 403
    assert reader.delete(f"webhook/{webhook}").status_code == 403


def test_a_template_of_another_organization_is_refused(owner: Api, workspace: Workspace) -> None:
    webhook = added_webhook(owner, workspace)
    other = TemplateFactory.create(organization=OrganizationFactory.create(name="elsewhere"), tcl=PLAN)
    sent = {"event": "PUSH", "branch": "main", "path": ".*", "templateId": str(other.pk)}
    answer = owner.post(f"webhook/{webhook}/events", "webhook_event", sent)
    assert (answer.status_code, "templateId" in detail(answer)) == (400, True)


def test_a_change_asks_for_the_hook_to_be_compared(
    owner: Api, workspace: Workspace, template: Template, django_capture_on_commit_callbacks: Any
) -> None:
    """Each change of a webhook, its events and the workspace's source queues the task, by the connection."""

    def queued(call: Any) -> int:
        with django_capture_on_commit_callbacks() as callbacks:
            call()
        return sum("synchronize_hooks" in repr(callback) for callback in callbacks)

    webhook = ""

    def add() -> None:
        nonlocal webhook
        webhook = added_webhook(owner, workspace)

    assert queued(add) == 1
    assert queued(lambda: added_event(owner, webhook, template)) == 1
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}"
    assert queued(lambda: owner.patch(path, "workspace", {"source": "https://github.com/acme/other.git"})) == 1
    assert queued(lambda: owner.patch(path, "workspace", {"description": "x"})) == 0
    assert queued(lambda: owner.delete(f"webhook/{webhook}")) == 1
