"""What is removed of ended jobs, what stays, and what is said in its place."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from executors import retention
from executors.attempts import cleanup, lifecycle
from executors.choices import AttemptOutcome, ExecutorKind
from executors.installation.settings import installation
from executors.invariants.checking import check_invariants
from executors.logs import store
from executors.models import Attempt, AttemptEvent, AttemptLook, JobContext, LogChunk
from tests.api.client import Api, token_of
from tests.factories import (
    PLAN,
    GlobalVariableFactory,
    OrganizationFactory,
    TeamFactory,
    VariableFactory,
    WorkspaceFactory,
)
from workspaces import run_limits
from workspaces.choices import Via
from workspaces.jobs import transitions
from workspaces.models import ConfigurationVersion, Job, RunLimits, SavedPlan, StateUpload, StateVersion, Workspace
from workspaces.run_limits import Limits
from workspaces.services import jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


def ran(on: Workspace, *, days: float = 0, log: bytes = b"a line\n", proved: bool = True) -> Job:
    """A job that ended so many days ago, with all that a job leaves behind."""
    job = jobs.create_job(on, by=None, tcl=PLAN)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.LOCAL)
    assert attempt is not None
    lifecycle.mark_launched(attempt)
    lifecycle.claim_attempt(attempt, "s" * 43)
    store.append_log(attempt, 0, log)
    SavedPlan.objects.create(step=attempt.step, content=b"plan", json=b"{}")
    JobContext.objects.create(job=job, content=b"{}")
    StateVersion.objects.create(workspace=on, job=job, number=job.pk, serial=job.pk, lineage="a", content=b"state")
    lifecycle.report_result(attempt, lifecycle.Report(outcome=AttemptOutcome.SUCCEEDED, changes=False))
    if proved:
        cleanup.mark_gone(attempt)
    Job.objects.filter(pk=job.pk).update(ended_at=timezone.now() - dt.timedelta(days=days))
    return Job.objects.get(pk=job.pk)


def text(job: Job) -> str:
    attempt = Attempt.objects.get(step__job=job)
    found, offset = b"", 0
    while (piece := store.read_log(attempt, offset)).end > offset:
        found, offset = found + piece.data, piece.end
    return found.decode()


def trimmed() -> list[int]:
    return list(Job.objects.filter(trimmed_at__isnull=False).order_by("pk").values_list("pk", flat=True))


def keep(monkeypatch: pytest.MonkeyPatch, **limits: Any) -> None:
    monkeypatch.setattr(run_limits, "_source", lambda: Limits(**limits))


# ---- logs and plans -------------------------------------------------------------------------------------------------


def test_nothing_is_removed_unless_somebody_asks_for_it(workspace: Workspace) -> None:
    ran(workspace, days=5000)
    assert not retention.turn()
    assert trimmed() == []


@pytest.mark.parametrize("log", [b"x", b"short\n", b"a line of a log\n" * 100, b"z" * (3 * 2**20)])
def test_an_old_log_is_replaced_by_a_sentence(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, log: bytes
) -> None:
    keep(monkeypatch, keep_log_days=30)
    attempt = Attempt.objects.get(step__job=(job := ran(workspace, days=31, log=b"")))
    for offset in range(0, len(log), 2**20):
        piece = log[offset : offset + 2**20]
        LogChunk.objects.create(attempt=attempt, offset=offset, size=len(piece), data=piece)
    Attempt.objects.filter(pk=attempt.pk).update(log_size=len(log))
    retention.turn()
    today = timezone.now().strftime("%Y-%m-%d")
    assert text(job) == f"[This log was removed on {today} by retention: they are kept for 30 days.]\n"
    assert [one for one in check_invariants(installation(), with_cluster=False) if one.violations] == []
    # A reader that begins near the end of it finds the sentence too.
    assert b"removed" in store.read_log(attempt, max(0, len(log) - 4096)).data


def test_plans_contexts_and_timelines_go_with_the_logs_and_states_stay(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, keep_log_days=30)
    old, young = ran(workspace, days=31), ran(workspace, days=29)
    for attempt in Attempt.objects.filter(step__job__in=(old, young)):
        AttemptLook.objects.create(attempt=attempt, at=attempt.created_at, act="fail", content={})
    retention.turn()
    assert trimmed() == [old.pk]
    for left in (
        SavedPlan.objects.filter(step__job=old),
        JobContext.objects.filter(job=old),
        AttemptEvent.objects.filter(attempt__step__job=old),
        AttemptLook.objects.filter(attempt__step__job=old),
    ):
        assert not left.exists()
    assert SavedPlan.objects.filter(step__job=young).exists()
    assert AttemptLook.objects.filter(attempt__step__job=young).exists()
    assert StateVersion.objects.filter(job=old, content__isnull=False).exists()
    assert Attempt.objects.filter(step__job=old).exists()
    assert retention.turn() is False


def test_clients_are_told_what_became_of_a_plan_and_a_log(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, keep_log_days=1)
    TeamFactory.create(organization=workspace.organization, name="READERS", manage_state=True)
    job = ran(workspace, days=2)
    retention.turn()
    client = Api(token_of("READERS"), prefix="/")
    step = job.steps.get()
    where = f"organization/{workspace.organization_id}"
    plan = client.get(f"tfstate/v1/{where}/workspace/{workspace.pk}/jobId/{job.pk}/step/{step.pk}/terraform.tfstate")
    assert plan.status_code == 404
    assert "by retention, they are kept for 1 day" in plan.content.decode()
    log = client.get(f"tfoutput/v1/{where}/job/{job.pk}/step/{step.pk}")
    assert b"This log was removed on" in b"".join(log.streaming_content)  # type: ignore[attr-defined]


def test_the_level_nearest_to_the_workspace_decides(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, keep_log_days=30)
    RunLimits.objects.create(organization=workspace.organization, keep_log_days=10)
    RunLimits.objects.create(workspace=workspace, keep_log_days=100)
    neighbour, stranger = WorkspaceFactory.create(organization=workspace.organization), WorkspaceFactory.create()
    kept = [ran(workspace, days=99), ran(neighbour, days=9), ran(stranger, days=29)]
    gone = [ran(workspace, days=101), ran(neighbour, days=11), ran(stranger, days=31)]
    retention.turn()
    assert trimmed() == [job.pk for job in gone]
    assert not {job.pk for job in kept} & set(trimmed())


def test_of_each_workspace_the_newest_are_kept(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, keep_jobs=2)
    old = [ran(workspace) for _ in range(4)]
    other = ran(WorkspaceFactory.create())
    retention.turn()
    assert trimmed() == [old[0].pk, old[1].pk]
    assert "2 newest jobs of the workspace" in text(old[0])
    assert other.pk not in trimmed()
    assert retention.turn() is False


def test_drift_checks_take_no_place_of_jobs_that_people_started(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, keep_jobs=2)
    jobs = [ran(workspace, days=9) for _ in range(2)]
    checks = [ran(workspace, days=day) for day in (3, 2, 1)]
    Job.objects.filter(pk__in=[check.pk for check in checks]).update(via=Via.DRIFT, plan_only=True)
    retention.turn()
    assert trimmed() == [checks[0].pk]
    jobs.append(ran(workspace, days=0))
    retention.turn()
    assert trimmed() == [jobs[0].pk, checks[0].pk]


def test_what_has_not_ended_or_may_still_run_is_left_alone(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, keep_log_days=1, keep_jobs=1)
    VariableFactory.create(workspace=workspace, key="KEEP_JOB_HISTORY", value="0")
    unproved, held = ran(workspace, days=9, proved=False), ran(workspace, days=9)
    Job.objects.filter(pk=held.pk).update(holds_workspace=True)
    open_job = jobs.create_job(workspace, by=None, tcl=PLAN)
    Job.objects.filter(pk=open_job.pk).update(created_date=timezone.now() - dt.timedelta(days=99))
    newest = ran(WorkspaceFactory.create())
    retention.turn()
    assert trimmed() == []
    assert set(Job.objects.values_list("pk", flat=True)) == {unproved.pk, held.pk, open_job.pk, newest.pk}


def test_one_turn_goes_through_few_jobs(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, keep_log_days=1)
    all_jobs = [ran(workspace, days=9 - number / 10) for number in range(5)]
    assert retention.turn(at_most=2)
    assert trimmed() == [all_jobs[0].pk, all_jobs[1].pk]
    assert retention.turn(at_most=2)
    assert not retention.turn(at_most=2)
    assert len(trimmed()) == 5


def test_old_uploads_go_but_for_the_newest(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, keep_log_days=1)
    ran(workspace)
    made = [ConfigurationVersion.objects.create(workspace=workspace, content=b"x") for _ in range(3)]
    for age, version in zip((9, 8, 7), made, strict=True):
        at = timezone.now() - dt.timedelta(days=age)
        ConfigurationVersion.objects.filter(pk=version.pk).update(created_date=at)
    retention.turn()
    assert set(ConfigurationVersion.objects.filter(content__isnull=False)) == {made[2]}


# ---- states ---------------------------------------------------------------------------------------------------------


def numbers(of: Workspace) -> list[int]:
    return list(of.state_versions.order_by("number").values_list("number", flat=True))


def with_states(of: Workspace, count: int) -> Workspace:
    for number in range(1, count + 1):
        StateVersion.objects.create(workspace=of, number=number, serial=number, lineage="a", content=b"state")
    return of


def test_old_states_go_and_the_current_one_never(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with_states(workspace, 4)
    retention.turn()
    assert numbers(workspace) == [1, 2, 3, 4], "without a rule all stay"
    keep(monkeypatch, keep_states=1)
    oldest = workspace.state_versions.get(number=1)
    StateUpload.objects.create(workspace=workspace, version=oldest, serial=1, md5="0")
    retention.turn()
    assert numbers(workspace) == [4]
    assert workspace.state_versions.get().content == b"state"
    assert retention.turn() is False
    assert numbers(workspace) == [4]


def test_the_level_nearest_to_the_workspace_decides_of_states(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, keep_states=3)
    neighbour, stranger = WorkspaceFactory.create(organization=workspace.organization), WorkspaceFactory.create()
    for place in (workspace, neighbour, stranger):
        with_states(place, 5)
    RunLimits.objects.create(organization=workspace.organization, keep_states=2)
    RunLimits.objects.create(workspace=workspace, keep_states=4)
    retention.turn()
    assert [numbers(place) for place in (workspace, neighbour, stranger)] == [[2, 3, 4, 5], [4, 5], [3, 4, 5]]


def test_one_turn_removes_few_states(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, keep_states=1)
    with_states(workspace, 6)
    assert retention.turn(at_most=2)
    assert numbers(workspace) == [3, 4, 5, 6]
    assert retention.turn(at_most=2)
    assert not retention.turn(at_most=2)
    assert numbers(workspace) == [6]


# ---- whole jobs -----------------------------------------------------------------------------------------------------


def test_beside_the_last_job_so_many_predecessors_are_kept(workspace: Workspace) -> None:
    VariableFactory.create(workspace=workspace, key="KEEP_JOB_HISTORY", value="2")
    other = ran(WorkspaceFactory.create())
    made = [ran(workspace) for _ in range(5)]
    retention.turn()
    assert set(Job.objects.values_list("pk", flat=True)) == {other.pk, *(job.pk for job in made[2:])}
    assert StateVersion.objects.filter(workspace=workspace).count() == 5


def test_the_workspaces_number_wins_over_its_organizations() -> None:
    owner = OrganizationFactory.create()
    GlobalVariableFactory.create(organization=owner, key="KEEP_JOB_HISTORY", value="0")
    own, plain = (WorkspaceFactory.create(organization=owner) for _ in range(2))
    VariableFactory.create(workspace=own, key="KEEP_JOB_HISTORY", value="1")
    for place in (own, plain):
        for _ in range(3):
            ran(place)
    retention.turn()
    assert [place.jobs.count() for place in (own, plain)] == [2, 1]


def test_hidden_jobs_are_there_and_nobody_sees_them(workspace: Workspace) -> None:
    VariableFactory.create(workspace=workspace, key="KEEP_JOB_HISTORY", value="0")
    VariableFactory.create(workspace=workspace, key="KEEP_JOB_HISTORY_SOFT_DELETE", value="true")
    hidden, shown = ran(workspace), ran(workspace)
    retention.turn()
    assert Job.objects.filter(pk=hidden.pk).exists()
    TeamFactory.create(organization=workspace.organization, name="READERS")
    rows = Api(token_of("READERS")).read(f"organization/{workspace.organization_id}/job")["data"]
    assert [row["id"] for row in rows] == [str(shown.pk)]


@pytest.mark.parametrize("value", ["", "many", "-1", "1.5"])
def test_what_is_no_number_keeps_all(workspace: Workspace, value: str) -> None:
    VariableFactory.create(workspace=workspace, key="KEEP_JOB_HISTORY", value=value)
    for _ in range(2):
        ran(workspace)
    retention.turn()
    assert Job.objects.count() == 2
