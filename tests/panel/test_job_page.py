"""The page of a job: what it says, and that it stays true."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from executors.attempts import lifecycle
from executors.attempts.lifecycle import Report
from executors.choices import AttemptOutcome, EventKind, ExecutorKind
from executors.logs import store
from executors.models import Attempt
from executors.runs import live_page, view_model
from tests.api.client import Api, token_of
from tests.factories import PLAN, PLAN_AND_APPLY, PLAN_APPROVE_APPLY, TemplateFactory
from tests.support.markup import without_breaks
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job, SavedPlan, StateVersion, Workspace
from workspaces.reasons import told
from workspaces.services import jobs

pytestmark = pytest.mark.django_db
SESSION = "s" * 43


def start(workspace: Workspace, tcl: str = PLAN_AND_APPLY) -> Job:
    return jobs.create_job(workspace, by=None, tcl=tcl)


def launch(job: Job, executor: ExecutorKind = ExecutorKind.KUBERNETES) -> Attempt:
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = lifecycle.open_attempt(step_id, executor=executor)
    assert attempt is not None
    lifecycle.mark_launched(attempt, namespace="jobs", image="executor:1")
    return attempt


def claim(attempt: Attempt) -> None:
    assert lifecycle.claim_attempt(attempt, SESSION) is lifecycle.Claim.WON


def finish(attempt: Attempt, **result: object) -> None:
    outcome = result.pop("outcome", AttemptOutcome.SUCCEEDED)
    lifecycle.report_result(attempt, Report(outcome=outcome, **result))  # type: ignore[arg-type]


def page(client: Client, job: Job) -> str:
    response = client.get(reverse("admin:workspaces_job_change", args=[job.pk]))
    assert response.status_code == 200
    return response.content.decode()


def live(client: Client, job: Job, version: str = "") -> dict[str, object]:
    response = client.get(reverse("runs:live", args=[job.pk]), {"version": version})
    return response.json() if response.status_code == 200 else {}


def test_a_waiting_job_says_what_it_waits_for(workspace: Workspace, admin: Client) -> None:
    launch(start(workspace))
    second = start(workspace)
    transitions.advance(second.pk)
    assert "Waits for job" in page(admin, second)


def test_the_timeline_shows_where_a_step_runs_and_how_to_look_at_it(workspace: Workspace, admin: Client) -> None:
    attempt = launch(start(workspace))
    lifecycle.record_place(attempt, pod_name="job-1-100-1-abcde", node_name="node-7")
    lifecycle.record_event(attempt, EventKind.SCHEDULED, "node-7")
    claim(attempt)
    text = page(admin, attempt.step.job)
    for part in ("job-1-100-1-abcde", "node-7", "executor:1", "Claimed by the executor", "Pod scheduled"):
        assert part in text
    assert f"kubectl --namespace jobs logs --follow job/{attempt.job_name}" in text


def test_a_failed_step_says_why_and_what_to_do(workspace: Workspace, admin: Client) -> None:
    attempt = launch(start(workspace))
    lifecycle.fail_attempt(attempt, told("no-api-address", "AzBuilderApiUrl is not set"))
    text = page(admin, attempt.step.job)
    assert "AzBuilderApiUrl is not set" in text
    assert "Ask an administrator to set AzBuilderApiUrl" in text
    assert "Run again" in text


def test_a_page_takes_the_same_queries_for_many_attempts(
    workspace: Workspace, admin: Client, django_assert_max_num_queries: Callable[..., object]
) -> None:
    attempt = launch(start(workspace))
    for _ in range(6):
        following = lifecycle.replace_attempt(attempt, told("image", "No such image"), limit=20)
        assert following is not None
        attempt = following
    with django_assert_max_num_queries(20):  # type: ignore[attr-defined]
        assert "Attempt 7" in page(admin, attempt.step.job)
    with django_assert_max_num_queries(12):  # type: ignore[attr-defined]
        assert live(admin, attempt.step.job)


def test_the_page_learns_of_changes_and_of_nothing_else(
    workspace: Workspace, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_page, "SHARED_SECONDS", 0)
    attempt = launch(start(workspace))
    job = attempt.step.job
    first = live(admin, job)
    assert live(admin, job, str(first["version"])) == {}
    claim(attempt)
    second = live(admin, job, str(first["version"]))
    assert second["title"] == f"Running · job {job.pk}"
    assert second["log"] == {"step": str(attempt.step_id), "attempt": 1}
    assert second["final"] is False


def test_a_list_of_jobs_learns_how_they_stand(workspace: Workspace, admin: Client) -> None:
    attempt = launch(start(workspace))
    answer = admin.get(reverse("runs:rows"), {"ids": f"{attempt.step.job_id},x,-1"}).json()["jobs"]
    assert [(row["id"], row["final"]) for row in answer] == [(attempt.step.job_id, False)]
    assert "Queued" in answer[0]["status"]


def test_a_job_is_approved_with_a_comment_and_the_next_step_follows(workspace: Workspace, admin: Client) -> None:
    attempt = launch(start(workspace, PLAN_APPROVE_APPLY))
    claim(attempt)
    finish(attempt, changes=True, plan="https://site.example/plan")
    job = attempt.step.job
    transitions.advance(job.pk)
    address = reverse("admin:workspaces_job_approve", args=[job.pk])
    response = admin.post(address, {"comment": "looks right"}, follow=True)
    text = response.content.decode()
    assert f"Job {job.pk} was approved." in text
    assert "looks right" in text
    assert "root@site.example" in text
    again = admin.post(address, follow=True)
    assert "does not wait for approval" in again.content.decode()


def test_a_job_is_run_again_with_the_same_flow(workspace: Workspace, admin: Client) -> None:
    job = start(workspace, PLAN)
    admin.post(reverse("admin:workspaces_job_cancel", args=[job.pk]))
    response = admin.post(reverse("admin:workspaces_job_again", args=[job.pk]))
    newest = Job.objects.latest("pk")
    assert newest.pk != job.pk
    assert response["Location"] == reverse("admin:workspaces_job_change", args=[newest.pk])
    assert (newest.tcl, newest.created_by) == (job.tcl, "root@site.example")


def test_a_plan_is_summed_up_and_outputs_are_shown_without_what_is_sensitive(
    workspace: Workspace, admin: Client
) -> None:
    attempt = launch(start(workspace))
    claim(attempt)
    plan = {
        "resource_changes": [
            {
                "address": "terraform_data.secret",
                "change": {
                    "actions": ["create"],
                    "before": None,
                    "after": {"input": "hidden-in-plan", "name": "shown-in-plan"},
                    "after_unknown": {"id": True},
                    "after_sensitive": {"input": True},
                },
            }
        ]
    }
    SavedPlan.objects.create(step=attempt.step, json=json.dumps(plan).encode())
    outputs = {
        "open": {"value": "shown-output", "type": "string", "sensitive": False},
        "closed": {"value": "hidden-output", "type": "string", "sensitive": True},
    }
    job = attempt.step.job
    StateVersion.objects.create(
        workspace=workspace,
        job=job,
        number=1,
        content=b"{}",
        json=json.dumps({"values": {"outputs": outputs}}).encode(),
    )
    for text in (page(admin, job), admin.get(reverse("runs:results", args=[job.pk])).content.decode()):
        for part in (
            "1 to add",
            "terraform_data.secret",
            "shown-in-plan",
            "known after apply",
            "shown-output",
            "closed",
        ):
            assert part in text
        assert "hidden-in-plan" not in text
        assert "hidden-output" not in text


def test_a_plan_is_read_in_terraforms_own_words_without_colours(workspace: Workspace, admin: Client) -> None:
    attempt = launch(start(workspace))
    claim(attempt)
    attempt.refresh_from_db()
    address = reverse("runs:plan", args=[attempt.step.job_id])
    assert admin.get(address).status_code == 404
    words = "Terraform will perform the following actions:\n\n  \x1b[32m+\x1b[0m a.b\n\nPlan: 1 to add, 0 to change.\n"
    store.append_log(attempt, 0, f"Initializing…\n{words}\n{chr(0x2500) * 40}\n\nSaved the plan to: plan\n".encode())
    response = admin.get(address)
    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.content.decode() == words.replace("\x1b[32m", "").replace("\x1b[0m", "")
    assert Client().get(address).status_code == 401


def test_what_a_job_does_to_a_lock_is_said(workspace: Workspace, admin: Client) -> None:
    address = reverse("admin:workspaces_workspace_lock", args=[workspace.pk])
    assert "is locked: its jobs wait" in admin.post(address, {"reason": "audit"}, follow=True).content.decode()
    workspace.refresh_from_db()
    assert (workspace.locked, workspace.lock_description) == (True, "audit")
    assert "is already locked" in admin.post(address, follow=True).content.decode()
    unlock = reverse("admin:workspaces_workspace_unlock", args=[workspace.pk])
    assert "is unlocked" in admin.post(unlock, follow=True).content.decode()


def test_a_source_is_uploaded_and_what_is_none_is_refused(workspace: Workspace, admin: Client) -> None:
    address = reverse("admin:workspaces_workspace_upload", args=[workspace.pk])
    archive = SimpleUploadedFile("source.tar.gz", b"\x1f\x8b" + bytes(16))
    refused = admin.post(address, {"archive": archive}, follow=True).content.decode()
    assert "git repository" in refused
    Workspace.objects.filter(pk=workspace.pk).update(branch="remote-content", source="empty")
    archive.seek(0)
    TemplateFactory.create(organization=workspace.organization, name="Plan", tcl=PLAN)
    uploaded = admin.post(address, {"archive": archive}, follow=True).content.decode()
    assert "was uploaded" in uploaded
    assert "Start a plan" in uploaded
    assert workspace.configuration_versions.count() == 1
    text = SimpleUploadedFile("source.tar.gz", b"no archive")
    assert "gzip" in admin.post(address, {"archive": text}, follow=True).content.decode()
    assert workspace.configuration_versions.count() == 1


def test_a_log_is_read_in_pieces_and_what_is_lost_is_said(
    workspace: Workspace, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = launch(start(workspace))
    claim(attempt)
    attempt.refresh_from_db()
    store.append_log(attempt, 0, b"\x1b[32mgreen\x1b[0m\n")
    store.declare_lost(attempt, 15, 7)
    address = reverse("runs:log", args=[attempt.step.job_id, attempt.step_id])
    response = admin.get(address, {"offset": "5"})
    assert response.content == b"green\x1b[0m\n" + store.lost_note(7)
    assert (response["X-Log-End"], response["X-Log-Size"], response["X-Log-Over"]) == ("22", "22", "0")
    assert response["Cache-Control"].startswith("max-age=0")
    assert admin.get(address, {"tail": "4"})["X-Log-Start"] == "0", "a short log comes whole"
    monkeypatch.setattr("executors.runs.log_views.LOG_BYTES", 8)
    assert admin.get(address, {"tail": "4"})["X-Log-Start"] == "18"
    finish(attempt)
    assert admin.get(address, {"offset": "22"})["X-Log-Over"] == "1"


def test_a_log_is_looked_through_over_the_ends_of_its_pieces(
    workspace: Workspace, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executors.runs.log_views.LOG_BYTES", 4)
    attempt = launch(start(workspace))
    claim(attempt)
    text = b"all is well\nno terror\nthen an Error: broken\nneedle.*\n"
    for byte in range(0, len(text), 5):
        attempt.refresh_from_db()
        store.append_log(attempt, byte, text[byte : byte + 5])

    def found(**query: str) -> int | None:
        answer = admin.get(reverse("runs:find", args=[attempt.step.job_id, attempt.step_id]), query)
        offset: int | None = answer.json()["offset"]
        return offset

    assert found() == text.index(b"Error")
    assert found(text="NEEDLE.*") == text.index(b"needle")
    assert found(text="needle.x") is None
    assert found(text="all", offset="3") is None


def test_signed_out_pages_are_told_so(workspace: Workspace) -> None:
    job = start(workspace)
    assert Client().get(reverse("runs:live", args=[job.pk])).status_code == 401


def test_the_short_address_leads_to_the_page(workspace: Workspace, admin: Client) -> None:
    job = start(workspace)
    assert admin.get(f"/runs/{job.pk}/")["Location"] == reverse("admin:workspaces_job_change", args=[job.pk])


def test_a_cancelled_job_that_goes_on_can_be_killed(workspace: Workspace, admin: Client) -> None:
    attempt = launch(start(workspace), ExecutorKind.LOCAL)
    claim(attempt)
    job = attempt.step.job
    admin.post(reverse("admin:workspaces_job_cancel", args=[job.pk]))
    lifecycle.request_cancel(attempt.step_id)
    assert "Kill now" in page(admin, job)
    admin.post(reverse("admin:workspaces_job_stop", args=[job.pk]))
    attempt.refresh_from_db()
    assert attempt.force_stop
    assert JobStatus(Job.objects.get(pk=job.pk).status) == JobStatus.CANCELLED
    assert timezone.now() >= (attempt.cancelled_at or timezone.now())


def test_a_step_that_its_jobs_failure_took_with_it_is_said_not_to_have_run(workspace: Workspace, admin: Client) -> None:
    attempt = launch(start(workspace, PLAN_APPROVE_APPLY))
    claim(attempt)
    finish(attempt, outcome=AttemptOutcome.FAILED, why=told("terraform-failed", "no such provider"))
    job = Job.objects.get(pk=attempt.step.job_id)
    assert job.status == JobStatus.FAILED
    shown = view_model.load_run(job)
    assert [step.label for step in shown.steps] == ["Failed", "Not executed", "Not executed"]
    assert page(admin, job).count("Not executed") == 2


def test_a_running_job_says_what_it_is_doing(workspace: Workspace, admin: Client) -> None:
    attempt = launch(start(workspace))
    claim(attempt)
    lifecycle.record_event(attempt, EventKind.PHASE, "init")
    job = Job.objects.get(pk=attempt.step.job_id)
    name = attempt.step.name
    assert f"{name}: Init" in str(live(admin, job)["head"])


def test_the_page_tells_variables_that_no_configuration_declares(admin: Client, workspace: Workspace) -> None:
    job = start(workspace)
    claim(launch(job))
    step = job.steps.get(step_number=100)
    before = page(admin, job)
    assert "declares no variable" not in before
    assert "inherited variable" not in before
    step.undeclared_variables = {"workspace": ["regoin"], "inherited": ["a", "b"]}
    step.save()
    text = page(admin, job)
    assert "The configuration declares no variable regoin, so the workspace's value for it is not used." in text
    assert "<summary>2 inherited variables are not declared by the configuration</summary>" in without_breaks(text)
    assert "<p>a, b</p>" in text


def test_undeclared_variables_of_a_step_are_in_the_api(admin: Client, workspace: Workspace) -> None:
    job = start(workspace)
    launch(job)
    step = job.steps.get(step_number=100)
    api = Api(token_of("TERRAKUBE_ADMIN"))
    path = f"organization/{workspace.organization_id}/job/{job.pk}/step/{step.pk}"
    found = api.read(path)["data"]["attributes"]
    assert (found["undeclaredVariables"], found["undeclaredInheritedVariables"]) == ([], [])
    step.undeclared_variables = {"workspace": ["regoin"]}
    step.save()
    found = api.read(path)["data"]["attributes"]
    assert (found["undeclaredVariables"], found["undeclaredInheritedVariables"]) == (["regoin"], [])


def order_of(text: str) -> list[str]:
    """Return the parts of a job's page in the order in which a reader meets them."""
    parts = {"log": 'id="log"', "results": 'id="run-results"', "steps": 'id="run-steps"'}
    return sorted(parts, key=lambda name: text.index(parts[name]))


def test_the_log_comes_first_while_it_runs_and_the_plan_while_it_waits(workspace: Workspace, admin: Client) -> None:
    attempt = launch(start(workspace, PLAN_APPROVE_APPLY))
    claim(attempt)
    job = attempt.step.job
    assert order_of(page(admin, job)) == ["log", "results", "steps"]
    assert live(admin, job)["leads"] == "log"
    attempt.refresh_from_db()
    assert "log-skeleton" not in page(admin, job)
    store.append_log(attempt, 0, b"\x1b[1mPlan:\x1b[0m 1 to add\n")
    # What is below the log does not jump when it comes.
    assert 'id="log-skeleton"' in page(admin, job)
    finish(attempt, changes=True, plan="https://site.example/plan")
    transitions.advance(job.pk)
    waiting = page(admin, job)
    assert order_of(waiting) == ["results", "steps", "log"]
    assert "Plan: 1 to add" in waiting, "a browser without scripts shows the end of the log"
    assert live(admin, job)["leads"] == "results"
    assert "log-skeleton" not in page(admin, job)


def test_a_failed_step_without_output_has_no_log_to_show(workspace: Workspace, admin: Client) -> None:
    attempt = launch(start(workspace))
    lifecycle.fail_attempt(attempt, told("no-api-address", "AzBuilderApiUrl is not set"))
    text = page(admin, attempt.step.job)
    assert "data-log-step" not in text
    assert live(admin, attempt.step.job)["log"] is None


def test_a_reason_stands_in_one_place(workspace: Workspace, admin: Client) -> None:
    attempt = launch(start(workspace))
    lifecycle.fail_attempt(attempt, told("no-api-address", "AzBuilderApiUrl is not set"))
    assert page(admin, attempt.step.job).count("AzBuilderApiUrl is not set") == 1


def test_a_reason_that_only_an_attempt_has_is_kept(workspace: Workspace, admin: Client) -> None:
    attempt = launch(start(workspace))
    assert lifecycle.replace_attempt(attempt, told("image", "No such image"), limit=20) is not None
    assert "No such image" in page(admin, attempt.step.job)


def test_the_head_names_commit_author_and_pull_request(workspace: Workspace, admin: Client) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(source="git@github.com:Acme/Net.git")
    job = start(workspace)
    Job.objects.filter(pk=job.pk).update(commit_id="0123456789abcdef", author="<ada>", pr_number=7)
    text = page(admin, job)
    assert 'href="https://github.com/Acme/Net/commit/0123456789abcdef"' in text
    assert 'href="https://github.com/Acme/Net/pull/7"' in text
    assert "&lt;ada&gt;" in text


def test_what_was_said_about_a_job_is_a_thread(workspace: Workspace, admin: Client) -> None:
    job = jobs.create_job(workspace, by=None, tcl=PLAN_APPROVE_APPLY, comments="Please look\x1b[2J")
    attempt = launch(job)
    claim(attempt)
    finish(attempt, changes=True, plan="https://site.example/plan")
    transitions.advance(job.pk)
    admin.post(reverse("admin:workspaces_job_approve", args=[job.pk]), {"comment": "looks right"})
    thread = str(live(admin, Job.objects.get(pk=job.pk))["comments"])
    assert thread.index("started the job") < thread.index("Please look") < thread.index("looks right")
    assert "\x1b" not in thread
    text = page(admin, job)
    assert thread in text
    assert text.count("looks right") == 1, "the step of the approval does not repeat it"
