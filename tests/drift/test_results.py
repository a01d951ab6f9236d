"""What is known of a workspace's drift after a check, and that new drift is told once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone

from executors import tasks
from tests.drift.conftest import CLEAN, DRIFTED, NOW, end_check, fresh, make_checks, organization, runs, workspace
from tests.drift.test_findings import changed_plan
from tests.factories import PLAN_AND_APPLY
from workspaces.choices import DriftStatus, JobStatus
from workspaces.jobs import transitions
from workspaces.jobs.transitions import Outcome
from workspaces.models import Drift, Job, Workspace
from workspaces.reasons import reason
from workspaces.services import drift_checks, drift_results, jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def told() -> Iterator[list[tuple[Drift, Job]]]:
    """What was told of new drift."""
    found: list[tuple[Drift, Job]] = []

    def listen(record: Drift, job: Job) -> None:
        found.append((record, job))

    drift_results.tell_of_new_drift(listen)
    yield found
    drift_results._listeners.remove(listen)


def check_again(checked: Workspace, plan: bytes | None = DRIFTED, *, outcome: Outcome | None = None) -> Drift:
    """Check a workspace once more, at once."""
    Drift.objects.filter(workspace=checked).update(due_at=NOW)
    (check,) = make_checks()
    return end_check(check, plan, outcome=outcome)


def test_drift_is_kept_with_its_addresses_and_since_when() -> None:
    checked = workspace(organization())
    (check,) = make_checks()
    found = end_check(check)
    check = fresh(check)
    assert (found.status, found.result_job, found.checked_at) == (DriftStatus.DRIFTED, check, check.ended_at)
    assert found.resources == [{"address": 'time_rotating.key["a"]', "action": "deleted"}]
    assert (found.resource_count, found.pending_changes, found.clean_at) == (1, 1, None)
    assert found.drifted_since == check.ended_at
    assert b"very-secret" not in repr(Drift.objects.filter(workspace=checked).values().get()).encode()


def test_drift_lasts_since_it_was_first_seen_until_a_clean_plan() -> None:
    checked = workspace(organization())
    first = check_again(checked)
    again = check_again(checked, changed_plan(["update"], ["update"]))
    assert again.drifted_since == first.drifted_since
    assert again.checked_at != first.checked_at
    clean = check_again(checked, CLEAN)
    assert (clean.status, clean.drifted_since, clean.resources) == (DriftStatus.CLEAN, None, [])
    assert (clean.clean_job, clean.clean_at) == (clean.result_job, clean.checked_at)
    assert check_again(checked).clean_at == clean.clean_at


def test_new_drift_is_told_once(told: list[tuple[Drift, Job]]) -> None:
    checked = workspace(organization())
    first = check_again(checked)
    check_again(checked)
    check_again(checked, None, outcome=Outcome(succeeded=False, why=reason("", "reports-failure")))
    check_again(checked)
    assert [(record.pk, job) for record, job in told] == [(first.pk, first.result_job)]
    check_again(checked, changed_plan(["update"], ["update"]))
    assert len(told) == 2, "something else happened to it"
    check_again(checked, CLEAN)
    assert len(told) == 2
    check_again(checked)
    assert len(told) == 3, "it drifted anew"


def test_a_check_is_judged_once(told: list[tuple[Drift, Job]]) -> None:
    workspace(organization())
    (check,) = make_checks()
    found = end_check(check)
    Drift.objects.update(fingerprint="", status="")
    tasks.judge_drift_check(check.pk)
    found.refresh_from_db()
    assert (found.status, len(told)) == ("", 1)


def test_a_failed_check_says_so_and_forgets_no_drift() -> None:
    checked = workspace(organization())
    drifted = check_again(checked)
    failed = check_again(checked, None, outcome=Outcome(succeeded=False, why=reason("", "reports-failure")))
    assert failed.status == DriftStatus.FAILED
    assert failed.result_job is not None
    assert failed.result_job.status == JobStatus.FAILED
    assert (failed.drifted_since, failed.resources) == (drifted.drifted_since, drifted.resources)


@pytest.mark.parametrize("plan", [None, b"no plan"])
def test_a_plan_that_cannot_be_read_is_a_failed_check(plan: bytes | None) -> None:
    assert check_again_of_new(plan, changes=True) == DriftStatus.FAILED


def test_a_plan_without_changes_needs_no_json_to_be_clean() -> None:
    assert check_again_of_new(None, changes=False) == DriftStatus.CLEAN


def check_again_of_new(plan: bytes | None, *, changes: bool) -> str:
    workspace(organization())
    (check,) = make_checks()
    return end_check(check, plan, outcome=Outcome(succeeded=True, changes=changes)).status


def test_the_sweep_judges_what_a_lost_task_did_not_and_lets_go_of_deleted_checks() -> None:
    ended, deleted = workspace(owner := organization()), workspace(owner)
    checks = {check.workspace: check for check in make_checks()}
    step = checks[ended].steps.in_executor().get()
    transitions.start_step(step.pk)
    transitions.finish_step(step.pk, Outcome(succeeded=True, changes=False))
    checks[deleted].delete()
    drift_results.judge_ended()
    found = {record.workspace: record for record in Drift.objects.all()}
    assert (found[ended].status, found[ended].judged) == (DriftStatus.CLEAN, True)
    assert (found[deleted].status, found[deleted].judged) == ("", True)


def test_a_drifted_workspace_is_checked_again_once_a_job_has_changed_it() -> None:
    drifted, clean = workspace(owner := organization()), workspace(owner)
    for check in make_checks():
        end_check(check, DRIFTED if check.workspace == drifted else CLEAN)
    for changed in (drifted, clean):
        job = jobs.create_job(changed, by=None, tcl=PLAN_AND_APPLY)
        while not fresh(job).is_final:
            transitions.advance(job.pk)
            step = job.steps.in_executor().first()
            if step is not None:
                transitions.start_step(step.pk)
                transitions.finish_step(step.pk, Outcome(succeeded=True, changes=True))
        assert fresh(job).status == JobStatus.COMPLETED
    now = timezone.now()
    assert list(drift_checks.due_workspaces(now)) == [drifted]
    assert [runs(check) for check in make_checks(now)] == [True]
