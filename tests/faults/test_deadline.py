"""A command that hangs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.marks import FAULT
from tests.faults.trial import Trial
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site
from workspaces.choices import JobStatus

pytestmark = FAULT

DEADLINE_SECONDS = 60


@pytest.fixture(scope="module")
def site(make_site: SiteMaker) -> Iterator[Site]:
    """A site whose steps have a minute."""
    patience = {
        "ExecutorEphemeralDeadlineSeconds": str(DEADLINE_SECONDS),
        "ExecutorEphemeralStartTimeoutSeconds": "50",
        "ExecutorEphemeralUnschedulableSeconds": "50",
        "ExecutorEphemeralReferenceSeconds": "50",
        "ExecutorEphemeralImageSeconds": "50",
        "ExecutorEphemeralClaimSeconds": "50",
        "ExecutorEphemeralNodeWaitSeconds": "50",
    }
    with make_site(optional_role=True, **patience) as site:
        site.start()
        yield site


def test_a_command_that_hangs_is_ended_by_the_steps_deadline(trial: Trial) -> None:
    job = trial.apply_job("exec sleep 600")
    trial.await_rung(job)
    trial.fault()
    trial.ended(job, "deadline", seconds=DEADLINE_SECONDS + 30)
    trial.assert_sound(job, status=JobStatus.FAILED, code="deadline")
    trial.assert_next_job_runs(job.workspace)
