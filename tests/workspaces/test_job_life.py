"""The life of a job, driven as the task runner and an executor drive it."""

from __future__ import annotations

import pytest

from tests.factories import (
    DESTROY,
    PLAN,
    PLAN_AND_APPLY,
    PLAN_APPROVE_APPLY,
    TeamFactory,
    VariableFactory,
    WorkspaceFactory,
    member,
)
from workspaces.choices import JobStatus
from workspaces.errors import InvalidInput, NotAllowed, WrongState
from workspaces.jobs import transitions
from workspaces.jobs.blockers import why_wait
from workspaces.jobs.transitions import Outcome, advancing
from workspaces.models import Job, Step, Workspace
from workspaces.reasons import told
from workspaces.services import jobs, locks

pytestmark = pytest.mark.django_db

DONE = Outcome(succeeded=True)
WITH_CHANGES = Outcome(succeeded=True, changes=True, plan="https://site.example/plan")


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


def start(workspace: Workspace, tcl: str = PLAN_AND_APPLY, **options: object) -> Job:
    return jobs.create_job(workspace, by=None, tcl=tcl, **options)  # type: ignore[arg-type]


def run(job: Job, outcome: Outcome = DONE) -> None:
    """Launch, claim and end the job's next step."""
    step_id = transitions.advance(job.pk)
    assert step_id is not None, Job.objects.get(pk=job.pk).reason
    assert transitions.start_step(step_id)
    assert transitions.finish_step(step_id, outcome)


def status(job: Job) -> str:
    return Job.objects.get(pk=job.pk).status


def steps(job: Job) -> dict[int, str]:
    return dict(job.steps.values_list("step_number", "status"))


def test_a_new_job_is_pending_without_steps_until_it_is_advanced(workspace: Workspace) -> None:
    job = start(workspace)
    assert (status(job), steps(job)) == (JobStatus.PENDING, {})
    transitions.advance(job.pk)
    assert (status(job), steps(job)) == (JobStatus.QUEUE, {100: JobStatus.QUEUE, 200: JobStatus.PENDING})


def test_plan_then_apply_completes_the_job(workspace: Workspace) -> None:
    job = start(workspace)
    run(job, WITH_CHANGES)
    assert status(job) == JobStatus.PENDING
    run(job)
    transitions.advance(job.pk)
    assert status(job) == JobStatus.COMPLETED
    assert steps(job) == {100: JobStatus.COMPLETED, 200: JobStatus.COMPLETED}
    job.refresh_from_db()
    assert (job.terraform_plan, job.plan_changes, job.holds_workspace) == ("https://site.example/plan", True, False)
    workspace.refresh_from_db()
    assert workspace.last_job_status == "completed"


def test_a_plan_without_changes_completes_the_job_and_leaves_the_apply_undone(workspace: Workspace) -> None:
    job = start(workspace)
    run(job, Outcome(succeeded=True, changes=False))
    job.refresh_from_db()
    assert (job.status, job.plan_changes) == (JobStatus.COMPLETED, False)
    assert steps(job) == {100: JobStatus.COMPLETED, 200: JobStatus.NOT_EXECUTED}


def test_a_plan_without_changes_skips_only_the_steps_that_apply_it(workspace: Workspace) -> None:
    types = (
        "terraformPlan", "customScripts", "approval", "terraformApply", "approval", "customScripts", "terraformPlan",
        "terraformApply",
    )  # fmt: skip
    lines = (f"  - {{type: {name}, name: s, step: {number}, team: T}}\n" for number, name in enumerate(types, 1))
    job = start(workspace, "flow:\n" + "".join(lines))
    run(job, Outcome(succeeded=True, changes=False))
    assert [number for number, left in steps(job).items() if left == JobStatus.NOT_EXECUTED] == [3, 4]
    run(job)
    assert transitions.advance(job.pk) is None
    assert status(job) == JobStatus.WAITING_APPROVAL
    Step.objects.filter(job=job, step_number=5).update(decision="approved")
    Job.objects.filter(pk=job.pk).update(status=JobStatus.APPROVED)
    run(job)
    run(job, WITH_CHANGES)
    run(job)
    transitions.advance(job.pk)
    assert status(job) == JobStatus.COMPLETED
    assert steps(job)[8] == JobStatus.COMPLETED


def test_a_failed_plan_fails_the_job_with_its_reason(workspace: Workspace) -> None:
    job = start(workspace)
    run(job, Outcome(succeeded=False, why=told("terraform-failed", "Error: no such thing")))
    job.refresh_from_db()
    assert (job.status, job.reason) == (JobStatus.FAILED, "Plan: Error: no such thing")
    assert steps(job) == {100: JobStatus.FAILED, 200: JobStatus.FAILED}


def test_an_ignored_error_of_an_apply_lets_the_job_go_on(workspace: Workspace) -> None:
    flow = PLAN + "  - {type: terraformApply, name: Apply, step: 200, ignoreError: true}\n"
    job = start(workspace, flow)
    run(job, WITH_CHANGES)
    run(job, Outcome(succeeded=False, why=told("terraform-failed", "Error: flaky")))
    transitions.advance(job.pk)
    assert status(job) == JobStatus.COMPLETED


def test_an_ignored_error_of_a_plan_still_ends_the_job_since_nothing_could_be_applied(workspace: Workspace) -> None:
    flow = PLAN_AND_APPLY.replace("step: 100", "step: 100, ignoreError: true")
    job = start(workspace, flow)
    run(job, Outcome(succeeded=False, why=told("", "Error")))
    assert status(job) == JobStatus.FAILED
    assert steps(job)[100] == JobStatus.COMPLETED


def test_a_job_that_meets_another_at_its_start_waits_for_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = start(workspace), start(workspace)
    transitions.advance(first.pk)
    looks = iter([None])
    # Its first look was a moment before the other one had started.
    monkeypatch.setattr(advancing, "why_wait", lambda job: next(looks, why_wait(job)))
    assert transitions.advance(second.pk) is None
    second.refresh_from_db()
    assert (second.status, second.reason_code) == (JobStatus.PENDING, "workspace-busy")
    assert f"job {first.pk}" in second.reason
    assert (second.holds_workspace, second.started_at, second.steps.count()) == (False, None, 0)


def test_what_takes_a_step_over_is_done_with_it_or_not_at_all(workspace: Workspace) -> None:
    job = start(workspace)

    def fails(step: Step) -> None:
        raise RuntimeError(step.status)

    with pytest.raises(RuntimeError, match="queue"):
        transitions.hand_over(job.pk, to=fails)
    assert status(job) == JobStatus.PENDING
    assert transitions.hand_over(job.pk, to=lambda step: step.step_number) == 100


def test_approval_waits_for_a_person_and_needs_no_executor(workspace: Workspace) -> None:
    job = start(workspace, PLAN_APPROVE_APPLY)
    run(job, WITH_CHANGES)
    assert transitions.advance(job.pk) is None
    assert status(job) == JobStatus.WAITING_APPROVAL
    jobs.approve_job(job, by=None)
    assert status(job) == JobStatus.APPROVED
    run(job)
    transitions.advance(job.pk)
    assert status(job) == JobStatus.COMPLETED
    assert set(steps(job).values()) == {JobStatus.COMPLETED}


def test_auto_apply_takes_the_approval_as_given(workspace: Workspace) -> None:
    job = start(workspace, PLAN_APPROVE_APPLY, auto_apply=True)
    run(job, WITH_CHANGES)
    run(job)
    transitions.advance(job.pk)
    assert status(job) == JobStatus.COMPLETED
    assert job.steps.get(step_number=150).decided_by == "autoApply"


def test_an_approval_with_commands_is_launched_after_the_decision(workspace: Workspace) -> None:
    flow = PLAN + (
        "  - type: approval\n    step: 150\n    commands:\n      - {runtime: BASH, priority: 1, script: echo hi}\n"
    )
    job = start(workspace, flow)
    run(job, WITH_CHANGES)
    transitions.advance(job.pk)
    jobs.approve_job(job, by=None)
    step_id = transitions.advance(job.pk)
    assert step_id == job.steps.get(step_number=150).pk


def test_rejecting_ends_the_job_and_says_who_and_why(workspace: Workspace) -> None:
    job = start(workspace, PLAN_APPROVE_APPLY)
    run(job, WITH_CHANGES)
    transitions.advance(job.pk)
    job = jobs.reject_job(job, by=None, comment="not on a Friday")
    assert (job.status, job.reason) == (JobStatus.REJECTED, "Rejected by Internal: not on a Friday")
    assert steps(job) == {100: JobStatus.COMPLETED, 150: JobStatus.FAILED, 200: JobStatus.FAILED}


def test_on_reject_commands_run_before_the_job_ends_rejected(workspace: Workspace) -> None:
    flow = PLAN + (
        "  - type: approval\n    step: 150\n    onReject:\n      - {runtime: BASH, priority: 1, script: echo no}\n"
    )
    job = start(workspace, flow)
    run(job, WITH_CHANGES)
    transitions.advance(job.pk)
    jobs.reject_job(job, by=None)
    step = job.steps.get(step_number=150)
    assert (status(job), step.status) == (JobStatus.QUEUE, JobStatus.QUEUE)
    transitions.start_step(step.pk)
    transitions.finish_step(step.pk, DONE)
    assert status(job) == JobStatus.REJECTED


def test_a_second_job_waits_for_the_first_and_says_so(workspace: Workspace) -> None:
    first, second = start(workspace), start(workspace)
    assert transitions.advance(first.pk) is not None
    assert transitions.advance(second.pk) is None
    second.refresh_from_db()
    assert second.status == JobStatus.PENDING
    assert second.reason == f"Waits for job {first.pk} of this workspace, which is queued"


def test_a_second_job_also_waits_while_the_first_waits_for_approval(workspace: Workspace) -> None:
    first, second = start(workspace, PLAN_APPROVE_APPLY), start(workspace)
    run(first, WITH_CHANGES)
    transitions.advance(first.pk)
    assert transitions.advance(second.pk) is None
    jobs.reject_job(first, by=None)
    assert transitions.advance(second.pk) is not None


def test_a_plan_only_job_passes_a_job_that_plans_or_waits_but_not_one_that_applies(workspace: Workspace) -> None:
    first = start(workspace, PLAN_APPROVE_APPLY)
    assert transitions.advance(first.pk) is not None
    plan = start(workspace, PLAN)
    assert transitions.advance(plan.pk) is not None
    assert not Job.objects.get(pk=plan.pk).holds_workspace
    step = first.steps.get(step_number=100)
    transitions.start_step(step.pk)
    transitions.finish_step(step.pk, WITH_CHANGES)
    transitions.advance(first.pk)
    jobs.approve_job(first, by=None)
    assert transitions.advance(first.pk) == first.steps.get(step_number=200).pk
    later = start(workspace, PLAN)
    assert transitions.advance(later.pk) is None
    later.refresh_from_db()
    assert later.reason == f"Waits for job {first.pk}, which is changing the state of this workspace"


def test_a_locked_workspace_makes_its_jobs_wait_with_the_reason(workspace: Workspace) -> None:
    locks.lock_workspace(workspace, by=None, reason="migration")
    job = start(workspace)
    assert transitions.advance(job.pk) is None
    job.refresh_from_db()
    assert job.reason == "The workspace is locked: migration"
    locks.unlock_workspace(workspace, by=None)
    assert transitions.advance(job.pk) is not None


def test_a_deleted_workspace_starts_no_job(workspace: Workspace) -> None:
    job = start(workspace)
    Workspace.objects.filter(pk=workspace.pk).update(deleted=True)
    assert transitions.advance(job.pk) is None
    assert status(job) == JobStatus.FAILED
    workspace.refresh_from_db()
    with pytest.raises(WrongState, match="was deleted"):
        start(workspace)


def test_a_sensitive_variable_without_value_fails_the_job_by_name(workspace: Workspace) -> None:
    VariableFactory.create(workspace=workspace, key="TOKEN", value="", sensitive=True)
    job = start(workspace)
    transitions.advance(job.pk)
    job.refresh_from_db()
    assert (job.status, job.output) == (JobStatus.FAILED, "Sensitive variables without a value: TOKEN")


def test_cancelling_a_waiting_job_ends_it_and_frees_the_workspace(workspace: Workspace) -> None:
    job = start(workspace, PLAN_APPROVE_APPLY)
    run(job, WITH_CHANGES)
    transitions.advance(job.pk)
    job = jobs.cancel_job(job, by=None)
    assert (job.status, job.holds_workspace) == (JobStatus.CANCELLED, False)
    assert steps(job) == {100: JobStatus.COMPLETED, 150: JobStatus.CANCELLED, 200: JobStatus.CANCELLED}
    with pytest.raises(WrongState, match="has ended"):
        jobs.cancel_job(job, by=None)


def test_cancelling_a_running_job_keeps_the_workspace_until_its_executor_is_gone(workspace: Workspace) -> None:
    first, second = start(workspace), start(workspace)
    step_id = transitions.advance(first.pk)
    assert step_id is not None
    transitions.start_step(step_id)
    jobs.cancel_job(first, by=None)
    assert status(first) == JobStatus.CANCELLED
    assert transitions.advance(second.pk) is None
    second.refresh_from_db()
    assert second.reason == f"Waits until the last pod of job {first.pk} of this workspace is gone"
    assert transitions.release_workspace(first.pk)
    assert transitions.advance(second.pk) is not None


def test_late_and_repeated_reports_change_nothing(workspace: Workspace) -> None:
    job = start(workspace, PLAN)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    assert transitions.start_step(step_id)
    assert not transitions.start_step(step_id)
    assert transitions.finish_step(step_id, WITH_CHANGES)
    assert not transitions.finish_step(step_id, Outcome(succeeded=False, why=told("", "late")))
    transitions.advance(job.pk)
    assert status(job) == JobStatus.COMPLETED
    assert transitions.advance(job.pk) is None


def test_the_first_step_pins_the_commit(workspace: Workspace) -> None:
    job = start(workspace)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    assert transitions.pin_commit(step_id, "a" * 40)
    assert not transitions.pin_commit(step_id, "b" * 40)
    job.refresh_from_db()
    assert job.commit_id == "a" * 40


def test_disable_workspace_deletes_it(workspace: Workspace) -> None:
    job = start(workspace, DESTROY + "  - {type: disableWorkspace, step: 200}\n")
    run(job)
    transitions.advance(job.pk)
    workspace.refresh_from_db()
    assert (status(job), workspace.deleted) == (JobStatus.COMPLETED, True)


def test_a_bad_flow_is_refused_when_the_job_is_made(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match="terraformPlann"):
        start(workspace, "flow:\n  - {type: terraformPlann, step: 100}\n")
    assert not Job.objects.exists()


def test_team_rights_decide_who_plans_and_who_approves(workspace: Workspace) -> None:
    planner = member(TeamFactory.create(organization=workspace.organization, plan_job=True))
    approver = member(TeamFactory.create(organization=workspace.organization, approve_job=True))
    stranger = member(TeamFactory.create(plan_job=True, approve_job=True))
    for user in (approver, stranger):
        with pytest.raises(NotAllowed):
            jobs.create_job(workspace, by=user, tcl=PLAN)
    job = jobs.create_job(workspace, by=planner, tcl=PLAN_APPROVE_APPLY)
    run(job, WITH_CHANGES)
    transitions.advance(job.pk)
    for user in (planner, stranger):
        with pytest.raises(NotAllowed):
            jobs.approve_job(job, by=user)
    assert jobs.approve_job(job, by=approver).status == JobStatus.APPROVED


def test_an_approval_team_decides_alone(workspace: Workspace) -> None:
    named = TeamFactory.create(organization=workspace.organization, name="TERRAFORM_APPROVERS")
    other = TeamFactory.create(organization=workspace.organization, approve_job=True)
    job = start(workspace, PLAN_APPROVE_APPLY.replace("step: 150", "step: 150, team: TERRAFORM_APPROVERS"))
    run(job, WITH_CHANGES)
    transitions.advance(job.pk)
    job.refresh_from_db()
    with pytest.raises(NotAllowed, match="TERRAFORM_APPROVERS"):
        jobs.approve_job(job, by=member(other))
    assert jobs.approve_job(job, by=member(named)).status == JobStatus.APPROVED
