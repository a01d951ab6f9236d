"""Notifications by REST and in the panel: one rule for both, secrets never shown, a test and a repetition by button."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.api.client import Api, detail, token_of
from tests.factories import OrganizationFactory, TeamFactory, TemplateFactory, UserFactory, WorkspaceFactory
from tests.notifications.conftest import SECRET, Notify
from tests.notifications.receiver import Answer, Receiver
from tests.notifications.test_outbox import failed
from tests.panel.forms import submit
from workspaces.models import Access, NotificationConfiguration, NotificationDelivery, Workspace

pytestmark = pytest.mark.django_db
HOOK = "https://hooks.example/secret-part"
GIVEN = {"name": "on call", "channelType": "WEBHOOK", "destinationUrl": HOOK, "signingSecret": SECRET}
TYPE = "notification_configuration"


@pytest.fixture
def api(workspace: Workspace) -> Api:
    TeamFactory.create(organization=workspace.organization, name="MANAGERS", manage_workspace=True)
    return Api(token_of("MANAGERS", name="ann@example.org"))


@pytest.fixture
def panel(workspace: Workspace) -> Client:
    client = Client()
    client.force_login(UserFactory.create(username="root", is_staff=True, is_superuser=True))
    return client


def plain(api: Api) -> Api:
    return Api(api.token, prefix="/notification/v1/", client=api.client)


# ---- REST -----------------------------------------------------------------------------------------------------------


def test_the_way_of_terrakubes_provider(api: Api, workspace: Workspace) -> None:
    """Made at the organization, triggers one by one, templates by their relationship, then changed and deleted."""
    organization = workspace.organization
    made = api.made(f"organization/{organization.pk}/notificationConfiguration", TYPE, GIVEN)
    path = f"{TYPE}/{made['id']}"
    trigger = api.made(f"{path}/triggers", "notification_trigger", {"jobStatus": "waitingApproval"})
    one, two = TemplateFactory.create_batch(2, organization=organization)
    for chosen in ([one, two], [two], []):
        data = [{"type": "template", "id": str(template.pk)} for template in chosen]
        assert api.call("PATCH", f"{path}/relationships/templates", {"data": data}).status_code == 204
        assert {found["id"] for found in api.read(f"{path}/templates")["data"]} == {str(each.pk) for each in chosen}
        assert len(api.read(f"{path}/relationships/templates")["data"]) == len(chosen)
    assert api.patch(path, TYPE, {"active": False, "messageStyle": "SIMPLE"}).status_code == 204
    found = api.read(path)["data"]
    assert found["attributes"]["destinationUrl"] == HOOK
    assert "signingSecret" not in found["attributes"]
    assert (found["attributes"]["active"], found["attributes"]["createdBy"]) == (False, "ann@example.org")
    assert found["relationships"]["workspace"]["data"] is None
    assert found["relationships"]["triggers"]["data"] == [{"type": "notification_trigger", "id": trigger["id"]}]
    assert api.delete(f"{path}/triggers/{trigger['id']}").status_code == 204
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_one_of_a_workspace_belongs_to_its_organization(api: Api, workspace: Workspace) -> None:
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}/notificationConfiguration"
    api.made(path, TYPE, GIVEN)
    found = NotificationConfiguration.objects.get()
    assert (found.organization, found.workspace) == (workspace.organization, workspace)
    other = {"data": {"type": "organization", "id": str(workspace.organization_id)}}
    assert api.call("PATCH", f"{TYPE}/{found.pk}/relationships/organization", other).status_code == 204
    assert api.call("PATCH", f"{TYPE}/{found.pk}/relationships/workspace", {"data": None}).status_code == 403


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"destinationUrl": "ftp://hooks.example/secret-part"}, "begins with https:// or http://"),
        ({"destinationUrl": "https://ann:secret-part@hooks.example/"}, "without a login"),
        ({"channelType": "EMAIL", "destinationUrl": "mailto:ann@example.org"}, "TERRAKUBE_EMAIL_HOST"),
        ({"messageTemplate": "{workspace} {secret.key}"}, '"{secret.key}" (character 13)'),
        ({"messageTemplate": "{workspace"}, '"{" (character 1)'),
        ({"messageTemplate": "{job:99999999}"}, '"{job:99999999}"'),
        ({"signingSecret": "x" * 300}, "at most 255"),
        ({"channelType": "PAGER"}, "channelType is one of SLACK, TEAMS, WEBHOOK, EMAIL"),
    ],
)
def test_bad_input_is_refused_when_it_is_saved(changes: Any, said: str, api: Api, workspace: Workspace) -> None:
    path = f"organization/{workspace.organization_id}/notificationConfiguration"
    answer = api.post(path, TYPE, GIVEN | changes)
    assert answer.status_code == 400
    assert said in detail(answer)
    assert b"secret-part" not in answer.content
    assert not NotificationConfiguration.objects.exists()


def test_recipients_are_checked_one_by_one(api: Api, workspace: Workspace, settings: Settings) -> None:
    settings.EMAIL_HOST, settings.EMAIL_DOMAINS = "mail.example", ("example.org",)
    path = f"organization/{workspace.organization_id}/notificationConfiguration"
    email = GIVEN | {"channelType": "EMAIL"}
    for destination, said in (
        ("mailto:ann@example.org,ben", '"ben" is not an e-mail address'),
        ("mailto:ann@elsewhere.example", "only to example.org"),
        ("mailto:", "Enter 1 to 20"),
        ("mailto:ann@example.org%0ABcc:ben@example.org", "is not an e-mail address"),
    ):
        answer = api.post(path, TYPE, email | {"destinationUrl": destination})
        assert (answer.status_code, said in detail(answer)) == (400, True), detail(answer)
    api.made(path, TYPE, email | {"destinationUrl": "mailto:ann@example.org, ben@example.org"})


def test_a_template_of_another_organization_is_refused(api: Api, workspace: Workspace, notify: Notify) -> None:
    TeamFactory.create(organization=(elsewhere := OrganizationFactory.create()), name="MANAGERS")
    foreign = TemplateFactory.create(organization=elsewhere)
    data = [{"type": "template", "id": str(foreign.pk)}]
    answer = api.call("PATCH", f"{TYPE}/{notify().pk}/relationships/templates", {"data": data})
    assert answer.status_code == 400
    assert "belongs to another organization" in detail(answer)
    made = api.call("POST", f"{TYPE}/{notify().pk}/templates", {"data": {"type": "template"}})
    assert (made.status_code, "is made elsewhere" in detail(made)) == (403, True)


def test_who_only_reads_sees_no_notification(workspace: Workspace, notify: Notify) -> None:
    TeamFactory.create(organization=workspace.organization, name="READERS", role="read")
    reader, made = Api(token_of("READERS")), notify("failed")
    assert reader.get(f"{TYPE}/{made.pk}").status_code == 403
    assert reader.read(TYPE)["data"] == []
    assert plain(reader).call("POST", f"configuration/{made.pk}/test").status_code == 404
    assert plain(reader).get(f"workspace/{workspace.pk}/deliveries").status_code == 403
    body = {"channelType": "WEBHOOK", "destinationUrl": HOOK}
    organization = f"organization/{workspace.organization_id}/configuration/test"
    assert plain(reader).call("POST", organization, body).status_code == 403


def test_who_manages_one_workspace_sees_its_own_alone(workspace: Workspace, notify: Notify) -> None:
    Access.objects.create(workspace=workspace, name="NET", role="write")
    other = WorkspaceFactory.create(organization=workspace.organization)
    own = notify("failed", workspace=workspace)
    notify("failed")
    notify("failed", workspace=other)
    caller = Api(token_of("NET"))
    assert [found["id"] for found in caller.read(TYPE)["data"]] == [str(own.pk)]
    failed(workspace)
    failed(other)
    assert len(json.loads(plain(caller).get(f"workspace/{workspace.pk}/deliveries").content)) == 2
    assert plain(caller).get(f"workspace/{other.pk}/deliveries").status_code == 404


# ---- tests and deliveries by REST -----------------------------------------------------------------------------------


def test_a_test_says_what_the_receiver_answered(api: Api, notify: Notify, receiver: Receiver) -> None:
    made = notify()
    assert plain(api).call("POST", f"configuration/{made.pk}/test").status_code == 200
    [asked] = receiver.received
    assert (asked.content["jobId"], asked.content["status"], asked.content["event"]) == (0, "completed", "test")
    receiver.answers = [Answer(500, b"down")]
    answer = plain(api).call("POST", f"configuration/{made.pk}/test")
    assert answer.status_code == 502
    assert json.loads(answer.content)["message"] == "The destination answers 500."
    assert sorted(NotificationDelivery.objects.values_list("status", "due_at")) == [("FAILED", None), ("SENT", None)]


def test_a_destination_is_tried_before_it_is_saved(api: Api, workspace: Workspace, receiver: Receiver) -> None:
    path = f"organization/{workspace.organization_id}/configuration/test"
    body = {"channelType": "webhook", "destinationUrl": receiver.url, "signingSecret": SECRET}
    assert plain(api).call("POST", path, body).status_code == 200
    assert "X-Terrakube-Signature" in receiver.received[0].headers
    answer = plain(api).call("POST", path, body | {"destinationUrl": "secret-part"})
    assert (answer.status_code, b"secret-part" in answer.content) == (400, False)
    assert not NotificationDelivery.objects.exists()


def test_deliveries_are_listed_and_sent_again(
    api: Api, workspace: Workspace, notify: Notify, receiver: Receiver
) -> None:
    notify("failed")
    job = failed(workspace)
    path = f"workspace/{workspace.pk}/deliveries"
    [row] = json.loads(plain(api).get(f"{path}?limit=5").content)
    assert (row["jobId"], row["configurationName"], row["status"], row["attemptCount"]) == (
        job.pk,
        "on call",
        "PENDING",
        0,
    )
    assert plain(api).call("POST", f"{path}/{row['id']}/retry").status_code == 409
    NotificationDelivery.objects.update(status="FAILED", due_at=None, tries=6)
    assert plain(api).call("POST", f"{path}/{row['id']}/retry").status_code == 200
    delivery = NotificationDelivery.objects.get()
    assert (delivery.status, delivery.tries) == ("PENDING", 0)
    assert delivery.due_at is not None


# ---- the panel ------------------------------------------------------------------------------------------------------

ADD = "/admin/workspaces/notificationconfiguration/add/"
FORM = "notificationconfiguration_form"


def page_of(record: NotificationConfiguration | NotificationDelivery, action: str = "change") -> str:
    return reverse(f"admin:workspaces_{record._meta.model_name}_{action}", args=[record.pk])


def test_a_form_makes_one_with_its_events_and_never_shows_its_secrets(panel: Client, workspace: Workspace) -> None:
    given = {
        "organization": "",
        "workspace": str(workspace.pk),
        "name": "on call",
        "channel_type": "SLACK",
        "destination_url": HOOK,
        "signing_secret": SECRET,
        "events": ["failed", "drifted"],
    }
    answer = submit(panel, ADD, FORM, given)
    assert answer.status_code == 302, answer.content.decode()
    made = NotificationConfiguration.objects.get()
    assert (made.organization, made.destination_url) == (workspace.organization, HOOK)
    assert set(made.triggers.values_list("job_status", flat=True)) == {"failed", "drifted"}
    text = panel.get(page_of(made)).content.decode()
    assert "hooks.example" in text
    assert "secret-part" not in text
    assert SECRET not in text
    template = TemplateFactory.create(organization=workspace.organization)
    answer = submit(panel, page_of(made), FORM, {"events": ["failed"], "templates": [str(template.pk)]})
    assert answer.status_code == 302, answer.content.decode()
    made.refresh_from_db()
    assert (made.destination_url, made.signing_secret) == (HOOK, SECRET)
    assert list(made.triggers.values_list("job_status", flat=True)) == ["failed"]
    assert list(made.templates.all()) == [template]
    history = panel.get(page_of(made, "history")).content.decode()
    assert "secret-part" not in history


def test_a_form_says_what_is_wrong_beside_the_field(panel: Client, workspace: Workspace) -> None:
    given = {
        "name": "on call",
        "channel_type": "WEBHOOK",
        "destination_url": "secret-part",
        "message_template": "{nothing}",
    }
    answer = submit(panel, ADD, FORM, given)
    errors = answer.context["adminform"].form.errors
    assert set(errors) == {"organization", "destination_url", "message_template"}
    assert "secret-part" not in answer.content.decode()


def test_a_button_sends_a_test_and_the_page_shows_its_answer(
    panel: Client, notify: Notify, receiver: Receiver, workspace: Workspace
) -> None:
    made = notify(workspace=workspace)
    answer = panel.post(page_of(made, "test"), follow=True)
    assert "The test was sent and accepted." in answer.content.decode()
    receiver.answers = [Answer(404, b"gone")]
    text = panel.post(page_of(made, "test"), follow=True).content.decode()
    assert "The test was not accepted: The destination answers 404." in text
    assert len(receiver.received) == 2
    assert panel.get(page_of(made, "test")).status_code == 405


def test_a_delivery_that_was_given_up_is_sent_again_by_a_button(
    panel: Client, workspace: Workspace, notify: Notify
) -> None:
    notify("failed")
    failed(workspace)
    delivery = NotificationDelivery.objects.get()
    assert "Send again" not in panel.get(page_of(delivery)).content.decode()
    NotificationDelivery.objects.update(status="FAILED", due_at=None, answer="no <such> hook", answer_status=404)
    text = panel.get(page_of(delivery)).content.decode()
    assert "Send again" in text
    assert "no &lt;such&gt; hook" in text
    panel.post(page_of(delivery, "again"))
    delivery.refresh_from_db()
    assert (delivery.status, delivery.tries) == ("PENDING", 0)


def test_buttons_are_for_who_manages_the_workspace(workspace: Workspace, notify: Notify, receiver: Receiver) -> None:
    TeamFactory.create(organization=workspace.organization, name="READERS", role="read")
    made = notify("failed")
    failed(workspace)
    NotificationDelivery.objects.update(status="FAILED", due_at=None)
    client, user = Client(), User.objects.create(username="reader", is_staff=True)
    user.groups.add(Group.objects.create(name="READERS"))
    client.force_login(user)
    assert client.post(page_of(made, "test")).status_code == 404
    assert client.post(page_of(NotificationDelivery.objects.get(), "again")).status_code == 404
    assert not receiver.received
    assert NotificationDelivery.objects.get().status == "FAILED"
    assert not mail.outbox


def test_lists_ask_the_same_for_many(
    panel: Client, workspace: Workspace, notify: Notify, django_assert_max_num_queries: Any
) -> None:
    for _ in range(15):
        notify("failed")
    failed(workspace)
    assert NotificationDelivery.objects.count() == 15
    for model in ("notificationconfiguration", "notificationdelivery"):
        with django_assert_max_num_queries(14):
            assert panel.get(reverse(f"admin:workspaces_{model}_changelist")).status_code == 200
    with django_assert_max_num_queries(20):
        assert panel.get(page_of(NotificationConfiguration.objects.all()[0])).status_code == 200
