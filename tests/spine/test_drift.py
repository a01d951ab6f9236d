"""A drift check in a pod makes way for a person's job, comes back, and tells what it found once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from executors.models import Attempt
from tests.factories import PLAN, PLAN_AND_APPLY, TemplateFactory
from tests.notifications.receiver import Receiver
from tests.spine.bell import Bell
from tests.spine.cluster import Cluster
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site
from tests.spine.waiting import await_that
from workspaces.choices import DriftStatus, JobStatus, Via
from workspaces.models import (
    Drift,
    Job,
    NotificationConfiguration,
    NotificationDelivery,
    NotificationTrigger,
    RunLimits,
    Workspace,
)

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.redis, pytest.mark.slow]
# The rotation is over since long, so that the provider finds it gone whenever it looks.
ROTATED = """
terraform {
  required_providers {
    time = { source = "hashicorp/time", version = "0.14.2" }
  }
}
resource "time_rotating" "key" {
  rfc3339       = "2020-01-01T00:00:00Z"
  rotation_days = 1
}
"""


@pytest.fixture(scope="module")
def site(make_site: SiteMaker) -> Iterator[Site]:
    with make_site(TERRAKUBE_OUTGOING_ALLOWED="127.0.0.1/32") as site:
        site.start()
        yield site


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


def check_of(workspace: Workspace, *, beside: Job | None = None) -> Job:
    """The newest drift check of a workspace, other than one that is known; waits for it."""
    rows = Job.objects.filter(workspace=workspace, via=Via.DRIFT).order_by("-pk")
    rows = rows if beside is None else rows.exclude(pk=beside.pk)
    found: Job = await_that(rows.first, f"{workspace} has a drift check")
    return found


def test_a_check_gives_its_room_to_a_persons_job_and_then_finds_the_drift_and_tells_it_once(
    site: Site, bell: Bell, receiver: Receiver, look: Callable[[Site], Cluster]
) -> None:
    cluster = look(site)
    checked = site.workspace({"main.tf": ROTATED})
    site.await_status(site.job(checked, PLAN_AND_APPLY), JobStatus.COMPLETED)
    # The first check is still at its preparation when the person comes.
    hold = f"{bell.script('check')}; sleep 300"
    command = {"runtime": "BASH", "priority": 1, "before": True, "script": hold}
    flow = {"flow": [{"type": "terraformPlan", "name": "Plan", "step": 100, "commands": [command]}]}
    held = TemplateFactory.create(organization=checked.organization, tcl=json.dumps(flow))
    Workspace.objects.filter(pk=checked.pk).update(default_template=held)
    other = site.workspace()
    told = NotificationConfiguration.objects.create(
        organization=checked.organization, name="on call", channel_type="WEBHOOK", destination_url=receiver.url
    )
    NotificationTrigger.objects.create(configuration=told, job_status="drifted")
    RunLimits.objects.create(workspace=checked, drift_checks=True)
    RunLimits.objects.create(organization=checked.organization, running_steps=1)

    first = check_of(checked)
    bell.await_ring("check")
    attempt = Attempt.objects.get(step__job=first)
    cluster.await_running(attempt)

    job = site.job(other, PLAN)
    site.await_status(first, JobStatus.CANCELLED)
    assert f"Stopped for job {job.pk}" in first.reason
    # What the check is prepared with changes meanwhile, so that the next is not held.
    Workspace.objects.filter(pk=checked.pk).update(default_template=None)
    site.await_status(job, JobStatus.COMPLETED)
    await_that(lambda: not cluster.pods(f"terrakube.io/attempt={attempt.pk}"), "the pod of the check is gone")

    waiting = Drift.objects.get(workspace=checked)
    assert waiting.due_at is not None, "it is made again"
    assert waiting.due_at > timezone.now()
    # Its ten minutes are over.
    Drift.objects.filter(workspace=checked).update(due_at=timezone.now())
    second = check_of(checked, beside=first)
    site.await_status(second, JobStatus.COMPLETED)
    found = await_that(Drift.objects.filter(workspace=checked, status=DriftStatus.DRIFTED).first, "the drift is known")
    assert found.result_job == second
    assert found.resources == [{"address": "time_rotating.key", "action": "deleted"}]

    await_that(lambda: receiver.received, "the webhook is told")
    deliveries = NotificationDelivery.objects.filter(configuration=told)
    await_that(lambda: not deliveries.exclude(status="SENT").exists(), "the delivery is noted")
    assert [each.event for each in deliveries] == ["drifted"]
    [request] = receiver.received
    told_of = request.content
    assert (told_of["event"], told_of["jobId"], told_of["workspace"]) == ("drifted", second.pk, checked.name)
