"""Runs of a terminal: jobs, from their request to their end."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from executors.attempts.handover import claim_answer
from tests.api.client import Api, detail, token_of
from tests.factories import TeamFactory, VariableFactory
from tests.tfe.runs import (
    DONE,
    NO_CHANGES,
    SOURCE,
    WITH_CHANGES,
    act,
    archive,
    ask_run,
    begin,
    end,
    new_version,
    owner_of_runs,
    put,
    run_of,
    run_step,
    start_run,
    states,
    with_templates,
)
from workspaces.choices import Category, JobStatus, Via
from workspaces.jobs import transitions
from workspaces.jobs.transitions import Outcome
from workspaces.models import Job, JobVariable, Organization, StateVersion, Workspace
from workspaces.reasons import told
from workspaces.services.jobs import create_job
from workspaces.services.sources import pin_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    return with_templates(workspace)


@pytest.fixture
def owner(workspace: Workspace) -> Api:
    return owner_of_runs()


@pytest.fixture
def planner(workspace: Workspace) -> Api:
    TeamFactory.create(organization=workspace.organization, name="PLANNERS", plan_job=True)
    return Api(token_of("PLANNERS", name="planner@example.com"), prefix="/api/v2/")


def test_an_apply_is_planned_confirmed_and_applied(owner: Api, workspace: Workspace) -> None:
    other = Api(token_of("OWNERS", name="other@example.com"), prefix="/api/v2/")
    job = start_run(owner, workspace, new_version(owner, workspace), message="from CI")
    assert (job.via, job.comments, job.template.name) == (Via.CLI, "from CI", "Terraform-Plan/Apply-Cli")  # type: ignore[union-attr]
    assert states(owner, job) == ("pending", "pending", "pending")
    attempt = begin(job)
    assert states(owner, job) == ("planning", "running", "pending")
    end(attempt, WITH_CHANGES)
    # The plan is over only when the job has left it: the client reads the run once then.
    assert states(owner, job) == ("planning", "running", "pending")
    transitions.advance(job.pk)
    assert states(owner, job) == ("planned", "finished", "pending")
    found = run_of(owner, job)
    assert found["actions"] == {
        "is-confirmable": True, "is-discardable": True, "is-cancelable": True, "is-force-cancelable": False
    }  # fmt: skip
    assert found["has-changes"]
    assert act(owner, job, "apply") == 202
    assert states(owner, job) == ("confirmed", "finished", "queued")
    # A terminal that lost the answer asks again; nobody else is told that his request had this effect.
    assert act(owner, job, "apply") == 202
    assert act(other, job, "apply") == act(owner, job, "discard") == 409
    attempt = begin(job)
    assert states(owner, job) == ("applying", "finished", "running")
    end(attempt)
    transitions.advance(job.pk)
    assert states(owner, job) == ("applied", "finished", "finished")
    assert {"planned-at", "applied-at", "confirmed-at"} <= run_of(owner, job)["status-timestamps"].keys()
    actions = [one["attributes"]["action"] for one in owner.read(f"runs/run-{job.pk}/run-events")["data"]]
    assert actions == ["created", "planned", "approved", "applied"]


def test_a_repeated_confirmation_does_not_answer_the_next_question(owner: Api, workspace: Workspace) -> None:
    template = workspace.organization.templates.get(name="Terraform-Plan/Apply-Cli")
    template.tcl += (
        "  - {type: approval, name: Second, step: 250}\n  - {type: terraformApply, name: Again, step: 300}\n"
    )
    template.save()
    job = start_run(owner, workspace, new_version(owner, workspace))
    run_step(job, WITH_CHANGES)
    transitions.advance(job.pk)
    assert run_of(owner, job)["actions"]["is-confirmable"]
    assert act(owner, job, "apply") == 202
    run_step(job)
    transitions.advance(job.pk)
    job.refresh_from_db()
    assert job.status == JobStatus.WAITING_APPROVAL
    assert not run_of(owner, job)["actions"]["is-confirmable"]
    assert act(owner, job, "apply") == 202
    job.refresh_from_db()
    assert job.status == JobStatus.WAITING_APPROVAL
    other = Api(token_of("OWNERS", name="other@example.com"), prefix="/api/v2/")
    assert run_of(other, job)["actions"]["is-confirmable"]
    assert act(other, job, "apply") == 202
    job.refresh_from_db()
    assert job.status != JobStatus.WAITING_APPROVAL


def test_an_apply_without_question_goes_on_by_itself(owner: Api, workspace: Workspace) -> None:
    job = start_run(owner, workspace, new_version(owner, workspace), auto_apply=True)
    run_step(job, WITH_CHANGES)
    attempt = begin(job)
    assert states(owner, job) == ("applying", "finished", "running")
    assert run_of(owner, job)["has-changes"]
    end(attempt)
    transitions.advance(job.pk)
    assert states(owner, job)[0] == "applied"


def test_a_plan_without_changes_ends_the_run(owner: Api, workspace: Workspace) -> None:
    job = start_run(owner, workspace, new_version(owner, workspace))
    run_step(job, NO_CHANGES)
    assert states(owner, job) == ("planned_and_finished", "finished", "unreachable")
    assert not run_of(owner, job)["has-changes"]


@pytest.mark.parametrize(("destroy", "types"), [(False, ["terraformPlan"]), (True, ["terraformPlanDestroy"])])
def test_a_speculative_run_only_plans(planner: Api, workspace: Workspace, destroy: bool, types: list[str]) -> None:
    version = new_version(planner, workspace, speculative=True)
    job = start_run(planner, workspace, version, is_destroy=destroy)
    assert job.plan_only
    step = run_step(job, WITH_CHANGES)
    assert [step.type] == types
    transitions.advance(job.pk)
    assert states(planner, job) == ("planned_and_finished", "finished", "unreachable")
    found = run_of(planner, job)
    assert (found["plan-only"], found["is-destroy"], found["has-changes"]) == (True, destroy, True)
    assert act(planner, job, "apply") == 403


def test_who_may_only_plan_confirms_nothing(owner: Api, planner: Api, workspace: Workspace) -> None:
    job = start_run(owner, workspace, new_version(owner, workspace))
    run_step(job, WITH_CHANGES)
    transitions.advance(job.pk)
    found = run_of(planner, job)
    assert not found["permissions"]["can-apply"]
    assert not found["actions"]["is-confirmable"]
    assert act(planner, job, "apply") == 403
    assert act(planner, job, "discard") == 403
    assert act(owner, job, "discard") == 202
    assert states(owner, job) == ("discarded", "finished", "unreachable")


def test_a_destroy_plans_the_destruction_first(owner: Api, workspace: Workspace) -> None:
    job = start_run(owner, workspace, new_version(owner, workspace, archive({})), is_destroy=True)
    assert run_of(owner, job)["is-destroy"]
    assert run_step(job, WITH_CHANGES).type == "terraformPlanDestroy"
    assert run_of(owner, job)["is-destroy"]


def test_an_empty_archive_never_becomes_the_source_of_the_workspace(owner: Api, workspace: Workspace) -> None:
    first = new_version(owner, workspace)
    empty = new_version(owner, workspace, archive({}))
    provisional = new_version(owner, workspace, provisional=True)
    job = start_run(owner, workspace)
    assert pin_source(job)
    assert first in str(job.override_source)
    assert start_run(owner, workspace, empty, is_destroy=True).override_source != job.override_source
    assert provisional in str(start_run(owner, workspace, provisional).override_source)


def test_a_run_of_an_archive_leaves_the_source_of_a_git_workspace(owner: Api, workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(source="https://git.example/net.git", branch="main")
    workspace.refresh_from_db()
    version = new_version(owner, workspace)
    job = start_run(owner, workspace, version)
    assert (job.override_branch, version in str(job.override_source)) == ("remote-content", True)
    workspace.refresh_from_db()
    assert (workspace.source, workspace.branch) == ("https://git.example/net.git", "main")
    assert not pin_source(start_run(owner, workspace))


def test_a_repeated_request_is_the_same_run_while_that_has_not_ended(owner: Api, workspace: Workspace) -> None:
    version = new_version(owner, workspace)
    first = start_run(owner, workspace, version, target_addrs=["null_resource.a"])
    assert start_run(owner, workspace, version, target_addrs=["null_resource.a"]) == first
    assert start_run(owner, workspace, version) != first
    transitions.cancel(first.pk, by="x")
    assert start_run(owner, workspace, version, target_addrs=["null_resource.a"]) != first


def test_a_repeated_request_of_a_terminal_is_the_same_run_after_its_end_too(owner: Api, workspace: Workspace) -> None:
    version = new_version(owner, workspace)
    # Only terraform and tofu send it; each of their runs has an upload of its own.
    owner.client.defaults["HTTP_TERRAFORM_VERSION"] = "1.11.4"
    first = start_run(owner, workspace, version, plan_only=True)
    transitions.cancel(first.pk, by="x")
    assert start_run(owner, workspace, version, plan_only=True) == first
    assert start_run(owner, workspace, new_version(owner, workspace), plan_only=True) != first


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_equal_requests_at_once_are_one_run(owner: Api, workspace: Workspace) -> None:
    version, both = new_version(owner, workspace), Barrier(2)
    token = owner.token

    def ask(_number: int) -> int:
        try:
            api = Api(token, prefix=owner.prefix)
            both.wait()
            return start_run(api, workspace, version).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(ask, range(2))
    assert first == second
    assert Job.objects.count() == 1


def test_a_source_that_is_uploaded_twice_is_run_once(owner: Api, workspace: Workspace) -> None:
    made = owner.made(
        f"workspaces/{workspace.pk}/configuration-versions", "configuration-versions", {"auto-queue-runs": True}
    )
    address = made["attributes"]["upload-url"]
    assert put(address, SOURCE).status_code == 200
    transitions.cancel(Job.objects.get().pk, by="x")
    assert put(address, SOURCE).status_code == 200
    assert put(address, archive({"other.tf": ""})).status_code == 409
    assert Job.objects.count() == 1


def test_options_reach_the_job_and_others_are_refused(owner: Api, workspace: Workspace) -> None:
    version = new_version(owner, workspace)
    job = start_run(
        owner, workspace, version, refresh=False, target_addrs=["null_resource.a"], replace_addrs=["null_resource.b"]
    )
    found = run_of(owner, job)
    assert (found["refresh"], found["target-addrs"], found["replace-addrs"]) == (
        False, ["null_resource.a"], ["null_resource.b"]
    )  # fmt: skip
    for name in ("allow-config-generation", "allow-empty-apply", "debugging-mode"):
        response = ask_run(owner, workspace, version, **{name: True})
        assert response.status_code == 422, name
        assert json.loads(response.content)["errors"][0]["source"]["pointer"].endswith(name)
    assert ask_run(owner, workspace, version, target_addrs=["no address"]).status_code == 422
    assert ask_run(owner, workspace, version, terraform_version="0.11.0").status_code == 422
    assert ask_run(owner, workspace, version, variables=[{"key": "a"}]).status_code == 422


def test_variables_of_a_run_replace_those_of_the_workspace_and_are_shown_to_nobody(
    owner: Api, workspace: Workspace
) -> None:
    VariableFactory.create(workspace=workspace, key="size", value="1", category=Category.TERRAFORM)
    VariableFactory.create(workspace=workspace, key="word", value="old", category=Category.TERRAFORM, sensitive=True)
    sent = [{"key": "size", "value": "3"}, {"key": "word", "value": '"hush-hush"'}]
    response = ask_run(owner, workspace, new_version(owner, workspace), variables=sent)
    assert json.loads(response.content)["data"]["attributes"]["variables"] == sent
    job = Job.objects.get()
    assert run_of(owner, job)["variables"] == [{"key": "size", "value": ""}, {"key": "word", "value": ""}]
    answer = claim_answer(begin(job))
    assert answer["jobData"]["variables"] == {"size": "3", "word": '"hush-hush"'}
    assert answer["hclVariables"] == ["size", "word"]
    # What replaces a sensitive value is masked in the log too.
    assert "hush-hush" in answer["sensitive"]
    assert "3" not in answer["sensitive"]
    raw = JobVariable.objects.extra(select={"raw": "value"}).values_list("raw", flat=True)
    assert not any("hush" in text for text in raw)
    wrong = ask_run(owner, workspace, new_version(owner, workspace), variables=[{"key": "a", "value": '"secretive'}])
    assert wrong.status_code == 422
    assert "secretive" not in detail(wrong)


# ---- saved plans ----------------------------------------------------------------------------------------------------


def saved(owner: Api, workspace: Workspace) -> Job:
    job = start_run(owner, workspace, new_version(owner, workspace, provisional=True), save_plan=True)
    run_step(job, WITH_CHANGES)
    transitions.advance(job.pk)
    return job


def test_a_saved_plan_waits_without_holding_the_workspace(owner: Api, workspace: Workspace) -> None:
    job = saved(owner, workspace)
    assert states(owner, job) == ("planned_and_saved", "finished", "pending")
    assert run_of(owner, job)["actions"]["is-confirmable"]
    other = start_run(owner, workspace, new_version(owner, workspace))
    attempt = begin(other)
    assert act(owner, job, "apply") == 202
    assert transitions.advance(job.pk) is None
    assert states(owner, job)[0] == "confirmed"
    job.refresh_from_db()
    assert str(other.pk) in job.reason
    end(attempt, NO_CHANGES)
    run_step(job)
    transitions.advance(job.pk)
    assert states(owner, job) == ("applied", "finished", "finished")


def test_a_saved_plan_of_another_state_is_not_applied(owner: Api, workspace: Workspace) -> None:
    job = saved(owner, workspace)
    StateVersion.objects.create(workspace=workspace, number=1, serial=1, lineage="other", content=b"{}")
    response = owner.call("POST", f"runs/run-{job.pk}/actions/apply", {})
    assert response.status_code == 409
    assert "plan again" in detail(response)
    assert states(owner, job)[0] == "planned_and_saved"


# ---- the end --------------------------------------------------------------------------------------------------------


def test_a_failed_plan_ends_plan_and_apply(owner: Api, workspace: Workspace) -> None:
    job = start_run(owner, workspace, new_version(owner, workspace))
    run_step(job, Outcome(succeeded=False, why=told("failed", "No luck.")))
    assert states(owner, job) == ("errored", "errored", "unreachable")


def test_a_failed_apply_leaves_the_plan_finished(owner: Api, workspace: Workspace) -> None:
    job = start_run(owner, workspace, new_version(owner, workspace), auto_apply=True)
    run_step(job, WITH_CHANGES)
    run_step(job, Outcome(succeeded=False))
    assert states(owner, job) == ("errored", "finished", "errored")


def test_a_run_that_was_never_launched_ends_both_too(owner: Api, workspace: Workspace) -> None:
    job = start_run(owner, workspace, new_version(owner, workspace))
    assert act(owner, job, "cancel") == 202
    assert states(owner, job) == ("canceled", "canceled", "unreachable")
    assert run_of(owner, job)["canceled-at"]
    # A terminal that lost the answer asks again.
    assert act(owner, job, "cancel") == 202
    assert act(Api(token_of("OWNERS", name="other@example.com"), prefix="/api/v2/"), job, "cancel") == 409


def test_a_cancelled_plan_is_over_when_its_executor_has_said_its_last_words(owner: Api, workspace: Workspace) -> None:
    job = start_run(owner, workspace, new_version(owner, workspace))
    attempt = begin(job)
    assert act(owner, job, "cancel") == 202
    assert states(owner, job)[:2] == ("canceled", "running")
    assert run_of(owner, job)["actions"]["is-force-cancelable"]
    attempt.state = "ended"
    attempt.save()
    assert states(owner, job) == ("canceled", "canceled", "unreachable")


def test_a_run_is_let_before_one_that_waits_for_its_confirmation(
    owner: Api, planner: Api, workspace: Workspace
) -> None:
    version = new_version(owner, workspace)
    first, second = start_run(owner, workspace, version), start_run(owner, workspace, version, refresh=False)
    run_step(first, WITH_CHANGES)
    assert act(owner, second, "force-execute") == 409
    transitions.advance(first.pk)
    assert act(planner, second, "force-execute") == 403
    assert act(owner, second, "force-execute") == 202
    assert states(owner, first)[0] == "discarded"
    begin(second)
    assert act(owner, second, "force-execute") == 409


def test_a_run_may_give_the_value_that_its_workspace_lacks(owner: Api, workspace: Workspace) -> None:
    VariableFactory.create(workspace=workspace, key="word", value="", category=Category.TERRAFORM, sensitive=True)
    version = new_version(owner, workspace)
    job = start_run(owner, workspace, version, variables=[{"key": "word", "value": '"x"'}])
    run_step(job, NO_CHANGES)
    job = start_run(owner, workspace, version)
    assert transitions.advance(job.pk) is None
    assert states(owner, job) == ("errored", "errored", "unreachable")


def test_the_archive_of_a_version_that_was_removed_runs_no_more(owner: Api, workspace: Workspace) -> None:
    old, current = new_version(owner, workspace), new_version(owner, workspace, SOURCE)
    assert owner.call("POST", f"configuration-versions/{current}/actions/archive").status_code == 409
    assert owner.call("POST", f"configuration-versions/{old}/actions/archive").status_code == 202
    assert ask_run(owner, workspace, old).status_code == 409


def test_done_jobs_of_other_ways_are_runs_too(owner: Api, workspace: Workspace) -> None:
    template = workspace.organization.templates.get(name="Destroy")
    job = create_job(workspace, by=None, template=template)
    attempt = begin(job)
    assert states(owner, job) == ("applying", "finished", "running")
    end(attempt, DONE)
    transitions.advance(job.pk)
    job.refresh_from_db()
    assert job.status == JobStatus.COMPLETED
    assert states(owner, job) == ("applied", "finished", "finished")


def test_a_workspace_says_whether_its_runs_are_applied_without_question(
    owner: Api, planner: Api, workspace: Workspace
) -> None:
    version = new_version(owner, workspace)
    assert not start_run(owner, workspace, version).auto_apply
    Workspace.objects.update(auto_apply=True)
    assert start_run(owner, workspace, version).auto_apply
    # The cloud block always says what it wants, and then asks its user.
    assert not start_run(owner, workspace, version, auto_apply=False, message="asked").auto_apply
    assert not start_run(owner, workspace, version, plan_only=True).auto_apply
    assert not start_run(owner, workspace, version, save_plan=True).auto_apply
    assert not start_run(planner, workspace).auto_apply
    Organization.objects.update(no_self_approval=True)
    assert not start_run(owner, workspace, message="two people").auto_apply
