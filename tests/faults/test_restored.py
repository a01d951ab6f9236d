"""The database is restored to an earlier moment, of an apply that has gone on since: its commands are not run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from executors.choices import AttemptState
from executors.models import Attempt
from tests.faults.marks import FAULT
from tests.faults.trial import APPLY, DEFAULT_PATIENCE, Trial
from tests.spine.cluster import TOO_LARGE
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site, story
from tests.spine.waiting import await_that
from tests.support.dump import dump, restore
from workspaces.choices import JobStatus
from workspaces.models import Job

pytestmark = FAULT

LONG_SECONDS = 25


@pytest.fixture(scope="module")
def site(make_site: SiteMaker) -> Iterator[Site]:
    """A site that keeps its finished Jobs until it is back."""
    with make_site(optional_role=True, ExecutorEphemeralTtlSeconds="600", **DEFAULT_PATIENCE) as site:
        site.start()
        yield site


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "dump"


def put_back(trial: Trial, path: Path, job: Job, status: JobStatus) -> None:
    """Stop the site, restore its database, and start it again; its queue is empty, as nobody dumps that.

    Whether the dump is of the intended moment is looked at before the site starts: it may end the job at once.
    """
    site = trial.site
    for process in site.processes:
        process.kill()
    restore(path)
    job.refresh_from_db()
    assert job.status == status
    site.lose_tasks()
    trial.fault()
    site.start()


def launched(trial: Trial, path: Path, command: str) -> Job:
    """A job of which a dump was made when its pod was launched and waited for a node, which took it afterwards."""
    job = trial.apply_job(command, environment=TOO_LARGE)
    pod = trial.cluster.pod_of(trial.await_launched(job))
    dump(path)
    trial.cluster.shrink_pod(pod)
    trial.await_rung(job)
    return job


def await_end(trial: Trial, job: Job, status: JobStatus) -> None:
    """Wait until a job has ended and its executor has heard that its word was taken."""
    trial.site.await_status(job, status, seconds=90)
    trial.cluster.exit_code(trial.cluster.pod_of(trial.attempt(job))["metadata"]["name"])


FAILS = "exit 1"
SUCCEEDS = "true"


def assert_not_again(trial: Trial, job: Job, code: str) -> None:
    """The job ends by what the cluster shows, and a person is told to look."""
    sentence = trial.ended(job, code, seconds=120)
    assert "Compare the state with what exists" in sentence or code == "step-failed", sentence
    assert trial.bell.count(trial.ring_of(job)) == 1
    trial.assert_sound(job, status=JobStatus.FAILED, code=code, starts=1, lost=True)
    assert Attempt.objects.filter(step__job=job).count() == 1, story(job)


@pytest.mark.everyday
@pytest.mark.parametrize(("command", "status"), [(FAILS, JobStatus.FAILED), (SUCCEEDS, JobStatus.COMPLETED)])
def test_to_between_launch_and_claim_when_the_apply_has_ended(
    trial: Trial, kept: Path, command: str, status: JobStatus
) -> None:
    job = launched(trial, kept, command)
    await_end(trial, job, status)
    put_back(trial, kept, job, JobStatus.QUEUE)
    assert_not_again(trial, job, "claimed-before")


def test_to_between_launch_and_claim_while_the_apply_runs(trial: Trial, kept: Path) -> None:
    job = launched(trial, kept, f"sleep {LONG_SECONDS}")
    put_back(trial, kept, job, JobStatus.QUEUE)
    # Its executor claims once more with its own session, and what runs goes on to its end.
    trial.assert_sound(job, status=JobStatus.COMPLETED, starts=1, lost=True)
    assert Attempt.objects.filter(step__job=job).count() == 1, story(job)


def test_to_between_launch_and_claim_when_the_executor_was_killed_since(trial: Trial, kept: Path) -> None:
    job = launched(trial, kept, f"sleep {LONG_SECONDS}")
    for process in trial.site.processes:
        process.kill()
    attempt = trial.attempt(job)
    trial.cluster.delete_pod_now(trial.cluster.pod_of(attempt))
    await_that(lambda: not trial.cluster.pods(f"terrakube.io/attempt={attempt.pk}"), "the pod is gone", 60)
    restore(kept)
    trial.site.lose_tasks()
    trial.site.start()
    sentence = trial.ended(job, "pod-gone", seconds=120)
    assert "because its commands may have run" in sentence
    trial.assert_sound(job, status=JobStatus.FAILED, code="pod-gone", starts=1, lost=True)


def test_to_before_the_launch_when_the_apply_has_failed(trial: Trial, kept: Path) -> None:
    if trial.pool is not None:
        trial.pool.fill(trial.site.workspace(), APPLY)
    trial.site.worker.kill()
    trial.site.watcher.kill()
    job = trial.apply_job(FAILS)
    dump(kept)
    trial.site.lose_tasks()
    trial.site.worker.start()
    trial.site.watcher.start()
    await_end(trial, job, JobStatus.FAILED)
    put_back(trial, kept, job, JobStatus.PENDING)
    sentence = trial.ended(job, "launched-before", seconds=120)
    assert "Compare the state with what exists" in sentence
    trial.assert_sound(job, status=JobStatus.FAILED, code="launched-before", starts=1, lost=True)


def _claimed(trial: Trial, job: Job) -> None:
    found = Attempt.objects.filter(step__job=job, state=AttemptState.CLAIMED)
    await_that(found.exists, f"job {job.pk} is claimed", 60)


@pytest.mark.parametrize("until", [_claimed, Trial.await_rung], ids=["claimed", "mid-apply"])
def test_to_after_the_claim_when_the_apply_has_failed(
    trial: Trial, kept: Path, until: Callable[[Trial, Job], None]
) -> None:
    job = trial.apply_job("sleep 8; exit 1")
    until(trial, job)
    dump(kept)
    await_end(trial, job, JobStatus.FAILED)
    put_back(trial, kept, job, JobStatus.RUNNING)
    assert_not_again(trial, job, "step-failed")
