"""The pages of schedules: made in a few clicks in any time zone, told in words while one types and once saved."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.factories import TemplateFactory, WorkspaceFactory
from tests.panel.forms import submit
from workspaces.models import Schedule, Workspace

pytestmark = pytest.mark.django_db
ADD, LIST = (f"admin:workspaces_schedule_{name}" for name in ("add", "changelist"))


def preview(client: Client, cron: str, time_zone: str = "Europe/Berlin") -> str:
    response = client.get(reverse("admin:workspaces_schedule_preview"), {"cron": cron, "time_zone": time_zone})
    assert response.status_code == 200
    return response.content.decode()


def test_a_nightly_plan_in_berlins_time_is_made_in_one_form(admin: Client, workspace: Workspace) -> None:
    template = TemplateFactory.create(organization=workspace.organization)
    address = f"{reverse(ADD)}?workspace={workspace.pk}"
    fields = {"name": "Nightly plan", "cron": "0 2 * * *", "time_zone": "Europe/Berlin", "template": str(template.pk)}
    response = submit(admin, address, "schedule_form", fields, follow=True)
    schedule = Schedule.objects.get()
    assert (schedule.workspace, schedule.template, str(schedule)) == (workspace, template, "Nightly plan")
    assert (schedule.cron, schedule.time_zone) == ("0 2 * * *", "Europe/Berlin")
    text = response.content.decode()
    assert re.search(r"The next job starts on \w{3} [\d-]{10} 02:00 CES?T\.", text)
    assert "At 02:00, every day" in text


def test_only_templates_of_the_workspaces_organization_are_offered_and_taken(
    admin: Client, workspace: Workspace
) -> None:
    own = TemplateFactory.create(organization=workspace.organization, name="plan-of-ours")
    other = TemplateFactory.create(name="plan-of-others")
    address = f"{reverse(ADD)}?workspace={workspace.pk}"
    text = admin.get(address).content.decode()
    assert own.name in text
    assert other.name not in text
    response = submit(admin, address, "schedule_form", {"cron": "0 2 * * *", "template": str(other.pk)})
    assert response.status_code == 200
    assert not Schedule.objects.exists()
    submit(admin, address, "schedule_form", {"cron": "0 2 * * *", "template": str(own.pk)})
    change = reverse("admin:workspaces_schedule_change", args=[Schedule.objects.get().pk])
    assert other.name not in admin.get(change).content.decode()


def test_without_a_workspace_it_is_asked_for_first(
    admin: Client, workspace: Workspace, sign_in: Callable[..., Client]
) -> None:
    text = admin.get(reverse(ADD)).content.decode()
    assert "Which workspace is the schedule for?" in text
    assert 'name="cron"' not in text
    stranger = sign_in(WorkspaceFactory.create().organization, role="admin")
    text = stranger.get(f"{reverse(ADD)}?workspace={workspace.pk}").content.decode()
    assert "Which workspace is the schedule for?" in text
    assert sign_in(workspace.organization, role="plan").get(reverse(ADD)).status_code == 403


def test_a_new_schedule_has_the_installations_time_zone(
    admin: Client, workspace: Workspace, settings: Settings
) -> None:
    settings.SCHEDULE_TIME_ZONE = "America/New_York"
    text = admin.get(f"{reverse(ADD)}?workspace={workspace.pk}").content.decode()
    assert re.search(r'name="time_zone"[^>]*value="America/New_York"', text)
    assert '<option value="Europe/Berlin">' in text
    assert Schedule(workspace=workspace).time_zone == "America/New_York"


def test_while_one_types_the_page_says_what_an_expression_means(admin: Client) -> None:
    text = preview(admin, "30 6 * * 1-5")
    assert "At 06:30, Monday to Friday (Europe/Berlin)" in text
    assert len(re.findall(r"<li>\w{3} [\d-]{10} 06:30 CES?T</li>", text)) == 3
    assert "clock" not in text
    assert "its job starts the first time only" in preview(admin, "30 2 * * *")
    assert "no job would ever start" in preview(admin, "0 0 0 31 2 ?")
    assert "choose a common one" in preview(admin, " ")


def test_while_one_types_the_page_says_what_is_wrong(admin: Client) -> None:
    assert "is no minutes: *, a number from 0 to 59" in preview(admin, "60 2 * * *")
    assert "is not a time zone. Did you mean Europe/Berlin?" in preview(admin, "0 2 * * *", "berlin")
    assert "&lt;b&gt;" in preview(admin, "<b> 2 * * *")


def test_a_form_that_is_refused_shows_what_was_typed_and_why(admin: Client, workspace: Workspace) -> None:
    address = f"{reverse(ADD)}?workspace={workspace.pk}"
    response = submit(admin, address, "schedule_form", {"cron": "0 2 * * *", "time_zone": "Berlin"})
    text = response.content.decode()
    assert "Did you mean Europe/Berlin?" in text
    assert 'value="0 2 * * *"' in text
    response = submit(admin, address, "schedule_form", {"cron": "0 2 * * *"})
    assert "A schedule needs a template or its own flow." in response.content.decode()
    assert not Schedule.objects.exists()


def test_the_list_tells_each_schedule_in_words(admin: Client, workspace: Workspace) -> None:
    Schedule.objects.create(workspace=workspace, cron="0 0 20 ? * FRI", tcl="flow: []", name="Weekly")
    text = admin.get(reverse(LIST)).content.decode()
    assert "At 20:00, on Friday" in text
    assert "Weekly" in text
