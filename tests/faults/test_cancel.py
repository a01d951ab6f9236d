"""A job is cancelled at every stage: at once for its users, and its workspace is free when what ran is proved gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.marks import FAULT
from tests.faults.sound import held
from tests.faults.trial import Trial, flow
from tests.spine.waiting import await_that
from workspaces.choices import JobStatus
from workspaces.errors import WrongState
from workspaces.models import Job, StateVersion
from workspaces.services.jobs import cancel_job

pytestmark = FAULT

NOWHERE = {"EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS": "example.org/there-is-no-such-node=true"}
PLAN_AND_APPROVAL = """
flow:
  - {type: terraformPlan, name: Plan, step: 100}
  - {type: approval, name: Approval, step: 150}
  - {type: terraformApply, name: Apply, step: 200}
"""
DEAF = "trap '' INT TERM; for n in $(seq 60); do sleep 1; done"


def waiting_for_its_workspace(trial: Trial) -> Job:
    first = trial.job("sleep 8")
    trial.await_rung(first)
    job = trial.site.job(first.workspace, flow(trial.bell.script("$jobId")))
    trial.told(job, f"{first.pk}", what="waits")
    return job


def waiting_for_a_node(trial: Trial) -> Job:
    job = trial.job(environment=NOWHERE)
    trial.told(job, "No node has the labels", what="waits")
    return job


def just_launched(trial: Trial) -> Job:
    job = trial.job()
    trial.await_launched(job)
    return job


def in_a_script(trial: Trial) -> Job:
    job = trial.job("sleep 60")
    trial.await_rung(job)
    return job


def in_a_script_that_does_not_listen(trial: Trial) -> Job:
    job = trial.job(DEAF)
    trial.await_rung(job)
    return job


def in_an_apply(trial: Trial) -> Job:
    job = trial.apply_job(seconds=60)
    trial.await_rung(job)
    return job


def at_its_approval(trial: Trial) -> Job:
    job = trial.apply_job(flow=PLAN_AND_APPROVAL)
    trial.site.await_status(job, JobStatus.WAITING_APPROVAL)
    return job


STAGES: dict[Callable[[Trial], Job], int | None] = {
    waiting_for_its_workspace: 0,
    waiting_for_a_node: 0,
    just_launched: None,
    in_a_script: 1,
    in_a_script_that_does_not_listen: 1,
    in_an_apply: 1,
    at_its_approval: 0,
}
"""Each stage, and how often the commands were started before it; None: once or never."""


EVERYDAY = {waiting_for_a_node, in_an_apply}


@pytest.mark.parametrize(
    "stage",
    [pytest.param(stage, marks=[pytest.mark.everyday] if stage in EVERYDAY else []) for stage in STAGES],
    ids=lambda stage: stage.__name__,
)
def test_a_job_is_cancelled(trial: Trial, stage: Callable[[Trial], Job]) -> None:
    job = stage(trial)
    trial.fault()
    cancel_job(job, by=None)
    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    if stage is waiting_for_its_workspace:
        # Its workspace is another's.
        trial.clock.stop("workspace free")
    else:
        await_that(lambda: not held(job), f"the workspace of job {job.pk} is free")
        trial.clock.stop("workspace free")
    trial.assert_sound(job, status=JobStatus.CANCELLED, code=None, starts=STAGES[stage])
    job.workspace.variables.filter(key__in=NOWHERE).delete()
    if stage is in_an_apply:
        # What terraform had made when it was told to stop is in the state, and the next job knows it.
        assert StateVersion.objects.filter(job=job).exists()
    trial.assert_next_job_runs(job.workspace)


def test_a_job_that_is_over_cannot_be_cancelled(trial: Trial) -> None:
    job = trial.job()
    trial.site.await_status(job, JobStatus.COMPLETED)
    with pytest.raises(WrongState):
        cancel_job(job, by=None)
    trial.assert_sound(job, marks=20)
