"""PostgreSQL is restarted, and Redis is restarted and has forgotten everything, while the site is busy."""

from __future__ import annotations

import pytest

from executors.health import heartbeats
from executors.models import Beat
from tests.faults.marks import FAULT
from tests.faults.servers import frozen, without
from tests.faults.trial import Trial
from tests.spine.waiting import await_that
from workspaces.choices import FINAL_JOB, JobStatus
from workspaces.models import Job

pytestmark = [*FAULT, pytest.mark.servers]

MANY = 8
DOWN_SECONDS = 5


def _await_ends(trial: Trial, jobs: list[Job]) -> None:
    left = Job.objects.filter(pk__in=[job.pk for job in jobs]).exclude(status__in=FINAL_JOB)
    await_that(lambda: not left.exists(), f"all of {len(jobs)} jobs have ended", 120)
    trial.clock.stop("all ended")


def _busy(trial: Trial) -> list[Job]:
    """Jobs of which half run and the others are on their way."""
    jobs = [trial.job(pause=0.6) for _ in range(MANY)]
    await_that(lambda: sum(trial.bell.count(str(job.pk)) for job in jobs) >= MANY // 2, "half of them have begun")
    return jobs


def test_a_database_that_was_away_costs_nothing(trial: Trial) -> None:
    jobs = _busy(trial)
    with without("postgres", seconds=DOWN_SECONDS):
        pass
    trial.fault()
    jobs.append(trial.job())
    _await_ends(trial, jobs)
    for job in jobs:
        trial.assert_sound(job, marks=20)


def test_a_redis_that_was_away_and_forgot_its_tasks_costs_nothing(trial: Trial) -> None:
    jobs = _busy(trial)
    # Tasks of these are queued, and lost with it.
    trial.site.worker.kill()
    jobs += [trial.job() for _ in range(3)]
    with without("redis", seconds=DOWN_SECONDS):
        trial.site.worker.start()
    trial.fault()
    jobs.append(trial.job())
    _await_ends(trial, jobs)
    for job in jobs:
        trial.assert_sound(job, marks=20)


def test_a_job_that_is_created_while_redis_is_away_runs_when_it_is_back(trial: Trial) -> None:
    first = trial.job()
    trial.await_rung(first)
    with without("redis", seconds=DOWN_SECONDS):
        job = trial.job()
    trial.fault()
    trial.await_rung(job, seconds=60)
    trial.clock.stop("going on")
    for each in (first, job):
        trial.assert_sound(each, marks=20)


def test_a_redis_that_is_silent_holds_up_nobody_and_is_said_until_it_answers(trial: Trial) -> None:
    first = trial.job(pause=0.3)
    trial.await_rung(first)
    with frozen("redis"):
        trial.fault()
        job = trial.job()
        job.refresh_from_db()
        assert (job.status, job.reason_code) == (JobStatus.PENDING, "queue-silent")
        trial.clock.stop("sentence")
        await_that(Beat.objects.filter(name=heartbeats.QUEUE_SILENT).exists, "the watcher says so to all", 60)
        # Neither step nor watcher waits for it.
        trial.site.await_status(first, JobStatus.PENDING, JobStatus.COMPLETED)
        beat = Beat.objects.get(name=heartbeats.WATCHER).at
        await_that(lambda: Beat.objects.get(name=heartbeats.WATCHER).at > beat, "the watcher is alive", 60)
    trial.fault()
    trial.await_rung(job, seconds=90)
    trial.clock.stop("going on")
    for each in (first, job):
        trial.assert_sound(each, marks=20)
    await_that(lambda: not Beat.objects.filter(name=heartbeats.QUEUE_SILENT).exists(), "it is said no more", 60)
