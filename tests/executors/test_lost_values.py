"""Values whose encryption key was lost: no step starts without them, and what depends on them says which they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from executors import retention, tasks
from executors.doctor.in_cluster import claims_in_use
from executors.models import Attempt
from executors.preflight.checks import preflight
from tests.api.client import Api, token_of
from tests.executors.reporter import Executor, job_of
from tests.factories import (
    PLAN_AND_APPLY,
    GlobalVariableFactory,
    ItemFactory,
    ReferenceFactory,
    UserFactory,
    VariableFactory,
)
from tests.support.lost_keys import lose_key
from workspaces.choices import Category, JobStatus, VcsType
from workspaces.jobs import transitions
from workspaces.models import NotificationConfiguration, SavedPlan, Ssh, StateVersion, Variable, Vcs, Workspace
from workspaces.models.variable import AbstractVariable
from workspaces.pods.catalogue import PLUGIN_CACHE_CLAIM, PLUGIN_CACHE_DIR
from workspaces.services import jobs

pytestmark = pytest.mark.django_db
type Make = Callable[[Workspace], AbstractVariable]
REASON = "incomplete-variables"


def of_collection(workspace: Workspace) -> AbstractVariable:
    item = ItemFactory.create(collection__organization=workspace.organization, key="A")
    ReferenceFactory.create(workspace=workspace, collection=item.collection)
    return item


MAKE: dict[str, tuple[Make, str]] = {
    "its own": (lambda on: VariableFactory.create(workspace=on, key="A"), '"A" (workspace)'),
    "a sensitive one": (lambda on: VariableFactory.create(workspace=on, key="A", sensitive=True), '"A" (workspace)'),
    "of Terraform": (
        lambda on: VariableFactory.create(workspace=on, key="a", category=Category.TERRAFORM),
        '"a" (workspace)',
    ),
    "of the pod": (
        lambda on: VariableFactory.create(workspace=on, key="EPHEMERAL_CPU_LIMIT", value="1"),
        '"EPHEMERAL_CPU_LIMIT" (workspace)',
    ),
    "its organization's": (
        lambda on: GlobalVariableFactory.create(organization=on.organization, key="A"),
        '"A" (organization)',
    ),
    "a collection's": (of_collection, '"A" (collection '),
}


@pytest.fixture
def panel() -> Client:
    browser = Client()
    browser.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return browser


@pytest.mark.parametrize("kind", MAKE)
def test_no_step_starts_and_job_preview_and_preflight_name_the_value(
    kind: str, workspace: Workspace, panel: Client
) -> None:
    make, named = MAKE[kind]
    lose_key(make(workspace), "value")
    job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    tasks.advance_job(job.pk)
    job.refresh_from_db()
    assert (job.status, job.reason_code, job.holds_workspace) == (JobStatus.FAILED, REASON, False)
    assert named in job.reason
    assert "Replace them" in job.reason
    assert not Attempt.objects.exclude(claimed_at=None).exists()
    page = panel.get(reverse("admin:workspaces_workspace_preview", args=[workspace.pk]))
    assert page.status_code == 200
    assert named.replace('"', "&quot;") in page.text
    found = [one for one in preflight(workspace).findings if one.code == "value-lost"]
    assert [one.place for one in found] == [named.split('"')[1]]


def test_a_value_that_the_workspace_replaces_does_not_matter(workspace: Workspace) -> None:
    lose_key(GlobalVariableFactory.create(organization=workspace.organization, key="A"), "value")
    VariableFactory.create(workspace=workspace, key="A", value="own")
    job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    assert transitions.advance(job.pk) is not None
    assert not [one for one in preflight(workspace).findings if one.code == "value-lost"]


def lose_variable(workspace: Workspace) -> None:
    lose_key(VariableFactory.create(workspace=workspace, key="A"), "value")


def lose_module_key(workspace: Workspace) -> None:
    key = Ssh.objects.create(organization=workspace.organization, name="modules", private_key="k")
    Workspace.objects.filter(pk=workspace.pk).update(module_ssh_key=key)
    lose_key(key, "private_key")


def lose_ssh_key(workspace: Workspace) -> None:
    key = Ssh.objects.create(organization=workspace.organization, name="modules", private_key="k")
    Workspace.objects.filter(pk=workspace.pk).update(ssh=key, source="git@git.example:net.git")
    lose_key(key, "private_key")


def lose_token(workspace: Workspace) -> None:
    vcs = Vcs.objects.create(
        organization=workspace.organization, name="modules", vcs_type=VcsType.GITLAB, access_token="t"
    )
    Workspace.objects.filter(pk=workspace.pk).update(vcs=vcs)
    lose_key(vcs, "access_token")


@pytest.mark.parametrize("lose", [lose_variable, lose_module_key, lose_ssh_key, lose_token])
def test_an_executor_that_claims_meanwhile_gets_nothing_and_the_job_says_why(
    lose: Callable[[Workspace], None], workspace: Workspace, launched: Callable[..., Executor]
) -> None:
    executor = launched()
    lose(workspace)
    answer = executor.claim()
    assert answer.status_code == 410
    assert json.loads(answer.content)["errors"][0]["code"] == "attempt-over"
    job = job_of(executor)
    assert (job.status, job.reason_code, job.holds_workspace) == (JobStatus.FAILED, REASON, False)
    assert '"A" (workspace)' in job.reason or '"modules"' in job.reason
    assert Attempt.objects.count() == 1


def test_preflight_says_that_the_login_of_the_source_is_lost(workspace: Workspace) -> None:
    lose_ssh_key(workspace)
    workspace.refresh_from_db()
    found = {one.code: str(one.sentence) for one in preflight(workspace).findings}
    assert 'The private key of the SSH key "modules" cannot be read' in found["source-unreachable"]


@pytest.mark.parametrize("above", [False, True])
def test_no_job_is_deleted_by_a_number_that_is_lost(workspace: Workspace, above: bool) -> None:
    for _ in range(3):
        job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
        jobs.cancel_job(job, by=None)
    organization = workspace.organization
    GlobalVariableFactory.create(organization=organization, key=retention.KEEP, value="0")
    # Two are beyond what the organization keeps.
    assert len(list(retention._to_drop(10))) == 2
    if above:
        soft = GlobalVariableFactory.create(organization=organization, key=retention.SOFT, value="true")
        lose_key(soft, "value")
    else:
        lose_key(VariableFactory.create(workspace=workspace, key=retention.KEEP, value="9"), "value")
    assert not list(retention._to_drop(10))


def test_the_doctor_goes_by_the_claims_that_can_be_read() -> None:
    VariableFactory.create(key=PLUGIN_CACHE_DIR, value="/cache")
    VariableFactory.create(key=PLUGIN_CACHE_CLAIM, value="mine")
    assert "mine" in claims_in_use()
    for row in Variable.objects.all():
        lose_key(row, "value")
    assert claims_in_use() == []


def test_pages_with_a_lost_plan_or_state_open_and_its_doors_name_it(workspace: Workspace, panel: Client) -> None:
    job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    plan = SavedPlan.objects.create(step_id=step_id, content=b"p", json=b"{}", file_list=b"{}", digest="d")
    state = StateVersion.objects.create(
        workspace=workspace, job=job, number=1, serial=1, lineage="l", content=b"{}", json=b"{}", size=2
    )
    lose_key(plan, "content", "json", "file_list")
    lose_key(state, "content", "json")
    pages = {"job_change": job.pk, "stateversion_change": state.pk, "workspace_overview": workspace.pk}
    for name, key in pages.items():
        assert panel.get(reverse(f"admin:workspaces_{name}", args=[key])).status_code == 200
    assert panel.get(f"/runs/{job.pk}/results").status_code == 200
    assert panel.get(f"/admin/workspaces/job/{job.pk}/compare/").status_code == 200
    browser = {"accept": "text/html"}
    refused = panel.get(reverse("admin:workspaces_stateversion_download", args=[state.pk]), headers=browser)
    assert refused.status_code == 409
    assert "The content of the state version &quot;State 1&quot; cannot be read" in refused.text
    api = Api(token_of("TERRAKUBE_ADMIN"))
    terminal = {"Authorization": f"Bearer {api.token}"}
    assert Client().get(f"/remote/tfe/v2/workspaces/{workspace.pk}", headers=terminal).status_code == 200
    answer: Any = Client().get(f"/remote/tfe/v2/workspaces/{workspace.pk}/current-state-version", headers=terminal)
    assert answer.status_code == 409
    assert "encryption key was lost" in answer.json()["errors"][0]["detail"]


def test_a_lost_destination_hides_no_other_notification(workspace: Workspace) -> None:
    for name in ("lost", "kept"):
        NotificationConfiguration.objects.create(
            organization=workspace.organization, name=name, channel_type="SLACK", destination_url="https://a.example/x"
        )
    lose_key(NotificationConfiguration.objects.get(name="lost"), "destination_url")
    answer = Api(token_of("TERRAKUBE_ADMIN")).get("notification_configuration")
    assert answer.status_code == 200
    rows = {
        row["attributes"]["name"]: row["attributes"]["destinationUrl"] for row in json.loads(answer.content)["data"]
    }
    assert rows == {"lost": "", "kept": "https://a.example/x"}
