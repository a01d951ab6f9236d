"""What is written to be told: by the move of a job, in its transaction, once for each notification that asks."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from tests.factories import PLAN, PLAN_APPROVE_APPLY, TemplateFactory, WorkspaceFactory
from tests.notifications.conftest import Notify
from workspaces.choices import IacType, JobStatus, Via
from workspaces.jobs import transitions
from workspaces.models import Drift, Job, NotificationDelivery, Workspace
from workspaces.notifications.outbox import note_change, note_drift, note_new_drift
from workspaces.reasons import reason, told
from workspaces.services.jobs import cancel_job, create_job

pytestmark = pytest.mark.django_db


def planned(workspace: Workspace, tcl: str = PLAN_APPROVE_APPLY, **more: Any) -> Job:
    """A job whose plan has ended with changes."""
    job = create_job(workspace, by=None, tcl=tcl, **more)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    transitions.start_step(step_id)
    transitions.finish_step(step_id, transitions.Outcome(succeeded=True, changes=True))
    transitions.advance(job.pk)
    job.refresh_from_db()
    return job


def failed(workspace: Workspace, why: Any = None) -> Job:
    job = create_job(workspace, by=None, tcl=PLAN)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    transitions.start_step(step_id)
    transitions.finish_step(step_id, transitions.Outcome(succeeded=False, why=why or told("", "no network")))
    job.refresh_from_db()
    assert job.status == JobStatus.FAILED
    return job


def test_a_job_that_waits_for_approval_is_told_with_its_page(workspace: Workspace, notify: Notify) -> None:
    notify("waitingApproval")
    job = planned(workspace)
    [delivery] = NotificationDelivery.objects.all()
    assert (delivery.event, delivery.job_number, delivery.workspace) == ("waitingApproval", job.pk, workspace)
    assert delivery.due_at is not None
    assert "Waiting for approval" in delivery.facts["reason"]


def test_a_failure_is_told_with_our_reason(workspace: Workspace, notify: Notify) -> None:
    notify("failed", workspace=workspace)
    job = failed(workspace)
    [delivery] = NotificationDelivery.objects.all()
    assert delivery.facts["reason"] == job.reason
    assert "no network" in job.reason


def test_nothing_is_told_that_was_not_asked_for(workspace: Workspace, notify: Notify) -> None:
    notify("completed")
    notify("failed", active=False)
    notify("failed", workspace=WorkspaceFactory.create(organization=workspace.organization))
    notify("failed", organization=WorkspaceFactory.create().organization)
    failed(workspace)
    assert not NotificationDelivery.objects.exists()


def test_the_organizations_and_the_workspaces_own_are_both_told(workspace: Workspace, notify: Notify) -> None:
    both = {notify("failed"), notify("failed", workspace=workspace)}
    failed(workspace)
    assert {delivery.configuration for delivery in NotificationDelivery.objects.all()} == both


def test_a_change_that_is_taken_back_is_not_told(workspace: Workspace, notify: Notify) -> None:
    notify("cancelled")
    job = create_job(workspace, by=None, tcl=PLAN)
    with transaction.atomic():
        cancel_job(job, by=None)
        assert NotificationDelivery.objects.exists()
        transaction.set_rollback(True)
    assert not NotificationDelivery.objects.exists()


def test_a_task_is_queued_with_the_change(
    workspace: Workspace, notify: Notify, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    notify("cancelled")
    queued: list[tuple[Any, ...]] = []
    monkeypatch.setattr("workspaces.task_queue.client.async_task", lambda *args: queued.append(args))
    job = create_job(workspace, by=None, tcl=PLAN)
    with django_capture_on_commit_callbacks(execute=True):
        cancel_job(job, by=None)
    [delivery] = NotificationDelivery.objects.all()
    assert ("workspaces.notifications.sending.send_delivery", str(delivery.pk)) in queued


def test_a_refusal_by_a_policy_is_told_once_to_who_asks_for_both(workspace: Workspace, notify: Notify) -> None:
    both, policy, plain = notify("failed", "policyRefused"), notify("policyRefused"), notify("failed")
    failed(workspace, reason("cluster-policy", words="no privileged pods"))
    found = dict(NotificationDelivery.objects.values_list("configuration", "event"))
    assert found == {both.pk: "policyRefused", policy.pk: "policyRefused", plain.pk: "failed"}


def test_a_notification_of_some_templates_tells_of_their_jobs_alone(workspace: Workspace, notify: Notify) -> None:
    own, other = TemplateFactory.create_batch(2, organization=workspace.organization, tcl=PLAN)
    confined = notify("cancelled")
    confined.templates.add(own)
    for template in (other, own):
        cancel_job(create_job(workspace, by=None, template=template), by=None)
    [delivery] = NotificationDelivery.objects.all()
    assert delivery.job_number == Job.objects.get(template=own).pk


def test_each_drift_is_told_once(workspace: Workspace, notify: Notify) -> None:
    notify("drifted")
    for key in ("drift-1", "drift-1", "drift-2"):
        note_drift(workspace, key=key, reason="2 resources differ from the state.")
    assert NotificationDelivery.objects.count() == 2
    assert {delivery.facts["reason"] for delivery in NotificationDelivery.objects.all()} == {
        "2 resources differ from the state."
    }


def test_a_move_asks_one_query_whatever_is_configured(
    workspace: Workspace, notify: Notify, django_assert_num_queries: Any
) -> None:
    job = create_job(workspace, by=None, tcl=PLAN)
    others = WorkspaceFactory.create_batch(5, organization=workspace.organization)
    for other in others:
        notify("pending", workspace=other)
    note_change(job)
    with django_assert_num_queries(1):
        note_change(job)
    for _ in range(3):
        notify("pending")
    with django_assert_num_queries(3):
        note_change(job)
    assert NotificationDelivery.objects.count() == 3


def test_new_drift_is_told_with_its_resources_and_the_check_itself_is_not(workspace: Workspace, notify: Notify) -> None:
    notify("drifted", "pending")
    rows = [{"address": f"aws_instance.web{number}", "action": "update"} for number in range(7)]
    record = Drift.objects.create(workspace=workspace, resources=rows, resource_count=7)
    job = create_job(workspace, by=None, tcl=PLAN)
    note_new_drift(record, job)
    job.via, job.plan_only = Via.DRIFT, True
    note_change(job)
    [delivery] = NotificationDelivery.objects.all()
    assert (delivery.event, delivery.job_number) == ("drifted", job.pk)
    assert delivery.facts["reason"] == (
        "Changed outside of Terraform: aws_instance.web0, aws_instance.web1, aws_instance.web2, aws_instance.web3, "
        "aws_instance.web4 and 2 more."
    )


def test_new_drift_names_the_tool_of_its_workspace(workspace: Workspace, notify: Notify) -> None:
    notify("drifted")
    workspace.iac_type = IacType.TOFU
    record = Drift.objects.create(workspace=workspace, resources=[{"address": "a.b"}], resource_count=1)
    note_new_drift(record, create_job(workspace, by=None, tcl=PLAN))
    assert NotificationDelivery.objects.get().facts["reason"] == "Changed outside of OpenTofu: a.b."
