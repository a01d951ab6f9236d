"""States that the site refused, on the pages of their workspace and job, and what is done with them there."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import PLAN_AND_APPLY
from workspaces.choices import JobStatus
from workspaces.models import Job, RecoveredState, Workspace
from workspaces.services import jobs
from workspaces.services.recovered_states import keep_recovered_state

pytestmark = pytest.mark.django_db
STATE = json.dumps(
    {"version": 4, "serial": 5, "lineage": "l-1", "outputs": {"s": {"value": "hunter2"}}, "resources": []}
).encode()


@pytest.fixture
def job(workspace: Workspace) -> Job:
    made = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    Job.objects.filter(pk=made.pk).update(status=JobStatus.FAILED, holds_workspace=False)
    return made


@pytest.fixture
def recovered(workspace: Workspace, job: Job) -> RecoveredState:
    kept = keep_recovered_state(workspace, STATE, job=job, why="The serial 5 is not above 7, that of network")
    assert kept is not None
    return kept


def address(recovered: RecoveredState, what: str = "change") -> str:
    return reverse(f"admin:workspaces_recoveredstate_{what}", args=[recovered.pk])


def test_the_pages_of_workspace_and_job_offer_it(admin: Client, recovered: RecoveredState, job: Job) -> None:
    for page in (
        reverse("admin:workspaces_workspace_overview", args=[recovered.workspace_id]),
        reverse("admin:workspaces_job_change", args=[job.pk]),
    ):
        text = admin.get(page).content.decode()
        assert address(recovered) in text
        assert "The serial 5 is not above 7" in text
    text = admin.get(address(recovered)).content.decode()
    for what in ("current", "discard", "download"):
        assert address(recovered, what) in text
    assert "hunter2" not in text


def test_it_is_downloaded_made_current_and_discarded(
    admin: Client, recovered: RecoveredState, workspace: Workspace
) -> None:
    fetched = admin.get(address(recovered, "download"))
    assert fetched.content == STATE
    assert "recovered-5.tfstate" in fetched["Content-Disposition"]
    assert admin.get(address(recovered, "current")).status_code == 405
    assert "Give a reason" in admin.post(address(recovered, "current"), {"reason": ""}, follow=True).content.decode()
    assert not workspace.state_versions.exists()
    done = admin.post(address(recovered, "current"), {"reason": "it is"}, follow=True)
    assert "is now the current state of" in done.content.decode()
    assert workspace.state_versions.get().content == STATE
    again = keep_recovered_state(workspace, STATE.replace(b"hunter2", b"hunter3"), job=None, why="older")
    assert again is not None
    done = admin.post(address(again, "discard"), {"reason": "nothing was made"}, follow=True)
    assert "was discarded" in done.content.decode()
    assert not RecoveredState.objects.exists()


def test_only_who_may_manage_the_state_decides(
    sign_in: Callable[..., Client], recovered: RecoveredState, workspace: Workspace
) -> None:
    planner = sign_in(workspace.organization, name="PLANNERS", plan_job=True, manage_workspace=True)
    text = planner.get(address(recovered)).content.decode()
    assert address(recovered, "current") not in text
    assert planner.get(address(recovered, "download")).status_code == 403
    for what in ("current", "discard"):
        told = planner.post(address(recovered, what), {"reason": "mine"}, follow=True).content.decode()
        assert "right" in told
    assert RecoveredState.objects.exists()
    assert not workspace.state_versions.exists()
    keeper = sign_in(workspace.organization, name="KEEPERS", manage_state=True)
    assert address(recovered, "current") in keeper.get(address(recovered)).content.decode()
    assert keeper.post(address(recovered, "current"), {"reason": "mine"}, follow=True).status_code == 200
    assert workspace.state_versions.exists()
