"""PostgreSQL is restarted, and Redis is restarted and has forgotten everything, while the site is busy."""

from __future__ import annotations

import pytest

from tests.faults.marks import FAULT
from tests.faults.servers import restart
from tests.faults.trial import Trial
from tests.spine.waiting import await_that
from workspaces.choices import FINAL_JOB
from workspaces.models import Job

pytestmark = [*FAULT, pytest.mark.servers]

MANY = 8
DOWN_SECONDS = 5


def _await_ends(trial: Trial, jobs: list[Job]) -> None:
    left = Job.objects.filter(pk__in=[job.pk for job in jobs]).exclude(status__in=FINAL_JOB)
    await_that(lambda: not left.exists(), f"all of {len(jobs)} jobs have ended", 120)
    trial.clock.stop("all ended")


def test_a_database_that_was_away_costs_nothing(trial: Trial) -> None:
    jobs = [trial.job(pause=0.6) for _ in range(MANY)]
    await_that(lambda: sum(trial.bell.count(str(job.pk)) for job in jobs) >= MANY // 2, "half of them have begun")
    trial.fault()
    restart("postgres", down_seconds=DOWN_SECONDS)
    trial.fault()
    jobs.append(trial.job())
    _await_ends(trial, jobs)
    for job in jobs:
        trial.assert_sound(job, marks=20)


def test_a_redis_that_was_away_and_forgot_everything_costs_nothing(trial: Trial) -> None:
    jobs = [trial.job(pause=0.6) for _ in range(MANY)]
    await_that(lambda: sum(trial.bell.count(str(job.pk)) for job in jobs) >= MANY // 2, "half of them have begun")
    # Tasks of these are queued, and lost with it.
    trial.site.worker.kill()
    jobs += [trial.job() for _ in range(3)]
    restart("redis", down_seconds=DOWN_SECONDS)
    trial.fault()
    trial.site.worker.start()
    jobs.append(trial.job())
    _await_ends(trial, jobs)
    for job in jobs:
        trial.assert_sound(job, marks=20)


def test_a_redis_that_is_away_keeps_nobody_from_creating_a_job(trial: Trial) -> None:
    first = trial.job()
    trial.await_rung(first)
    trial.fault()
    restart("redis", down_seconds=DOWN_SECONDS)
    trial.fault()
    job = trial.job()
    trial.await_rung(job, seconds=60)
    trial.clock.stop("going on")
    for each in (first, job):
        trial.assert_sound(each, marks=20)
