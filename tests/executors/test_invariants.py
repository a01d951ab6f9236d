"""Each invariant is named when it is broken, and holds of everything that the site does itself."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from executors.attempts import cleanup, lifecycle
from executors.attempts.lifecycle.writes import create_attempt
from executors.choices import AttemptOutcome, AttemptState, ExecutorKind
from executors.installation.settings import Installation, installation
from executors.invariants import Finding, Moment, cluster
from executors.invariants.checking import check_invariants
from executors.invariants.cluster import Contents
from executors.logs import store
from executors.models import Attempt, LogChunk
from tests.factories import PLAN, PLAN_AND_APPLY, WorkspaceFactory
from workspaces import run_limits
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job, RunLimits, StateVersion, Step
from workspaces.reasons import told
from workspaces.run_limits import Limits
from workspaces.services import jobs

pytestmark = pytest.mark.django_db
LONG_AGO = dt.timedelta(hours=1)


@pytest.fixture
def conf() -> Installation:
    return installation()


def running(tcl: str = PLAN_AND_APPLY, *, claimed: bool = True, **where: Any) -> Attempt:
    """An attempt in execution."""
    job = jobs.create_job(WorkspaceFactory.create(), by=None, tcl=tcl)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.KUBERNETES)
    assert attempt is not None
    lifecycle.mark_launched(attempt, namespace=where.get("namespace", "terrakube"))
    if claimed:
        lifecycle.claim_attempt(attempt, "s" * 43)
    return attempt


def ended(attempt: Attempt) -> Attempt:
    lifecycle.report_result(attempt, lifecycle.Report(outcome=AttemptOutcome.SUCCEEDED, changes=False))
    cleanup.mark_gone(attempt)
    return attempt


def findings(conf: Installation) -> dict[str, Finding]:
    return {finding.name: finding for finding in check_invariants(conf, with_cluster=False)}


def broken(conf: Installation) -> list[str]:
    return [name for name, finding in findings(conf).items() if finding.violations]


def drop(constraint: str) -> None:
    """The database itself holds this rule; without that the check must see it."""
    with connection.cursor() as cursor:
        cursor.execute(f'DROP INDEX "{constraint}"')


# ---- of runs --------------------------------------------------------------------------------------------------------


def test_everything_holds_of_what_the_site_does_itself(conf: Installation) -> None:
    assert broken(conf) == []
    running(claimed=False)
    attempt = running()
    store.append_log(attempt, 0, b"one\n")
    store.declare_lost(attempt, 4, 10)
    store.append_log(attempt, 14, b"two\n")
    ended(running())
    jobs.cancel_job(running().step.job, by=None)
    replaced = running(claimed=False)
    lifecycle.replace_attempt(replaced, told("image-pull", "No image"), limit=3)
    jobs.create_job(replaced.step.job.workspace, by=None, tcl=PLAN)
    assert lifecycle.retry_plan(running(PLAN), told("node-lost", "Its node is lost"), limit=3) is not None
    assert broken(conf) == []


def test_two_jobs_that_hold_a_workspace(conf: Installation) -> None:
    attempt = running()
    drop("one_active_job_of_a_workspace")
    jobs.create_job(attempt.step.job.workspace, by=None, tcl=PLAN_AND_APPLY)
    Job.objects.update(holds_workspace=True)
    assert "one-active-job" in broken(conf)


def test_two_claimed_attempts_of_a_step_but_for_a_plan_that_was_proved_gone(conf: Installation) -> None:
    attempt = running()
    Attempt.objects.filter(pk=attempt.pk).update(
        state=AttemptState.ENDED, outcome=AttemptOutcome.LOST, ended_at=timezone.now()
    )
    again = create_attempt(attempt.step, number=2, executor=ExecutorKind.KUBERNETES, not_before=timezone.now())
    Attempt.objects.filter(pk=again.pk).update(state=AttemptState.CLAIMED, claimed_at=timezone.now())
    assert broken(conf) == ["one-claimed-attempt"]
    Attempt.objects.filter(pk=attempt.pk).update(cleaned_at=timezone.now())
    assert broken(conf) == []
    Step.objects.filter(pk=attempt.step_id).update(type="terraformApply")
    assert broken(conf) == ["one-claimed-attempt"]


def test_two_open_attempts_of_a_step(conf: Installation) -> None:
    attempt = running()
    drop("one_open_attempt_of_a_step")
    create_attempt(attempt.step, number=2, executor=ExecutorKind.KUBERNETES, not_before=timezone.now())
    assert "one-open-attempt" in broken(conf)


def test_a_job_and_its_step_that_disagree(conf: Installation) -> None:
    attempt = running()
    Job.objects.filter(pk=attempt.step.job_id).update(status=JobStatus.QUEUE)
    found = findings(conf)["job-and-step-agree"].violations
    assert [one.row.partition(" (")[0] for one in found] == [
        f"job {attempt.step.job_id}",
        f"job {attempt.step.job_id} step 100",
    ]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (AttemptState.LAUNCHED, JobStatus.COMPLETED),
        (AttemptState.ENDED, JobStatus.RUNNING),
        (AttemptState.CLAIMED, JobStatus.QUEUE),
    ],
)
def test_a_step_and_its_attempt_that_disagree(conf: Installation, state: str, status: str) -> None:
    attempt = running()
    Attempt.objects.filter(pk=attempt.pk).update(state=state)
    Step.objects.filter(pk=attempt.step_id).update(status=status, ended_at=timezone.now() - LONG_AGO)
    assert {"step-and-attempt-agree", "attempt-ends-with-step"} & set(broken(conf))


def test_a_step_that_nobody_launches(conf: Installation) -> None:
    attempt = running(claimed=False)
    Attempt.objects.all().delete()
    assert broken(conf) == []
    Step.objects.filter(pk=attempt.step_id).update(queued_at=timezone.now() - LONG_AGO)
    assert broken(conf) == ["step-and-attempt-agree"]


def test_an_attempt_that_goes_on_long_after_its_step(conf: Installation) -> None:
    attempt = running()
    transitions.cancel(attempt.step.job_id, by="somebody")
    lifecycle.request_cancel(attempt.step_id)
    assert broken(conf) == []
    Step.objects.filter(pk=attempt.step_id).update(ended_at=timezone.now() - LONG_AGO)
    assert broken(conf) == ["attempt-ends-with-step"]


def test_an_attempt_that_ended_without_an_end(conf: Installation) -> None:
    attempt = ended(running())
    Attempt.objects.filter(pk=attempt.pk).update(outcome="")
    assert broken(conf) == ["ended-attempt-is-whole"]
    Attempt.objects.filter(pk=running().pk).update(cleaned_at=timezone.now())
    assert len(findings(conf)["ended-attempt-is-whole"].violations) == 2


def test_a_step_that_goes_on_in_an_ended_job(conf: Installation) -> None:
    attempt = running()
    Job.objects.filter(pk=attempt.step.job_id).update(status=JobStatus.FAILED, ended_at=timezone.now())
    assert {"final-job-is-at-rest", "job-and-step-agree"} == set(broken(conf))


def test_a_workspace_that_is_held_by_a_job_of_which_nothing_runs(conf: Installation) -> None:
    attempt = ended(running())
    Job.objects.filter(pk=attempt.step.job_id).update(holds_workspace=True)
    assert broken(conf) == []
    Job.objects.update(ended_at=timezone.now() - LONG_AGO)
    Attempt.objects.update(cleaned_at=timezone.now() - LONG_AGO)
    assert broken(conf) == ["held-workspace-has-a-reason"]
    # One whose pod may still write the state holds it rightly.
    Attempt.objects.update(cleaned_at=None, outcome=AttemptOutcome.LOST)
    assert broken(conf) == []


def test_a_job_that_waits_without_a_word(conf: Installation) -> None:
    job = jobs.create_job(WorkspaceFactory.create(), by=None, tcl=PLAN)
    assert broken(conf) == []
    Job.objects.filter(pk=job.pk).update(updated_date=timezone.now() - LONG_AGO)
    assert broken(conf) == ["waiting-says-why"]


# ---- of limits ------------------------------------------------------------------------------------------------------


def test_more_steps_than_a_limit_allows(conf: Installation) -> None:
    attempt = running()
    running(PLAN)
    RunLimits.objects.create(organization=attempt.step.job.organization, running_steps=1)
    assert broken(conf) == []
    Job.objects.update(organization=attempt.step.job.organization)
    found = findings(conf)["limits-hold"].violations
    assert [one.row for one in found] == [f"organization {attempt.step.job.organization}"]
    assert "2 steps are in execution, and its limit is 1" in found[0].detail


def test_more_applies_than_the_installation_allows(conf: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_limits, "_source", lambda: Limits(running_applies=1))
    for _ in range(2):
        attempt = running(PLAN)
        Step.objects.filter(pk=attempt.step_id).update(type="terraformApply")
    assert broken(conf) == ["limits-hold"]


def test_a_job_in_line_that_does_not_wait_and_one_that_waits_beside_free_room(conf: Installation) -> None:
    ended(running())
    Job.objects.update(waits_for_room="step")
    assert broken(conf) == ["line-is-of-those-who-wait"]
    job = jobs.create_job(WorkspaceFactory.create(), by=None, tcl=PLAN)
    Job.objects.update(waits_for_room="")
    Job.objects.filter(pk=job.pk).update(
        waits_for_room="step", reason="Waits for room", updated_date=timezone.now() - LONG_AGO
    )
    assert broken(conf) == ["room-is-taken"]


# ---- of records -----------------------------------------------------------------------------------------------------


def test_a_hole_in_a_log(conf: Installation) -> None:
    attempt = running()
    store.append_log(attempt, 0, b"one\n")
    store.append_log(attempt, 4, b"two\n")
    store.append_log(attempt, 8, b"three\n")
    LogChunk.objects.filter(offset=4).delete()
    found = findings(conf)["logs-are-contiguous"].violations
    assert found[0].detail == "Its log has a piece at byte 8, and what is before it ends at 4"
    LogChunk.objects.filter(offset=8).delete()
    assert [one.detail for one in findings(conf)["logs-are-contiguous"].violations] == ["Its log should have 14 bytes"]


def test_a_state_that_is_older_than_the_one_before(conf: Installation) -> None:
    attempt = running()
    job = attempt.step.job
    made = {"workspace": job.workspace, "job": job, "lineage": "a"}
    for number, serial in ((1, 4), (2, 5), (3, 3)):
        StateVersion.objects.create(number=number, serial=serial, **made)
    assert [one.row for one in findings(conf)["states-rise"].violations] == [f"workspace {job.workspace_id} state 3"]
    # What somebody put there by hand may be an older one.
    StateVersion.objects.filter(number=3).update(job=None)
    assert broken(conf) == []


# ---- of the cluster -------------------------------------------------------------------------------------------------


def seen(attempt_id: Any, name: str = "job-1", *, age: float = 0, **more: Any) -> dict[str, Any]:
    made = (timezone.now() - dt.timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
    labels = {"terrakube.io/attempt": str(attempt_id)}
    return {"metadata": {"name": name, "labels": labels, "creationTimestamp": made}, "status": {}, **more}


def over(age: float) -> dict[str, Any]:
    at = (timezone.now() - dt.timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"status": {"conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": at}]}}


type Left = Callable[..., list[str]]


@pytest.fixture
def left(conf: Installation) -> Left:
    def ask(*, shared: bool = False, **objects: Any) -> list[str]:
        contents = Contents("terrakube", {"Job": [], "Pod": [], "Secret": []} | objects)
        moment = Moment(now=timezone.now(), conf=conf)
        return [one.row for one in cluster.leftovers(moment, contents, shared=shared)]

    return ask


def test_objects_of_an_attempt_that_was_cleaned_up(left: Left) -> None:
    attempt = ended(running())
    Attempt.objects.filter(pk=attempt.pk).update(cleaned_at=timezone.now() - LONG_AGO)
    assert left(Job=[seen(attempt.pk)]) == ["Job terrakube/job-1"]
    assert left(Job=[seen(attempt.pk, **over(60))]) == []
    assert left(Job=[seen(attempt.pk, **over(100_000))]) == ["Job terrakube/job-1"]
    pod = seen(attempt.pk, "pod-1", status={"phase": "Running"})
    assert left(Pod=[pod]) == ["Pod terrakube/pod-1"]
    assert left(Secret=[seen(attempt.pk, "secret-1", age=1000)]) == ["Secret terrakube/secret-1"]
    assert left(Job=[seen(running().pk)]) == []


def test_objects_that_nobody_knows(left: Left) -> None:
    stranger = seen(uuid4(), age=100_000)
    assert left(Job=[stranger]) == ["Job terrakube/job-1"]
    assert left(Job=[stranger], shared=True) == []
    assert left(Job=[seen(uuid4())]) == []


def test_an_object_that_does_not_go(left: Left) -> None:
    stuck = seen(uuid4())
    stuck["metadata"]["deletionTimestamp"] = "2020-01-01T00:00:00Z"
    assert left(Job=[stuck]) == ["Job terrakube/job-1"]


def test_an_open_attempt_without_a_job(conf: Installation) -> None:
    attempt = running()
    moment = Moment(now=timezone.now(), conf=conf)
    nothing = Contents("terrakube", {"Job": [], "Pod": None, "Secret": None})
    assert list(cluster.attempts_without_job(moment, nothing)) == []
    Attempt.objects.filter(pk=attempt.pk).update(launched_at=timezone.now() - LONG_AGO)
    assert len(list(cluster.attempts_without_job(moment, nothing))) == 1
    there = Contents("terrakube", {"Job": [seen(attempt.pk)], "Pod": None, "Secret": None})
    assert list(cluster.attempts_without_job(moment, there)) == []


# ---- the command ----------------------------------------------------------------------------------------------------


def test_the_command_says_what_holds_and_ends_with_a_status(capsys: pytest.CaptureFixture[str]) -> None:
    attempt = running()
    call_command("check_invariants")
    text = capsys.readouterr().out
    assert "holds     one-active-job" in text
    assert "left out  nothing-is-left: AzBuilderApiUrl is not set" in text
    Job.objects.filter(pk=attempt.step.job_id).update(status=JobStatus.QUEUE)
    with pytest.raises(SystemExit) as end:
        call_command("check_invariants", "--json")
    assert end.value.code == 1
    document = json.loads(capsys.readouterr().out)
    assert document["violations"] == 2
    assert [row["name"] for row in document["invariants"] if row["result"] == "violated"] == ["job-and-step-agree"]


@pytest.mark.django_db(transaction=True)
def test_the_check_sees_one_moment_and_writes_nothing() -> None:
    from executors.invariants.snapshot import snapshot

    running()
    with snapshot():
        assert Attempt.objects.count() == 1
        if connection.vendor == "postgresql":
            with pytest.raises(Exception, match="read-only"):
                Attempt.objects.update(phase="plan")
