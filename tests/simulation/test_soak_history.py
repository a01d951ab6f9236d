"""What the soak sees of its steps goes to the same checker."""

from __future__ import annotations

import pytest

from bench.soak.seen import Seen
from executors.models import Attempt
from tests.executors.reporter import Executor, job_of, launch
from tests.factories import PLAN, WorkspaceFactory
from workspaces.choices import JobStatus
from workspaces.models import Job, Step

pytestmark = pytest.mark.django_db


POD = "warm-1-abcde"


def begun(executor: Executor, host: str = "here", workspace: str = "one") -> str:
    return f"begun {executor.attempt.step_id} {workspace} {host}"


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def executor(seen: Seen) -> Executor:
    """One whose commands have begun and whose result counts, seen at each turn."""
    made = launch(WorkspaceFactory.create(), PLAN)
    seen.look()
    made.claim()
    seen.ring(begun(made))
    seen.look()
    made.call("result", {"outcome": "succeeded", "exitCode": 0, "changes": False})
    seen.look()
    return made


def test_a_step_that_goes_well_is_right(seen: Seen, executor: Executor) -> None:
    number, wrong = seen.violations()
    assert wrong == []
    # Job and step in three statuses each, the beginning, and the result.
    assert number == 8
    assert seen.rung == {str(executor.attempt.step_id): 1}


def test_commands_that_begin_twice_are_seen(seen: Seen, executor: Executor) -> None:
    seen.ring(begun(executor))
    assert "began again" in seen.violations()[1][0]


def test_a_final_status_that_changes_is_seen(seen: Seen, executor: Executor) -> None:
    Job.objects.filter(pk=job_of(executor).pk).update(status=JobStatus.FAILED)
    seen.look()
    assert "was completed, and is failed" in seen.violations()[1][0]


def test_a_result_that_does_not_count_after_all_is_seen(seen: Seen, executor: Executor) -> None:
    attempt = Attempt.objects.get(pk=executor.attempt.pk)
    Step.objects.filter(pk=attempt.step_id).update(status=JobStatus.FAILED)
    seen.look()
    assert any("succeeded and was heard, and it is failed" in one for one in seen.violations()[1])


def test_a_pod_that_begins_a_second_step_is_seen(seen: Seen) -> None:
    seen.ring(f"begun first one {POD}")
    seen.ring(f"done first one {POD}")
    seen.ring(f"begun second one {POD}")
    (wrong,) = seen.violations()[1]
    assert f"{POD} began step second after first" in wrong


@pytest.mark.parametrize(
    "end",
    [
        ("DELETED", {}),
        ("MODIFIED", {"phase": "Failed"}),
        None,
    ],
)
def test_two_pods_at_work_in_a_workspace_are_seen(seen: Seen, end: tuple[str, dict[str, str]] | None) -> None:
    seen.ring(f"begun first one {POD}")
    seen.pod_changed("MODIFIED", {"metadata": {"name": POD}, "status": {"phase": "Running"}})
    if end is not None:
        seen.pod_changed(end[0], {"metadata": {"name": POD}, "status": end[1]})
    seen.ring("begun second one job-2-100-1-abcde")
    found = seen.violations()[1]
    assert [("two executors are at work" in one) for one in found] == ([] if end is not None else [True])
