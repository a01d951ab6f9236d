"""What an executor calls, and what it may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.utils.translation import override

from executors.attempts import lifecycle
from executors.attempts.tokens import claim_token
from executors.choices import AttemptOutcome, AttemptState, ExecutorKind
from executors.logs import store
from executors.models import Attempt
from executors.reporting import views
from executors.reporting.bodies import read_json
from terrakube_site.sentences import Sentence, as_json
from tests.executors.reporter import SESSION, STATE, Executor, job_of
from tests.factories import PLAN_AND_APPLY, GlobalVariableFactory, VariableFactory, WorkspaceFactory
from tests.support.work import kept_statements
from workspaces.choices import Category, JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job, SavedPlan, Step, Workspace
from workspaces.reasons import in_language, reason, told
from workspaces.services import jobs

pytestmark = pytest.mark.django_db


def test_the_claim_hands_over_what_the_step_needs(workspace: Workspace, launched: Callable[..., Executor]) -> None:
    VariableFactory.create(workspace=workspace, key="TOKEN", value="a secret", sensitive=True)
    VariableFactory.create(workspace=workspace, key="EPHEMERAL_MEMORY_LIMIT", value="1Gi")
    VariableFactory.create(workspace=workspace, key="size", value="3", category=Category.TERRAFORM)
    executor = launched()
    answer = json.loads(executor.claim().content)
    assert answer["jobData"]["type"] == "terraformPlan"
    assert answer["jobData"]["variables"] == {"size": "3"}
    assert answer["jobData"]["environmentVariables"]["TOKEN"] == "a secret"
    assert "EPHEMERAL_MEMORY_LIMIT" not in answer["jobData"]["environmentVariables"]
    assert answer["sensitive"] == ["a secret"]
    assert (answer["planOnly"], answer["hasPlan"], answer["upload"]) == (False, False, False)
    assert job_of(executor).status == JobStatus.RUNNING


def test_a_claim_is_won_once_and_repeated_by_its_winner_only(launched: Callable[..., Executor]) -> None:
    executor = launched()
    assert executor.claim().status_code == 200
    assert executor.claim().status_code == 200
    second = Executor(executor.attempt, session="t" * 43)
    refused = second.claim()
    assert (refused.status_code, json.loads(refused.content)["errors"][0]["code"]) == (409, "already-claimed")
    assert second.call("heartbeat", {}).status_code == 401


@pytest.mark.parametrize("token", ["", "wrong", "s" * 64])
def test_without_the_token_nothing_can_be_claimed(launched: Callable[..., Executor], token: str) -> None:
    executor = launched()
    assert executor.call("claim", {"session": SESSION}, token=token).status_code == 401
    executor.attempt.refresh_from_db()
    assert executor.attempt.state == AttemptState.LAUNCHED


def test_a_session_opens_nothing_but_its_own_attempt(executor: Executor) -> None:
    other_workspace = WorkspaceFactory.create()
    job = jobs.create_job(other_workspace, by=None, tcl=PLAN_AND_APPLY)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    other = lifecycle.open_attempt(step_id, executor=ExecutorKind.LOCAL)
    assert other is not None
    foreign = Executor(other)
    assert foreign.call("state", method="get").status_code == 401
    assert foreign.call("claim", {"session": SESSION}, token=claim_token(executor.attempt)).status_code == 401


def test_a_cancelled_attempt_can_not_be_claimed(launched: Callable[..., Executor]) -> None:
    executor = launched()
    job = job_of(executor)
    jobs.cancel_job(job, by=None)
    lifecycle.request_cancel(executor.attempt.step_id)
    assert executor.claim().status_code == 410
    assert not Job.objects.get(pk=job.pk).holds_workspace


def test_a_claim_between_cancel_and_its_task_is_refused_too(launched: Callable[..., Executor]) -> None:
    executor = launched()
    jobs.cancel_job(job_of(executor), by=None)
    assert executor.claim().status_code == 410


def test_a_cancel_reaches_a_running_executor_and_its_end_frees_the_workspace(executor: Executor) -> None:
    job = job_of(executor)
    jobs.cancel_job(job, by=None)
    lifecycle.request_cancel(executor.attempt.step_id)
    assert json.loads(executor.call("heartbeat", {"phase": "plan"}).content) == {"cancel": True, "force": False}
    # It may still save what Terraform writes while it stops.
    assert executor.call("state", STATE).status_code == 200
    assert Job.objects.get(pk=job.pk).holds_workspace
    assert executor.call("result", {"outcome": "cancelled"}).status_code == 200
    job.refresh_from_db()
    assert (job.status, job.holds_workspace) == (JobStatus.CANCELLED, False)
    assert executor.call("heartbeat", {}).status_code == 410


def test_log_pieces_are_kept_once_and_in_order(executor: Executor) -> None:
    assert json.loads(executor.call("logs?offset=0", b"hello ").content)["size"] == 6
    assert json.loads(executor.call("logs?offset=0", b"hello world").content)["size"] == 11
    gap = executor.call("logs?offset=20", b"late")
    assert (gap.status_code, json.loads(gap.content)["size"]) == (409, 11)
    assert store.read_log(executor.attempt).data == b"hello world"
    assert store.read_log(executor.attempt, 6).data == b"world"


def test_lost_log_is_shown_as_lost(executor: Executor) -> None:
    executor.call("logs?offset=0", b"one")
    assert json.loads(executor.call("logs?offset=3&lost=100").content)["size"] == 103
    executor.call("logs?offset=103", b"two")
    assert store.read_log(executor.attempt) == store.Piece(0, 106, b"one" + store.lost_note(100) + b"two")


def test_a_result_says_how_much_log_never_came(executor: Executor) -> None:
    executor.call("logs?offset=0", b"one")
    executor.call("result", {"outcome": "failed", "reason": "terraform-failed", "message": "Error", "logSize": 10})
    assert store.read_log(executor.attempt).data == b"one" + store.lost_note(7)


def test_the_plan_of_the_plan_step_is_that_of_the_apply_step(executor: Executor) -> None:
    for name, content in (("plan-file", b"plan"), ("plan-lock-file", b"lock"), ("plan-json", b"{}")):
        assert executor.call(name, content, method="put").status_code == 200
    result = {"outcome": "succeeded", "exitCode": 2, "changes": True, "logSize": 0}
    assert executor.call("result", result).status_code == 200
    job = job_of(executor)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.LOCAL)
    assert attempt is not None
    second = Executor(attempt)
    assert json.loads(second.claim().content)["hasPlan"] is True
    assert second.call("plan-file", method="get").content == b"plan"
    assert second.call("plan-lock-file", method="get").content == b"lock"
    assert SavedPlan.objects.count() == 1
    job.refresh_from_db()
    assert job.terraform_plan is not None
    assert f"/jobId/{job.pk}/step/" in job.terraform_plan


@pytest.mark.usefixtures("german")
def test_a_reported_sentence_is_kept_with_its_values_for_readers_of_any_language(executor: Executor) -> None:
    sentence = Sentence("A script ended with exit code {code}.", code=3)
    result = {"outcome": "failed", "reason": "script-failed", "message": sentence, "sentence": as_json(sentence)}
    assert executor.call("result", result).status_code == 200
    executor.attempt.refresh_from_db()
    for why in (executor.attempt.why, Step.objects.get(pk=executor.attempt.step_id).why):
        assert str(why) == "A script ended with exit code 3."
        with override("de"):
            assert in_language(why) == "Ein Skript endete mit Exit-Code 3."


def test_a_result_counts_once(executor: Executor) -> None:
    result = {"outcome": "failed", "exitCode": 1, "reason": "terraform-failed", "message": "Error: no", "logSize": 0}
    assert executor.call("result", result).status_code == 200
    assert executor.call("result", result).status_code == 200
    assert executor.call("result", result | {"outcome": "succeeded"}).status_code == 410
    assert executor.call("logs?offset=0", b"late").status_code == 410
    assert executor.call("state", STATE).status_code == 410
    assert job_of(executor).status == JobStatus.FAILED


def test_a_result_whose_attempt_ends_while_it_arrives_is_told_so(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An executor that believes its result counted would say by its exit code that all went well."""
    result = {"outcome": "succeeded", "exitCode": 0}

    def read(request: HttpRequest) -> dict[str, Any]:
        attempt = Attempt.objects.get(pk=executor.attempt.pk)
        assert lifecycle.fail_attempt(attempt, reason("silent"), outcome=AttemptOutcome.LOST)
        return read_json(request)

    with monkeypatch.context() as patched:
        patched.setattr(views, "read_json", read)
        answer = executor.call("result", result)
    assert answer.status_code == 410
    assert executor.attempt.step.job.steps.get(pk=executor.attempt.step_id).status == JobStatus.FAILED


def test_a_result_that_arrives_twice_at_once_gets_the_same_answer_twice(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = {"outcome": "succeeded", "exitCode": 0}

    def read(request: HttpRequest) -> dict[str, Any]:
        monkeypatch.setattr(views, "read_json", read_json)
        assert executor.call("result", result).status_code == 200
        return read_json(request)

    monkeypatch.setattr(views, "read_json", read)
    assert executor.call("result", result).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("result", {"outcome": "splendid"}),
        ("result", {"outcome": "failed", "exitCode": "1"}),
        ("result", [1]),
        ("heartbeat", {"phase": 3}),
        ("logs?offset=-1", b""),
        ("logs?offset=x", b""),
        ("lock", {"Who": "me"}),
    ],
)
def test_malformed_reports_are_refused(executor: Executor, path: str, body: Any) -> None:
    assert executor.call(path, body).status_code == 400


def test_the_heartbeat_keeps_phase_and_commit(executor: Executor) -> None:
    executor.call("heartbeat", {"phase": "init", "commitId": "c" * 40})
    executor.attempt.refresh_from_db()
    assert executor.attempt.phase == "init"
    assert job_of(executor).commit_id == "c" * 40
    assert executor.attempt.events.filter(kind="phase", detail="init").exists()


# ---- an executor that was told to stop ------------------------------------------------------------------------------

STOPPED = {"outcome": "cancelled", "reason": "cancelled", "message": "The pod was told to stop (SIGTERM)."}


def ended(executor: Executor) -> tuple[Attempt, Step]:
    executor.attempt.refresh_from_db()
    return executor.attempt, Step.objects.get(pk=executor.attempt.step_id)


def test_a_step_says_why_the_cluster_ended_its_pod(executor: Executor) -> None:
    lifecycle.record_stop_reason(
        executor.attempt, told("drained", "The pod was evicted, for example because its node was drained")
    )
    assert executor.call("result", STOPPED).status_code == 200
    attempt, step = ended(executor)
    assert (attempt.outcome, attempt.reason_code) == (AttemptOutcome.FAILED, "drained")
    assert (step.status, step.reason_code) == (JobStatus.FAILED, "drained")
    assert step.reason == "The pod was evicted, for example because its node was drained; it stopped cleanly"
    assert job_of(executor).reason_code == "drained"
    assert executor.call("result", STOPPED).status_code == 200


def test_a_step_that_was_told_to_stop_from_outside_says_so_where_nothing_more_is_known(executor: Executor) -> None:
    assert executor.call("result", STOPPED | {"exitCode": 137}).status_code == 200
    _, step = ended(executor)
    assert step.reason_code == "stopped"
    assert step.reason.endswith("not by a cancelled job; it was killed before it could stop")


@pytest.mark.parametrize(("force", "code", "outcome"), [(False, 137, "killed"), (True, None, "killed"), (False, 1, "")])
def test_a_cancelled_step_that_had_to_be_killed_is_told_from_one_that_ended(
    executor: Executor, force: bool, code: int | None, outcome: str
) -> None:
    transitions.cancel(job_of(executor).pk, by="somebody")
    lifecycle.request_cancel(executor.attempt.step_id, force=force)
    assert executor.call("result", STOPPED | {"exitCode": code}).status_code == 200
    attempt, step = ended(executor)
    assert attempt.outcome == (outcome or AttemptOutcome.CANCELLED)
    assert step.status == JobStatus.CANCELLED
    assert executor.call("result", STOPPED).status_code == 200
    assert executor.call("result", STOPPED | {"outcome": "failed"}).status_code == 410


def test_an_executor_is_told_less_patience_where_its_workspace_has_less(launched: Callable[..., Executor]) -> None:
    executor = launched()
    Attempt.objects.filter(pk=executor.attempt.pk).update(deadlines={"silence_seconds": 90})
    answer = json.loads(executor.claim().content)
    assert (answer["outageSeconds"], answer["graceSeconds"]) == (60, 120)


def test_undeclared_variables_are_kept_by_where_they_come_from(
    workspace: Workspace, launched: Callable[..., Executor]
) -> None:
    for key in ("typo", "used"):
        VariableFactory.create(workspace=workspace, key=key, value="1", category=Category.TERRAFORM)
    for key in ("shared", "typo"):
        GlobalVariableFactory.create(
            organization=workspace.organization, key=key, value="1", category=Category.TERRAFORM
        )
    executor = launched()
    assert executor.claim().status_code == 200
    assert executor.call("heartbeat", {"undeclaredVariables": ["typo", "shared", "never given"]}).status_code == 200
    step = executor.attempt.step
    step.refresh_from_db()
    assert step.undeclared_variables == {"workspace": ["typo"], "inherited": ["shared"]}
    # What the last heartbeat could not bring, the result does.
    assert executor.call("heartbeat", {"undeclaredVariables": []}).status_code == 200
    body = {"outcome": "succeeded", "changes": False, "undeclaredVariables": ["shared"]}
    assert executor.call("result", body).status_code == 200
    step.refresh_from_db()
    assert step.undeclared_variables == {"inherited": ["shared"]}


@pytest.mark.parametrize("names", ["typo", [1], {"typo": 1}, [None]])
def test_undeclared_variables_are_a_list_of_texts(executor: Executor, names: object) -> None:
    for path, body in (("heartbeat", {}), ("result", {"outcome": "succeeded"})):
        assert executor.call(path, {**body, "undeclaredVariables": names}).status_code == 400


def test_the_claim_says_which_variables_are_marked_as_hcl(
    workspace: Workspace, launched: Callable[..., Executor]
) -> None:
    VariableFactory.create(workspace=workspace, key="a", value="[1]", category=Category.TERRAFORM, hcl=True)
    VariableFactory.create(workspace=workspace, key="b", value="[1]", category=Category.TERRAFORM)
    GlobalVariableFactory.create(
        organization=workspace.organization, key="b", value="[1]", category=Category.TERRAFORM, hcl=True
    )
    answer = json.loads(launched().claim().content)
    assert answer["hclVariables"] == ["a"]
    assert "hcl" not in json.dumps(answer["jobData"])


def locks_of(call: Callable[[], HttpResponse]) -> int:
    """How often a call locks the row of a job."""
    with kept_statements() as said:
        assert call().status_code == 200
    return sum("FOR UPDATE" in sql and sql.startswith('SELECT "workspaces_job"') for sql in said)


@pytest.mark.postgres
@pytest.mark.parametrize("outcome", ["succeeded", "failed", "cancelled"])
def test_a_report_locks_the_row_of_its_job_once(executor: Executor, outcome: str) -> None:
    assert locks_of(lambda: executor.call("result", {"outcome": outcome, "changes": True})) == 1


@pytest.mark.postgres
def test_a_claim_and_the_report_on_a_cancelled_step_lock_the_row_once(launched: Callable[..., Executor]) -> None:
    executor = launched()
    assert locks_of(executor.claim) == 1
    transitions.cancel(job_of(executor).pk, by="someone@example.com")
    lifecycle.request_cancel(executor.attempt.step_id)
    assert locks_of(lambda: executor.call("result", {"outcome": "cancelled"})) == 1
    assert not job_of(executor).holds_workspace
