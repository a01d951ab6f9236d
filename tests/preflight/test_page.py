"""The button on a workspace's page, and what a save tells of a variable that does nothing."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from executors import tasks
from executors.models import PreflightRun
from executors.preflight.runs import LONGEST
from tests.api.client import Api, token_of
from tests.factories import TeamFactory, VariableFactory
from tests.panel.conftest import admin, sign_in
from tests.panel.forms import submit
from workspaces.models import Variable, Workspace

__all__ = ("admin", "sign_in")
pytestmark = pytest.mark.django_db
type Make = Callable[..., Workspace]
NOTICE = "ENABLE_DYNAMIC_CREDENTIALS_AWS has no effect yet: this site issues no dynamic credentials."


def test_the_button_starts_a_run_whose_findings_the_page_shows(
    admin: Client, make_workspace: Make, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[tuple[str, ...]] = []
    monkeypatch.setattr("workspaces.task_queue.client._send_task", lambda *task: queued.append(task))
    workspace = make_workspace("nothing")
    address = reverse("admin:workspaces_workspace_preflight", args=[workspace.pk])
    assert (
        f'action="{address}"'
        in admin.get(reverse("admin:workspaces_workspace_overview", args=[workspace.pk])).content.decode()
    )
    assert "No preflight has run" in admin.get(address).content.decode()
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            admin.post(address)
    page = admin.get(address)
    assert queued == [("executors.tasks.run_preflight", str(workspace.pk))]
    assert "In progress" in page.content.decode()
    assert 'data-again="2"' in page.content.decode()
    tasks.run_preflight(str(workspace.pk))
    text = admin.get(address).content.decode()
    assert "The folder holds no file that terraform reads." in text
    assert "In progress" not in text
    assert "data-again" not in text
    Workspace.objects.filter(pk=workspace.pk).update(folder="modules")
    tasks.run_preflight(str(workspace.pk))
    assert admin.get(address).content.decode().count("no file that terraform reads") == 1


def test_a_lost_run_is_told_and_may_be_started_again(admin: Client, make_workspace: Make) -> None:
    workspace = make_workspace()
    started = timezone.now() - LONGEST - dt.timedelta(seconds=1)
    PreflightRun.objects.create(workspace=workspace, started_at=started, language="en")
    address = reverse("admin:workspaces_workspace_preflight", args=[workspace.pk])
    assert "The task was lost" in admin.get(address).content.decode()
    admin.post(address)
    assert PreflightRun.objects.get().started_at > started


@pytest.mark.usefixtures("german")
def test_a_german_reader_gets_the_refusals_of_a_save_in_german(admin: Client, make_workspace: Make) -> None:
    workspace = make_workspace("nothing", terraform_version="abc")
    address = reverse("admin:workspaces_workspace_preflight", args=[workspace.pk])
    admin.post(address, headers={"accept-language": "de"})
    tasks.run_preflight(str(workspace.pk))
    text = admin.get(address, headers={"accept-language": "de"}).content.decode()
    assert "ist keine Version und kein Versionsbereich" in text
    assert "Speichern würde heute abgelehnt" in text


def test_only_who_may_plan_starts_a_run(sign_in: Callable[..., Client], make_workspace: Make) -> None:
    workspace = make_workspace()
    address = reverse("admin:workspaces_workspace_preflight", args=[workspace.pk])
    browser = sign_in(workspace.organization)
    page = browser.post(address, follow=True).content.decode()
    assert "start a preflight" in page
    assert not PreflightRun.objects.exists()


def test_a_save_tells_that_dynamic_credentials_do_nothing_yet(admin: Client, make_workspace: Make) -> None:
    workspace = make_workspace()
    api = Api(token_of(TeamFactory.create(organization=workspace.organization, role="admin").name))
    base = f"organization/{workspace.organization_id}/workspace/{workspace.pk}/variable"
    attributes = {"key": "ENABLE_DYNAMIC_CREDENTIALS_AWS", "value": "true", "category": "ENV"}
    made = api.post(base, "variable", attributes)
    assert made.status_code == 201
    assert json.loads(made.content)["meta"] == {"notices": [NOTICE]}
    variable = Variable.objects.get()
    assert api.read(f"{base}/{variable.pk}")["meta"] == {"notices": [NOTICE]}
    address = reverse("admin:workspaces_variable_change", args=[variable.pk])
    submit(admin, address, "variable_form", {"value": "false"})
    assert NOTICE in admin.get("/admin/").content.decode()
    other = VariableFactory.create(workspace=workspace)
    assert "meta" not in api.read(f"{base}/{other.pk}")
