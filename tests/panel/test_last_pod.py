"""What changed since a workspace's last pod: in the preview of its Job, and in the list of workspaces."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from executors.launching import last_launch
from executors.models import LastLaunch
from executors.preview.expected_job import expected_job
from tests.factories import GlobalVariableFactory, VariableFactory, WorkspaceFactory
from tests.panel.test_job_page import launch, start
from workspaces.models import Step, Workspace
from workspaces.variables.in_force import workspace_inputs

pytestmark = pytest.mark.django_db
SELECTOR, ENABLE = "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS", "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR"
LIST = reverse("admin:workspaces_workspace_changelist")


@pytest.fixture
def workspace() -> Workspace:
    found = WorkspaceFactory.create()
    VariableFactory.create(workspace=found, key=ENABLE, value="1")
    VariableFactory.create(workspace=found, key=SELECTOR, value="disk=ssd")
    return found


def run(workspace: Workspace) -> Step:
    """Start a job and keep what its pod was made of, as the launcher does."""
    step = launch(start(workspace)).step
    last_launch.store_launch(step, expected_job(workspace), workspace_inputs(workspace).environment)
    return step


def preview_page(admin: Client, workspace: Workspace) -> str:
    return admin.get(reverse("admin:workspaces_workspace_preview", args=[workspace.pk])).content.decode()


def row(admin: Client, workspace: Workspace) -> str:
    page = admin.get(LIST).content.decode()
    return page[page.index(f">{workspace.name}<") :].split("</tr>")[0]


def test_a_workspace_whose_settings_stayed_shows_no_change(workspace: Workspace, admin: Client) -> None:
    assert "No step of this workspace has had a pod yet." in preview_page(admin, workspace)
    assert "no pod yet" in row(admin, workspace)
    run(workspace)
    assert "a step would get the same pod." in preview_page(admin, workspace)
    assert "Node selector" in row(admin, workspace)
    assert "changed since" not in row(admin, workspace)


def test_a_changed_setting_is_shown_with_what_it_was(workspace: Workspace, admin: Client) -> None:
    step = run(workspace)
    workspace.variables.filter(key=SELECTOR).delete()
    VariableFactory.create(workspace=workspace, key=SELECTOR, value="disk=nvme")
    GlobalVariableFactory.create(organization=workspace.organization, key="EPHEMERAL_MEMORY_LIMIT", value="2Gi")
    page = admin.get(reverse("admin:workspaces_workspace_preview", args=[workspace.pk]))
    changes = {one.place: (one.before, one.after) for one in page.context["changes"]}
    assert changes == {
        "spec.template.spec.nodeSelector.disk": ("ssd", "nvme"),
        "spec.template.spec.containers.executor.resources.limits.memory": (None, "2Gi"),
    }
    assert f"Job {step.job_id}" in page.content.decode()
    assert "2 settings changed since the last pod" in row(admin, workspace)
    assert f"{SELECTOR}, EPHEMERAL_MEMORY_LIMIT" in row(admin, workspace)
    assert ">Node selector, Memory limit</span>" in row(admin, workspace)


def test_a_workspace_that_runs_on_this_machine_has_no_pod_to_differ_from(workspace: Workspace, admin: Client) -> None:
    run(workspace)
    workspace.variables.filter(key=ENABLE).delete()
    assert "Node selector" not in row(admin, workspace)


def test_of_a_secret_setting_is_kept_only_whether_it_is_the_same(workspace: Workspace, admin: Client) -> None:
    secret = VariableFactory.create(
        workspace=workspace, key="EPHEMERAL_JOB_ENV_VARS", value="TOKEN=top-secret-1", sensitive=True
    )
    run(workspace)
    stored = str(LastLaunch.objects.values("manifest", "settings").get())
    assert "top-secret-1" not in stored
    assert "changed since" not in row(admin, workspace)
    secret.value = "TOKEN=top-secret-2"
    secret.save()
    assert "1 setting changed since the last pod" in row(admin, workspace)
    assert "top-secret" not in preview_page(admin, workspace)


def test_what_a_setting_was_before_it_became_secret_is_not_shown(workspace: Workspace, admin: Client) -> None:
    plain = VariableFactory.create(workspace=workspace, key="EPHEMERAL_JOB_ENV_VARS", value="TOKEN=once-in-clear")
    run(workspace)
    assert "TOKEN" in preview_page(admin, workspace)
    plain.sensitive, plain.value = True, "TOKEN=other"
    plain.save()
    shown = preview_page(admin, workspace)
    assert "once-in-clear" not in shown
    assert "became sensitive since" in shown


def test_only_the_newest_launch_of_each_type_of_step_is_kept(workspace: Workspace) -> None:
    step = run(workspace)
    last_launch.store_launch(step, expected_job(workspace), workspace_inputs(workspace).environment)
    assert LastLaunch.objects.filter(workspace=workspace).count() == 1
    step.job.delete()
    assert LastLaunch.objects.get(workspace=workspace).job_id is None
