"""A workspace that is deleted or locked, or an organization that is disabled, while its job is on its way."""

from __future__ import annotations

import json

import pytest

from executors.choices import AttemptOutcome
from executors.models import Attempt
from tests.faults.marks import FAULT
from tests.faults.trial import Trial
from tests.spine.cluster import TOO_LARGE
from tests.spine.site import Site, story
from workspaces.choices import JobStatus
from workspaces.errors import WrongState
from workspaces.models import Job, Workspace
from workspaces.services import jobs, locks, organizations, workspaces

pytestmark = FAULT


def approved_job(trial: Trial) -> Job:
    """A job that waits for approval; its script rings once that was given."""
    command = {"runtime": "BASH", "priority": 1, "script": trial.bell.script("$jobId")}
    flow = {
        "flow": [
            {"type": "approval", "name": "Approval", "step": 100},
            {"type": "customScripts", "name": "Ring", "step": 200, "commands": [command]},
        ]
    }
    job = trial.site.job(trial.site.workspace(), json.dumps(flow))
    trial.site.await_status(job, JobStatus.WAITING_APPROVAL)
    return job


@pytest.mark.everyday
def test_a_job_that_waits_for_approval_ends_when_its_workspace_is_deleted(trial: Trial) -> None:
    job = approved_job(trial)
    workspaces.delete_workspace(job.workspace, by=None)
    trial.fault()
    trial.site.await_status(job, JobStatus.FAILED)
    trial.clock.stop("sentence")
    with pytest.raises(WrongState, match="The workspace was deleted"):
        jobs.approve_job(job, by=None)
    assert job.reason_code == "workspace-deleted", story(job)
    assert trial.bell.count(str(job.pk)) == 0


def test_an_approved_step_waits_while_its_workspace_is_locked(trial: Trial) -> None:
    job = approved_job(trial)
    locks.lock_workspace(job.workspace, by=None, reason="freeze")
    trial.fault()
    jobs.approve_job(job, by=None)
    trial.told_of(job, "workspace-locked")
    locks.unlock_workspace(job.workspace, by=None)
    trial.await_rung(job)
    trial.assert_sound(job, marks=0)


@pytest.mark.everyday
def test_a_pod_that_comes_late_is_refused_while_its_workspace_is_locked(trial: Trial) -> None:
    job = trial.job(environment=TOO_LARGE)
    pod = trial.cluster.pod_of(trial.await_launched(job))
    # The next attempt's pod fits.
    job.workspace.variables.filter(key__in=TOO_LARGE).delete()
    locks.lock_workspace(job.workspace, by=None, reason="freeze")
    trial.fault()
    trial.cluster.shrink_pod(pod)
    trial.told_of(job, "workspace-locked")
    assert trial.bell.count(str(job.pk)) == 0
    locks.unlock_workspace(job.workspace, by=None)
    trial.await_rung(job)
    trial.assert_sound(job, marks=20)
    tried = list(Attempt.objects.filter(step__job=job).order_by("number").values_list("outcome", "reason_code"))
    assert tried == [(AttemptOutcome.REPLACED, "workspace-locked"), (AttemptOutcome.SUCCEEDED, "done")], story(job)


def test_what_waits_for_a_node_is_ended_when_its_workspace_is_deleted(trial: Trial) -> None:
    job = trial.job(environment=TOO_LARGE)
    trial.cluster.pod_of(trial.await_launched(job))
    workspaces.delete_workspace(job.workspace, by=None)
    trial.fault()
    trial.ended(job, "workspace-deleted")
    trial.assert_sound(job, status=JobStatus.FAILED, code="workspace-deleted", starts=0)


def test_a_step_that_runs_goes_on_when_its_organization_is_disabled(trial: Trial, site: Site) -> None:
    job = trial.job(pause=0.5)
    trial.await_rung(job)
    # A plan waits while a script may change the state.
    waiting = trial.site.job(
        Workspace.objects.get(pk=job.workspace_id), "flow:\n  - {type: terraformPlan, step: 100}\n"
    )
    trial.told_of(waiting, "workspace-busy")
    organizations.update_organization(site.organization, {"disabled": True}, by=None)
    trial.fault()
    trial.site.await_status(waiting, JobStatus.FAILED)
    trial.assert_sound(job, marks=20)
    assert waiting.reason_code == "organization-disabled", story(waiting)
    organizations.update_organization(site.organization, {"disabled": False}, by=None)
    trial.assert_next_job_runs(Workspace.objects.get(pk=job.workspace_id))
