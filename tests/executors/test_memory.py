"""What a workspace's steps used, and what to ask for instead."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from executors.attempts import lifecycle
from executors.choices import AttemptOutcome, ExecutorKind
from executors.models import Attempt
from executors.runs.resource_use import RECENT, resource_use, suggested_request
from tests.factories import PLAN, UserFactory, WorkspaceFactory
from workspaces.jobs import transitions
from workspaces.models import Workspace
from workspaces.services import jobs

MIB = 2**20


@pytest.mark.parametrize(
    ("peaks", "request_text"),
    [((), ""), ((1,), "32Mi"), ((100 * MIB,), "128Mi"), ((100 * MIB, 205 * MIB), "288Mi"), ((256 * MIB,), "320Mi")],
)
def test_a_request_is_the_highest_peak_and_a_quarter_in_steps(peaks: tuple[int, ...], request_text: str) -> None:
    assert suggested_request(peaks) == request_text


def ran(workspace: Workspace, peak: int | None) -> Attempt:
    job = jobs.create_job(workspace, by=None, tcl=PLAN)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.KUBERNETES)
    assert attempt is not None
    given = {"requests": {"memory": "256Mi"}, "limits": {"memory": "512Mi"}}
    lifecycle.mark_launched(attempt, namespace="n", resources=given)
    lifecycle.claim_attempt(attempt, "s" * 43)
    report = lifecycle.Report(outcome=AttemptOutcome.SUCCEEDED, changes=False, peak_memory_bytes=peak, cpu_seconds=1.5)
    lifecycle.report_result(attempt, report)
    return attempt


@pytest.mark.django_db
def test_a_workspaces_page_shows_what_its_recent_steps_used(client: Client) -> None:
    workspace = WorkspaceFactory.create()
    ran(workspace, 900 * MIB)
    for _ in range(RECENT):
        ran(workspace, 100 * MIB)
    ran(workspace, None)
    (used,) = resource_use(workspace)
    assert (used.runs, used.asked, used.limit, used.peak) == (RECENT, "256Mi", "512Mi", "100 MiB")
    assert used.suggestion == "128Mi"
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    page = client.get(reverse("admin:workspaces_workspace_pods", args=[workspace.pk])).content.decode()
    assert "Memory used by steps" in page
    assert "<code>128Mi</code>" in page
